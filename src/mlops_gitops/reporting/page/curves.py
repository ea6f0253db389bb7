"""Curves with their intervals: a value by age or noise, and what was predicted beside what came."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from mlops_gitops.evidence.figures import Calibration, Curve, Point, finite
from mlops_gitops.reporting.page.axes import (
    EDGE,
    HEAD,
    WIDE,
    Axis,
    around,
    beside,
    fitted,
    line,
    mark,
    picture,
    short,
    text,
    under,
    uprights,
    width_of,
)
from mlops_gitops.reporting.page.distributions import KINDS
from mlops_gitops.testing import wording

MOST = 200
_TOP, _TALL, _END = 30, 196, WIDE - EDGE
_SMALLEST, _LARGEST = 2.5, 8.0
_ROOM = 0.03
"""Beyond 0 and 1, so that a dot there is whole."""
_NAMED = 8
"""Up to so many points have their names beside them, as far as there is room; the table has them all."""

Placed = tuple[float, float, Point]


def placed(points: Sequence[Point]) -> list[Placed]:
    """Those that can be drawn, as place, value and point, from left to right."""
    some = ((finite(one.at), finite(one.value), one) for one in points)
    able = [(x, y, one) for x, y, one in some if x is not None and y is not None]
    return sorted(able, key=lambda one: (one[0], one[1]))[:MOST]


def drawn(figure: Curve) -> str:
    """The figure as SVG; nothing where it holds nothing that can be drawn."""
    points, top = placed(figure.points), _TOP + HEAD * len(figure.bounds)
    floor = top + _TALL
    values = [value for _, y, one in points for value in (y, *(one.interval or ()))]
    up = around([*values, *(one.value for one in figure.lines)], start=floor, end=top)
    left, grid = beside(up, end=_END) if up else (0.0, "")
    across = around([*(x for x, _, _ in points), *(one.value for one in figure.bounds)], start=left, end=_END)
    if not points or across is None or up is None:
        return ""
    dots = [(across.at(x), up.at(y), one) for x, y, one in points]
    parts = [grid, under(across, floor), _band(points, across, up), _path(dots)]
    parts.append(uprights(figure.bounds, across, floor, kinds=["limit"] * len(figure.bounds), top=_TOP - HEAD))
    parts.append(_levels(figure, up, dots, left))
    parts += [_dot(one, x, y) for x, y, one in dots]
    parts.append(text(EDGE, HEAD, fitted(figure.y, _END - EDGE), kind="ink"))
    parts.append(text((left + _END) / 2, floor + 34, fitted(figure.x, _END - left), anchor="middle"))
    return picture(floor + 42, figure.title, _told(figure.y, figure.x, points), parts)


def calibration(figure: Calibration) -> str:
    """What was predicted across, what came upwards; on the diagonal both agree.  Larger dots stand for more rows."""
    points = placed(figure.points)
    both = around([value for x, y, one in points for value in (x, y, *(one.interval or ()))], start=0, end=1)
    if not points or both is None:
        return ""
    low, high = both.low, both.high
    if figure.axis == "probability":
        low, high = max(-_ROOM, low), min(1 + _ROOM, high)
    floor = _TOP + _END - 50
    up = Axis(low, high, floor, _TOP)
    left, grid = beside(up, end=_END, most=6)
    across = Axis(low, high, left, _END)
    most = max((one.rows or 0 for _, _, one in points), default=0) or 1
    dots = [(across.at(x), up.at(y), one) for x, y, one in points]
    parts = [grid, under(across, floor, most=6), line("ideal", across.start, up.start, across.end, up.end), _path(dots)]
    for x, y, one in dots:
        if one.interval:
            low, high = one.interval
            parts.append(line(f"span-{KINDS[one.verdict]}", x, up.at(low), x, up.at(high)))
        parts.append(_dot(one, x, y, size=max(_SMALLEST, _LARGEST * math.sqrt((one.rows or 0) / most))))
    axis = fitted(figure.axis, 220)
    parts.append(text(EDGE, HEAD, f"what came ({axis})", kind="ink"))
    parts.append(text((left + _END) / 2, floor + 34, f"predicted ({axis})", anchor="middle"))
    return picture(floor + 42, figure.title, _told("what came", f"predicted {figure.axis}", points), parts)


def _told(y: str, x: str, points: Sequence[Placed]) -> str:
    some = "; ".join(f"{wording.score(value)} at {short(at)}" for at, value, _ in points[:20])
    return f"{y} by {x}: {some}"


def _band(points: Sequence[Placed], across: Axis, up: Axis) -> str:
    able = [(across.at(x), *one.interval) for x, _, one in points if one.interval]
    if len(able) < 2:  # noqa: PLR2004 - one place has no area
        return "".join(line("span-plain", x, up.at(low), x, up.at(high)) for x, low, high in able)
    top = [f"{x:g},{up.at(high):g}" for x, _, high in able]
    bottom = [f"{x:g},{up.at(low):g}" for x, low, _ in reversed(able)]
    return f'<polygon class="spread" points="{" ".join([*top, *bottom])}"/>'


def _path(dots: Sequence[Placed]) -> str:
    return f'<polyline class="path" points="{" ".join(f"{x:g},{y:g}" for x, y, _ in dots)}"/>'


def _dot(one: Point, x: float, y: float, *, size: float = 4.5) -> str:
    return mark(KINDS[one.verdict], x, y, size=round(size, 1), label=fitted(one.label, 3000) if one.label else "")


def _levels(figure: Curve, up: Axis, dots: Sequence[Placed], left: float) -> str:
    """Level lines with their names, at the end from which the curve is further away, and then the names of points."""
    parts: list[str] = []
    taken: list[tuple[float, float, float]] = []

    def named(words: str, spots: Sequence[tuple[float, float]]) -> None:
        """The words at the first spot, a middle and a height, where they fit and lie on nothing."""
        half = width_of(html.unescape(words)) / 2
        for x, y in spots:
            low, high = x - half, x + half
            clear = all(low > right + 4 or high < start - 4 or abs(y - other) >= HEAD for start, right, other in taken)
            if clear and left <= low and high <= _END + 1 and up.end <= y <= up.start:
                taken.append((low, high, y))
                parts.append(text(round(x, 1), round(y, 1), words, anchor="middle", kind="halo"))
                return

    for number, one in enumerate(figure.lines):
        if finite(one.value) is None:
            continue
        y = up.at(one.value)
        parts.append(line("other" if number else "limit", left, y, _END, y))
        words = fitted(f"{one.label} {short(one.value)}", 220)
        half = width_of(html.unescape(words)) / 2
        sides = [left + 4 + half, _END - half]
        if abs(dots[0][1] - y) <= abs(dots[-1][1] - y):
            sides.reverse()
        named(words, [(side, y + away) for away in (-5, 14) for side in sides])
    if len(dots) <= _NAMED:
        for x, y, point in dots:
            half = width_of(point.label) / 2
            middle = min(max(x, left + half), _END - half)
            named(fitted(point.label, 120), [(middle, y + 18), (middle, y - 10)])
    return "".join(parts)
