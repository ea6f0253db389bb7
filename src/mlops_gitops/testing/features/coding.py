"""A feature as a few codes: bins of equal weight for numbers, the most frequent values for categories."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mlops_gitops.testing.data.leakage import Feature

Coded: TypeAlias = tuple[npt.NDArray[np.int64], int]
"""The code of each row, from nought, and how many codes there are."""


def coded(feature: Feature, *, bins: int, categories: int) -> Coded:
    """Missing values have a code of their own, the last; so have all rare categories together, the one before it."""
    values = feature.values
    if feature.categorical:
        present = values >= 0
        names, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
        order = np.argsort(-np.where(names < 0, -1, counts), kind="stable")
        place = np.empty(len(names), np.int64)
        place[order] = np.arange(len(names))
        found = np.minimum(place[codes], categories)
        return np.where(present, found, categories + 1), categories + 2
    present = np.isfinite(values)
    edges = np.unique(np.quantile(values[present], np.arange(1, bins) / bins)) if present.any() else np.zeros(0)
    return np.where(present, np.searchsorted(edges, values, side="right"), bins), bins + 1
