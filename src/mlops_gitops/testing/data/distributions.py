"""One column beside its reference, as a figure: the very counts that ``shifts`` judged."""

from __future__ import annotations

from mlops_gitops.evidence.figures import Distribution, Point
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.testing.data import shifts
from mlops_gitops.testing.data.discretion import hidden, personal
from mlops_gitops.testing.data.shifts import Sample, Shift

_MOST = 24
"""So many categories are drawn by name, those with the largest change first; the others count as one."""
OTHERS = "(all others)"


def of_values(title: str, before: Sample, after: Sample, *, shift: Shift, limit: float, note: str) -> Distribution:
    """The values on both sides, and how far they have moved."""
    moved = _moved(title, shift, limit)
    old, new = before.column.histogram, after.column.histogram
    if old is not None and new is not None:
        return Distribution(title, old.counts, new.counts, moved, limit, shift.measure, edges=old.edges, note=note)
    one, other = shifts.counts(before, after)
    left, right = max(1, sum(one.values())), max(1, sum(other.values()))
    names = sorted(
        (name for name in {**one, **other} if name is not None and (one.get(name) or other.get(name))),
        key=lambda name: (-abs(one.get(name, 0) / left - other.get(name, 0) / right), name),
    )[:_MOST]
    names.sort(key=lambda name: (-one.get(name, 0), name))
    counted = [(name, one.get(name, 0), other.get(name, 0)) for name in names]
    rest = (sum(one.values()) - sum(n for _, n, _ in counted), sum(other.values()) - sum(n for _, _, n in counted))
    if any(rest):
        counted.append((OTHERS, *rest))
    return Distribution(
        title,
        tuple(n for _, n, _ in counted),
        tuple(n for _, _, n in counted),
        moved,
        limit,
        shift.measure,
        labels=tuple(
            hidden(name) if name != OTHERS and personal(before.column.name, name) else name for name, _, _ in counted
        ),
        note=note,
    )


def of_absence(title: str, before: Sample, after: Sample, *, shift: Shift, limit: float, note: str) -> Distribution:
    """The rows without a value on both sides."""
    old, new = ((one.rows - one.present, one.present) for one in (before, after))
    moved = _moved(title, shift, limit)
    return Distribution(title, old, new, moved, limit, shift.measure, labels=("absent", "present"), note=note)


def _moved(title: str, shift: Shift, limit: float) -> Point:
    verdict: Verdict = shift.judged(limit)
    return Point(
        title, shift.effect, shift.lower, shift.upper, rows=int(shift.current.worth), limit=limit, verdict=verdict
    )
