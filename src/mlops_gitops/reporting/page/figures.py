"""Every figure of a report as a part of the page: the picture, what it says in words, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

from mlops_gitops.evidence.figures import (
    Calibration,
    Curve,
    Distribution,
    Figure,
    Intervals,
    Line,
    Matrix,
    Point,
    finite,
)
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.reporting.page import curves, distributions, dots, matrices
from mlops_gitops.reporting.page.elements import badge, folded, more, shown, table
from mlops_gitops.testing import wording

_ROWS = 200
_ANSWERS = {"holds": "pass", "broken": "fail", "open": "inconclusive"}


def block(figure: Figure) -> str:
    """A figure with its title, its caption and its table."""
    drawn, caption, heads, rows = _parts(figure)
    picture = drawn or '<p class="note">There is nothing here that can be drawn.</p>'
    notes = "; ".join(part for part in (caption, shown(figure.note, 300)) if part)
    numbers = folded("The numbers", table(heads, rows[:_ROWS]) + more(len(rows), _ROWS, "rows")) if rows else ""
    return (
        f'<figure class="card"><h3>{shown(figure.title, 160)}</h3>{picture}'
        f"<figcaption>{notes}</figcaption>{numbers}</figure>"
    )


@singledispatch
def _parts(figure: Figure) -> tuple[str, str, Sequence[str], list[Sequence[str]]]:
    """The picture, the caption, and the head and rows of the table."""
    raise TypeError(f"{figure!r} is no figure")


@_parts.register
def _(figure: Distribution) -> tuple[str, str, Sequence[str], list[Sequence[str]]]:
    before, now = max(1, sum(figure.reference)), max(1, sum(figure.current))
    names = list(figure.labels) or _bins(figure.edges)
    rows = [
        (shown(name, 80), wording.percent(a / before), wording.percent(b / now))
        for name, a, b in zip(names, figure.reference, figure.current, strict=False)
    ]
    kind = distributions.KINDS[figure.moved.verdict]
    mark = badge(kind, _ANSWERS[kind]) + " " if kind in _ANSWERS else ""
    counts = f"{wording.rows(sum(figure.reference))} before, {wording.rows(sum(figure.current))} now"
    scale = "; each bin is drawn equally wide" if distributions.even(figure) else ""
    heads = ("Value" if figure.labels else "Up to", "Reference", "Now")
    return distributions.drawn(figure), f"{mark}{shown(distributions.told(figure))}; {counts}{scale}", heads, list(rows)


def _bins(edges: Sequence[float]) -> list[str]:
    return ["-" if finite(edge) is None else wording.number(edge) for edge in edges] + ["more"]


@_parts.register
def _(figure: Intervals) -> tuple[str, str, Sequence[str], list[Sequence[str]]]:
    lines = _lines(figure.lines)
    left = sum(map(dots.known, figure.points)) - len(dots.chosen(figure.points))
    more_ = f"{left} more are in the table" if left else ""
    caption = "; ".join(part for part in (lines, _shapes(figure.points), more_) if part)
    return dots.drawn(figure), caption, _HEADS, [_row(one) for one in figure.points]


@_parts.register
def _(figure: Calibration) -> tuple[str, str, Sequence[str], list[Sequence[str]]]:
    heads = ("Predicted", "Came", "Interval", "Rows")
    rows = [
        (_number(one.at), _number(one.value), _interval(one), "-" if one.rows is None else f"{one.rows:,}")
        for one in figure.points
    ]
    caption = "on the dashed line, what came is what was predicted; larger dots: more rows"
    return curves.calibration(figure), caption, heads, list(rows)


@_parts.register
def _(figure: Curve) -> tuple[str, str, Sequence[str], list[Sequence[str]]]:
    heads = (shown(figure.x, 40), *_HEADS)
    rows = [(_number(one.at), *_row(one)) for one in figure.points]
    lines = _lines((*figure.lines, *figure.bounds))
    caption = "; ".join(part for part in (lines, _shapes(figure.points)) if part)
    return curves.drawn(figure), caption, heads, list(rows)


@_parts.register
def _(figure: Matrix) -> tuple[str, str, Sequence[str], list[Sequence[str]]]:
    names = figure.names[: matrices.MOST]
    rows = [
        (shown(one, 80), shown(other, 80), _number(figure.values[row][column]))
        for row, one in enumerate(names)
        for column, other in enumerate(names[:row])
        if row < len(figure.values) and column < len(figure.values[row])
    ]
    return (
        matrices.drawn(figure),
        "blue is above zero; red, or with a stroke, below; grey is not known",
        ("One", "Other", "Value"),
        list(rows),
    )


def _lines(lines: Sequence[Line]) -> str:
    """The lines by name, since a picture cuts long ones."""
    known = [one for one in lines if finite(one.value) is not None]
    return ", ".join(f"{shown(one.label, 60)} {wording.number(one.value)}" for one in known)


def _shapes(points: Sequence[Point]) -> str:
    """What the shapes of some answers mean, as far as they occur."""
    seen = {one.verdict for one in points}
    said = ((Verdict.FAIL, "◆ failed"), (Verdict.INCONCLUSIVE, "○ not decided"))
    return ", ".join(words for verdict, words in said if verdict in seen)


_HEADS = ("What", "Value", "Interval", "Rows", "Limit", "Answer")


def _row(one: Point) -> Sequence[str]:
    kind = distributions.KINDS[one.verdict]
    return (
        shown(one.label, 120),
        _number(one.value),
        _interval(one),
        "-" if one.rows is None else f"{one.rows:,}",
        _number(one.limit),
        badge(kind, _ANSWERS[kind]) if kind in _ANSWERS else "-",
    )


def _number(value: float | None) -> str:
    known = finite(value)
    return "-" if known is None else wording.score(known)


def _interval(one: Point) -> str:
    return "-" if one.lower is None or one.upper is None else f"{_number(one.lower)} to {_number(one.upper)}"
