"""A number with its uncertainty, and what follows from counts alone: plain Python, without arrays.

Every function is pure.  Where a sample cannot answer (one class only, too few rows, nothing to divide by) it raises
``Unmeasurable`` with the reason, and never returns a number that means nothing.  Rows are taken to be
independent; ``clusters`` is for those that are not.  What is worked out from arrays is in ``statistics``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

FEWEST_ROWS = 30
"""Below this many rows a mean has no normal interval worth printing."""
_NOTHING = 60.0
"""A term whose logarithm is so much smaller than that of the largest adds nothing that a float can hold."""
FEWEST_OF_A_CLASS = 10
"""Below this many rows of either class an area under the curve has no interval worth printing."""


class Unmeasurable(ValueError):
    """The sample cannot answer; the text says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, the two-sided interval around it, its standard error, and how many rows it rests on."""

    value: float
    lower: float
    upper: float
    error: float
    rows: int

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound."""
        return (self.lower, self.upper)


def quantile(confidence: float) -> float:
    """Half the width of a two-sided normal interval, in standard errors: 0.95 → 1.96."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, trials: float, *, confidence: float = 0.95) -> Estimate:
    """A proportion with its score interval (Wilson 1927, JASA 22:209), which behaves near 0 and 1.

    Trials may be parts of one where rows are worth less than a row (``clusters``).
    """
    if trials == 0:
        raise Unmeasurable("there is no row to count")
    z, p = quantile(confidence), successes / trials
    shrink = 1 + z * z / trials
    centre = (p + z * z / (2 * trials)) / shrink
    half = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials)) / shrink
    lower = 0.0 if successes == 0 else max(0.0, centre - half)
    upper = 1.0 if successes == trials else min(1.0, centre + half)
    return Estimate(p, lower, upper, math.sqrt(p * (1 - p) / trials), round(trials))


def few_of_a_class(positive: int, negative: int) -> None:
    """Raises ``Unmeasurable`` where either class has too few rows for an area under the curve."""
    if min(positive, negative) < FEWEST_OF_A_CLASS:
        raise Unmeasurable(
            f"{positive} positive and {negative} negative rows are too few to rank; "
            f"{FEWEST_OF_A_CLASS} of each are the least"
        )


def area(value: float, error: float, *, positive: int, negative: int, confidence: float) -> Estimate:
    """An area under the ROC curve with its interval, on the logit scale so that it stays between 0 and 1.

    ``error`` is DeLong's.  Where the classes are separated completely it is nought and says nothing; the bound is then
    that of a proportion with no failure (Wilson) among twice as many trials as the smaller class has rows: as good as
    the area is known near one by the variance of Hanley and McNeil (1982, Radiology 143:29).
    """
    rows = positive + negative
    if value in (0.0, 1.0):
        fewest = min(positive, negative)
        bound = wilson(value * 2 * fewest, 2 * fewest, confidence=confidence)
        return Estimate(value, bound.lower, bound.upper, 0.0, rows)
    return Estimate(value, *on_logit(value, quantile(confidence) * error), error, rows)


def on_logit(value: float, half: float) -> tuple[float, float]:
    """Bounds of a number between 0 and 1, made on the logit scale so that they stay there.

    ``half`` is half the width that the interval would have without.
    """
    centre, wide = math.log(value / (1 - value)), half / (value * (1 - value))
    return _expit(centre - wide), _expit(centre + wide)


def apart(one: Estimate, other: Estimate) -> Estimate:
    """One number less another from two independent samples, by their intervals (square-and-add).

    Newcombe (1998, Statistics in Medicine 17:873) for proportions, Zou and Donner (2008, 27:1693) for anything.
    """
    value = one.value - other.value
    down = math.hypot(one.value - one.lower, other.upper - other.value)
    up = math.hypot(one.upper - one.value, other.value - other.lower)
    return Estimate(value, value - down, value + up, math.hypot(one.error, other.error), one.rows + other.rows)


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def newcombe(both: int, gained: int, lost: int, neither: int, *, confidence: float) -> Estimate:
    """The share gained less the share lost, from the table of two classifiers: both right, one of them, neither."""
    rows = both + gained + lost + neither
    old = wilson(both + lost, rows, confidence=confidence)
    new = wilson(both + gained, rows, confidence=confidence)
    phi = _newcombe_phi(both, gained, lost, neither)
    value = (gained - lost) / rows
    down, up = _square_and_add(new, old, phi), _square_and_add(_mirror(new), _mirror(old), phi)
    error = math.sqrt(max(0.0, (gained + lost) / rows - value * value) / rows)
    return Estimate(value, max(-1.0, value - down), min(1.0, value + up), error, rows)


def _newcombe_phi(both: int, gained: int, lost: int, neither: int) -> float:
    rows = both + gained + lost + neither
    product = (both + gained) * (lost + neither) * (both + lost) * (gained + neither)
    if product == 0:
        return 0.0
    cross = float(both * neither - gained * lost)
    return (max(0.0, cross - rows / 2) if cross > 0 else cross) / math.sqrt(product)


def _square_and_add(new: Estimate, old: Estimate, phi: float) -> float:
    a, b = new.value - new.lower, old.upper - old.value
    return math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))


def _mirror(found: Estimate) -> Estimate:
    return Estimate(-found.value, -found.upper, -found.lower, found.error, found.rows)


def mcnemar_exact(gained: int, lost: int) -> float:
    """The p-value of ``statistics.mcnemar`` from how many rows only the one and only the other has right."""
    trials = gained + lost
    return min(1.0, 2 * binomial_tail(max(gained, lost), trials)) if trials else 1.0


def binomial_tail(successes: int, trials: int) -> float:
    """The chance of at least so many heads among so many tosses of a fair coin, exactly.

    Beyond the middle the terms only fall; those that cannot change the sum any more are left out.
    """
    logs: list[float] = []
    ways, tosses, top = math.lgamma(trials + 1), trials * math.log(2), -math.inf
    for heads in range(successes, trials + 1):
        term = ways - math.lgamma(heads + 1) - math.lgamma(trials - heads + 1) - tosses
        top = max(top, term)
        if 2 * heads > trials and term < top - _NOTHING:
            break
        logs.append(term)
    return min(1.0, math.exp(top) * math.fsum(math.exp(value - top) for value in logs))


def rows_needed(error: float, rows: int, *, distance: float, confidence: float) -> int | None:
    """How many rows would put the bound ``distance`` away from the estimate, if the estimate stays; ``None``: never."""
    if distance <= 0:
        return None
    return math.ceil(rows * (quantile(confidence) * error / distance) ** 2)


def holm(values: list[float]) -> list[float]:
    """P-values adjusted so that the chance of any false alarm among them stays bounded (Holm 1979, SJS 6:65)."""
    adjusted, running = [1.0] * len(values), 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        running = max(running, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = running
    return adjusted
