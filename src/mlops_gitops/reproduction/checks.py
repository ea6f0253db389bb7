"""A reproduction as a report: what becomes evidence, and what a gate of an environment reads.

One check says at which level the trainings agree (``reproduction.level``; its ``observed`` is the level).  Each thing
that was wrong with a run is a check of its own (``reproduction.crashed``), and so is each cause that was found.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlops_gitops.evidence.statements import LEVEL_CHECK
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.reproduction.levels import Answer
from mlops_gitops.reproduction.reproductions import Reproduction


def report(found: Reproduction, *, location: Location | None = None) -> Report:
    """The report of kind ``reproduction``; ``location`` is the line of the manifest that promises the level."""
    checks = tuple(_checks(found, location))
    reached = found.reached.value if found.reached else "none"
    summary = f"{found.model} {found.version}: trained again, agreement {reached}, {found.demanded.value} demanded"
    sides = (("artifact", found.left.digest), ("reproduced", found.right.digest))
    return Report("reproduction", checks, summary, tuple((name, digest) for name, digest in sides if digest))


def verdict(found: Reproduction) -> Verdict:
    """Pass, fail or inconclusive."""
    return report(found).verdict


def _checks(found: Reproduction, location: Location | None) -> Iterator[Check]:
    if found.agreement is not None:
        yield _level(found, location)
    for problem in found.problems:
        place = Location(problem.place.file, problem.place.line) if problem.place else None
        yield Check(
            f"reproduction.{problem.trouble.value}",
            found.model,
            Verdict.FAIL,
            problem.message,
            location=place,
            fix=problem.fix,
        )
    if found.agreement is None and not found.problems:
        yield Check(LEVEL_CHECK, found.model, Verdict.INCONCLUSIVE, "there is nothing to compare", location=location)
    reached = found.reached
    if found.explanation is not None and (reached is None or not reached.meets(found.demanded)):
        for cause in found.explanation.causes:
            place = Location(cause.place.file, cause.place.line) if cause.place else None
            yield Check("reproduction.cause", cause.factor, Verdict.FAIL, cause.message, location=place, fix=cause.fix)


def _level(found: Reproduction, location: Location | None) -> Check:
    agreement = found.agreement
    assert agreement is not None  # noqa: S101 - for the type checker; the caller has looked
    reached, demanded = agreement.level, found.demanded
    if reached is not None and reached.meets(demanded):
        why = agreement.rung(reached).message
        return Check(
            LEVEL_CHECK,
            found.model,
            Verdict.PASS,
            f"the trainings agree at the level {reached.value}: {why}",
            observed=reached.value,
            limit=demanded.value,
            location=location,
        )
    rung = agreement.rung(demanded)
    words = f"{demanded.value} is promised and {'is not reached' if rung.answer is Answer.BROKEN else 'is not known'}"
    return Check(
        LEVEL_CHECK,
        found.model,
        Verdict.FAIL if rung.answer is Answer.BROKEN else Verdict.INCONCLUSIVE,
        f"{words}: {rung.message}",
        observed=reached.value if reached else "none",
        limit=demanded.value,
        location=location,
        fix="find the cause with `mlops-gitops reproduce --explain`, or promise less under spec.reproducibility.class",
    )
