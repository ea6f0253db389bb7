"""Drift: by how much a column has moved from a reference, with a bound that holds, and what that means.

What is judged is the *size* of the change, never a p-value: with enough rows any change is significant, and with few
none is.  For numbers it is the Kolmogorov distance D, the largest difference of two cumulative shares, on edges that
were fixed by the reference; for categories the total variation, the largest difference of the shares of any set of
categories.  Both lie between 0 and 1 and mean the same: for that share of rows something else has taken their place.

A bound says how far the true change can be from the one that was found.  FAIL needs the whole interval beyond the
limit, PASS the whole interval within it, and everything else is INCONCLUSIVE, with the rows that would decide.  Rows
count as independent unless a design effect says otherwise: rows of one block (a customer, some days) resemble one
another, and count for fewer; where blocks are few, how much fewer is itself uncertain, and the bound is wider.

Pure functions of two profiles.  Nothing here reads data or imports anything heavy.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.testing.data.bounds import Side, width
from mlops_gitops.testing.data.profile import Category, Column

FEWEST_ROWS = 50
"""Below this many rows, or rows' worth, on either side there is no answer: the bounds rest on larger samples."""
_SPREAD = 0.8416 / 2
"""What another sample's estimate falls short by at most in four of five cases, in the unit of a ``Side``'s constant.

The 80 % quantile of the normal times the largest standard error of a share.
"""
_MOST_ROWS = 10**18
"""What so many rows do not decide is not decided by any."""
_Counts: TypeAlias = "Mapping[str | None, int]"
"""Rows of each category; under ``None`` those of all that are counted together."""


class Incomparable(ValueError):
    """Two columns cannot be compared; the text says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One side of a comparison: the column's profile, and how much its rows resemble one another.

    ``design`` is Kish's design effect: the variance of a share in these rows over that in as many independent ones.
    ``freedom`` has the degrees of freedom that it was measured with; ``None`` where rows are independent.
    """

    column: Column
    rows: int
    design: float = 1.0
    freedom: int | None = None

    @property
    def present(self) -> int:
        """Rows with a finite value."""
        return self.rows - self.column.nulls - self.column.nans - self.column.infinities

    def worth(self, rows: int) -> float:
        """How many independent rows say as much as ``rows`` of this sample."""
        return rows / max(1.0, self.design)


@dataclass(frozen=True, slots=True)
class Shift:
    """A change that was found, ``effect``, and the bounds of the true one, ``lower`` and ``upper``; all from 0 to 1.

    ``measure`` is ``D`` or ``total variation``.
    ``slack`` is what the lower bound gives away beside ``width``, for the categories that chance alone makes differ.
    ``unseen`` is what the upper bound adds: rows of categories that are counted together may have changed among them.
    """

    measure: str
    effect: float
    lower: float
    upper: float
    reference: Side
    current: Side
    slack: float = 0.0
    unseen: float = 0.0

    def judged(self, limit: float) -> Verdict:
        """Whether the change is certainly beyond ``limit``, certainly within, or neither."""
        if self.lower > limit:
            return Verdict.FAIL
        return Verdict.PASS if self.upper <= limit else Verdict.INCONCLUSIVE

    def rows_to_decide(self, limit: float, *, errors: Errors) -> int | None:
        """How many rows the current data would need if the change is what it seems; ``None``: the reference is too few.

        Of other samples of so many four in five decide.  Rows' worth; with a design effect that many times more.
        """
        return self._least(limit, errors, lambda rows: (self.reference, self.current.grown(rows)))

    def rows_on_either_side(self, limit: float, *, errors: Errors) -> int | None:
        """The same where the reference has as many; ``None``: no number of rows decides it."""
        return self._least(limit, errors, lambda rows: (self.reference.grown(rows), self.current.grown(rows)))

    def _least(self, limit: float, errors: Errors, sides: Callable[[int], tuple[Side, Side]]) -> int | None:
        """The fewest rows with which the bound meets the limit, if the change is what it seems."""
        passes = self.effect <= limit
        gap = limit - self.effect - self.unseen if passes else self.effect - limit
        error = errors.of_pass if passes else errors.of_fail
        more = _SPREAD
        if not passes:  # what chance alone makes differ shrinks with the sizes as the width does
            more += self.slack / math.sqrt(1 / self.reference.worth + 1 / self.current.worth)

        def met(rows: int) -> bool:
            return sum(side.part(error, measure=self.measure, more=more) for side in sides(rows)) <= gap**2

        if gap <= 0 or not met(_MOST_ROWS):
            return None
        return 1 + bisect.bisect_left(range(1, _MOST_ROWS), True, key=met)


@dataclass(frozen=True, slots=True)
class Errors:
    """How often a bound may be wrong: ``of_fail`` for calling a change too large, ``of_pass`` for calling it small."""

    of_fail: float
    of_pass: float


def shares(
    names: Iterable[str], weights: Mapping[str, float], *, error: float, of_pass: float | None = None
) -> dict[str, Errors]:
    """The errors of a family of columns, so that all its alarms together are false at most ``error`` of the time.

    Each column gets its share by weight, 1 where none is given (weighted Bonferroni; Holm 1979, Scand. J. Stat. 6:65).
    It holds however the columns depend on one another.  To say of *all* columns that they pass needs no such share: one
    that fails is enough to be wrong (intersection-union; Berger 1982, Technometrics 24:295); ``of_pass`` is that error,
    where it is another.
    """
    listed = list(names)
    total = sum(weights.get(name, 1.0) for name in listed)
    return {
        name: Errors(
            of_fail=error * (weights.get(name, 1.0) / total) if total else 0.0,
            of_pass=error if of_pass is None else of_pass,
        )
        for name in listed
        if weights.get(name, 1.0) > 0
    }


def of_values(reference: Sample, current: Sample, *, errors: Errors) -> Shift:
    """How the values that are there have moved.  Raises ``Incomparable``."""
    if not reference.present:
        raise Incomparable("the reference holds no value")
    if reference.column.histogram is not None and current.column.histogram is not None:
        return _of_numbers(reference, current, errors)
    return _of_counts(reference, current, *counts(reference, current), errors)


def counts(reference: Sample, current: Sample) -> tuple[_Counts, _Counts]:
    """Rows by category on both sides, as they are compared.  Raises ``Incomparable`` where there are none."""
    if reference.column.type == current.column.type == "boolean":
        return _watched(reference), _watched(current)
    if reference.column.type == current.column.type == "string":
        return _same_categories(reference.column, current.column)
    raise Incomparable(f"it was of type {reference.column.type} and is of type {current.column.type}")


def of_absence(reference: Sample, current: Sample, *, errors: Errors) -> Shift:
    """How the share of rows without a value has moved."""
    before, after = _gaps(reference), _gaps(current)
    old, new = (Side(one.worth(one.rows), one.freedom) for one in (reference, current))
    return _variation(before, after, old, new, errors)


def _gaps(sample: Sample) -> _Counts:
    return {"absent": sample.rows - sample.present, "present": sample.present}


def _of_numbers(reference: Sample, current: Sample, errors: Errors) -> Shift:
    before, after = reference.column.histogram, current.column.histogram
    if before is None or after is None or before.edges != after.edges:
        raise Incomparable("it was not counted on the edges of the reference")
    old, new = _sides(reference, current)
    effect, left, right = 0.0, 0, 0
    then, now = reference.present, current.present
    for one, other in zip(before.counts, after.counts, strict=True):
        left, right = left + one, right + other
        effect = max(effect, abs(left / then - right / now))
    return Shift(
        "D",
        effect,
        lower=max(0.0, effect - width(errors.of_fail, old, new, measure="D")),
        upper=min(1.0, effect + width(errors.of_pass, old, new, measure="D")),
        reference=old,
        current=new,
    )


def _watched(sample: Sample) -> _Counts:
    """Counts of the watched values; of the others, where somebody's profile leaves any, as one."""
    rest = sample.present - sum(count for _, count in sample.column.watched)
    counts: dict[str | None, int] = {None: rest}
    counts.update(sample.column.watched)
    return counts


def _of_counts(reference: Sample, current: Sample, before: _Counts, after: _Counts, errors: Errors) -> Shift:
    return _variation(before, after, *_sides(reference, current), errors)


def _sides(reference: Sample, current: Sample) -> tuple[Side, Side]:
    old, new = (Side(one.worth(one.present), one.freedom) for one in (reference, current))
    for side, words in ((old, "the reference holds"), (new, "there are")):
        if side.worth < FEWEST_ROWS:
            raise Incomparable(f"{words} {int(side.worth):,} values' worth, and {FEWEST_ROWS} are the least")
    return old, new


def _variation(before: _Counts, after: _Counts, old: Side, new: Side, errors: Errors) -> Shift:
    n, m = old.worth, new.worth
    if min(n, m) < FEWEST_ROWS:
        raise Incomparable(f"there are {int(min(n, m)):,} rows' worth, and {FEWEST_ROWS} are the least")
    left, right = sum(before.values()), sum(after.values())
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name, 0) or after.get(name, 0)]
    effect = sum(abs(before.get(name, 0) / left - after.get(name, 0) / right) for name in names) / 2
    unseen = min(before.get(None, 0) / left, after.get(None, 0) / right)
    slack = math.sqrt((len(names) - 1) * (1 / n + 1 / m)) / 2
    width_of_fail, width_of_pass = (
        width(error, old, new, measure="total variation") for error in (errors.of_fail, errors.of_pass)
    )
    return Shift(
        "total variation",
        effect,
        lower=max(0.0, effect - slack - width_of_fail),
        upper=min(1.0, effect + unseen + width_of_pass),
        reference=old,
        current=new,
        slack=slack,
        unseen=unseen,
    )


def _same_categories(before: Column, after: Column) -> tuple[_Counts, _Counts]:
    """Counts by category, where both sides still know the category; the rest of each counts as one.

    A profile keeps the categories with the smallest hashes.  Below the largest hash that a cut side kept, it kept all.
    """
    cut = [max(one.hash for one in column.categories) for column in (before, after) if column.others]
    known = min(cut, default=None)

    def counted(column: Column) -> _Counts:
        kept: list[Category] = [one for one in column.categories if known is None or one.hash <= known]
        rest = column.others + sum(one.count for one in column.categories) - sum(one.count for one in kept)
        return {**{one.value: one.count for one in kept}, None: rest}

    return counted(before), counted(after)
