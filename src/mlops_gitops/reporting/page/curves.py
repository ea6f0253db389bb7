"""Curves with their intervals: a value by age or noise, and what was predicted beside what came."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlops_gitops.evidence.figures import Calibration, Curve, Line, Point
from mlops_gitops.reporting.page.axes import (
    EDGE,
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
)
from mlops_gitops.reporting.page.distributions import KINDS
from mlops_gitops.testing import wording

MOST = 200
_LEFT, _TOP, _FLOOR = 52, 34, 226
_SMALLEST, _LARGEST = 2.5, 8.0
_ROOM = 0.03
"""Beyond 0 and 1, so that a dot there is whole."""


def placed(points: Sequence[Point]) -> list[tuple[float, float, Point]]:
    """Those that can be drawn, as place, value and point, from left to right."""
    able = [
        (one.at, one.value, one)
        for one in points
        if one.at is not None and one.value is not None and math.isfinite(one.at) and math.isfinite(one.value)
    ]
    return sorted(able, key=lambda one: (one[0], one[1]))[:MOST]


def drawn(figure: Curve) -> str:
    """The figure as SVG; nothing where it holds nothing that can be drawn."""
    points = placed(figure.points)
    values = [value for _, y, one in points for value in (y, one.lower, one.upper)]
    across = around([*(x for x, _, _ in points), *(one.value for one in figure.bounds)], start=_LEFT, end=WIDE - EDGE)
    up = around([*values, *(one.value for one in figure.lines)], start=_FLOOR, end=_TOP)
    if not points or across is None or up is None:
        return ""
    parts = [beside(up, _LEFT, across=WIDE - EDGE - _LEFT), under(across, _FLOOR)]
    parts += [_band(points, across, up), _path(points, across, up)]
    parts += [_level(one, up, number, points) for number, one in enumerate(figure.lines)]
    parts += [_upright(one, across) for one in figure.bounds]
    parts += [_dot(one, across.at(x), up.at(y)) for x, y, one in points]
    parts.append(text(EDGE, 16, fitted(figure.y, WIDE - 2 * EDGE), kind="ink"))
    parts.append(text((_LEFT + WIDE - EDGE) / 2, _FLOOR + 34, fitted(figure.x, 320), anchor="middle", kind="soft"))
    return picture(_FLOOR + 42, figure.title, _told(figure.y, figure.x, points), parts)


def calibration(figure: Calibration) -> str:
    """What was predicted across, what came upwards; on the diagonal both agree.  Larger dots stand for more rows."""
    points = placed(figure.points)
    whole = [value for x, y, one in points for value in (x, y, one.lower, one.upper)]
    both = around(whole, start=0, end=1)
    if not points or both is None:
        return ""
    low, high = both.low, both.high
    if figure.axis == "probability":
        low, high = max(-_ROOM, low), min(1 + _ROOM, high)
    across, up = Axis(low, high, _LEFT, WIDE - EDGE), Axis(low, high, _FLOOR + 60, _TOP)
    floor = _FLOOR + 60
    most = max((one.rows or 0 for _, _, one in points), default=0) or 1
    parts = [
        beside(up, _LEFT, across=WIDE - EDGE - _LEFT),
        under(across, floor),
        line("ideal", across.start, up.start, across.end, up.end),
        _path(points, across, up),
    ]
    for x, y, one in points:
        parts.append(_upright_interval(x, one, across, up))
        size = max(_SMALLEST, _LARGEST * math.sqrt((one.rows or 0) / most))
        parts.append(_dot(one, across.at(x), up.at(y), size=size))
    axis = fitted(figure.axis, 180)
    parts.append(text(EDGE, 16, f"what came ({axis})", kind="ink"))
    parts.append(text((_LEFT + WIDE - EDGE) / 2, floor + 34, f"predicted ({axis})", anchor="middle", kind="soft"))
    told = _told("what came", f"predicted {figure.axis}", points)
    return picture(floor + 42, figure.title, told, parts)


def _told(y: str, x: str, points: Sequence[tuple[float, float, Point]]) -> str:
    some = "; ".join(f"{wording.score(value)} at {short(at)}" for at, value, _ in points[:20])
    return f"{y} by {x}: {some}"


def _band(points: Sequence[tuple[float, float, Point]], across: Axis, up: Axis) -> str:
    able = [
        (x, one.lower, one.upper)
        for x, _, one in points
        if one.lower is not None and one.upper is not None and math.isfinite(one.lower) and math.isfinite(one.upper)
    ]
    if len(able) < 2:  # noqa: PLR2004 - one place has no area
        return ""
    top = [f"{across.at(x):g},{up.at(high):g}" for x, _, high in able]
    bottom = [f"{across.at(x):g},{up.at(low):g}" for x, low, _ in reversed(able)]
    return f'<polygon class="spread" points="{" ".join([*top, *bottom])}"/>'


def _path(points: Sequence[tuple[float, float, Point]], across: Axis, up: Axis) -> str:
    steps = " ".join(f"{across.at(x):g},{up.at(y):g}" for x, y, _ in points)
    return f'<polyline class="path" points="{steps}"/>'


def _upright_interval(x: float, one: Point, across: Axis, up: Axis) -> str:
    if one.lower is None or one.upper is None or not math.isfinite(one.lower) or not math.isfinite(one.upper):
        return ""
    return line(f"span-{KINDS[one.verdict]}", across.at(x), up.at(one.lower), across.at(x), up.at(one.upper))


def _dot(one: Point, x: float, y: float, *, size: float = 4.5) -> str:
    return mark(KINDS[one.verdict], x, y, size=round(size, 1), label=fitted(one.label, 600) if one.label else "")


def _level(one: Line, up: Axis, number: int, points: Sequence[tuple[float, float, Point]]) -> str:
    """The line and its name, at the end from which the curve is further away."""
    if not math.isfinite(one.value):
        return ""
    y = up.at(one.value)
    words = fitted(f"{one.label} {short(one.value)}", 200)
    kind = "limit" if number == 0 else "other"
    left = abs(points[0][1] - one.value) > abs(points[-1][1] - one.value)
    place, anchor = (_LEFT + 4, "start") if left else (WIDE - EDGE, "end")
    return line(kind, _LEFT, y, WIDE - EDGE, y) + text(place, y - 5, words, anchor=anchor, kind="halo")


def _upright(one: Line, across: Axis) -> str:
    if not math.isfinite(one.value):
        return ""
    x = across.at(one.value)
    right = x > WIDE / 2
    words = fitted(f"{one.label} {short(one.value)}", 150)
    return line("limit", x, _TOP - 4, x, _FLOOR) + text(
        x + (-5 if right else 5), _TOP + 6, words, anchor="end" if right else "start", kind="halo"
    )
