"""Checks of one metric and of its slices, beside each other as a figure.

A check about a slice has the subject ``METRIC[SLICE]``, that of the whole data ``METRIC``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_gitops.evidence.figures import Intervals, Line, Point
from mlops_gitops.evidence.verdicts import Check
from mlops_gitops.testing.models.metrics import METRICS

_WHOLE = "all rows"
_PAIRS = {"model.metric": "model.slice", "comparison.metric": "comparison.slice"}


def of_checks(checks: Sequence[Check]) -> Iterator[Intervals]:
    """A figure for every metric that has slices or was compared."""
    for whole, part in _PAIRS.items():
        for check in checks:
            if check.id != whole or _value(check) is None:
                continue
            slices = [one for one in checks if one.id == part and one.subject.startswith(f"{check.subject}[")]
            if slices or whole == "comparison.metric":
                yield _figure(check, slices)


def _figure(check: Check, slices: Sequence[Check]) -> Intervals:
    compared = check.id == "comparison.metric"
    better = "higher" if check.subject not in METRICS or METRICS[check.subject].higher_is_better else "lower"
    lines = [Line("the champion", 0.0)] if compared else []
    if isinstance(check.limit, int | float):
        lines.insert(0, Line("the most that may be lost" if compared else "demanded of all rows", float(check.limit)))
    points = [_point(check, _WHOLE, limit=None)]
    points += [
        _point(one, one.subject[len(check.subject) + 1 : -1], limit=None if compared else _number(one.limit))
        for one in slices
    ]
    what = f"{check.subject}: challenger less champion" if compared else f"{check.subject} by slice"
    axis = f"change of {check.subject}" if compared else check.subject
    note = "95 % intervals of the paired difference" if compared else "90 % intervals; upright marks: slice limits"
    return Intervals(what, axis, tuple(points), tuple(lines), better, note)


def _point(check: Check, label: str, *, limit: float | None) -> Point:
    lower, upper = check.interval or (None, None)
    return Point(label, _value(check), lower, upper, rows=check.rows, limit=limit, verdict=check.verdict)


def _value(check: Check) -> float | None:
    return _number(check.observed)


def _number(value: float | str | None) -> float | None:
    return None if value is None or isinstance(value, str) else float(value)
