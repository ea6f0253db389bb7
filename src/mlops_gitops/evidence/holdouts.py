"""What a comparison says of the data it used: each use of a file is a look, and looks are counted.

A comparison has one chance for each file: all of its metrics have to pass there, so that the largest of their p-values
counts (intersection-union test; Berger 1982, Technometrics 24:295).  Whoever publishes a comparison numbers its looks
by what the environment repository holds already (``promotion/ledger.py``); a gate that spends its data by looks lets
one pass whose chance is within its share and whose number is within the looks there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.manifests.environment import Holdout
from mlops_gitops.records import record


@record
class Look:
    """One use of a file by a comparison.

    ``chance`` is the one-sided p-value of the whole comparison on that file: how likely its rows are if the candidate
    were only just too bad.  ``number`` counts the uses of the file by the model, from one; ``None``: nobody counted it.
    """

    holdout: str
    chance: float
    number: int | None = None


def looked(looks: Sequence[tuple[str, float]], *, anchor: str | None) -> dict[str, JSON]:
    """The details of a comparison: the files it used with their chances, and the release of long ago beside it."""
    told: dict[str, JSON] = {"looks": [{"holdout": holdout, "chance": chance} for holdout, chance in looks]}
    return told if anchor is None else {**told, "anchor": anchor}


def numbered(claim: Claim, numbers: Sequence[int]) -> Claim:
    """The claim with a number for each of its looks."""
    told: list[JSON] = [
        {"holdout": one.holdout, "chance": one.chance, "number": number}
        for one, number in zip(looks(claim), numbers, strict=True)
    ]
    return replace(claim, details={**claim.details, "looks": told})


def looks(claim: Claim) -> tuple[Look, ...]:
    """The looks that a claim says it took; what is none is left out, as details may hold anything."""
    return _looks(claim.details)


def _looks(details: JSON | Mapping[str, JSON]) -> tuple[Look, ...]:
    said = details.get("looks") if isinstance(details, Mapping) else None
    return tuple(filter(None, map(_look, said if isinstance(said, list) else [])))


def _look(said: JSON) -> Look | None:
    if not isinstance(said, Mapping):
        return None
    holdout, chance, number = said.get("holdout"), said.get("chance"), said.get("number")
    if not isinstance(holdout, str) or isinstance(chance, bool) or not isinstance(chance, int | float):
        return None
    return Look(holdout, float(chance), number if type(number) is int else None)


def short_of(holdout: Holdout, claim: Claim) -> str | None:
    """Why a comparison that passed is not enough where data are spent by looks, or ``None``."""
    found = looks(claim)
    if not found:
        return "it does not say which data it looked at, so that the look cannot be counted"
    for one in found:
        name = f"data {one.holdout[:12]}"
        if holdout.data and one.holdout not in holdout.data:
            return f"it looked at {name}, which the policy does not name"
        if one.number is None:
            return f"its look at {name} was not counted when it was published"
        if one.number > holdout.looks:
            return f"it was look {one.number} at {name}, which may judge {holdout.looks}: fresh data are due"
        if one.chance > holdout.each:
            return (
                f"look {one.number} of {holdout.looks} at {name} may pass by luck with a chance of "
                f"{holdout.each:.2g}, and this one has {one.chance:.2g}"
            )
    return None


def told(holdout: Holdout, claim: Claim) -> str:
    """Which looks a comparison took, and how many are left."""
    words = []
    for one in looks(claim):
        left = holdout.looks - (one.number or 0)
        due = "fresh data are due for the next" if left <= 0 else f"{left} left"
        words.append(f"look {one.number} of {holdout.looks} at data {one.holdout[:12]}, {due}")
    return "; ".join(words)


def quiet(report: Report) -> Report:
    """A comparison that did not pass, without a number that would tell how far it was from passing.

    A yes or no for each look is all that leaves the data, and only a yes changes what is tried next: so luck cannot be
    collected over many looks (the Ladder of Blum and Hardt 2015, ICML, with one rung).
    """
    if report.verdict is Verdict.PASS:
        return report
    checks = tuple(
        replace(
            one,
            message=f"{one.subject}: {_QUIET[one.verdict]}",
            observed=None,
            interval=None,
            verdict=one.verdict,
        )
        if one.id in _NUMBERS
        else one
        for one in report.checks
    )
    details = {name: value for name, value in report.details.items() if name != "looks"}
    told: list[JSON] = [{"holdout": one.holdout, "chance": 1.0} for one in _looks(report.details)]
    return replace(report, checks=checks, details={**details, "looks": told})


_NUMBERS = ("comparison.metric", "comparison.slice", "comparison.anchor")
_QUIET = {
    Verdict.PASS: "nothing against it is shown",
    Verdict.FAIL: "the loss is shown to be larger than allowed",
    Verdict.INCONCLUSIVE: "these rows do not show that it may pass",
}
