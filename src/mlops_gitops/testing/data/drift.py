"""Drift checks: the columns of a data set held against the committed reference profile, in three answers.

Two families are kept apart, each with its own share of false alarms: the *target*, since a label that moves changes
what every number means, and the *features*.  Within a family the alarms together are false no more often than the
manifest's confidence allows.  Whether rows count as independent is said in every message.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mlops_gitops.evidence.figures import Distribution
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.data_tests import DriftTests
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import wording
from mlops_gitops.testing.data import distributions, shifts
from mlops_gitops.testing.data.columns import DATA, Locate
from mlops_gitops.testing.data.profile import Column, Profile
from mlops_gitops.testing.data.reference import Reference
from mlops_gitops.testing.data.shifts import Errors, Incomparable, Sample, Shift

AT = (*DATA, "drift")
_UNJUDGED = frozenset({"datetime", "binary", "other"})
WRITE = "mlops-gitops test data {model} --write-reference"


@dataclass(frozen=True, slots=True)
class _Held:
    """One column of one data set, held against the reference."""

    model: Model
    tests: DriftTests
    subject: str
    before: Sample
    after: Sample
    errors: Errors
    blocks: str | None
    location: Location

    @property
    def write(self) -> str:
        """The command that writes the reference."""
        return WRITE.format(model=self.model.name)


def checks(
    model: Model,
    reference: Reference,
    *,
    dataset: str,
    profile: Profile,
    designs: Mapping[str, float],
    blocks: str | None,
    locate: Locate,
) -> Iterator[Check]:
    """Every column of the reference in one data set.

    ``designs`` are the design effects of the columns of ``profile``, and ``blocks`` names the column that parts its
    rows into blocks.  Rows of a column without a design effect are taken as independent.
    """
    tests, location = model.tests.data.drift, locate((*AT, "max"))
    if tests is None:
        return
    target = model.interface.target
    names = [one.name for one in reference.profile.columns if one.type not in _UNJUDGED]
    labels = [name for name in names if target is not None and name == target.column]
    yield from _unheld(model, tests, names, dataset=dataset, profile=profile, location=location)
    for family in (labels, [name for name in names if name not in labels]):
        for name, errors in shifts.shares(family, tests.weights, error=1 - tests.confidence).items():
            before, column, subject = reference.sample(name), profile.column(name), f"{dataset}.{name}"
            if before is None or column is None:
                message = f"{subject} is in the reference and not in the data"
                fix = "add the column to the data, or write the reference again"
                yield Check("data.drift", subject, Verdict.FAIL, message, location=location, fix=fix)
                continue
            after = Sample(_as_before(before, column), profile.rows, designs.get(name, 1.0))
            held = _Held(model, tests, subject, before, after, errors, blocks if name in designs else None, location)
            yield _values(held)
            yield from _absence(held)


def _unheld(
    model: Model, tests: DriftTests, names: Sequence[str], *, dataset: str, profile: Profile, location: Location
) -> Iterator[Check]:
    """What has nothing to be held against: no silence may pass for an answer."""
    fix = f"write the reference again (`{WRITE.format(model=model.name)}`), or give the column the weight 0"
    for one in profile.columns:
        if one.type not in _UNJUDGED and one.name not in names and tests.weights.get(one.name, 1.0) > 0:
            subject = f"{dataset}.{one.name}"
            message = f"{subject} cannot be compared: the reference has no such column, or cannot judge it"
            yield Check("data.drift", subject, Verdict.INCONCLUSIVE, message, location=location, fix=fix)
    if not any(tests.weights.get(name, 1.0) > 0 for name in names):
        message = f"no column of {dataset} is compared with the reference"
        fix = "give a column that the reference has another weight than 0, or leave the comparison out"
        yield Check("data.drift", dataset, Verdict.INCONCLUSIVE, message, location=location, fix=fix)


def _as_before(before: Sample, column: Column) -> Column:
    """The column counted on the edges and values of the reference alone, where it was counted on more."""
    old = before.column
    if old.histogram is not None and column.histogram is not None:
        return replace(column, histogram=column.histogram.on(old.histogram.edges))
    if old.watched and column.watched:
        found = dict(column.watched)
        return replace(column, watched=tuple((value, found.get(value, 0)) for value, _ in old.watched))
    return column


def _values(held: _Held) -> Check:
    try:
        shift = shifts.of_values(held.before, held.after, errors=held.errors)
    except Incomparable as reason:
        message = f"{held.subject} cannot be compared with the reference: {reason}"
        changed = held.before.column.type != held.after.column.type
        verdict = Verdict.FAIL if changed else Verdict.INCONCLUSIVE
        fix = f"write the reference again (`{held.write}`)" if changed else "provide more rows"
        return Check("data.drift", held.subject, verdict, message, location=held.location, fix=fix)
    return _check("data.drift", f"the values of {held.subject}", shift, held, distributions.of_values)


def _absence(held: _Held) -> Iterator[Check]:
    """Only where something is absent on either side: a column without gaps has nothing to say."""
    if held.before.present == held.before.rows and held.after.present == held.after.rows:
        return
    try:
        shift = shifts.of_absence(held.before, held.after, errors=held.errors)
    except Incomparable:
        return  # the values have said so
    yield _check("data.drift-missing", f"the gaps in {held.subject}", shift, held, distributions.of_absence)


class _Drawn(Protocol):
    def __call__(
        self, title: str, before: Sample, after: Sample, *, shift: Shift, limit: float, note: str
    ) -> Distribution: ...


def _check(id_: str, what: str, shift: Shift, held: _Held, drawn: _Drawn) -> Check:
    verdict, limit = shift.judged(held.tests.max), held.tests.max
    assumed = "rows are taken as independent" if held.blocks is None else f"rows of one {held.blocks} are one block"
    message = (
        f"{what} have moved by {shift.measure} {wording.score(shift.effect)} ({wording.score(shift.lower)} to "
        f"{wording.score(shift.upper)}) from {held.tests.of}; at most {wording.score(limit)} may be; {assumed}"
    )
    return Check(
        id_,
        held.subject,
        verdict,
        message,
        observed=shift.effect,
        limit=limit,
        interval=(shift.lower, shift.upper),
        rows=int(shift.current),
        location=held.location,
        fix=_fix(verdict, shift, held),
        figures=(drawn(what, held.before, held.after, shift=shift, limit=limit, note=assumed),),
    )


def _fix(verdict: Verdict, shift: Shift, held: _Held) -> str:
    if verdict is Verdict.FAIL:
        return (
            "find out what changed in the data, and train on data that have it; "
            f"if the change is meant, write the reference again (`{held.write}`)"
        )
    if verdict is Verdict.PASS:
        return ""
    needed = shift.rows_to_decide(held.tests.max, errors=held.errors)
    if needed is None:
        return (
            f"no number of rows decides it: the reference counts for {wording.rows(int(shift.reference))} only, the "
            "change is as large as the limit, or too many categories are counted together (the weight 0 leaves it out)"
        )
    needed = math.ceil(needed * max(1.0, held.after.design))
    return f"if the change is what it seems, about {wording.rows(needed)} would decide; there are {held.after.rows:,}"
