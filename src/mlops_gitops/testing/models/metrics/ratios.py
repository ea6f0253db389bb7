"""Metrics that are a ratio of two means over rows: each row's part of the numerator and of the denominator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models.metrics.sample import Sample, called, decided, point, quantile
from mlops_gitops.testing.statistics import Bools, Floats

Part = Callable[[Sample], Floats]


def indicator(mask: Bools) -> Floats:
    """1.0 where the mask is true."""
    found: Floats = mask.astype(np.float64)
    return found


def right(sample: Sample) -> Floats:
    """Whether the predicted class is the class."""
    truth, decision, _ = decided(sample)
    return indicator(truth == decision)


def hits(sample: Sample) -> Floats:
    """Positives that are predicted so."""
    return indicator(called(sample) & (sample.labels == 1.0))


def calls(sample: Sample) -> Floats:
    """Rows that are predicted positive."""
    return indicator(called(sample))


def either(sample: Sample) -> Floats:
    """Rows that are positive, or predicted so."""
    return indicator(called(sample) | (sample.labels == 1.0))


def spared(sample: Sample) -> Floats:
    """Negatives that are predicted so."""
    return indicator(~called(sample) & (sample.labels == 0.0))


def surprise(sample: Sample) -> Floats:
    """Negative log-likelihood of each row in nats, probabilities kept one float step away from 0 and 1."""
    step = np.finfo(np.float64).eps
    if sample.predictions.ndim == 1:
        likely = np.where(sample.labels == 1.0, sample.predictions, 1 - sample.predictions)
    else:
        known = sample.labels >= 0
        index = np.where(known, sample.labels, 0).astype(np.int64)
        likely = np.where(known, sample.predictions[np.arange(len(index)), index], 0.0)
    found: Floats = -np.log(np.clip(likely, step, 1 - step))
    return found


def brier(sample: Sample) -> Floats:
    """Squared error of the probability; of several classes summed over them (Brier 1950, MWR 78:1)."""
    if sample.predictions.ndim == 1:
        found: Floats = (sample.predictions - sample.labels) ** 2
        return found
    wanted = sample.labels[:, np.newaxis] == np.arange(sample.predictions.shape[1])
    summed: Floats = ((sample.predictions - wanted) ** 2).sum(axis=1) + indicator(sample.labels < 0)
    return summed


def among_first(count: int) -> Part:
    """Whether the class is one of the ``count`` most likely; equal chances count against the model."""

    def top(sample: Sample) -> Floats:
        if sample.predictions.ndim == 1:
            raise Unmeasurable("the model gives one number for each row, and no chance of each class")
        known = sample.labels >= 0
        index = np.where(known, sample.labels, 0).astype(np.int64)
        mine = sample.predictions[np.arange(len(index)), index]
        return indicator(known & ((sample.predictions >= mine[:, np.newaxis]).sum(axis=1) <= count))

    return top


def error(sample: Sample) -> Floats:
    """Prediction less label."""
    found: Floats = point(sample) - sample.labels
    return found


def squared(sample: Sample) -> Floats:
    """Squared error."""
    found: Floats = error(sample) ** 2
    return found


def absolute(sample: Sample) -> Floats:
    """Absolute error."""
    found: Floats = np.abs(error(sample))
    return found


def size(sample: Sample) -> Floats:
    """Absolute label."""
    found: Floats = np.abs(sample.labels)
    return found


def deviation(sample: Sample) -> Floats:
    """Squared distance of the label from the mean label."""
    found: Floats = (sample.labels - sample.labels.mean()) ** 2
    return found


def relative(sample: Sample) -> Floats:
    """Absolute error as a share of the label.  Raises ``Unmeasurable`` where a label is nought."""
    noughts = int((sample.labels == 0).sum())
    if noughts:
        raise Unmeasurable(f"the label is 0 in {noughts:,} rows, and nothing is a share of that; `wape` can answer")
    found: Floats = absolute(sample) / size(sample)
    return found


def symmetric(sample: Sample) -> Floats:
    """Absolute error as a share of the mean of label and prediction; none where both are nought."""
    middle = (size(sample) + np.abs(point(sample))) / 2
    found: Floats = np.divide(absolute(sample), middle, out=np.zeros_like(middle), where=middle > 0)
    return found


def tilted(sample: Sample, share: float) -> Floats:
    """Pinball loss of the quantile ``share`` (Koenker and Bassett 1978, Econometrica 46:33)."""
    short = sample.labels - quantile(sample, share)
    found: Floats = np.maximum(share * short, (share - 1) * short)
    return found


def tilted_of_all(sample: Sample) -> Floats:
    """The mean of that over all quantiles that the model gives."""
    shares = [one for one in sample.quantiles if one is not None]
    if not shares:
        raise Unmeasurable("no output of the model is declared as a quantile")
    found: Floats = np.mean([tilted(sample, one) for one in shares], axis=0)
    return found


def inside(probability: float) -> Part:
    """Whether the label lies in the central interval of that probability."""

    def top(sample: Sample) -> Floats:
        lower, upper = _ends(sample, probability)
        return indicator((lower <= sample.labels) & (sample.labels <= upper))

    return top


def winkler(probability: float) -> Part:
    """Width of the interval and what is outside, times 2/(1 - p) (Gneiting and Raftery 2007, JASA 102:359, eq. 43)."""

    def top(sample: Sample) -> Floats:
        lower, upper = _ends(sample, probability)
        outside = np.maximum(lower - sample.labels, 0) + np.maximum(sample.labels - upper, 0)
        found: Floats = upper - lower + 2 / (1 - probability) * outside
        return found

    return top


def _ends(sample: Sample, probability: float) -> tuple[Floats, Floats]:
    return quantile(sample, (1 - probability) / 2), quantile(sample, (1 + probability) / 2)


def scaled(lag: int) -> Part:
    """Absolute error in steps of the series in the training data (Hyndman and Koehler 2006, IJF 22:679)."""

    def top(sample: Sample) -> Floats:
        scale = sample.scales.get(lag)
        if scale is None:
            raise Unmeasurable(f"the training data have no series in time in which a row has one {lag} steps before it")
        strange = int((~(scale > 0)).sum())
        if strange:
            raise Unmeasurable(
                f"{strange:,} rows are of a series that the training data do not have, or that stood still"
            )
        found: Floats = absolute(sample) / scale
        return found

    return top
