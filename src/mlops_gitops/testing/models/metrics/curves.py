"""Metrics that look at all thresholds: areas under curves, and how far chances are from what came of them."""

from __future__ import annotations

import math

import numpy as np

from mlops_gitops.testing import statistics
from mlops_gitops.testing.models.metrics.sample import Sample
from mlops_gitops.testing.statistics import Bools, Estimate, Floats, Unmeasurable, quantile

BINS = 15
"""Bins of the expected calibration error, as in Guo et al. (2017, ICML)."""


def roc_auc(sample: Sample, confidence: float) -> Estimate:
    """Of two classes with DeLong's interval; of several, the mean of one against the rest, on the logit scale."""
    if sample.predictions.ndim == 1:
        return statistics.auc(sample.labels == 1.0, sample.predictions, confidence=confidence)
    value, influence = one_against_rest(sample)
    return _in_unit(value, influence, confidence)


def roc_auc_difference(before: Sample, after: Sample, confidence: float) -> Estimate:
    """DeLong's paired difference, of two classes or of several."""
    if before.predictions.ndim == 1:
        labels = before.labels == 1.0
        return statistics.auc_difference(labels, before.predictions, after.predictions, confidence=confidence)
    (old, was), (new, now) = one_against_rest(before), one_against_rest(after)
    spread = statistics.mean(now - was, confidence=confidence)
    return Estimate(new - old, new - old + spread.lower, new - old + spread.upper, spread.error, spread.rows)


def one_against_rest(sample: Sample) -> tuple[float, Floats]:
    """The mean area over classes, and each row's influence on it (DeLong's components, scaled by class)."""
    rows, count = len(sample.labels), sample.predictions.shape[1]
    value, influence = 0.0, np.zeros(rows)
    for index in range(count):
        mine = sample.labels == index
        found = statistics.placements(mine, sample.predictions[:, index])
        value += found.value / count
        influence[mine] += (found.positive - found.value) * rows / (len(found.positive) * count)
        influence[~mine] += (found.negative - found.value) * rows / (len(found.negative) * count)
    return value, influence


def average_precision(sample: Sample) -> tuple[float, Floats]:
    """Σ (recall step · precision), not interpolated, and each row's influence on it; of several classes the mean.

    With A(s) and B(s) the shares of positives and of all rows that score at least s, and π that of positives, it is
    E[Y·A(S)/B(S)]/π; the influence is the derivative of that in each row, through Y, A, B and π.
    """
    if sample.predictions.ndim == 1:
        return _area(sample.labels == 1.0, sample.predictions)
    parts = [
        _area(sample.labels == index, sample.predictions[:, index]) for index in range(sample.predictions.shape[1])
    ]
    return math.fsum(value for value, _ in parts) / len(parts), np.mean([part for _, part in parts], axis=0)


def _area(positive: Bools, scores: Floats) -> tuple[float, Floats]:
    found, rows = int(positive.sum()), len(scores)
    if found < statistics.FEWEST_OF_A_CLASS or rows - found < statistics.FEWEST_OF_A_CLASS:
        raise Unmeasurable(
            f"{found} positive and {rows - found} other rows are too few for a curve; "
            f"{statistics.FEWEST_OF_A_CLASS} of each are the least"
        )
    _, codes = np.unique(scores, return_inverse=True)
    count, hit = np.bincount(codes) / rows, np.bincount(codes, weights=positive) / rows
    above, hit_above = count[::-1].cumsum()[::-1], hit[::-1].cumsum()[::-1]
    precision, share = hit_above / above, found / rows
    total = float((hit * precision).sum())
    through_hits, through_all = (hit / above).cumsum(), (hit * hit_above / above**2).cumsum()
    value = total / share
    moved = positive * (precision + through_hits)[codes] - through_all[codes] - total
    influence: Floats = (moved - value * (positive - share)) / share
    return value, influence


def _in_unit(value: float, influence: Floats, confidence: float) -> Estimate:
    spread = statistics.mean(influence, confidence=confidence)
    if not 0 < value < 1 or spread.error == 0:
        return Estimate(
            value, max(0.0, value + spread.lower), min(1.0, value + spread.upper), spread.error, spread.rows
        )
    return Estimate(value, *statistics.on_logit(value, spread.error, confidence=confidence), spread.error, spread.rows)


def calibration_error(sample: Sample, confidence: float) -> Estimate:
    """Expected calibration error in equally wide bins, with bounds that hold at least as often as they say.

    The sum of absolute gaps of bins is larger than the truth on average (Jensen), by at most Σ wᵦ·σᵦ·√(2/π), which is
    its mean where there is no gap at all.  The lower bound takes that off; the upper one does not, and so holds too.
    """
    chances, came = confidences(sample)
    weights, gaps, errors = binned(chances, came, edges=np.linspace(0, 1, BINS + 1))
    rows = len(chances)
    if rows < statistics.FEWEST_ROWS:
        raise Unmeasurable(f"{rows} rows are too few for an interval; {statistics.FEWEST_ROWS} are the least")
    value = float((weights * np.abs(gaps)).sum())
    error = math.sqrt(float(((weights * errors) ** 2).sum()))
    bias = math.sqrt(2 / math.pi) * float((weights * errors).sum())
    half = quantile(confidence) * error
    return Estimate(value, max(0.0, value - bias - half), min(1.0, value + half), error, rows)


def no_difference(_before: Sample, _after: Sample, _confidence: float) -> Estimate:
    """Two of these differ mostly by chance of the bins, so no interval of the difference is right."""
    raise Unmeasurable("the difference of two calibration errors has no interval; compare brier or log_loss")


def confidences(sample: Sample) -> tuple[Floats, Floats]:
    """Chance and outcome of each row: of being positive, or of being of the likeliest class."""
    if sample.predictions.ndim == 1:
        return sample.predictions, sample.labels
    decision = sample.predictions.argmax(axis=1)
    return sample.predictions.max(axis=1), (decision == sample.labels).astype(np.float64)


def binned(chances: Floats, came: Floats, *, edges: Floats) -> tuple[Floats, Floats, Floats]:
    """Weight, gap (what came less what was said) and standard error of the gap of each bin that has rows."""
    codes = np.clip(np.searchsorted(edges, chances, side="left") - 1, 0, len(edges) - 2)
    counts = np.bincount(codes, minlength=len(edges) - 1)
    kept = counts > 0
    gaps = np.bincount(codes, weights=came - chances, minlength=len(counts))[kept] / counts[kept]
    squares = np.bincount(codes, weights=(came - chances) ** 2, minlength=len(counts))[kept] / counts[kept]
    # with few rows in a bin their spread may be nought by chance: one row of each outcome more keeps it from that
    spread = np.sqrt((np.maximum(squares - gaps**2, 0) * counts[kept] + 0.5) / (counts[kept] + 1))
    return counts[kept] / len(chances), gaps, spread / np.sqrt(counts[kept])
