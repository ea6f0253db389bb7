"""The metrics that a manifest may name: what each is, which way is better, and how sure one can be of it.

Every metric but the area under the curve is a ratio of two means over rows (accuracy: right / 1; precision: true
positives / predicted positives; R²: 1 - squared error / squared deviation), possibly under a root.  One delta-method
formula therefore serves all of them, alone and for the paired difference of two models on the same rows, in one pass
over the rows.  Proportions use Wilson's and Newcombe's intervals, the area under the curve DeLong's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from mlops_gitops.testing import statistics
from mlops_gitops.testing.statistics import Bools, Estimate, Floats, Unmeasurable

Kind: TypeAlias = Literal["probability", "score", "label", "value"]
"""What a model's numbers are: a probability, a score that only ranks, a class, or a value in the target's unit."""
Link: TypeAlias = Literal["identity", "root", "complement", "dice"]
"""How the metric follows from the ratio r: r, √r, 1 - r, or 2r/(1 + r) (Dice 1945, of Jaccard's index: F1)."""

DECISION = 0.5
"""A row is predicted positive when its probability is at least this."""


class Sample(NamedTuple):
    """Labels and predictions of the same rows.

    ``labels``: 0.0 or 1.0 for a binary task, the index of the class for several (-1 for one the model does not know),
    the target itself otherwise; shape ``(rows,)``.  ``predictions``: shape ``(rows,)``, or ``(rows, classes)``.
    """

    labels: Floats
    predictions: Floats
    kind: Kind

    def rows(self, mask: Bools) -> Sample:
        """Only the rows of the mask."""
        return Sample(self.labels[mask], self.predictions[mask], self.kind)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.  ``top`` and ``bottom`` give each row's part of the numerator and the denominator."""

    name: str
    tasks: frozenset[str]
    higher_is_better: bool
    kinds: frozenset[str]
    top: Callable[[Sample], Floats] | None = None
    bottom: Callable[[Sample], Floats] | None = None
    link: Link = "identity"
    proportion: bool = False

    def measure(self, sample: Sample, *, confidence: float = 0.95) -> Estimate:
        """The value with its interval.  Raises ``Unmeasurable`` where the sample cannot answer."""
        self._check(sample)
        if self.top is None:
            return statistics.auc(sample.labels == 1.0, sample.predictions, confidence=confidence)
        top, bottom = self._parts(sample)
        if self.proportion:
            found = _proportion(top, bottom, self.name, confidence)
            return _linked(self.link, found, rows=len(sample.labels))
        ratio, influence = _ratio(top, bottom, self.name)
        spread = statistics.mean(influence, confidence=confidence)
        found = Estimate(ratio, ratio + spread.lower, ratio + spread.upper, spread.error, spread.rows)
        return _linked(self.link, found, rows=len(sample.labels))

    def difference(self, before: Sample, after: Sample, *, confidence: float = 0.95) -> Estimate:
        """The value of ``after`` less that of ``before`` on the same rows, with a paired interval."""
        self._check(before)
        self._check(after)
        if self.top is None:
            labels = before.labels == 1.0
            return statistics.auc_difference(labels, before.predictions, after.predictions, confidence=confidence)
        if self.name == "accuracy":
            return statistics.accuracy_difference(
                self.top(before) == 1.0, self.top(after) == 1.0, confidence=confidence
            )
        old, old_influence = self.influences(before)
        new, new_influence = self.influences(after)
        spread = statistics.mean(new_influence - old_influence, confidence=confidence)
        value = new - old
        return Estimate(value, value + spread.lower, value + spread.upper, spread.error, spread.rows)

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

    def influences(self, sample: Sample) -> tuple[float, Floats]:
        """The value and each row's influence on it, for a metric that is a ratio of means."""
        ratio, influence = _ratio(*self._parts(sample), self.name)
        return _value(self.link, ratio), influence * _slope(self.link, ratio)


def _ratio(top: Floats, bottom: Floats, name: str) -> tuple[float, Floats]:
    """A ratio of means and each row's influence on it (delta method; Cochran 1977, Sampling Techniques, 6.3)."""
    below = float(bottom.mean())
    if below == 0:
        raise Unmeasurable(f"{name} has nothing to divide by on these rows")
    ratio = float(top.mean()) / below
    return ratio, (top - ratio * bottom) / below


def _proportion(top: Floats, bottom: Floats, name: str, confidence: float) -> Estimate:
    """Wilson's interval among the rows that count, taken as if their number had been fixed."""
    successes, trials = round(float(top.sum())), round(float(bottom.sum()))
    if trials == 0:
        raise Unmeasurable(f"{name} has nothing to divide by on these rows")
    return statistics.wilson(successes, trials, confidence=confidence)


def _value(link: Link, ratio: float) -> float:
    match link:
        case "identity":
            return ratio
        case "root":
            return math.sqrt(max(0.0, ratio))
        case "complement":
            return 1 - ratio
        case "dice":
            return 2 * ratio / (1 + ratio)


def _slope(link: Link, ratio: float) -> float:
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
    lower, upper = sorted((_value(link, found.lower), _value(link, found.upper)))
    error = found.error * abs(_slope(link, found.value))
    return Estimate(_value(link, found.value), lower, upper, error, rows)


def _indicator(mask: Bools) -> Floats:
    indicator: Floats = mask.astype(np.float64)
    return indicator


def _called(sample: Sample) -> Bools:
    called: Bools = sample.predictions >= DECISION
    return called


def _right(sample: Sample) -> Floats:
    if sample.predictions.ndim == 2:  # noqa: PLR2004 - one column per class
        return _indicator(sample.predictions.argmax(axis=1) == sample.labels)
    return _indicator(_called(sample) == (sample.labels == 1.0))


def _hits(sample: Sample) -> Floats:
    return _indicator(_called(sample) & (sample.labels == 1.0))


def _surprise(sample: Sample) -> Floats:
    """Negative log-likelihood of each row in nats, probabilities kept one float step away from 0 and 1."""
    step = np.finfo(np.float64).eps
    if sample.predictions.ndim == 1:
        likely = np.where(sample.labels == 1.0, sample.predictions, 1 - sample.predictions)
    else:
        known = sample.labels >= 0
        index = np.where(known, sample.labels, 0).astype(np.int64)
        likely = np.where(known, sample.predictions[np.arange(len(index)), index], 0.0)
    surprise: Floats = -np.log(np.clip(likely, step, 1 - step))
    return surprise


def _squared(sample: Sample) -> Floats:
    squared: Floats = (sample.predictions - sample.labels) ** 2
    return squared


def _deviation(sample: Sample) -> Floats:
    deviation: Floats = (sample.labels - sample.labels.mean()) ** 2
    return deviation


def _jaccard(sample: Sample) -> Floats:
    return _indicator(_called(sample) | (sample.labels == 1.0))


_BINARY = frozenset({"binary-classification"})
_CLASSES = frozenset({"binary-classification", "multiclass"})
_NUMBERS = frozenset({"regression", "forecasting"})
_PROBABILITY = frozenset({"probability"})
_DECISION = frozenset({"probability", "label"})
_VALUE = frozenset({"value"})

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("roc_auc", _BINARY, higher_is_better=True, kinds=frozenset({"probability", "score"})),
            Metric("accuracy", _CLASSES, higher_is_better=True, kinds=_DECISION, top=_right, proportion=True),
            Metric("log_loss", _CLASSES, higher_is_better=False, kinds=_PROBABILITY, top=_surprise),
            Metric("brier", _BINARY, higher_is_better=False, kinds=_PROBABILITY, top=_squared),
            Metric(
                "precision",
                _BINARY,
                higher_is_better=True,
                kinds=_DECISION,
                top=_hits,
                bottom=lambda sample: _indicator(_called(sample)),
                proportion=True,
            ),
            Metric(
                "recall",
                _BINARY,
                higher_is_better=True,
                kinds=_DECISION,
                top=_hits,
                bottom=lambda sample: sample.labels,
                proportion=True,
            ),
            Metric(
                "f1",
                _BINARY,
                higher_is_better=True,
                kinds=_DECISION,
                top=_hits,
                bottom=_jaccard,
                link="dice",
                proportion=True,
            ),
            Metric("rmse", _NUMBERS, higher_is_better=False, kinds=_VALUE, top=_squared, link="root"),
            Metric(
                "mae",
                _NUMBERS,
                higher_is_better=False,
                kinds=_VALUE,
                top=lambda sample: np.abs(sample.predictions - sample.labels),
            ),
            Metric(
                "r2", _NUMBERS, higher_is_better=True, kinds=_VALUE, top=_squared, bottom=_deviation, link="complement"
            ),
        )
    }
)
