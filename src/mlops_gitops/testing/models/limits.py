"""How an estimate is held against a limit, the same in every test of a model.

A check **fails** when the estimate misses the limit, **passes** when the one-sided 95 % confidence bound clears it too,
and is **inconclusive** between, with the rows that would tell.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.testing import estimates, wording
from mlops_gitops.testing.data.columns import Place
from mlops_gitops.testing.estimates import Estimate

POWER = 0.8
_NORMAL = NormalDist()
CONFIDENCE = 0.90
"""Two-sided, so that each of its bounds is a one-sided bound at 95 %."""


def threshold(
    id_: str, subject: str, on: str, found: Estimate, limits: Threshold, *, place: Place, assumed: str
) -> Check:
    """The rule of this module for one estimate (made with ``CONFIDENCE``) and its limits.

    ``assumed`` says what the interval takes the rows as, and stands in the verdict.
    """
    sides = [
        _side(id_, subject, on, found, limit, least=least, location=place("threshold", "min" if least else "max"))
        for limit, least in ((limits.min, True), (limits.max, False))
        if limit is not None
    ]
    if not sides:
        message = f"{on} is {wording.score(found.value)}, and no limit says what is enough"
        return unmeasured(id_, subject, message, place("threshold"))
    order = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}
    worst = min(sides, key=lambda check: order[check.verdict])
    return replace(worst, message=f"{worst.message}; {assumed}")


def _side(id_: str, subject: str, on: str, found: Estimate, limit: float, *, least: bool, location: Location) -> Check:
    bound, slack = (found.lower, found.value - limit) if least else (found.upper, limit - found.value)
    which, words = ("lower", "at least") if least else ("upper", "at most")
    demand = f"{words} {wording.score(limit)} is demanded"
    value, edge = wording.score(found.value), wording.score(bound)
    clear = bound >= limit if least else bound <= limit
    base = Check(
        id_,
        subject,
        Verdict.PASS,
        f"{on} is {value} ({which} 95 % bound {edge}); {demand}",
        observed=found.value,
        limit=limit,
        interval=found.interval,
        rows=found.rows,
        location=location,
    )
    if slack < 0:
        interval = f"{wording.score(found.lower)} to {wording.score(found.upper)}"
        message = f"{on} is {value} (90 % interval {interval}); {demand}"
        return replace(base, verdict=Verdict.FAIL, message=message, fix="improve the model; the limit is a promise")
    if clear:
        return base
    message = f"{on} is {value}, but its {which} 95 % bound {edge} does not clear {wording.score(limit)}; " + more(
        found, slack
    )
    return replace(base, verdict=Verdict.INCONCLUSIVE, message=message, fix="test on more rows")


def more(found: Estimate, slack: float, *, confidence: float = CONFIDENCE) -> str:
    """How many rows would tell in four of five samples, if the estimate is right."""
    spread = 1 + _NORMAL.inv_cdf(POWER) / estimates.quantile(confidence)
    needed = estimates.rows_needed(spread * found.error, found.rows, distance=slack, confidence=confidence)
    if needed is None or needed <= found.rows:
        return f"{wording.rows(found.rows)} cannot tell"
    return f"about {wording.rows(needed)} would tell with 80 %, there are {found.rows:,}"


def mirrored(found: Estimate) -> Estimate:
    """The same turned around: a loss as a gain."""
    return Estimate(-found.value, -found.upper, -found.lower, found.error, found.rows)


def unmeasured(id_: str, subject: str, message: str, location: Location) -> Check:
    """Nothing was judged, and a person has to look."""
    fix = "provide rows that can answer; nothing was judged"
    return Check(id_, subject, Verdict.INCONCLUSIVE, message, location=location, fix=fix)
