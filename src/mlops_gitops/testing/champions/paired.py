"""How much better one model is than another on the same rows, and how sure that is.

A ``Gain`` is a paired difference turned so that more is better.  It answers three questions at any confidence: the
two-sided interval, the chance of such rows if the true gain were no more than a floor, and that if it were no less.

* Shares of the same rows (accuracy, recall, specificity, coverage): Newcombe's interval for paired proportions (1998,
  Statistics in Medicine 17:2635, method 10), inverted for the chance; at a floor of nought McNemar's exact binomial.
* Area under the curve: DeLong (1988, Biometrics 44:837).
* Everything else, and everything where rows come in blocks: the delta method on the influence of each row with
  Student's t, and the paired bootstrap of the blocks beside it (Efron and Tibshirani 1993, chapter 8); the more careful
  of the two counts.  Rows that come in no blocks are dealt at random into at most ``MOST_BLOCKS`` of equal size.

Pure.  Resampling begins from a fixed seed: the same rows give the same answer.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from mlops_gitops.testing import clusters, estimates, flips, statistics
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.flips import Flips
from mlops_gitops.testing.models.metrics import Metric, Sample
from mlops_gitops.testing.statistics import Bools, Floats
from mlops_gitops.testing.student import student_cdf, student_quantile

Codes: TypeAlias = npt.NDArray[np.int64]
"""The block of each row, as whole numbers; shape ``(rows,)``."""
Parted: TypeAlias = tuple[Codes, int]
"""The block of each row, from nought, and how many blocks there are."""

MOST_BLOCKS = 512
DRAWS = 9_999
_LEAST_CHANCE = 1e-9
_MOST_TIMES = 1e6
_NORMAL = NormalDist()


class Gain(Protocol):
    """A paired difference, more being better; ``method`` names what the interval is."""

    @property
    def value(self) -> float: ...  # noqa: D102 - said above
    @property
    def error(self) -> float: ...  # noqa: D102
    @property
    def rows(self) -> int: ...  # noqa: D102
    @property
    def method(self) -> str: ...  # noqa: D102

    def interval(self, confidence: float) -> tuple[float, float]:
        """The two-sided interval."""

    def chance(self, floor: float) -> float:
        """One-sided p-value of "the true gain is at most ``floor``": small where more than that is shown."""

    def harm(self, floor: float) -> float:
        """One-sided p-value of "the true gain is at least ``floor``": small where less than that is shown."""


@dataclass(frozen=True, slots=True)
class Proportions:
    """Two classifiers on the same rows: both right, gained, lost, neither right; rows ``beside`` do not count."""

    both: int
    gained: int
    lost: int
    neither: int
    method: str = "Newcombe"
    beside: int = 0

    @property
    def rows(self) -> int:
        """All of them, with those that do not count."""
        return self._counted + self.beside

    @property
    def _counted(self) -> int:
        return self.both + self.gained + self.lost + self.neither

    @property
    def value(self) -> float:
        """Share right after less share right before."""
        return (self.gained - self.lost) / self._counted

    @property
    def error(self) -> float:
        """The standard error, for the rows that would be needed."""
        return math.sqrt(max(0.0, (self.gained + self.lost) / self._counted - self.value**2) / self._counted)

    @property
    def mcnemar(self) -> float:
        """The exact two-sided p-value that both are right equally often."""
        return estimates.mcnemar_exact(self.gained, self.lost)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Newcombe's."""
        return estimates.newcombe(self.both, self.gained, self.lost, self.neither, confidence=confidence).interval

    def chance(self, floor: float) -> float:
        """McNemar's at nought, otherwise the level at which Newcombe's lower bound is the floor."""
        if floor == 0:
            return estimates.binomial_tail(self.gained, self.gained + self.lost)
        return self._inverted(floor) if self.value >= floor else 1 - self._mirrored()._inverted(-floor)  # noqa: SLF001

    def harm(self, floor: float) -> float:
        """The same with the two models exchanged."""
        return self._mirrored().chance(-floor)

    def _mirrored(self) -> Proportions:
        return Proportions(self.both, self.lost, self.gained, self.neither, beside=self.beside)

    def _inverted(self, floor: float) -> float:
        low, high = math.log(_LEAST_CHANCE), math.log(0.5)
        for _ in range(40):
            middle = (low + high) / 2
            held = self.interval(1 - 2 * math.exp(middle))[0] >= floor
            low, high = (low, middle) if held else (middle, high)
        return math.exp(high)


@dataclass(frozen=True, slots=True)
class Approximate:
    """A difference whose error is known: DeLong's normal interval, or Student's t with ``degrees`` of freedom."""

    value: float
    error: float
    rows: int
    method: str
    degrees: int | None = None

    def interval(self, confidence: float) -> tuple[float, float]:
        """Symmetric."""
        half = self.error * (
            estimates.quantile(confidence)
            if self.degrees is None
            else student_quantile(0.5 + confidence / 2, self.degrees)
        )
        return self.value - half, self.value + half

    def chance(self, floor: float) -> float:
        """From the same distribution."""
        return self._below(floor - self.value)

    def harm(self, floor: float) -> float:
        """From the same distribution."""
        return self._below(self.value - floor)

    def _below(self, distance: float) -> float:
        if self.error == 0:
            return 0.0 if distance < 0 else 1.0
        at = distance / self.error
        return _NORMAL.cdf(at) if self.degrees is None else student_cdf(at, self.degrees)


@dataclass(frozen=True, slots=True)
class Resampled:
    """The delta method with the bootstrap beside it; ``draws`` are the gains of the samples drawn, in order."""

    delta: Approximate | Flips
    draws: Floats
    method: str

    @property
    def value(self) -> float:
        """As it was found."""
        return self.delta.value

    @property
    def error(self) -> float:
        """The delta method's."""
        return self.delta.error

    @property
    def rows(self) -> int:
        """Of both models."""
        return self.delta.rows

    def interval(self, confidence: float) -> tuple[float, float]:
        """From the lower of the two lower bounds to the higher of the two upper ones."""
        lower, upper = self.delta.interval(confidence)
        tail = (1 - confidence) / 2
        low, high = np.quantile(self.draws, [tail, 1 - tail])
        return min(lower, float(low)), max(upper, float(high))

    def chance(self, floor: float) -> float:
        """The larger of the two."""
        if self.error == 0:
            return self.delta.chance(floor)
        return max(self.delta.chance(floor), (1 + int((self.draws <= floor).sum())) / (1 + len(self.draws)))

    def harm(self, floor: float) -> float:
        """The larger of the two."""
        if self.error == 0:
            return self.delta.harm(floor)
        return max(self.delta.harm(floor), (1 + int((self.draws >= floor).sum())) / (1 + len(self.draws)))


@dataclass(frozen=True, slots=True)
class Pairing:
    """The metric of both models, and the gain between them."""

    before: float
    after: float
    gain: Gain


def compared(
    metric: Metric, before: Sample, after: Sample, *, blocks: Codes | None = None, resample: bool = True
) -> Pairing:
    """What ``after`` gains over ``before``, row by row the same.

    Without ``resample`` the bootstrap is left out: that is how many small parts are judged, whose chances have to be
    far smaller than any number of draws could show.  Raises ``Unmeasurable``.
    """
    blocks = before.blocks if blocks is None else blocks
    if metric.name == "roc_auc" and before.predictions.ndim == 1 and {before.kind, after.kind} <= metric.kinds:
        return _of_areas(before.labels == 1.0, before.predictions, after.predictions, blocks, resample=resample)
    old, new = metric.value(before), metric.value(after)
    if blocks is None and (shares := metric.shares(before, after)) is not None:
        return Pairing(old, new, proportions(*shares, beside=len(before.labels) - len(shares[0])))
    sign = 1.0 if metric.higher_is_better else -1.0
    try:
        influence = sign * (metric.influences(after)[1] - metric.influences(before)[1])
    except Unmeasurable:
        if blocks is not None:
            raise
        found = metric.difference(before, after)
        return Pairing(old, new, Approximate(sign * found.value, found.error, found.rows, "delta method"))
    parts = None
    if metric.top is not None and len(influence) == len(before.labels):
        parts = [part for one in (before, after) for part in _parts(metric, one)]

    def drawn(parted: Parted) -> Floats:
        """Of a ratio of means the ratio is taken anew in each sample; of anything else the influences are drawn."""
        if parts is None:
            return _shifted(sign * (new - old), influence, parted)
        sums = _drawn(parts, parted)
        some = sums[(sums[:, 1] > 0) & (sums[:, 3] > 0)]
        found: Floats = sign * (_linked(metric, some[:, 2] / some[:, 3]) - _linked(metric, some[:, 0] / some[:, 1]))
        return found

    gain = _gain(sign * (new - old), influence, blocks, drawn if resample else None, swing=metric.swings(before, after))
    return Pairing(old, new, gain)


def _of_areas(labels: Bools, before: Floats, after: Floats, blocks: Codes | None, *, resample: bool) -> Pairing:
    """The areas under two curves: DeLong's structural components are the influences of the rows."""
    old, new = (statistics.placements(labels, scores) for scores in (before, after))
    value, rows = new.value - old.value, len(labels)
    changes = (new.positive - old.positive, new.negative - old.negative)
    spared = _faultless(labels, before, after) if old.value == new.value else 0.0
    if blocks is None:
        error = math.sqrt(sum(float(one.var(ddof=1)) / len(one) for one in changes))
        gain: Gain = Approximate(value, error, rows, "DeLong")
        return Pairing(old.value, new.value, Flips(value, 0.0, 0.0, spared / rows, rows, rows - 1) if spared else gain)
    influence = np.empty(rows)
    for mask, change in zip((labels, ~labels), changes, strict=True):
        influence[mask] = (change - value) * (rows / len(change))
    draw = functools.partial(_shifted, value, influence) if resample else None
    return Pairing(old.value, new.value, _gain(value, influence, blocks, draw, swing=spared))


def _faultless(labels: Bools, before: Floats, after: Floats) -> float:
    """How far a row's influence would move if its score did: asked where no row is misplaced, and so none has any.

    Nought elsewhere, and where the two rank all rows alike: then they are one model to this metric.
    """
    apart = all(float(one[labels].min()) > float(one[~labels].max()) for one in (before, after))
    if not apart or np.array_equal(np.argsort(before), np.argsort(after)):
        return 0.0
    return len(labels) / int(min(labels.sum(), (~labels).sum()))


def _gain(
    value: float,
    influence: Floats,
    blocks: Codes | None,
    draw: Callable[[Parted], Floats] | None,
    *,
    swing: float = 0.0,
) -> Gain:
    """The delta method and, where ``draw`` is there to make samples, the bootstrap beside it.

    With a ``swing``, which few changes of decisions share, the delta method is theirs (``flips``).
    """
    rows = len(influence)
    if rows < estimates.FEWEST_ROWS:
        least = estimates.FEWEST_ROWS
        raise Unmeasurable(f"{rows} rows are too few for an interval; {least} are the least")
    parted = clusters.parted(blocks, most=MOST_BLOCKS) if blocks is not None and len(blocks) == rows else None
    error, degrees = _error(influence, parted)
    delta: Approximate | Flips = Approximate(value, error, rows, "delta method", degrees)
    if swing:
        delta = flips.of(value, influence, parted, swing=swing)
    if draw is None or error == 0:
        return delta
    return Resampled(delta, np.sort(draw(parted or _dealt(rows))), "block bootstrap" if parted else "bootstrap")


def proportions(before: Bools, after: Bools, *, beside: int = 0) -> Proportions:
    """The table of two classifiers, from which rows each has right; ``beside`` are rows that do not count.

    Raises ``Unmeasurable`` for few rows.
    """
    if len(before) < estimates.FEWEST_ROWS:
        least, what = estimates.FEWEST_ROWS, "rows that count" if beside else "rows"
        raise Unmeasurable(f"{len(before)} {what} are too few for an interval; {least} are the least")
    both, old, new = int((before & after).sum()), int(before.sum()), int(after.sum())
    return Proportions(both, new - both, old - both, len(before) - old - new + both, beside=beside)


@functools.lru_cache(maxsize=4)
def _dealt(rows: int) -> Parted:
    """Each row in a block of its own; or, of many rows, dealt at random so that the file's order means nothing."""
    count = min(rows, MOST_BLOCKS)
    codes = np.arange(rows) % count
    return (codes if count == rows else np.random.default_rng(rows).permutation(codes)), count


def _error(influence: Floats, parted: Parted | None) -> tuple[float, int]:
    """The standard error of the mean influence, of rows or of whole blocks, and its freedom."""
    rows = len(influence)
    if parted is None:
        return float(influence.std(ddof=1)) / math.sqrt(rows), rows - 1
    return clusters.error(influence, *parted), parted[1] - 1


def _shifted(value: float, influence: Floats, parted: Parted) -> Floats:
    """The value and the mean influence in each sample of whole blocks."""
    sums = _drawn([influence, np.ones_like(influence)], parted)
    found: Floats = value + sums[:, 0] / sums[:, 1]
    return found


def _drawn(columns: Sequence[Floats], parted: Parted) -> Floats:
    """The sums of the columns in each of ``DRAWS`` samples of whole blocks, drawn with replacement."""
    blocks, count = parted
    drawn: Floats = _weights(count) @ np.column_stack([np.bincount(blocks, one, count) for one in columns])
    return drawn


def _parts(metric: Metric, sample: Sample) -> tuple[Floats, Floats]:
    assert metric.top is not None  # noqa: S101 - for the type checker; the caller has looked
    top = metric.top(sample)
    return top, np.ones_like(top) if metric.bottom is None else metric.bottom(sample)


def _linked(metric: Metric, ratio: Floats) -> Floats:
    """The metric from its ratio, for many ratios at once."""
    match metric.link:
        case "identity":
            found = ratio
        case "root":
            found = np.sqrt(np.maximum(ratio, 0))
        case "complement":
            found = 1 - ratio
        case "dice":
            found = 2 * ratio / (1 + ratio)
    return found


@functools.lru_cache(maxsize=2)
def _weights(count: int) -> Floats:
    """How often each of ``count`` blocks is drawn, in each sample; the same samples for every metric of the rows."""
    samples = np.arange(DRAWS)[:, np.newaxis]
    picked = np.random.default_rng(count).integers(0, count, size=(DRAWS, count)) + samples * count
    return np.bincount(picked.ravel(), minlength=DRAWS * count).reshape(DRAWS, count).astype(np.float64)


def power(gain: Gain, floor: float, truth: float, *, tail: float) -> float:
    """The chance that rows like these show more than ``floor``, at the level ``tail``, where the true gain is this."""
    if gain.error == 0:
        return float(truth > floor)
    return _NORMAL.cdf((truth - floor) / gain.error - _NORMAL.inv_cdf(1 - tail))


def rows_needed(gain: Gain, floor: float, truth: float, *, tail: float, power: float = 0.8) -> int | None:
    """How many such rows show more than ``floor`` with this power, where the true gain is this; ``None``: none do.

    Where the two models were right on the very same rows nothing is known of how they differ on others: then it is how
    many more rows of the same kind would, again without a difference.
    """
    if truth <= floor:
        return None
    if isinstance(gain, Proportions) and gain.error == 0:
        return _rows_alike(gain, floor, tail=tail)
    widths = _NORMAL.inv_cdf(1 - tail) + _NORMAL.inv_cdf(power)
    return math.ceil(gain.rows * (widths * gain.error / (truth - floor)) ** 2)


def _rows_alike(gain: Proportions, floor: float, *, tail: float) -> int | None:
    """The rows at which Newcombe's lower bound reaches the floor if all counts grow alike."""

    def reached(times: float) -> bool:
        both, neither = round(gain.both * times), round(gain.neither * times)
        return Proportions(both, 0, 0, neither).interval(1 - 2 * tail)[0] >= floor

    low, high = 1.0, 2.0
    while not reached(high):
        low, high = high, 2 * high
        if high > _MOST_TIMES:
            return None
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return math.ceil(gain.rows * high)
