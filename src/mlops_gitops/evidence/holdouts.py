"""What a comparison says of the data it used: each use of a file is a look, and looks are counted.

A comparison has one chance for each file: all of its metrics have to pass there, so that the largest of their p-values
counts (intersection-union test; Berger 1982, Technometrics 24:295).  Whoever publishes a comparison numbers its looks
by what the environment repository holds already (``promotion/ledger.py``); a gate that spends its data by looks lets
one pass whose chance is within its share and whose number is within the looks there are.  Fresh data begin anew where
the policy names them; where it names none, every comparison of the model counts, since anybody can make fresh data by
adding a row.
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
    were only just too bad.  ``asked`` is the digest of the questions and of what the models answered: asked anew, or
    answered otherwise, it is another look.  ``number`` counts the uses of the file, by whatever model, and ``total``
    the comparisons of the model, on whatever file, both from one; ``None``: nobody counted it.
    """

    holdout: str
    chance: float
    number: int | None = None
    asked: str | None = None
    total: int | None = None

    def document(self) -> dict[str, JSON]:
        """As evidence keeps it; what is absent is left out."""
        fields: dict[str, JSON] = {
            "holdout": self.holdout,
            "chance": self.chance,
            "asked": self.asked,
            "number": self.number,
            "total": self.total,
        }
        return {name: value for name, value in fields.items() if value is not None}


def looked(looks: Sequence[Look], *, anchor: str | None) -> dict[str, JSON]:
    """The details of a comparison: the files it used with their chances, and the release of long ago beside it."""
    told: dict[str, JSON] = {"looks": [one.document() for one in looks]}
    return told if anchor is None else {**told, "anchor": anchor}


def numbered(claim: Claim, numbers: Sequence[int], *, total: int) -> Claim:
    """The claim with a number for each of its looks."""
    told: list[JSON] = [
        replace(one, number=number, total=total).document() for one, number in zip(looks(claim), numbers, strict=True)
    ]
    return replace(claim, details={**claim.details, "looks": told})


def looks(claim: Claim) -> tuple[Look, ...]:
    """The looks that a claim says it took; what is none is left out, as details may hold anything."""
    return _looks(claim.details)


def _looks(details: JSON | Mapping[str, JSON]) -> tuple[Look, ...]:
    return tuple(filter(None, map(_look, _said(details))))


def _said(details: JSON | Mapping[str, JSON]) -> list[JSON]:
    said = details.get("looks") if isinstance(details, Mapping) else None
    return said if isinstance(said, list) else []


def _look(said: JSON) -> Look | None:
    if not isinstance(said, Mapping):
        return None
    holdout, chance, asked = said.get("holdout"), said.get("chance"), said.get("asked")
    if not isinstance(holdout, str) or isinstance(chance, bool) or not isinstance(chance, int | float):
        return None
    if not 0 <= chance <= 1:  # no chance, and neither is NaN
        return None
    return Look(
        holdout,
        float(chance),
        _count(said.get("number")),
        asked if isinstance(asked, str) else None,
        _count(said.get("total")),
    )


def _count(said: JSON) -> int | None:
    return said if type(said) is int and said >= 1 else None


def short_of(holdout: Holdout, claim: Claim) -> str | None:
    """Why a comparison that passed is not enough where data are spent by looks, or ``None``."""
    found = looks(claim)
    if not found or len(found) != len(_said(claim.details)):
        return "it does not say which data it looked at, so that the look cannot be counted"
    return next(filter(None, (_short_of(holdout, one) for one in found)), None)


def _short_of(holdout: Holdout, one: Look) -> str | None:
    name = f"data {one.holdout[:12]}"
    if holdout.data and one.holdout not in holdout.data:
        return f"it looked at {name}, which the policy does not name"
    if one.number is None:
        return f"its look at {name} was not counted when it was published"
    if one.number > holdout.looks:
        return f"it was look {one.number} at {name}, which may judge {holdout.looks}: fresh data are due"
    counted = _counted(holdout, one)
    if counted > holdout.looks:
        return (
            f"it was comparison {counted} of this model, and the policy lets {holdout.looks} judge and names no data: "
            "fresh data are due, and begin anew where `holdout.data` names them"
        )
    if not 0 <= one.chance <= holdout.each:
        return (
            f"look {counted} of {holdout.looks} at {name} may pass by luck with a chance of "
            f"{holdout.each:.2g}, and this one has {one.chance:.2g}"
        )
    return None


def _counted(holdout: Holdout, one: Look) -> int:
    """How many of the looks there are have been taken with this one."""
    number = one.number or 0
    return number if holdout.data else max(number, one.total or 0)


def told(holdout: Holdout, claim: Claim) -> str:
    """Which looks a comparison took, and how many are left."""
    words = []
    for one in looks(claim):
        counted = _counted(holdout, one)
        left = holdout.looks - counted
        due = "fresh data are due for the next" if left <= 0 else f"{left} left"
        words.append(f"look {counted} of {holdout.looks} at data {one.holdout[:12]}, {due}")
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
            figures=(),
        )
        if one.id in _NUMBERS
        else one
        for one in report.checks
    )
    details = {name: value for name, value in report.details.items() if name != "looks"}
    told: list[JSON] = [replace(one, chance=1.0).document() for one in _looks(report.details)]
    return replace(report, checks=checks, details={**details, "looks": told}, figures=())


def hushed(reports: Sequence[Report]) -> tuple[Report, ...]:
    """Reports of which none tells how far a comparison was from passing.

    The tests of the model measure the candidate on the same rows as the comparison; where that did not pass they keep
    their verdicts, and what they say of the health of the predictions.
    """
    told = [quiet(one) if one.kind == "comparison" else one for one in reports]
    if all(one.verdict is Verdict.PASS for one in told if one.kind == "comparison"):
        return tuple(told)
    return tuple(_without_numbers(one) if one.kind in _MEASURED else one for one in told)


def _without_numbers(report: Report) -> Report:
    checks = tuple(
        one
        if one.id in _OF_HEALTH
        else replace(one, message=f"{one.subject}: {_SAID[one.verdict]}", observed=None, interval=None, figures=())
        for one in report.checks
    )
    return replace(report, checks=checks, figures=())


_MEASURED = ("model-tests", "history-tests")
_OF_HEALTH = tuple(
    f"model.{one}" for one in ("predictions", "finite", "range", "constant", "repeatable", "shape", "labels", "target")
)
_SAID = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.INCONCLUSIVE: "these rows cannot tell",
}
_NUMBERS = ("comparison.metric", "comparison.slice", "comparison.anchor")
_QUIET = {
    Verdict.PASS: "nothing against it is shown",
    Verdict.FAIL: "the loss is shown to be larger than allowed",
    Verdict.INCONCLUSIVE: "these rows do not show that it may pass",
}
