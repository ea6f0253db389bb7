"""Estimates beside each other, each with its interval, and the lines that they are held against."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_gitops.evidence.figures import Intervals, Point, finite
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.reporting.page.axes import (
    EDGE,
    HEAD,
    WIDE,
    Axis,
    around,
    fitted,
    line,
    mark,
    picture,
    score,
    stub,
    text,
    under,
    uprights,
)
from mlops_gitops.reporting.page.distributions import KINDS
from mlops_gitops.testing import wording

MOST = 40
"""So many are drawn: the first, which is that of all rows, and those that did not pass; the table has the others."""
_RIGHT = 76
_ROW, _TALL = 24, 38
_RANK = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2, None: 2}
_BETTER = {"higher": " (more is better →)", "lower": " (← less is better)"}


def known(point: Point) -> bool:
    """Whether a point has a value that can be drawn."""
    return finite(point.value) is not None


def chosen(points: Sequence[Point]) -> list[Point]:
    """Those that are drawn, in their own order."""
    able = [one for one in points if known(one)]
    if len(able) <= MOST:
        return able
    worst = sorted(range(len(able)), key=lambda index: (index > 0, _RANK[able[index].verdict], index))[:MOST]
    return [able[index] for index in sorted(worst)]


def drawn(figure: Intervals) -> str:
    """The figure as SVG; nothing where it holds nothing that can be drawn."""
    points = chosen(figure.points)
    shared = _shared([one.label for one in points])
    labels = [one.label.removeprefix(f"{shared} ") if shared else one.label for one in points]
    left = stub(labels)
    wanted = [value for one in points for value in (one.value, one.limit, *(one.interval or ()))]
    start, end = (EDGE, WIDE - EDGE) if left is None else (left, WIDE - _RIGHT)
    axis = around([*wanted, *(one.value for one in figure.lines)], start=start, end=end)
    if not points or axis is None:
        return ""
    top = HEAD * len(figure.lines) + 4
    y, rows = float(top), []
    for one, label in zip(points, labels, strict=True):
        if shared and label != one.label:  # the column's name stands above the first of its slices
            beside = left if left is not None and (stub([shared]) or WIDE) <= left else None
            rows.append(_name(shared, beside, y + HEAD, kind="halo"))
            y, shared = y + HEAD + 2, ""
        rows.append(_row(one, label, axis, y, left))
        y += _TALL if left is None else _ROW
    floor = y + 4
    kinds = ["limit" if figure.better and number == 0 else "other" for number in range(len(figure.lines))]
    words = f"{fitted(figure.axis, 200)}{_BETTER.get(figure.better, '')}"
    parts = [under(axis, floor, most=4, upwards=floor - top), uprights(figure.lines, axis, floor, kinds=kinds), *rows]
    parts.append(text(WIDE / 2, floor + 34, words, anchor="middle"))
    return picture(floor + 42, figure.title, told(figure), parts)


def told(figure: Intervals) -> str:
    """The figure in words."""
    lines = [f"{one.label} {wording.score(one.value)}" for one in figure.lines if finite(one.value) is not None]
    points = [f"{one.label} {wording.score(one.value or 0.0)}" for one in chosen(figure.points)[:12]]
    return f"{figure.axis}: {'; '.join(points)}" + (f"; lines: {', '.join(lines)}" if lines else "")


def _shared(labels: Sequence[str]) -> str:
    """The column of which every slice has a value, so that it is written once: ``carrier =``; empty where they differ.

    The first label is that of all rows.
    """
    begun = {label.partition(" = ")[0] for label in labels[1:]}
    whole = len(labels) > 2 and len(begun) == 1 and all(" = " in label for label in labels[1:])  # noqa: PLR2004
    return f"{begun.pop()} =" if whole else ""


def _name(label: str, left: float | None, y: float, *, kind: str = "ink halo") -> str:
    """The name of a row: beside it, or from the edge where it stands above."""
    words = fitted(label, WIDE - 2 * EDGE - _RIGHT)
    return text(EDGE, y, words, kind=kind) if left is None else text(left - 10, y, words, anchor="end", kind=kind)


def _row(one: Point, label: str, axis: Axis, top: float, left: float | None) -> str:
    kind, value = KINDS[one.verdict], one.value or 0.0
    words, y = (top + 15, top + 27) if left is None else (top + 16, top + 12)
    parts = [_name(label, left, words)]
    if one.interval:
        low, high = one.interval
        parts.append(line(f"reach-{kind}", axis.at(low), y, axis.at(high), y))
    limit = finite(one.limit)
    if limit is not None:
        parts.append(line("tick", axis.at(limit), y - 9, axis.at(limit), y + 9))
    parts.append(mark(kind, axis.at(value), y))
    parts.append(text(WIDE - EDGE, words, score(value), anchor="end", kind="ink"))
    return "".join(parts)
