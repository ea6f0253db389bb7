"""Columns of any type as a matrix of numbers, for models that are made here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_gitops.testing.statistics import Floats
from mlops_gitops.testing.texts import as_texts

MOST_VALUES = 20
"""Of a column of text, so many of the most frequent values have a column of their own."""


@dataclass(frozen=True, slots=True)
class Features:
    """How each column is turned into numbers, learned from training data.

    ``numbers`` holds mean and spread of each numeric column, ``texts`` the values of each other one that count.
    """

    numbers: Mapping[str, tuple[float, float]]
    texts: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Features:
        """Learn it from these columns."""
        numbers, texts = {}, {}
        for name, raw in columns.items():
            values, missing = _parted(raw)
            if values.dtype.kind in "iufb":
                given = values[~missing].astype(np.float64)
                spread = float(given.std()) if len(given) else 0.0
                numbers[name] = (float(given.mean()) if len(given) else 0.0, spread or 1.0)
            else:
                known, counts = np.unique(as_texts(values[~missing]), return_counts=True)
                texts[name] = tuple(known[np.argsort(-counts, kind="stable")[:MOST_VALUES]].tolist())
        return cls(numbers, texts)

    def matrix(self, columns: Mapping[str, Any]) -> Floats:
        """Shape (rows, features); numbers are centred and scaled."""
        parts = []
        for name, raw in columns.items():
            values, missing = _parted(raw)
            if name in self.numbers:
                mean, spread = self.numbers[name]
                filled = np.zeros(len(values))
                filled[~missing] = (values[~missing].astype(np.float64) - mean) / spread
                parts += [filled, missing.astype(np.float64)]
            else:
                text = np.where(missing, "", as_texts(values))
                parts += [((text == one) & ~missing).astype(np.float64) for one in self.texts[name]]
        rows = len(next(iter(columns.values()))) if columns else 0
        return np.column_stack(parts) if parts else np.zeros((rows, 0))


def _parted(raw: Any) -> tuple[Any, Any]:
    """The values, and which of them are missing: masked, or no finite number."""
    values, missing = np.ma.getdata(raw), np.ma.getmaskarray(raw).copy()
    if values.dtype.kind == "f":
        missing |= ~np.isfinite(values)
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]").astype(np.int64)
    return values, missing
