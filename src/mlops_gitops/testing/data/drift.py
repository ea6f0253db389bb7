"""Drift and skew: the columns of a data set held against the committed reference profile, in three answers.

Two families are kept apart.  The *primary* one is what a change of which changes what every number means: the target,
the model's scores where the data have them, and, counted exactly, how many rows there are and how new they are.  The
*secondary* one is the features.  Each family may spend half of the error that the manifest's confidence leaves, so that
forty features cannot drown the target; where there is one family only, it spends all.  Within a family each column gets
its share by weight, halved where its gaps are a question beside its values, and each look its part of that
(``spending``): all false alarms of all looks together are no more frequent than the manifest allows, however columns
and days depend on one another (Bonferroni).  Whether rows count as independent is said in every message.
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
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import wording
from mlops_gitops.testing.data import distributions, shifts
from mlops_gitops.testing.data.columns import DATA, Locate
from mlops_gitops.testing.data.designs import FEWEST_BLOCKS, Design
from mlops_gitops.testing.data.profile import Column, Profile
from mlops_gitops.testing.data.reference import Reference, sample
from mlops_gitops.testing.data.shifts import FEWEST_ROWS, Errors, Incomparable, Sample, Shift
from mlops_gitops.testing.data.spending import Spending, spending


@dataclass(frozen=True, slots=True)
class Kind:
    """What a comparison is called: the section of the manifest, the prefix of its checks, and what columns did."""

    section: str
    id: str
    did: str
    fix: str

    @property
    def at(self) -> tuple[str, ...]:
        """The path of the section in the manifest."""
        return (*DATA, self.section)


DRIFT = Kind("drift", "data.drift", "have moved", "find out what changed in the data, and train on data that have it")
SKEW = Kind(
    "skew",
    "data.skew",
    "differ in production",
    "find the step that training and serving do differently, or train on data like those that are asked",
)
_UNJUDGED = frozenset({"datetime", "binary", "other"})
_IF = "if the change is what it seems"
WRITE = "mlops-gitops test data {model} --write-reference"


@dataclass(frozen=True, slots=True)
class _Held:
    """One column of one data set, held against the reference."""

    model: Model
    kind: Kind
    tests: DriftTests
    subject: str
    before: Sample
    after: Sample
    errors: Errors
    spent: Spending
    assumed: str
    location: Location

    @property
    def write(self) -> str:
        """The command that writes the reference."""
        return WRITE.format(model=self.model.name)


def checks(
    model: Model,
    kind: Kind,
    tests: DriftTests,
    reference: Reference,
    *,
    dataset: str,
    profile: Profile,
    designs: Mapping[str, Design],
    assumed: str,
    look: int | None,
    locate: Locate,
) -> Iterator[Check]:
    """Every column of the reference in one data set, and its rows.

    ``designs`` are the design effects of the columns of ``profile``, and ``assumed`` says what its rows are taken as.
    Rows of a column without a design effect are taken as independent.  ``look`` is the number of this look where looks
    are counted.
    """
    location = locate((*kind.at, "max"))
    labelless = _labelless(model, dataset, profile)
    names = [one.name for one in reference.profile.columns if one.type not in _UNJUDGED and one.name != labelless]
    yield from _volume(kind, tests, reference, dataset=dataset, rows=profile.rows, locate=locate)
    yield from _unheld(model, kind, tests, names, dataset=dataset, profile=profile, location=location)
    spent = spending(tests, look)
    if spent is None:
        yield _uncounted(model, kind, tests, dataset, locate)
        return
    for name, errors in _errors(model, tests, names, spent).items():
        before, column, subject = reference.sample(name), profile.column(name), f"{dataset}.{name}"
        if before is None or column is None:
            message = f"{subject} is in the reference and not in the data"
            fix = "add the column to the data, or write the reference again"
            yield Check(kind.id, subject, Verdict.FAIL, message, location=location, fix=fix)
            continue
        after = sample(_as_before(before, column), profile.rows, designs.get(name))
        gaps = before.present < before.rows or after.present < after.rows
        each = replace(errors, of_fail=errors.of_fail / 2) if gaps else errors
        words = assumed if name in designs else wording.INDEPENDENT
        held = _Held(model, kind, tests, subject, before, after, each, spent, words, location)
        yield _values(held)
        if gaps:
            yield from _absence(held)


def _labelless(model: Model, dataset: str, profile: Profile) -> str | None:
    """The target, where requests do not have it: what was asked in production has no label yet."""
    target, asked = model.interface.target, model.dataset(dataset)
    if target is None or asked is None or asked.role != "serving" or profile.column(target.column) is not None:
        return None
    return target.column


def _uncounted(model: Model, kind: Kind, tests: DriftTests, dataset: str, locate: Locate) -> Check:
    message = f"{dataset} is not judged: nobody says how often {tests.of} was looked at before, and looks are counted"
    fix = (
        f"`mlops-gitops test data {model.name} --release VERSION --publish` counts the look where evidence lies; "
        "--look N says it, where something else counts"
    )
    place = locate((*kind.at, "looks"))
    return Check(f"{kind.id}-look", dataset, Verdict.INCONCLUSIVE, message, location=place, fix=fix)


def _errors(model: Model, tests: DriftTests, names: Sequence[str], spent: Spending) -> dict[str, Errors]:
    """The errors of each column, the primary family before the features."""
    target = model.interface.target
    first = {one.name for one in model.interface.outputs} | ({target.column} if target is not None else set())
    families = ([name for name in names if name in first], [name for name in names if name not in first])
    alive = [family for family in families if any(tests.weight(name) > 0 for name in family)]
    of_pass = 1 - tests.confidence
    found: dict[str, Errors] = {}
    for family in alive:
        weights = {name: tests.weight(name) for name in family}
        found |= shifts.shares(family, weights, error=of_pass / len(alive) * spent.share, of_pass=of_pass)
    return found


def _volume(
    kind: Kind, tests: DriftTests, reference: Reference, *, dataset: str, rows: int, locate: Locate
) -> Iterator[Check]:
    """How many rows there are for each one of the reference: counted, so there is no interval."""
    limits, before = tests.volume, reference.profile.rows
    if limits is None or not before:
        return
    ratio = rows / before
    message = f"{dataset} holds {wording.rows(rows)}, {wording.score(ratio)} times the {before:,} of {tests.of}"
    message += f"; {_bounds(limits)} times are allowed"
    failed = not limits.allows(ratio)
    limit = limits.min if limits.min is not None and ratio < limits.min else limits.max
    yield Check(
        f"{kind.id}-volume",
        dataset,
        Verdict.FAIL if failed else Verdict.PASS,
        message,
        observed=ratio,
        limit=limit,
        rows=rows,
        location=locate((*kind.at, "volume")),
        fix="find the rows that are missing, or are there twice" if failed else "",
    )


def _bounds(limits: Threshold) -> str:
    words = [] if limits.min is None else [f"at least {wording.score(limits.min)}"]
    words += [] if limits.max is None else [f"at most {wording.score(limits.max)}"]
    return " and ".join(words)


def _unheld(
    model: Model,
    kind: Kind,
    tests: DriftTests,
    names: Sequence[str],
    *,
    dataset: str,
    profile: Profile,
    location: Location,
) -> Iterator[Check]:
    """What has nothing to be held against: no silence may pass for an answer."""
    fix = f"write the reference again (`{WRITE.format(model=model.name)}`), or give the column the weight 0"
    for one in profile.columns:
        if one.type not in _UNJUDGED and one.name not in names and tests.weight(one.name) > 0:
            subject = f"{dataset}.{one.name}"
            message = f"{subject} cannot be compared: the reference has no such column, or cannot judge it"
            yield Check(kind.id, subject, Verdict.INCONCLUSIVE, message, location=location, fix=fix)
    if not any(tests.weight(name) > 0 for name in names):
        message = f"no column of {dataset} is compared with the reference"
        fix = "give a column that the reference has another weight than 0, or leave the comparison out"
        yield Check(kind.id, dataset, Verdict.INCONCLUSIVE, message, location=location, fix=fix)


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
        changed = held.before.present > 0 and held.before.column.type != held.after.column.type
        verdict = Verdict.FAIL if changed else Verdict.INCONCLUSIVE
        fix = f"write the reference again (`{held.write}`)" if changed else _least(held)
        return Check(held.kind.id, held.subject, verdict, message, location=held.location, fix=fix)
    return _check(held.kind.id, f"the values of {held.subject}", shift, held, distributions.of_values)


def _absence(held: _Held) -> Iterator[Check]:
    try:
        shift = shifts.of_absence(held.before, held.after, errors=held.errors)
    except Incomparable:
        return  # the values have said so
    yield _check(f"{held.kind.id}-missing", f"the gaps in {held.subject}", shift, held, distributions.of_absence)


class _Drawn(Protocol):
    def __call__(
        self, title: str, before: Sample, after: Sample, *, shift: Shift, limit: float, note: str
    ) -> Distribution: ...


def _check(id_: str, what: str, shift: Shift, held: _Held, drawn: _Drawn) -> Check:
    verdict, limit = shift.judged(held.tests.max), held.tests.max
    assumed = held.assumed
    message = (
        f"{what} {held.kind.did} by {shift.measure} {wording.score(shift.effect)} ({wording.score(shift.lower)} to "
        f"{wording.score(shift.upper)}) from {held.tests.of}; at most {wording.score(limit)} may be; {assumed}"
    ) + (f"; {held.spent.words}" if held.spent.words else "")
    return Check(
        id_,
        held.subject,
        verdict,
        message,
        observed=shift.effect,
        limit=limit,
        interval=(shift.lower, shift.upper),
        rows=int(shift.current.worth),
        location=held.location,
        fix=_fix(verdict, shift, held),
        figures=(drawn(what, held.before, held.after, shift=shift, limit=limit, note=assumed),),
    )


def _fix(verdict: Verdict, shift: Shift, held: _Held) -> str:
    if verdict is Verdict.FAIL:
        return f"{held.kind.fix}; if the change is meant, write the reference again (`{held.write}`)"
    if verdict is Verdict.PASS:
        return ""
    later = replace(held.errors, of_fail=held.errors.of_fail * held.spent.later / held.spent.share)
    needed = shift.rows_to_decide(held.tests.max, errors=later)
    if needed is not None:
        needed = math.ceil(needed * max(1.0, held.after.design))
        return f"{_IF}, about {wording.rows(needed)} would decide with 80 %; there are {held.after.rows:,}"
    both = shift.rows_on_either_side(held.tests.max, errors=later)
    if both is None:
        why = "too many categories are counted together" if shift.unseen else "the change is as large as the limit"
        return f"no number of rows decides it: {why}; the weight 0 leaves the column out"
    old, new = (math.ceil(both * max(1.0, one.design)) for one in (held.before, held.after))
    return (
        f"{_IF}, about {wording.rows(new)} would decide with 80 % against a reference of {old:,}, and the reference "
        f"has {held.before.rows:,}; write it again from more (`{held.write}`), or look at the cause"
    )


def _least(held: _Held) -> str:
    """How many rows an answer takes at least, where there are too few for any."""
    for side, words in ((held.before, f"write the reference again from more (`{held.write}`): "), (held.after, "")):
        if side.worth(side.present) < FEWEST_ROWS:
            if side.design >= side.rows and held.assumed != wording.INDEPENDENT:
                return f"{words}at least {FEWEST_BLOCKS} days or entities are needed; {held.assumed}"
            needed = math.ceil(FEWEST_ROWS * max(1.0, side.design))
            return f"{words}about {wording.rows(needed)} with a value are the least, and there are {side.present:,}"
    return "provide more rows"
