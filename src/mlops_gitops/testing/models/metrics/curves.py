"""Metrics that look at all thresholds: areas under curves, and how far chances are from what came of them."""

from __future__ import annotations

import math

import numpy as np

from mlops_gitops.testing import clusters, estimates, statistics
from mlops_gitops.testing.estimates import Estimate, Unmeasurable, quantile
from mlops_gitops.testing.models.metrics.metric import spread
from mlops_gitops.testing.models.metrics.sample import Codes, Sample
from mlops_gitops.testing.statistics import Bools, Floats

BINS = 15
"""Bins of the expected calibration error, as in Guo et al. (2017, ICML)."""


def roc_auc(sample: Sample, confidence: float) -> Estimate:
    """Of two classes with DeLong's interval; of several, the mean of one against the rest, on the logit scale.

    Where rows come in blocks, DeLong's components are summed by block (Obuchowski 1997, Biometrics 53:567).
    """
    if sample.predictions.ndim == 1 and sample.blocks is None:
        return statistics.auc(sample.labels == 1.0, sample.predictions, confidence=confidence)
    value, influence = areas(sample)
    found = spread(value, influence, sample, confidence)
    if 0 < value < 1:
        bounds = estimates.on_logit(value, found.upper - value)
        return Estimate(value, *bounds, found.error, found.rows)
    return _separated(sample, value, confidence)


def _separated(sample: Sample, value: float, confidence: float) -> Estimate:
    """Every class is told from the others without a fault: as ``statistics.auc`` has it, of rows or of blocks."""
    fewest = int(np.unique(sample.labels, return_counts=True)[1].min())
    if sample.blocks is not None:
        fewest = min(fewest, clusters.parted(sample.blocks)[1])
    bound = estimates.wilson(value * 2 * fewest, 2 * fewest, confidence=confidence)
    return Estimate(value, bound.lower, bound.upper, 0.0, len(sample.labels))


def roc_auc_difference(before: Sample, after: Sample, confidence: float) -> Estimate:
    """DeLong's paired difference, of two classes or of several."""
    if before.predictions.ndim == 1 and before.blocks is None:
        labels = before.labels == 1.0
        return statistics.auc_difference(labels, before.predictions, after.predictions, confidence=confidence)
    (old, was), (new, now) = areas(before), areas(after)
    return spread(new - old, now - was, after, confidence)


def areas(sample: Sample) -> tuple[float, Floats]:
    """The area, of several classes the mean of one against the rest, and each row's influence on it.

    The influences are DeLong's components, scaled by class.
    """
    if sample.predictions.ndim == 1:
        return _placed(sample.labels == 1.0, sample.predictions)
    columns = range(sample.predictions.shape[1])
    parts = [_placed(sample.labels == index, sample.predictions[:, index]) for index in columns]
    return math.fsum(value for value, _ in parts) / len(parts), np.mean([part for _, part in parts], axis=0)


def _placed(mine: Bools, scores: Floats) -> tuple[float, Floats]:
    found, influence = statistics.placements(mine, scores), np.empty(len(scores))
    influence[mine] = (found.positive - found.value) * len(scores) / len(found.positive)
    influence[~mine] = (found.negative - found.value) * len(scores) / len(found.negative)
    return found.value, influence


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
    if found < estimates.FEWEST_OF_A_CLASS or rows - found < estimates.FEWEST_OF_A_CLASS:
        raise Unmeasurable(
            f"{found} positive and {rows - found} other rows are too few for a curve; "
            f"{estimates.FEWEST_OF_A_CLASS} of each are the least"
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


def calibration_error(sample: Sample, confidence: float) -> Estimate:
    """Expected calibration error in equally wide bins, with bounds that hold at least as often as they say.

    The sum of absolute gaps of bins is larger than the truth on average (Jensen), by at most Σ wᵦ·σᵦ·√(2/π), which is
    its mean where there is no gap at all.  The lower bound takes that off; the upper one does not, and so holds too.
    """
    chances, came = confidences(sample)
    rows, edges = len(chances), np.linspace(0, 1, BINS + 1)
    if rows < estimates.FEWEST_ROWS:
        raise Unmeasurable(f"{rows} rows are too few for an interval; {estimates.FEWEST_ROWS} are the least")
    parted = None if sample.blocks is None else clusters.parted(sample.blocks)
    weights, gaps, errors, codes = binned(chances, came, edges=edges, parted=parted)
    value = float((weights * np.abs(gaps)).sum())
    error = math.sqrt(float(((weights * errors) ** 2).sum()))
    bias = math.sqrt(2 / math.pi) * float((weights * errors).sum())
    half = quantile(confidence) * error
    if parted is not None:  # the gaps of bins may move together, too
        together = clusters.error(np.sign(gaps)[codes] * (came - chances - gaps[codes]), *parted)
        error = max(error, together)
        half = clusters.quantile(confidence, parted[1]) * error
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


def binned(
    chances: Floats, came: Floats, *, edges: Floats, parted: tuple[Codes, int] | None = None
) -> tuple[Floats, Floats, Floats, Codes]:
    """Weight, gap (what came less what was said) and standard error of the gap of each bin that has rows.

    The last that is given back is the bin of each row.  ``parted`` are the blocks of the rows and how many they are.
    """
    found = np.clip(np.searchsorted(edges, chances, side="left") - 1, 0, len(edges) - 2)
    codes = np.unique(found, return_inverse=True)[1].astype(np.int64)
    counts = np.bincount(codes)
    gaps = np.bincount(codes, weights=came - chances) / counts
    away = came - chances - gaps[codes]
    if parted is None:
        squares = np.bincount(codes, weights=away**2)
    else:
        blocks, count = parted
        sums = np.bincount(codes * count + blocks, weights=away, minlength=len(counts) * count)
        squares = (sums.reshape(len(counts), count) ** 2).sum(axis=1) * count / (count - 1)
    # with few rows in a bin their spread may be nought by chance: one row of each outcome more keeps it from that
    spread_of = np.sqrt((squares + 0.5) / (counts + 1))
    return counts / len(chances), gaps, spread_of / np.sqrt(counts), codes
