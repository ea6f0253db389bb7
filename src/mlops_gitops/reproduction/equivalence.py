"""Whether a metric of other trainings is equivalent to that of the record, and whether few decisions changed.

Equivalence is shown by two one-sided tests (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657): the 90 % interval of
the difference must lie inside the margin.  That a difference was not seen is never taken for equality.

The record is one draw from the same distribution of seeds as the trainings it is compared with.  Its own noise stays,
however many trainings there are, so a margin narrower than that noise can never be met, and the words say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from mlops_gitops.reproduction.levels import Answer, Equivalence, PredictionComparison
from mlops_gitops.testing.estimates import wilson
from mlops_gitops.testing.student import student_quantile

ALPHA = 0.05
POWER = 0.8
_MOST_SEEDS = 1000
_TINY = 1e-300
_PANELS = 200


def tost(metric: str, *, record: float, values: Sequence[float], margin: float, alpha: float = ALPHA) -> Equivalence:
    """Whether trainings with other seeds have the record's metric, within ``margin``.

    ``values`` are the metric of N ≥ 2 trainings.  Raises ``ValueError`` for fewer, where a number is not finite or too
    large to square, and for a margin that is negative or no number.
    """
    count = len(values)
    if count < 2 or not all(map(math.isfinite, (record, *values))):  # noqa: PLR2004 - a spread needs two
        raise ValueError(f"{metric} needs at least two finite values")
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError(f"the margin of {metric} is {margin}, and it has to be a number that is not negative")
    try:
        mean, spread = _moments(values)
    except OverflowError:
        raise ValueError(f"the values of {metric} are too large") from None
    difference, error = mean - record, spread * math.sqrt(1 + 1 / count)
    half = student_quantile(1 - alpha, count - 1) * error
    interval = (difference - half, difference + half)
    # 0.91 - 0.90 is not 0.01 in binary: what rounding alone can have done decides nothing
    slack = 4 * math.ulp(max(abs(record), abs(mean), margin))
    if -margin - slack <= interval[0] and interval[1] <= margin + slack:
        answer = Answer.HOLDS
    elif interval[0] > margin + slack or interval[1] < -margin - slack:
        answer = Answer.BROKEN
    else:
        answer = Answer.OPEN
    return Equivalence(
        metric=metric,
        record=record,
        values=tuple(values),
        difference=difference,
        interval=interval,
        margin=margin,
        power=power(spread, count, margin=margin, alpha=alpha),
        needed=_needed(spread, margin, alpha),
        answer=answer,
    )


def _moments(values: Sequence[float]) -> tuple[float, float]:
    """Mean and spread; equal values have no spread, whatever rounding makes of their mean."""
    if all(one == values[0] for one in values):
        return values[0], 0.0
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((one - mean) ** 2 for one in values) / (len(values) - 1))


def churn(compared: Sequence[PredictionComparison], *, budget: float) -> tuple[Answer, str]:
    """Whether the share of changed decisions is within ``budget``, by its 90 % interval, and that in words.

    Decisions on the same rows in several trainings are not independent, so the largest share counts, with its own rows.
    Raises ``ValueError`` for a budget that is negative or no number.
    """
    if not budget >= 0:
        raise ValueError(f"the budget is {budget}, and it has to be a share")
    if not compared:
        return Answer.OPEN, "no decision was compared"
    worst = max(compared, key=lambda one: one.churn)
    if worst.rows == 0:
        return Answer.OPEN, f"{worst.dataset} has no row"
    found = wilson(worst.changed, worst.rows, confidence=1 - 2 * ALPHA)
    words = f"at most {worst.churn:.2%} of decisions changed (upper bound {found.upper:.2%}, budget {budget:.2%})"
    if found.upper <= budget:
        return Answer.HOLDS, words
    if found.lower > budget:
        return Answer.BROKEN, f"{worst.churn:.2%} of decisions changed, budget {budget:.2%}"
    return Answer.OPEN, f"{words}: {worst.rows:,} rows cannot tell; {_rows_that_tell(worst.churn, budget)}"


def _rows_that_tell(share: float, budget: float) -> str:
    """From how many rows on the interval of ``share`` leaves ``budget`` out: where the score test turns."""
    apart = abs(share - budget)
    if apart <= _TINY:
        return "no number of rows can, as long as the share is the budget"
    z = NormalDist().inv_cdf(1 - ALPHA)
    rows = math.ceil(z * z * budget * (1 - budget) / apart**2)
    return f"about {rows:,} would, if the share stays as it is"


def power(spread: float, count: int, *, margin: float, alpha: float = ALPHA) -> float:
    """The chance that ``count`` trainings pass if in truth there is no difference, and ``spread`` is the true one.

    Exact but for the quadrature: given a sample spread, the mean difference is normal and has to lie within what that
    spread leaves of the margin; the sample spread follows a chi distribution, over which Simpson's rule integrates.
    """
    degrees, factor = count - 1, math.sqrt(1 + 1 / count)
    if spread * factor <= _TINY:
        return 1.0
    room, critical = margin / (spread * factor), student_quantile(1 - alpha, degrees)
    width = 10 / math.sqrt(2 * degrees)  # beyond, the chi distribution has nothing left to add
    low, high = max(0.0, 1 - width), min(room / critical, 1 + width)
    if high <= low:
        return 0.0
    constant = math.log(2) + degrees / 2 * math.log(degrees / 2) - math.lgamma(degrees / 2)

    def density(ratio: float) -> float:
        if ratio == 0:
            return math.exp(constant) if degrees == 1 else 0.0
        return math.exp(constant + (degrees - 1) * math.log(ratio) - degrees * ratio * ratio / 2)

    step = (high - low) / _PANELS
    points = (low + index * step for index in range(_PANELS + 1))
    heights = [density(at) * math.erf(max(0.0, room - critical * at) / math.sqrt(2)) for at in points]
    total = heights[0] + heights[-1] + 4 * math.fsum(heights[1:-1:2]) + 2 * math.fsum(heights[2:-1:2])
    return min(1.0, total * step / 3)


def _needed(spread: float, margin: float, alpha: float) -> int | None:
    """The fewest trainings with enough power, by bisection: more trainings never have less of it."""
    if power(spread, _MOST_SEEDS, margin=margin, alpha=alpha) < POWER:
        return None
    low, high = 1, _MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(spread, middle, margin=margin, alpha=alpha) >= POWER else (middle, high)
    return high
