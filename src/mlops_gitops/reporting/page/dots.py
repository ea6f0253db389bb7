"""Estimates beside each other, each with its interval, and the lines that they are held against."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlops_gitops.evidence.figures import Intervals, Line, Point
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.reporting.page.axes import (
    EDGE,
    WIDE,
    Axis,
    around,
    fitted,
    line,
    mark,
    picture,
    short,
    text,
    under,
    width_of,
)
from mlops_gitops.reporting.page.distributions import KINDS
from mlops_gitops.testing import wording

MOST = 40
"""So many are drawn, those that did not pass first; the table has the others."""
_LEFT, _RIGHT = 138, 56
_ROW = 24
_RANK = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2, None: 2}
_BETTER = {"higher": ", more is better →", "lower": "← less is better, "}


def known(point: Point) -> bool:
    """Whether a point has a value that can be drawn."""
    return point.value is not None and math.isfinite(point.value)


def chosen(points: Sequence[Point]) -> list[Point]:
    """Those that are drawn, in their own order."""
    able = [one for one in points if known(one)]
    if len(able) <= MOST:
        return able
    worst = sorted(range(len(able)), key=lambda index: (_RANK[able[index].verdict], index))[:MOST]
    return [able[index] for index in sorted(worst)]


def drawn(figure: Intervals) -> str:
    """The figure as SVG; nothing where it holds nothing that can be drawn."""
    points = chosen(figure.points)
    wanted = [value for one in points for value in (one.value, one.lower, one.upper, one.limit)]
    axis = around([*wanted, *(one.value for one in figure.lines)], start=_LEFT, end=WIDE - _RIGHT)
    if not points or axis is None:
        return ""
    top = 16 + 14 * len(figure.lines)
    floor = top + _ROW * len(points) + 6
    kinds = ("limit" if figure.better and number == 0 else "other" for number in range(len(figure.lines)))
    parts = [_line(one, axis, at, floor, kind) for at, (one, kind) in enumerate(zip(figure.lines, kinds, strict=True))]
    shared = _shared([one.label for one in points])
    if shared:
        parts.append(text(_LEFT - 10, top - 5, fitted(shared, _LEFT - 18), anchor="end", kind="soft"))
    parts += [_row(one, axis, top + _ROW * index + _ROW / 2, shared) for index, one in enumerate(points)]
    label = fitted(figure.axis, 150)
    words = f"{_BETTER['lower']}{label}" if figure.better == "lower" else f"{label}{_BETTER.get(figure.better, '')}"
    middle = (axis.start + axis.end) / 2
    parts.append(text(middle, floor + 34, words, anchor="middle", kind="soft"))
    return picture(floor + 42, figure.title, told(figure), [under(axis, floor, most=4, upwards=floor - top), *parts])


def told(figure: Intervals) -> str:
    """The figure in words."""
    lines = [f"{one.label} {wording.score(one.value)}" for one in figure.lines if math.isfinite(one.value)]
    points = [f"{one.label} {wording.score(one.value or 0.0)}" for one in chosen(figure.points)[:12]]
    return f"{figure.axis}: {'; '.join(points)}" + (f"; lines: {', '.join(lines)}" if lines else "")


def _line(one: Line, axis: Axis, number: int, floor: float, kind: str) -> str:
    if not math.isfinite(one.value):
        return ""
    x, y = axis.at(one.value), 14 + 14 * number
    words = f"{one.label} {short(one.value)}"
    right = x + 4 + width_of(words) > WIDE - EDGE  # no room there: to the left of the line, whole if it can be
    shown = fitted(words, max(x - 4, width_of(words)) if right else WIDE - EDGE - x)
    place = max(x - 4, min(width_of(words), WIDE - EDGE)) if right else x + 4
    return line(kind, x, y - 8, x, floor) + text(place, y, shown, anchor="end" if right else "start", kind="halo")


def _shared(labels: Sequence[str]) -> str:
    """The column of which every slice has a value, so that it is written once: ``carrier =``; empty where they differ.

    The first label is that of all rows.
    """
    begun = {label.partition(" = ")[0] for label in labels[1:]}
    whole = len(labels) > 2 and len(begun) == 1 and all(" = " in label for label in labels[1:])  # noqa: PLR2004
    return f"{begun.pop()} =" if whole else ""


def _row(one: Point, axis: Axis, y: float, shared: str) -> str:
    kind, value = KINDS[one.verdict], one.value or 0.0
    label = one.label.removeprefix(f"{shared} ") if shared else one.label
    parts = [text(_LEFT - 10, y + 4, fitted(label, _LEFT - 18), anchor="end", kind="ink")]
    if one.lower is not None and one.upper is not None and math.isfinite(one.lower) and math.isfinite(one.upper):
        parts.append(line(f"reach-{kind}", axis.at(one.lower), y, axis.at(one.upper), y))
    if one.limit is not None and math.isfinite(one.limit):
        parts.append(line("tick", axis.at(one.limit), y - 9, axis.at(one.limit), y + 9))
    parts.append(mark(kind, axis.at(value), y))
    parts.append(text(WIDE - 4, y + 4, wording.score(value), anchor="end", kind="ink"))
    return "".join(parts)
