"""What two models say about the same rows: which decisions differ, and by how much the numbers do.

A decision is what the prediction leads to: the class for a classifier, the number itself, within a tolerance, for a
regression.  Predictions come from a model that was asked, or from a file that training wrote.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_gitops.errors import Refused
from mlops_gitops.manifests.model import Dataset, Model
from mlops_gitops.reproduction.levels import PredictionComparison
from mlops_gitops.testing.metrics import DECISION
from mlops_gitops.testing.predictions import Predictions
from mlops_gitops.testing.statistics import Bools, Floats

_BINS = 21
_EXAMPLES = 10
_MOST_BYTES = 1 << 31


def choose(model: Model) -> Dataset | None:
    """The rows to ask about: the probe of the manifest, else the primary metric's data, else the first test data."""
    wanted = model.reproducibility.probe or model.primary.dataset
    return model.dataset(wanted) or next(iter(model.of_role("test")), None)


def compare(
    left: Predictions, right: Predictions, *, dataset: str, task: str, tolerance: float
) -> PredictionComparison:
    """Which decisions differ.  Raises ``ValueError`` where the two are not answers to the same question."""
    if left.values.shape != right.values.shape:
        raise ValueError(f"the predictions have the shapes {left.values.shape} and {right.values.shape}")
    if left.classes != right.classes:
        raise ValueError("the models know other classes")
    changed = _changed(left, right, task, tolerance)
    with np.errstate(invalid="ignore"):
        differences = (right.values - left.values).reshape(-1)
    finite = differences[np.isfinite(differences)]
    largest = float(np.abs(finite).max()) if len(finite) else 0.0
    edge = largest or 1e-12
    counts, edges = np.histogram(finite, bins=_BINS, range=(-edge, edge))
    return PredictionComparison(
        dataset=dataset,
        rows=len(left.values),
        changed=int(changed.sum()),
        largest=largest,
        edges=tuple(map(float, edges)),
        counts=tuple(map(int, counts)),
        examples=tuple(map(int, np.flatnonzero(changed)[:_EXAMPLES])),
    )


def of_file(path: Path) -> Predictions:
    """The predictions that a training wrote: ``.npy``, or the columns of a Parquet or CSV file, all numbers.

    Raises ``ValueError`` for anything else; pickles are not opened.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError("the file is too large for predictions")
    data = path.read_bytes()
    values = _table(path, data)
    if values.dtype.kind not in "fiub" or values.ndim not in (1, 2):
        raise ValueError(f"an array of {values.dtype} with {values.ndim} dimensions is no table of numbers")
    numbers: Floats = np.ascontiguousarray(values, dtype=np.float64)
    if numbers.ndim == 2 and numbers.shape[1] == 1:  # noqa: PLR2004 - one column
        numbers = numbers[:, 0]
    classes = tuple(map(str, range(numbers.shape[1]))) if numbers.ndim == 2 else ()  # noqa: PLR2004
    return Predictions(numbers, "probability", hashlib.sha256(data).hexdigest(), classes)


def _table(path: Path, data: bytes) -> npt.NDArray[Any]:
    if path.suffix.lower() == ".npy":
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
    from mlops_gitops.testing.engines import duckdb as engine
    from mlops_gitops.testing.scans import source

    try:
        found = source(path, media_type=None)
        wanted = {name: engine.quoted(name) for name in engine.columns(found)}
        columns = engine.arrays(found, wanted)
    except Refused as refusal:
        raise ValueError(refusal.message) from refusal
    if any(np.ma.getmaskarray(one).any() for one in columns.values()):
        raise ValueError("a prediction is missing")
    return np.column_stack([np.ma.getdata(one) for one in columns.values()])


def _changed(left: Predictions, right: Predictions, task: str, tolerance: float) -> Bools:
    before, after = left.values, right.values
    lost = np.isnan(before) != np.isnan(after)
    if before.ndim == 2:  # noqa: PLR2004 - a column for each class
        changed: Bools = (np.nan_to_num(before).argmax(axis=1) != np.nan_to_num(after).argmax(axis=1)) | lost.any(
            axis=1
        )
        return changed
    if task == "binary-classification":
        limit = 0.0 if left.kind == "score" else DECISION
        binary: Bools = ((before >= limit) != (after >= limit)) | lost
        return binary
    with np.errstate(invalid="ignore"):
        apart: Bools = (np.abs(after - before) > tolerance) | lost
    return apart
