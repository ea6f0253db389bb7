"""Whether a metric of other trainings is equivalent to that of the record, and whether few decisions changed.

Equivalence is shown by two one-sided tests (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657): the 90 % interval of
the difference must lie inside the margin.  That a difference was not seen is never taken for equality.

The record is one draw from the same distribution of seeds as the trainings it is compared with.  Its own noise stays,
however many trainings there are, so a margin narrower than that noise can never be met, and the words say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlops_gitops.reproduction.levels import Answer, Equivalence, PredictionComparison
from mlops_gitops.testing.statistics import wilson

ALPHA = 0.05
POWER = 0.8
_MOST_SEEDS = 1000
_TINY = 1e-300


def tost(metric: str, *, record: float, values: Sequence[float], margin: float, alpha: float = ALPHA) -> Equivalence:
    """Whether trainings with other seeds have the record's metric, within ``margin``.

    ``values`` are the metric of N ≥ 2 trainings.  Raises ``ValueError`` for fewer, or where a number is not finite.
    """
    count = len(values)
    if count < 2 or not all(map(math.isfinite, (record, *values))):  # noqa: PLR2004 - a spread needs two
        raise ValueError(f"{metric} needs at least two finite values")
    mean = math.fsum(values) / count
    spread = math.sqrt(math.fsum((one - mean) ** 2 for one in values) / (count - 1))
    difference, error = mean - record, spread * math.sqrt(1 + 1 / count)
    half = student_quantile(1 - alpha, count - 1) * error
    interval = (difference - half, difference + half)
    if -margin <= interval[0] and interval[1] <= margin:
        answer = Answer.HOLDS
    elif interval[0] > margin or interval[1] < -margin:
        answer = Answer.BROKEN
    else:
        answer = Answer.OPEN
    needed = next((n for n in range(2, _MOST_SEEDS + 1) if _power(spread, n, margin, alpha) >= POWER), None)
    return Equivalence(
        metric=metric,
        record=record,
        values=tuple(values),
        difference=difference,
        interval=interval,
        margin=margin,
        power=_power(spread, count, margin, alpha),
        needed=needed,
        answer=answer,
    )


def churn(compared: Sequence[PredictionComparison], *, budget: float) -> tuple[Answer, str]:
    """Whether the share of changed decisions is within ``budget``, by its 90 % interval, and that in words.

    Decisions on the same rows in several trainings are not independent, so the largest share counts, with its own rows.
    """
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
    return Answer.OPEN, f"{words}: {worst.rows:,} rows cannot tell"


def _power(spread: float, count: int, margin: float, alpha: float) -> float:
    """The chance to pass if in truth there is no difference (a normal approximation of the noncentral t)."""
    error = spread * math.sqrt(1 + 1 / count)
    if error <= _TINY:
        return 1.0
    room = margin / error - student_quantile(1 - alpha, count - 1)
    return max(0.0, 2 * student_cdf(room, count - 1) - 1) if room > 0 else 0.0


def student_cdf(x: float, degrees: int) -> float:
    """The distribution function of Student's t (Abramowitz and Stegun 26.5.27)."""
    if x == 0:
        return 0.5
    tail = 0.5 * _incomplete_beta(degrees / (degrees + x * x), degrees / 2, 0.5)
    return 1 - tail if x > 0 else tail


def student_quantile(share: float, degrees: int) -> float:
    """The quantile of Student's t, by bisection of its distribution function."""
    if share == 0.5:  # noqa: PLR2004 - the middle
        return 0.0
    if share < 0.5:  # noqa: PLR2004
        return -student_quantile(1 - share, degrees)
    low, high = 0.0, 1.0
    while student_cdf(high, degrees) < share:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if student_cdf(middle, degrees) < share else (low, middle)
    return (low + high) / 2


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x > (a + 1) / (a + b + 2):
        return 1 - front * _fraction(1 - x, b, a) / b
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction, by Lentz's method."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or _TINY)
    total = d
    for m in range(1, 500):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + numerator * d or _TINY)
            c = 1 + numerator / c or _TINY
            total *= c * d
        if abs(c * d - 1) < 1e-15:  # noqa: PLR2004 - below the precision of a float
            break
    return total
