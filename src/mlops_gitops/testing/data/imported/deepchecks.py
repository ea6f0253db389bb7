"""Results of Deepchecks: ``suite_result.to_json()``; only conditions count.

A check without a condition judges nothing, and a check that could not run is a failure.  The name of the suite may hold
``sha256:…`` of the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.testing.data.imported.outcomes import Outcome, Results, Unknown, digests, listed, mapping, text

TOOL = "Deepchecks"
_STATUSES = {
    "PASS": Verdict.PASS,
    "FAIL": Verdict.FAIL,
    "ERROR": Verdict.FAIL,
    "WARN": Verdict.INCONCLUSIVE,
}


def results(value: Any) -> Results:
    """The outcomes.  Raises ``Unknown``."""
    whole = mapping(value, "the result")
    if whole.get("type") != "SuiteResult":
        raise Unknown("it is no `SuiteResult`")
    entries = [mapping(one, "a check") for one in listed(whole.get("results"), "`results`")]
    outcomes = tuple(outcome for one in entries for outcome in _outcomes(one))
    return Results(TOOL, outcomes, None, digests(whole.get("name")))


def _outcomes(one: Mapping[str, Any]) -> Iterator[Outcome]:
    kind = one.get("type")
    if kind == "CheckFailure":
        yield Outcome(text(one.get("header"), "the header of a check"), Verdict.FAIL, "the check could not run")
        return
    if kind != "CheckResult":
        raise Unknown(f"{text(str(kind), 'a type')!r} is no type of result that is known")
    subject = text(one.get("header"), "the header of a check")
    for entry in listed(one.get("conditions_results") or [], "`conditions_results`"):
        found = mapping(entry, "a condition")
        status = text(found.get("Status"), "the status of a condition")
        if status not in _STATUSES:
            raise Unknown(f"{subject} has a status that is not known")
        words = f"{text(found.get('Condition'), 'a condition')}: {text(found.get('More Info') or '', 'its words')}"
        yield Outcome(subject, _STATUSES[status], words.removesuffix(": "))
