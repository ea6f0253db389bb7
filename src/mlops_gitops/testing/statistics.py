"""Estimates from arrays of numpy; the promises are those of ``estimates``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mlops_gitops.testing import estimates
from mlops_gitops.testing.estimates import FEWEST_ROWS, Estimate, Unmeasurable, mcnemar_exact, newcombe, quantile

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]


def mean(values: Floats, *, confidence: float = 0.95, what: str = "rows") -> Estimate:
    """A mean with its large-sample normal interval (central limit theorem); ``what`` says what the values are of."""
    rows = len(values)
    if rows < FEWEST_ROWS:
        raise Unmeasurable(f"{rows} {what} are too few for an interval; {FEWEST_ROWS} are the least")
    value, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(rows)
    half = quantile(confidence) * error
    return Estimate(value, value - half, value + half, error, rows)


@dataclass(frozen=True, slots=True)
class Placements:
    """Where the scores of each class lie among those of the other: what DeLong's variance is made of.

    ``value`` is the area under the curve; ``positive[i]`` is the share of negatives that positive row ``i`` outranks,
    ``negative[j]`` the share of positives that outrank negative row ``j``; ties count one half.
    """

    value: float
    positive: Floats
    negative: Floats


def placements(labels: Bools, scores: Floats) -> Placements:
    """Structural components of the AUC in O(n log n) (DeLong 1988, Biometrics 44:837; Sun and Xu 2014, IEEE SPL 21)."""
    positive, negative = scores[labels], scores[~labels]
    estimates.few_of_a_class(len(positive), len(negative))
    order = np.argsort(scores)
    ordered, negatives = scores[order], ~labels[order]
    first = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    ends = np.concatenate((np.flatnonzero(first), [len(order)]))
    passed = np.concatenate(([0], np.cumsum(negatives)))[ends]
    group = np.cumsum(first) - 1
    below = (passed[:-1] + passed[1:]) / 2
    share = np.empty(len(order))
    share[order] = np.where(
        negatives,
        1 - ((ends[:-1] - passed[:-1] + ends[1:] - passed[1:]) / (2 * len(positive)))[group],
        (below / len(negative))[group],
    )
    return Placements(float(share[labels].mean()), share[labels], share[~labels])


def auc(labels: Bools, scores: Floats, *, confidence: float = 0.95) -> Estimate:
    """Area under the ROC curve with DeLong's interval."""
    found = placements(labels, scores)
    error = math.sqrt(_auc_variance(found.positive, found.negative))
    counts = {"positive": len(found.positive), "negative": len(found.negative)}
    return estimates.area(found.value, error, **counts, confidence=confidence)


def auc_difference(labels: Bools, before: Floats, after: Floats, *, confidence: float = 0.95) -> Estimate:
    """AUC of ``after`` less AUC of ``before`` on the same rows, with DeLong's paired variance (DeLong 1988, eq. 8)."""
    old, new = placements(labels, before), placements(labels, after)
    error = math.sqrt(_auc_variance(new.positive - old.positive, new.negative - old.negative))
    return _normal(new.value - old.value, error, len(labels), confidence)


def _auc_variance(positive: Floats, negative: Floats) -> float:
    return float(positive.var(ddof=1)) / len(positive) + float(negative.var(ddof=1)) / len(negative)


def _normal(value: float, error: float, rows: int, confidence: float) -> Estimate:
    half = quantile(confidence) * error
    return Estimate(value, value - half, value + half, error, rows)


def accuracy_difference(before: Bools, after: Bools, *, confidence: float = 0.95) -> Estimate:
    """Share right in ``after`` less share right in ``before`` on the same rows.

    Newcombe's square-and-add interval for paired proportions with his continuity-corrected correlation (Newcombe 1998,
    Statistics in Medicine 17:2635, method 10).
    """
    rows = len(before)
    if rows < FEWEST_ROWS:
        raise Unmeasurable(f"{rows} rows are too few for an interval; {FEWEST_ROWS} are the least")
    both, gained = int((before & after).sum()), int((~before & after).sum())
    lost = int((before & ~after).sum())
    return newcombe(both, gained, lost, rows - both - gained - lost, confidence=confidence)


def mcnemar(before: Bools, after: Bools) -> float:
    """Exact two-sided p-value that two classifiers are right equally often (McNemar 1947; exact binomial form).

    Only the rows on which exactly one of them is right count; each is a fair coin if they are equally good.
    """
    gained, lost = int((~before & after).sum()), int((before & ~after).sum())
    return mcnemar_exact(gained, lost)
