"""What a metric is: a value, an interval, and a paired difference.

Most follow from one formula: each row's *influence* on the value (how the value moves when the row counts a little
more; Hampel 1974, JASA 69:383).  Its mean is nought and its spread is the standard error of the value, alone and, taken
as a difference, of two models on the same rows.  Where rows may err together the influences are summed by block first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from mlops_gitops.testing import clusters, estimates, flips, statistics
from mlops_gitops.testing.estimates import Estimate, Unmeasurable
from mlops_gitops.testing.models.metrics.sample import Sample
from mlops_gitops.testing.statistics import Bools, Floats

Link: TypeAlias = Literal["identity", "root", "complement", "dice"]
"""How the metric follows from the ratio r: r, √r, 1 - r, or 2r/(1 + r) (Dice 1945, of Jaccard's index: F1)."""
Influence: TypeAlias = Callable[[Sample], tuple[float, Floats]]
"""The value, and each row's (or each query's) influence on it."""
_END = 1e-12
"""So near an end of a metric's values is at it; a probability is kept 2e-16 away from 0 and 1."""


@dataclass(frozen=True, slots=True)
class Decided:
    """An influence that only decisions move, and the ``swing``: how far that of a row moves when its decision does."""

    influence: Influence
    swing: Callable[[Sample], float]

    def __call__(self, sample: Sample) -> tuple[float, Floats]:
        """The influence."""
        return self.influence(sample)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Either a ratio of two means (``top`` and ``bottom`` give each row's part of numerator and denominator), or an
    ``influence`` (``several`` in its place where classes have a column each), or an interval of its ``own`` with the
    paired one beside it.  ``method`` says how its interval is
    made.  ``least`` and ``most`` are where values end, and so do intervals; with ``logit`` they are made on that
    scale, which keeps them inside and suits values near an end.
    """

    name: str
    tasks: frozenset[str]
    higher_is_better: bool
    kinds: frozenset[str]
    top: Callable[[Sample], Floats] | None = None
    bottom: Callable[[Sample], Floats] | None = None
    link: Link = "identity"
    proportion: bool = False
    influence: Influence | None = None
    several: Influence | None = None
    own: Callable[[Sample, float], Estimate] | None = None
    own_difference: Callable[[Sample, Sample, float], Estimate] | None = None
    logit: bool = False
    least: float = -math.inf
    most: float = math.inf
    method: str = "delta"

    def measure(self, sample: Sample, *, confidence: float = 0.95) -> Estimate:
        """The value with its interval.  Raises ``Unmeasurable`` where the sample cannot answer."""
        self._check(sample)
        with np.errstate(over="ignore", invalid="ignore"):
            return self._finite(self._measured(sample, confidence))

    def value(self, sample: Sample) -> float:
        """The value alone, which may be there where its interval is not.  Raises ``Unmeasurable``."""
        if self.own is not None:
            return self.measure(sample._replace(blocks=None)).value
        self._check(sample)
        with np.errstate(over="ignore", invalid="ignore"):
            found = self.influences(sample)[0]
        return self._finite(Estimate(found, found, found, 0.0, len(sample.labels))).value

    def _measured(self, sample: Sample, confidence: float) -> Estimate:
        if self.own is not None:
            return self.own(sample, confidence)
        through = self._through(sample)
        if through is not None:
            value, influence = through(sample)
            return self._inside(spread(value, influence, sample, confidence), sample, len(influence), confidence)
        if self.proportion:
            found = _proportion(*self._parts(sample), self.name, sample, confidence)
            return _linked(self.link, found, rows=len(sample.labels))
        ratio, influence = _ratio(*self._parts(sample), self.name)
        found = _linked(self.link, spread(ratio, influence, sample, confidence), rows=len(sample.labels))
        return self._inside(found, sample, len(influence), confidence)

    def difference(self, before: Sample, after: Sample, *, confidence: float = 0.95) -> Estimate:
        """The value of ``after`` less that of ``before`` on the same rows, with a paired interval."""
        self._check(before)
        self._check(after)
        with np.errstate(over="ignore", invalid="ignore"):
            return self._finite(self._differing(before, after, confidence))

    def _differing(self, before: Sample, after: Sample, confidence: float) -> Estimate:
        if self.own_difference is not None:
            return self.own_difference(before, after, confidence)
        if after.blocks is None and (shares := self.shares(before, after)) is not None:
            return replace(statistics.accuracy_difference(*shares, confidence=confidence), rows=len(after.labels))
        old, old_influence = self.influences(before)
        new, new_influence = self.influences(after)
        influence = new_influence - old_influence
        found = spread(new - old, influence, after, confidence)
        if (swing := self.swings(before, after)) == 0:
            return found
        parted = None if after.blocks is None else clusters.parted(after.blocks)
        gain = flips.of(found.value, influence, parted, swing=swing)
        return Estimate(found.value, *gain.interval(confidence), gain.error, found.rows)

    def influences(self, sample: Sample) -> tuple[float, Floats]:
        """The value and each row's influence on it.  Raises ``Unmeasurable`` for a metric that has none."""
        through = self._through(sample)
        if through is not None:
            return through(sample)
        if self.top is None:
            raise Unmeasurable(f"{self.name} is no mean over rows")
        ratio, influence = _ratio(*self._parts(sample), self.name)
        return linked(self.link, ratio), influence * slope(self.link, ratio)

    def shares(self, before: Sample, after: Sample) -> tuple[Bools, Bools] | None:
        """Which of the rows that count are hits, before and after.

        ``None`` for a metric that is no share of rows, or of others for either model, or of too few for an interval.
        """
        if not self.proportion or self.link != "identity" or self._through(before) is not None:
            return None
        (old, counted), (new, also) = (self._parts(one) for one in (before, after))
        some = counted > 0
        if not np.array_equal(counted, also) or estimates.FEWEST_ROWS > int(some.sum()) < len(some):
            return None
        return old[some] > 0, new[some] > 0

    def swings(self, before: Sample, after: Sample) -> float:
        """How far one decision may move a row's influence; nought where more counts, or two models answer alike."""
        found = (self.swing(before), self.swing(after))
        if np.array_equal(before.predictions, after.predictions):
            return 0.0
        return max((one for one in found if one is not None), default=0.0)

    def swing(self, sample: Sample) -> float | None:
        """How far the influence of a row moves at most when its decision does; ``None`` where more than that counts."""
        through = self._through(sample)
        if through is not None:
            return through.swing(sample) if isinstance(through, Decided) else None
        if not self.proportion:
            return None
        top, bottom = self._parts(sample)
        return abs(slope(self.link, float(top.mean()) / float(bottom.mean()))) / float(bottom.mean())

    def _through(self, sample: Sample) -> Influence | None:
        return self.several if self.several is not None and sample.predictions.ndim > 1 else self.influence

    def _finite(self, found: Estimate) -> Estimate:
        """Numbers near the largest of 64 bits leave no finite square."""
        if not all(map(math.isfinite, (found.value, found.lower, found.upper, found.error))):
            raise Unmeasurable(f"the numbers are so large that {self.name} is not finite")
        return found

    def _check(self, sample: Sample) -> None:
        if sample.kind not in self.kinds:
            wanted = " or ".join(sorted(self.kinds))
            raise Unmeasurable(f"{self.name} needs a {wanted} for each row, and the model gives a {sample.kind}")
        if len(sample.labels) == 0:
            raise Unmeasurable("there is no row")

    def _parts(self, sample: Sample) -> tuple[Floats, Floats]:
        assert self.top is not None  # noqa: S101 - for the type checker; the caller has looked
        top = self.top(sample)
        return top, np.ones_like(top) if self.bottom is None else self.bottom(sample)

    def _inside(self, found: Estimate, sample: Sample, counted: int, confidence: float) -> Estimate:
        """The interval kept where the metric's values are; ``counted`` rows or queries have an influence."""
        if found.error < _END and min(abs(found.value - self.least), abs(found.value - self.most)) < _END:
            return self._faultless(found, sample, counted, confidence)
        half = (found.upper - found.lower) / 2
        if self.logit and 0 < found.value < 1:
            return Estimate(found.value, *estimates.on_logit(found.value, half), found.error, found.rows)
        lower, upper = max(self.least, found.lower), min(self.most, found.upper)
        return Estimate(found.value, lower, upper, found.error, found.rows)

    def _faultless(self, found: Estimate, sample: Sample, counted: int, confidence: float) -> Estimate:
        """At an end of the metric's values no row differs from another, so that their spread says nothing.

        What may then be missing is what a proportion without a failure may miss (Wilson), among the rows of the
        smallest class, the queries, or the blocks.  Where a single row may cost any amount nothing is known.
        """
        if not math.isfinite(self.least) or not math.isfinite(self.most):
            raise Unmeasurable("no row differs from another, and a single one that does may cost any amount")
        trials = counted
        if counted == len(sample.labels):
            trials = int(np.unique(sample.labels, return_counts=True)[1].min())
            if sample.blocks is not None:
                trials = min(trials, clusters.parted(sample.blocks)[1])
        missing = 1 - estimates.wilson(trials, trials, confidence=confidence).lower
        if abs(found.value - self.most) < _END:
            return Estimate(found.value, max(self.least, self.most - missing), self.most, 0.0, found.rows)
        return Estimate(found.value, self.least, min(self.most, self.least + missing), 0.0, found.rows)


def spread(value: float, influence: Floats, sample: Sample, confidence: float) -> Estimate:
    """The interval around a value from the influences of independent rows, queries, or blocks of rows."""
    rows = len(sample.labels)
    if sample.blocks is not None and len(influence) == rows:
        found = clusters.mean(influence, sample.blocks, confidence=confidence)
    else:
        what = "rows" if len(influence) == rows else "queries"
        found = statistics.mean(influence, confidence=confidence, what=what)
    return Estimate(value, value + found.lower, value + found.upper, found.error, rows)


def _ratio(top: Floats, bottom: Floats, name: str) -> tuple[float, Floats]:
    """A ratio of means and each row's influence on it (delta method; Cochran 1977, Sampling Techniques, 6.3)."""
    below = float(bottom.mean())
    if below == 0:
        raise Unmeasurable(f"{name} has nothing to divide by on these rows")
    ratio = float(top.mean()) / below
    return ratio, (top - ratio * bottom) / below


def _proportion(top: Floats, bottom: Floats, name: str, sample: Sample, confidence: float) -> Estimate:
    """Wilson's interval among the rows that count, taken as if their number had been fixed."""
    successes, trials = round(float(top.sum())), round(float(bottom.sum()))
    if trials == 0:
        raise Unmeasurable(f"{name} has nothing to divide by on these rows")
    if sample.blocks is not None:
        return clusters.share(top, bottom, sample.blocks, confidence=confidence)
    return estimates.wilson(successes, trials, confidence=confidence)


def linked(link: Link, ratio: float) -> float:
    """The metric from its ratio."""
    match link:
        case "identity":
            return ratio
        case "root":
            return math.sqrt(max(0.0, ratio))
        case "complement":
            return 1 - ratio
        case "dice":
            return 2 * ratio / (1 + ratio)


def slope(link: Link, ratio: float) -> float:
    """How much the metric moves when its ratio does."""
    match link:
        case "identity":
            return 1.0
        case "root":
            return 0.5 / math.sqrt(ratio) if ratio else 0.0
        case "complement":
            return -1.0
        case "dice":
            return 2 / (1 + ratio) ** 2


def _linked(link: Link, found: Estimate, *, rows: int) -> Estimate:
    """The interval of the metric from that of its ratio; every link is monotone, and one of them falls."""
    lower, upper = sorted((linked(link, found.lower), linked(link, found.upper)))
    error = found.error * abs(slope(link, found.value))
    return Estimate(linked(link, found.value), lower, upper, error, rows)
