"""What evidence about past releases says of age: how old each was when it was asked, and how old one may become.

``release`` writes it into the details of ``history-tests``; details may hold anything, so what is no age is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.figures import Point
from mlops_gitops.evidence.statements import Claim

KIND = "history-tests"
CHECK = "model.staleness"
_AGES, _DAYS, _ALLOWED = "ages", "days", "maxAgeDays"


def told(points: Sequence[Point], *, allowed: timedelta | None) -> dict[str, JSON]:
    """The details: the points of the curve, ``at`` days each, and the age that is ``allowed``."""
    ages: list[JSON] = [
        {"version": one.label, _DAYS: one.at, "value": one.value, "interval": [one.lower, one.upper], "rows": one.rows}
        for one in points
    ]
    return {_AGES: ages, **({} if allowed is None else {_ALLOWED: allowed.total_seconds() / 86_400})}


def seen(claim: Claim) -> tuple[timedelta, timedelta] | None:
    """The age of the oldest past release that was asked and is within the allowed age, and that age.

    ``None`` where the claim does not say both.
    """
    details = claim.details if isinstance(claim.details, Mapping) else {}
    allowed, listed = _days(details.get(_ALLOWED)), details.get(_AGES)
    found = [_days(one.get(_DAYS)) for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    within = [one for one in found if one is not None and allowed is not None and one <= allowed]
    return (max(within), allowed) if within and allowed is not None else None


def _days(value: JSON) -> timedelta | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < timedelta.max.days:
        return None
    return timedelta(days=value)
