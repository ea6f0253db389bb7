"""What a check saw, as numbers that can be drawn: a small closed set of figures.

A check says its verdict in a sentence; a figure beside it holds what a person wants to see with their own eyes.  It is
data and never a picture: ``reporting/page`` draws it, JSON carries it whole.  Figures decide nothing and stay out of
signed evidence, which names what was read by digest, so that they can be made again.

Every number may be missing (``None`` or not finite): a page leaves such a point out and says so.  Titles, labels and
notes may come from hostile data; whoever draws them escapes them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.records import record


@record
class Point:
    """An estimate with its interval.

    ``at`` is its place on the other axis, where there is one (the age, the predicted probability); ``limit`` is what
    this point alone is held against; ``verdict`` colours it.
    """

    label: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    at: float | None = None
    rows: int | None = None
    limit: float | None = None
    verdict: Verdict | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both its ends, where both are known."""
        lower, upper = finite(self.lower), finite(self.upper)
        return None if lower is None or upper is None else (lower, upper)

    def document(self) -> dict[str, JSON]:
        """The point as JSON; a number that is not finite is ``null``."""
        return {
            "label": self.label,
            "value": finite(self.value),
            "lower": finite(self.lower),
            "upper": finite(self.upper),
            "at": finite(self.at),
            "rows": self.rows,
            "limit": finite(self.limit),
            "verdict": self.verdict.value if self.verdict else None,
        }


@record
class Line:
    """A value that everything in a figure is held against: a limit, a margin, the champion, all rows together."""

    label: str
    value: float

    def document(self) -> dict[str, JSON]:
        """The line as JSON."""
        return {"label": self.label, "value": finite(self.value)}


@record
class Distribution:
    """The values of one column held against its reference.

    ``reference`` and ``current`` are counts of rows, one a bin.  For numbers, ``edges`` are one fewer than the bins: a
    bin holds what lies above its left edge, up to and with its right one, and the outer two are open.  For categories,
    ``labels`` names each bin.  ``moved`` is the effect size with its bounds, called ``measure``: for ``D`` the largest
    distance of the two cumulative curves, for ``total variation`` half the sum of what the shares differ by.
    """

    title: str
    reference: tuple[int, ...]
    current: tuple[int, ...]
    moved: Point
    limit: float
    measure: str
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    note: str = ""

    def document(self) -> dict[str, JSON]:
        """The figure as JSON."""
        return {
            "figure": "distribution",
            "title": self.title,
            "note": self.note,
            "measure": self.measure,
            "moved": self.moved.document(),
            "limit": self.limit,
            "edges": [finite(one) for one in self.edges],
            "labels": list(self.labels),
            "reference": list(self.reference),
            "current": list(self.current),
        }


@record
class Calibration:
    """What was predicted and what then came: ``at`` of a point is the mean prediction of its rows, ``value`` the share.

    For a number that is predicted, ``value`` is the mean of the target.  ``axis`` names both in one word.
    """

    title: str
    points: tuple[Point, ...]
    axis: str = "probability"
    note: str = ""

    def document(self) -> dict[str, JSON]:
        """The figure as JSON."""
        points: JSON = [one.document() for one in self.points]
        return {"figure": "calibration", "title": self.title, "note": self.note, "axis": self.axis, "points": points}


@record
class Intervals:
    """Estimates beside each other on one axis: slices, metrics against a champion, importances, groups.

    ``lines`` hold for all of them.  ``better`` says which side is good, where one is: ``higher``, ``lower`` or nothing.
    """

    title: str
    axis: str
    points: tuple[Point, ...]
    lines: tuple[Line, ...] = ()
    better: str = ""
    note: str = ""

    def document(self) -> dict[str, JSON]:
        """The figure as JSON."""
        return {
            "figure": "intervals",
            "title": self.title,
            "note": self.note,
            "axis": self.axis,
            "better": self.better,
            "lines": [one.document() for one in self.lines],
            "points": [one.document() for one in self.points],
        }


@record
class Curve:
    """How a value goes with another one, ``at``: quality by age, by noise, by rows seen.  Points need not be sorted.

    ``x`` and ``y`` name the axes, with the unit.  ``lines`` lie across, at a value; ``bounds`` stand upright.
    """

    title: str
    x: str
    y: str
    points: tuple[Point, ...]
    lines: tuple[Line, ...] = ()
    bounds: tuple[Line, ...] = ()
    note: str = ""

    def document(self) -> dict[str, JSON]:
        """The figure as JSON."""
        return {
            "figure": "curve",
            "title": self.title,
            "note": self.note,
            "x": self.x,
            "y": self.y,
            "lines": [one.document() for one in self.lines],
            "bounds": [one.document() for one in self.bounds],
            "points": [one.document() for one in self.points],
        }


@record
class Matrix:
    """A number for every pair of names, row by row: correlations, from -1 to 1, or how they changed, from -2 to 2."""

    title: str
    names: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    note: str = ""

    def document(self) -> dict[str, JSON]:
        """The figure as JSON."""
        return {
            "figure": "matrix",
            "title": self.title,
            "note": self.note,
            "names": list(self.names),
            "values": [[finite(one) for one in row] for row in self.values],
        }


Figure: TypeAlias = "Distribution | Calibration | Intervals | Curve | Matrix"


def documents(figures: Sequence[Figure]) -> list[JSON]:
    """All of them as JSON, in their order."""
    return [one.document() for one in figures]


def finite(value: float | None) -> float | None:
    """A number that can be drawn; ``None`` for every other."""
    return value if value is not None and math.isfinite(value) else None
