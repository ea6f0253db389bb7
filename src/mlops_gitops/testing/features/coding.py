"""A feature as numbers, and as a few codes.

The codes are bins of equal weight for numbers, and the most frequent values for categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mlops_gitops.testing.statistics import Floats
from mlops_gitops.testing.texts import as_texts

Coded: TypeAlias = tuple[npt.NDArray[np.int64], int]
"""The code of each row, from nought, and how many codes there are."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature's values: numbers with NaN for missing, or codes of categories with -1 for missing."""

    name: str
    values: Floats
    categorical: bool

    @classmethod
    def of_column(cls, name: str, raw: Any) -> Feature:
        """From an array as the engine gives it, masked where it has nulls."""
        missing, values = np.ma.getmaskarray(raw), np.ma.getdata(raw)
        if values.dtype.kind in "biuf":
            numbers = values.astype(np.float64)
            numbers[missing] = np.nan
            return cls(name, numbers, categorical=False)
        if values.dtype.kind == "M":
            numbers = values.astype("datetime64[us]").astype(np.float64)
            numbers[missing | np.isnat(values)] = np.nan
            return cls(name, numbers, categorical=False)
        text = as_texts(np.where(missing, "", values))
        codes = np.unique(text, return_inverse=True)[1].astype(np.float64)
        codes[missing] = -1.0
        return cls(name, codes, categorical=True)


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
