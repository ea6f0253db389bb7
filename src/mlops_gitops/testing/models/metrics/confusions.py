"""Metrics of the confusion matrix of any number of classes, with the influence of each row.

With ``P`` the matrix of shares (class, predicted class), a metric is a smooth ``g(P)``; the influence of a row in cell
(a, b) is ``∂g/∂P[a, b] - Σ P · ∂g/∂P`` (the delta method of multinomial shares; Agresti 2013, 16.1).
Classes that neither occur nor are predicted are left out; one that is never predicted has a precision of nought.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models.metrics.metric import Decided
from mlops_gitops.testing.models.metrics.ratios import Part, indicator
from mlops_gitops.testing.models.metrics.sample import Sample, decided
from mlops_gitops.testing.statistics import Bools, Floats

Of = Literal["precision", "recall", "f1"]
Gradient = tuple[float, Floats]
Cells = npt.NDArray[np.int64]


def influence(measure: Callable[[Floats], Gradient]) -> Decided:
    """The influence of each row on a metric of the matrix of shares."""

    def matrix(sample: Sample) -> tuple[Cells, Floats]:
        truth, decision, count = decided(sample)
        cells = truth * count + decision
        return cells, np.bincount(cells, minlength=count * count).reshape(count, count) / len(cells)

    def found(sample: Sample) -> tuple[float, Floats]:
        cells, shares = matrix(sample)
        value, gradient = measure(shares)
        return value, (gradient - float((shares * gradient).sum())).ravel()[cells]

    def swing(sample: Sample) -> float:
        _, shares = matrix(sample)
        _, gradient = measure(shares)
        return float(np.ptp(gradient[shares.sum(axis=1) > 0], axis=1).max())

    return Decided(found, swing)


def averaged(of: Of, *, weighted: bool) -> Decided:
    """The plain or the weighted mean over classes."""

    def measure(shares: Floats) -> Gradient:
        rows, present = shares.sum(axis=1), (shares.sum(axis=1) + shares.sum(axis=0)) > 0
        weights = rows if weighted else present / present.sum()
        chosen = [int(index) for index in np.flatnonzero(present)]
        parts = [(float(weights[index]), index, *_of_class(of, shares, index)) for index in chosen]
        value = math.fsum(weight * one for weight, _, one, _ in parts)
        gradient = np.sum([weight * slope for weight, _, _, slope in parts], axis=0)
        if weighted:
            for _, index, one, _ in parts:
                gradient[index, :] += one
        return value, gradient

    return influence(measure)


def of_class(of: Of, name: str) -> tuple[Part, Part]:
    """Numerator and denominator of the metric of one class; F1 is Dice's of their ratio, Jaccard's index.

    Both raise ``Unmeasurable`` where the model or the labels do not have the class.
    """

    def placed(sample: Sample) -> tuple[Bools, Bools]:
        if name not in sample.classes:
            known = ", ".join(sample.classes[:10]) or "unnamed"
            raise Unmeasurable(f"the model has no class {name!r}; its classes are {known}")
        index = sample.classes.index(name)
        truth, decision, _ = decided(sample)
        return truth == index, decision == index

    def top(sample: Sample) -> Floats:
        mine, said = placed(sample)
        return indicator(mine & said)

    def bottom(sample: Sample) -> Floats:
        mine, said = placed(sample)
        counted = {"recall": mine, "precision": said}.get(of, mine | said)
        if not counted.any():
            raise Unmeasurable(f"no row {'is predicted to be' if of == 'precision' else 'is of the class'} {name}")
        return indicator(counted)

    return top, bottom


def balanced(shares: Floats) -> Gradient:
    """The mean recall of the classes that occur."""
    occurring = [int(index) for index in np.flatnonzero(shares.sum(axis=1) > 0)]
    parts = [_of_class("recall", shares, index) for index in map(int, occurring)]
    return math.fsum(one for one, _ in parts) / len(parts), np.mean([slope for _, slope in parts], axis=0)


def matthews(shares: Floats) -> Gradient:
    """The correlation of class and decision (Matthews 1975, BBA 405:442; Gorodkin 2004, CBC 28:367)."""
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    left, right = 1 - float(columns @ columns), 1 - float(rows @ rows)
    if left < 1e-15 or right < 1e-15:  # noqa: PLR2004 - rounding of a sum of squares
        what = "predicted" if left < right else "there"
        raise Unmeasurable(f"mcc has nothing to compare: only one class is {what}")
    top, root = float(np.trace(shares)) - float(rows @ columns), math.sqrt(left * right)
    top_slope = np.eye(len(shares)) - rows[np.newaxis, :] - columns[:, np.newaxis]
    bottom_slope = columns[np.newaxis, :] / left + rows[:, np.newaxis] / right
    return top / root, top_slope / root + top / root * bottom_slope


def _of_class(of: Of, shares: Floats, index: int) -> Gradient:
    hit, row, column = shares[index, index], float(shares[index, :].sum()), float(shares[:, index].sum())
    slope = np.zeros_like(shares)
    if of == "recall":
        if row == 0:
            return 0.0, slope
        slope[index, :] = -hit / row**2
        slope[index, index] += 1 / row
        return float(hit / row), slope
    if of == "precision":
        if column == 0:
            return 0.0, slope
        slope[:, index] = -hit / column**2
        slope[index, index] += 1 / column
        return float(hit / column), slope
    both = row + column
    slope[index, :] -= 2 * hit / both**2
    slope[:, index] -= 2 * hit / both**2
    slope[index, index] += 2 / both
    return float(2 * hit / both), slope
