"""A shallow tree from numpy alone (Breiman et al. 1984): splits at quantiles, by squared error.

For labels 0 and 1 the squared error is half the Gini impurity, so that one tree serves classes and numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlops_gitops.testing.statistics import Bools, Floats

EDGES = 64
FEWEST = 20
"""A leaf has at least so many rows."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A leaf that answers ``value``, or a question whether ``column`` is at most ``edge``."""

    value: float
    column: int = -1
    edge: float = 0.0
    low: Tree | None = None
    high: Tree | None = None

    def answers(self, matrix: Floats) -> Floats:
        """The value of the leaf of each row."""
        if self.low is None or self.high is None:
            return np.full(len(matrix), self.value)
        below = matrix[:, self.column] <= self.edge
        found = np.empty(len(matrix))
        found[below], found[~below] = self.low.answers(matrix[below]), self.high.answers(matrix[~below])
        return found


def grown(matrix: Floats, wanted: Floats, *, depth: int) -> Tree:
    """A tree of at most ``depth`` questions on the way to each leaf."""
    value = float(wanted.mean()) if len(wanted) else 0.0
    best = _split(matrix, wanted) if depth > 0 and len(wanted) >= 2 * FEWEST else None
    if best is None:
        return Tree(value)
    column, edge = best
    below: Bools = matrix[:, column] <= edge
    low, high = (grown(matrix[mask], wanted[mask], depth=depth - 1) for mask in (below, ~below))
    return Tree(value, column, edge, low, high)


def _split(matrix: Floats, wanted: Floats) -> tuple[int, float] | None:
    """The column and edge that lower the squared error most; ``None`` where none does."""
    rows, total = len(wanted), float(wanted.sum())
    best, most = None, total * total / rows + 1e-12 * float((wanted * wanted).sum())
    for column in range(matrix.shape[1]):
        values = matrix[:, column]
        edges = np.unique(np.quantile(values, np.arange(1, EDGES) / EDGES, method="inverted_cdf"))
        codes = np.searchsorted(edges, values, side="left")
        counts = np.bincount(codes, minlength=len(edges) + 1).cumsum()[:-1]
        sums = np.bincount(codes, weights=wanted, minlength=len(edges) + 1).cumsum()[:-1]
        usable = (counts >= FEWEST) & (rows - counts >= FEWEST)
        if not usable.any():
            continue
        explained = sums[usable] ** 2 / counts[usable] + (total - sums[usable]) ** 2 / (rows - counts[usable])
        at = int(explained.argmax())
        if explained[at] > most:
            most, best = float(explained[at]), (column, float(edges[usable][at]))
    return best
