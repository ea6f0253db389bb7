"""What was sent to a server that reads records or a file, what came of it, and what that means.  Pure.

Streams and batches are judged alike: every record is answered as the model answers offline, or set aside where it is
none; none is lost, and none is answered twice, whatever happened to the server meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import wording
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.infra import checks, parity, protocols
from mlops_gitops.testing.infra.parity import Compared, Tolerance
from mlops_gitops.testing.infra.probes import Probe
from mlops_gitops.testing.infra.protocols import Columns, Row
from mlops_gitops.testing.models.predictions import Failed, Predictions

_SERVING = ("spec", "serving")


@dataclass(frozen=True, slots=True)
class Group:
    """Records that belong together: their numbers, what the model says of them offline, and the probe that they are."""

    numbers: range
    offline: Predictions | Failed
    probe: Probe | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """Everything that was sent, by number from 0: rows (``None`` for a record that is no row), and groups of them."""

    rows: Sequence[Row | None]
    groups: Sequence[Group]

    @property
    def bad(self) -> frozenset[int]:
        """The numbers of what has to be set aside."""
        return frozenset(number for number, row in enumerate(self.rows) if row is None)


@dataclass(frozen=True, slots=True)
class Got:
    """What came of it, by number: answers, reasons of what was set aside, how many came twice, and with no number."""

    answers: Mapping[int, Mapping[str, Any]]
    aside: Mapping[int, str]
    twice: int = 0
    strange: int = 0


def sent(
    held_out: Sequence[Row],
    offline: Predictions,
    probed: Sequence[tuple[Probe, Sequence[Row], Predictions | Failed]],
    *,
    bad: int,
    least: int,
) -> Sent:
    """The held-out rows, again until there are ``least``, then the probes, then ``bad`` records that are none."""
    rows: list[Row | None] = []
    groups = []
    while len(rows) < max(least, len(held_out)):
        groups.append(Group(range(len(rows), len(rows) + len(held_out)), offline))
        rows += held_out
    for probe, own, answer in probed:
        groups.append(Group(range(len(rows), len(rows) + len(own)), answer, probe))
        rows += own
    rows += [None] * bad
    return Sent(rows, groups)


def judged(model: Model, sent: Sent, got: Got, tolerance: Tolerance, locate: Locate) -> Iterator[Check]:
    """Parity, types, unusual rows, what was lost, what came twice, and what was set aside."""
    yield from _held_out(model, sent, got, tolerance, locate)
    yield from _unusual(model, sent, got, tolerance, locate)
    known = got.answers.keys() | got.aside.keys()
    lost = sorted(set(range(len(sent.rows))) - known)
    of = f"of {wording.number(len(sent.rows))} records"
    told = (f"none {of} was lost", f"{len(lost):,} {of} were lost, the first is number {lost[0] + 1 if lost else 0:,}")
    fix = "acknowledge a record when its answer is stored, and not before"
    yield _check("infra.lost", model, told, len(lost), fix=fix, locate=locate)
    both = len(got.answers.keys() & got.aside.keys())
    told = ("no record was answered twice", f"{got.twice + both:,} records were answered twice")
    fix = "store an answer under a key that follows from its record, and let the store refuse the second"
    yield _check("infra.twice", model, told, got.twice + both, fix=fix, locate=locate)
    told = ("every answer names its record", f"{got.strange:,} answers name no record that was sent")
    fix = "store an answer under the key of its record"
    yield _check("infra.keys", model, told, got.strange, fix=fix, locate=locate)
    yield from _aside(model, sent, got, locate)


def _held_out(model: Model, sent: Sent, got: Got, tolerance: Tolerance, locate: Locate) -> Iterator[Check]:
    found, wrong = parity.NOTHING, list[str]()
    for group in sent.groups:
        if group.probe is None and not isinstance(group.offline, Failed):
            compared, served = _compared(model, group, got, tolerance)
            found += compared
            if served is not None:
                wrong = wrong or protocols.wrong_types(served, model.interface.outputs)
    place = locate(("spec", "tests", "infra", "parity"))
    pattern = model.serving.pattern
    yield checks.parity("infra.parity", pattern, found, "" if found.rows else "no row was answered", place)
    if found.rows:
        yield checks.types(pattern, wrong, locate)


def _compared(model: Model, group: Group, got: Got, tolerance: Tolerance) -> tuple[Compared, Columns | None]:
    """The rows of a group that came back; those that were set aside differ, those that were lost are told elsewhere."""
    assert not isinstance(group.offline, Failed)  # noqa: S101 - asked by the callers
    here = [number for number in group.numbers if number in got.answers]
    aside = [number for number in group.numbers if number in got.aside]
    found = parity.NOTHING
    if aside:
        said = f"row {aside[0] - group.numbers.start + 1:,} was set aside: {got.aside[aside[0]]}"
        found = Compared(len(aside), len(aside), 0.0, said)
    if not here:
        return found, None
    names = dict.fromkeys(name for number in here for name in got.answers[number])
    columns = Columns({name: [got.answers[number].get(name) for number in here] for name in names}, {})
    places = [number - group.numbers.start for number in here]
    want = parity.chosen(group.offline, places)
    return found + parity.compared(model, want, columns, tolerance, places=places), columns


def _unusual(model: Model, sent: Sent, got: Got, tolerance: Tolerance, locate: Locate) -> Iterator[Check]:
    place, passed = locate(("spec", "interface", "inputs")), dict[str, int]()
    for group in sent.groups:
        if (probe := group.probe) is None:
            continue
        what = "without a value" if probe.id == "infra.missing" else "with an unknown category"
        problem = _differs(model, group, probe, got, tolerance)
        if problem:
            yield checks.probe(probe.id, probe.subject, f"{probe.subject} {what}: {problem}", place, bad=True)
        else:
            passed[probe.id] = passed.get(probe.id, 0) + 1
    for id_, count in passed.items():
        what = "without a value" if id_ == "infra.missing" else "with an unknown category"
        message = f"{count} column{'' if count == 1 else 's'} {what}: the same as offline, or set aside"
        yield checks.probe(id_, model.serving.pattern, message, place, bad=False)


def _differs(model: Model, group: Group, probe: Probe, got: Got, tolerance: Tolerance) -> str:
    aside = [number for number in group.numbers if number in got.aside]
    if isinstance(group.offline, Failed):
        answered = len(group.numbers) > len(aside) and any(number in got.answers for number in group.numbers)
        return f"it has an answer, and offline there is none: {group.offline.reason}" if answered else ""
    if len(aside) == len(group.numbers) and not probe.strict:
        return ""
    compared, _ = _compared(model, group, got, tolerance)
    return compared.example if compared.differing else ""


def _aside(model: Model, sent: Sent, got: Got, locate: Locate) -> Iterator[Check]:
    """Records that are none: all of them set aside, each with a reason, and counted."""
    bad = sent.bad
    if not bad:
        why = "no input is required, and so every row that a file can hold is one"
        yield checks.skipped("infra.aside", model.name, why, locate(_SERVING))
        return
    answered = sorted(bad & got.answers.keys())
    silent = [number for number in sorted(bad & got.aside.keys()) if not got.aside[number].strip()]
    wrong = len(answered) + len(silent)
    words = f"{len(answered):,} were answered" if answered else f"{len(silent)} have no reason"
    counted = f"{len(bad & got.aside.keys()):,} of {len(bad):,} bad records"
    told = (f"{counted} were set aside, each with its reason", f"of {len(bad):,} bad records {words}")
    fix = "set aside what is no record, with the reason, and go on"
    yield _check("infra.aside", model, told, wrong, fix=fix, locate=locate)


def _check(id_: str, model: Model, told: tuple[str, str], count: int, *, fix: str, locate: Locate) -> Check:
    """``told`` is what is said where ``count`` is nothing, and where it is not."""
    return Check(
        id_,
        model.serving.pattern,
        Verdict.FAIL if count else Verdict.PASS,
        told[bool(count)],
        observed=count,
        limit=0,
        location=locate(_SERVING),
        fix=fix if count else "",
    )
