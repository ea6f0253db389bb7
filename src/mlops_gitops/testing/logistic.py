"""Logistic regression by Newton's method, from numpy alone: for recalibration and for the simpler model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlops_gitops.testing import clusters
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.statistics import Floats

STEPS = 100
CLOSE = 1e-10


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights of the columns, and their covariance: the inverse of Fisher's information, or the sandwich of blocks."""

    weights: Floats
    covariance: Floats


def chances(scores: Floats) -> Floats:
    """1 / (1 + e⁻ˢ) without overflow."""
    small = np.exp(-np.abs(scores))
    found: Floats = np.where(scores >= 0, 1, small) / (1 + small)
    return found


def fit(
    matrix: Floats,
    came: Floats,
    *,
    offset: Floats | None = None,
    ridge: float = 0.0,
    blocks: clusters.Codes | None = None,
) -> Fit:
    """The most likely weights (McCullagh and Nelder 1989, 4.4), with half steps where a whole one makes it worse.

    ``matrix``: shape (rows, columns); ``ridge`` is the penalty on squared weights, none on the first column.  Where
    rows come in ``blocks`` the covariance allows them to err together (Liang and Zeger 1986, Biometrika 73:13).
    Raises ``Unmeasurable`` where there are none: outcomes that are separated perfectly, or columns that say the same.
    """
    columns = matrix.shape[1]
    base = np.zeros(len(matrix)) if offset is None else offset
    penalty = np.full(columns, ridge)
    penalty[0] = 0.0
    weights = np.zeros(columns)
    loss = _loss(matrix @ weights + base, came, weights, penalty)
    for _ in range(STEPS):
        said = chances(matrix @ weights + base)
        slope = matrix.T @ (came - said) - penalty * weights
        information = (matrix * (said * (1 - said))[:, np.newaxis]).T @ matrix + np.diag(penalty)
        try:
            step = np.linalg.solve(information, slope)
        except np.linalg.LinAlgError:
            raise Unmeasurable("the columns say the same, or outcomes are separated perfectly") from None
        better = next(
            (
                (new, its)
                for half in range(30)
                for new in [weights + step / 2**half]
                for its in [_loss(matrix @ new + base, came, new, penalty)]
                if its <= loss + CLOSE
            ),
            None,
        )
        if better is None:
            break
        weights, before, loss = better[0], loss, better[1]
        if abs(before - loss) < CLOSE * (1 + abs(loss)):
            break
    if ridge == 0 and loss < 1e-6:  # noqa: PLR2004 - every outcome is as good as certain
        raise Unmeasurable("outcomes are separated perfectly")
    try:
        covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise Unmeasurable("outcomes are separated perfectly") from None
    if blocks is not None:
        codes, count = clusters.parted(blocks)
        slopes = matrix * (came - chances(matrix @ weights + base))[:, np.newaxis]
        sums = np.column_stack([np.bincount(codes, weights=one, minlength=count) for one in slopes.T])
        covariance = covariance @ (sums.T @ sums * (count / (count - 1))) @ covariance
    return Fit(weights, covariance)


def _loss(scores: Floats, came: Floats, weights: Floats, penalty: Floats) -> float:
    likely = np.logaddexp(0, scores) - came * scores
    return float(likely.sum() + (penalty * weights**2).sum() / 2)
