"""How much better one model is than another on the same rows, and how sure that is.

A ``Gain`` is a paired difference turned so that more is better.  It answers three questions at any confidence: the
two-sided interval, the chance of such rows if the true gain were no more than a floor, and that if it were no less.

* Accuracy: Newcombe's interval for paired proportions (1998, Statistics in Medicine 17:2635, method 10), inverted for
  the chance; at a floor of nought McNemar's exact binomial.
* Area under the curve: DeLong (1988, Biometrics 44:837).
* Everything else, and everything where rows come in blocks: the delta method on the influence of each row with
  Student's t, and the paired bootstrap of the blocks beside it (Efron and Tibshirani 1993, chapter 8); the more careful
  of the two counts.  Rows that come in no blocks are dealt at random into at most ``MOST_BLOCKS`` of equal size.

Pure.  Resampling begins from a fixed seed: the same rows give the same answer.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from mlops_gitops.testing import statistics
from mlops_gitops.testing.models.metrics import Metric, Sample
from mlops_gitops.testing.statistics import Bools, Estimate, Floats, Unmeasurable
from mlops_gitops.testing.student import student_cdf, student_quantile

Codes: TypeAlias = npt.NDArray[np.int64]
"""The block of each row, as whole numbers; shape ``(rows,)``."""
Parted: TypeAlias = tuple[Codes, int]
"""The block of each row, from nought, and how many blocks there are."""

MOST_BLOCKS = 512
FEWEST_BLOCKS = 10
"""Below this many blocks nobody can say how much they differ."""
DRAWS = 9_999
_LEAST_CHANCE = 1e-9
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
    """Two classifiers on the same rows: both right, gained, lost, neither right."""

    both: int
    gained: int
    lost: int
    neither: int
    method: str = "Newcombe"

    @property
    def rows(self) -> int:
        """All of them."""
        return self.both + self.gained + self.lost + self.neither

    @property
    def value(self) -> float:
        """Share right after less share right before."""
        return (self.gained - self.lost) / self.rows

    @property
    def error(self) -> float:
        """The standard error, for the rows that would be needed."""
        return math.sqrt(max(0.0, (self.gained + self.lost) / self.rows - self.value**2) / self.rows)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Newcombe's."""
        return statistics.newcombe(self.both, self.gained, self.lost, self.neither, confidence=confidence).interval

    def chance(self, floor: float) -> float:
        """McNemar's at nought, otherwise the level at which Newcombe's lower bound is the floor."""
        if floor == 0:
            return statistics.binomial_tail(self.gained, self.gained + self.lost)
        return self._inverted(floor) if self.value >= floor else 1 - self._mirrored()._inverted(-floor)  # noqa: SLF001

    def harm(self, floor: float) -> float:
        """The same with the two models exchanged."""
        return self._mirrored().chance(-floor)

    def _mirrored(self) -> Proportions:
        return Proportions(self.both, self.lost, self.gained, self.neither)

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
            statistics.quantile(confidence)
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

    delta: Approximate
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


def gain(metric: Metric, before: Sample, after: Sample, *, blocks: Codes | None = None, resample: bool = True) -> Gain:
    """What ``after`` gains over ``before``, row by row the same; the metric has measured both.

    Without ``resample`` the bootstrap is left out: that is how many small parts are judged, whose chances have to be
    far smaller than any number of draws could show.  Raises ``Unmeasurable``.
    """
    if blocks is None and metric.name == "accuracy" and metric.top is not None:
        return proportions(metric.top(before) == 1.0, metric.top(after) == 1.0)
    if blocks is None and metric.name == "roc_auc":
        found = statistics.auc_difference(before.labels == 1.0, before.predictions, after.predictions)
        return Approximate(found.value, found.error, found.rows, "DeLong")
    try:
        value, influence = _influence(metric, before, after)
    except Unmeasurable:
        if blocks is not None:
            raise
        return _as_estimated(metric, before, after)
    sign, count = 1.0 if metric.higher_is_better else -1.0, len(influence)
    parted = _few(blocks) if blocks is not None and len(blocks) == count else None
    error, degrees = _error(influence, parted)
    delta = Approximate(sign * value, error, len(before.labels), "delta method", degrees)
    if not resample or error == 0:
        return delta
    draws = _draws(metric, before, after, influence, value, parted or _dealt(count))
    return Resampled(delta, np.sort(sign * draws), "bootstrap" if parted is None else "block bootstrap")


def proportions(before: Bools, after: Bools) -> Proportions:
    """The table of two classifiers, from which rows each has right.  Raises ``Unmeasurable`` for few rows."""
    if len(before) < statistics.FEWEST_ROWS:
        least = statistics.FEWEST_ROWS
        raise Unmeasurable(f"{len(before)} rows are too few for an interval; {least} are the least")
    both, old, new = int((before & after).sum()), int(before.sum()), int(after.sum())
    return Proportions(both, new - both, old - both, len(before) - old - new + both)


def _as_estimated(metric: Metric, before: Sample, after: Sample) -> Gain:
    """A metric that is no mean over rows, by what it says of itself."""
    found: Estimate = metric.difference(before, after)
    value = found.value if metric.higher_is_better else -found.value
    return Approximate(value, found.error, found.rows, "delta method")


def _influence(metric: Metric, before: Sample, after: Sample) -> tuple[float, Floats]:
    """The difference, and what each row adds to it beyond the mean.  Raises ``Unmeasurable``."""
    if metric.name == "roc_auc":
        return _of_areas(before.labels == 1.0, before.predictions, after.predictions)
    old, old_influence = metric.influences(before)
    new, new_influence = metric.influences(after)
    if len(old_influence) < statistics.FEWEST_ROWS:
        least = statistics.FEWEST_ROWS
        raise Unmeasurable(f"{len(old_influence)} rows are too few for an interval; {least} are the least")
    return new - old, new_influence - old_influence


def _of_areas(labels: Bools, before: Floats, after: Floats) -> tuple[float, Floats]:
    """The difference of two areas, and each row's influence on it: DeLong's structural components."""
    old, new = (statistics.placements(labels, scores) for scores in (before, after))
    value, influence = new.value - old.value, np.empty(len(labels))
    for mask, change in ((labels, new.positive - old.positive), (~labels, new.negative - old.negative)):
        influence[mask] = (change - value) * (len(labels) / len(change))
    return value, influence


def _few(blocks: Codes) -> Parted:
    """At most ``MOST_BLOCKS`` whole blocks: neighbours in order share one.  Raises ``Unmeasurable`` for too few."""
    names, codes = np.unique(blocks, return_inverse=True)
    if len(names) < FEWEST_BLOCKS:
        raise Unmeasurable(f"the rows come in {len(names)} blocks, and {FEWEST_BLOCKS} are the least that can tell")
    count = min(len(names), MOST_BLOCKS)
    return codes.astype(np.int64) * count // len(names), count


@functools.lru_cache(maxsize=4)
def _dealt(rows: int) -> Parted:
    """Each row in a block of its own; or, of many rows, dealt at random so that the file's order means nothing."""
    count = min(rows, MOST_BLOCKS)
    codes = np.arange(rows) % count
    return (codes if count == rows else np.random.default_rng(rows).permutation(codes)), count


def _error(influence: Floats, parted: Parted | None) -> tuple[float, int]:
    """The standard error of the mean influence, of rows or of whole blocks (Cochran 1977, 9A), and its freedom."""
    rows = len(influence)
    if parted is None:
        return float(influence.std(ddof=1)) / math.sqrt(rows), rows - 1
    blocks, count = parted
    sums = np.bincount(blocks, weights=influence, minlength=count)
    return math.sqrt(count / (count - 1) * float((sums**2).sum())) / rows, count - 1


def _draws(metric: Metric, before: Sample, after: Sample, influence: Floats, value: float, parted: Parted) -> Floats:
    """The difference in each of ``DRAWS`` samples of whole blocks, drawn with replacement.

    Of a ratio of means the ratio is taken anew in each; of anything else the influences are drawn.
    """
    if metric.top is None or len(influence) != len(before.labels):
        drawn = _drawn([influence, np.ones_like(influence)], parted)
        shifted: Floats = value + drawn[:, 0] / drawn[:, 1]
        return shifted
    sums = _drawn([part for one in (before, after) for part in _parts(metric, one)], parted)
    some = sums[(sums[:, 1] > 0) & (sums[:, 3] > 0)]
    found: Floats = _linked(metric, some[:, 2] / some[:, 3]) - _linked(metric, some[:, 0] / some[:, 1])
    return found


def _drawn(columns: Sequence[Floats], parted: Parted) -> Floats:
    """The sums of the columns in each sample."""
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
