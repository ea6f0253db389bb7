"""What two models say about the same rows: which decisions differ, and by how much the numbers do.

A decision is what the prediction leads to: the class for a classifier, the number itself, within a tolerance, for a
regression.  Predictions come from a model that was asked, or from a file that training wrote.
"""

from __future__ import annotations

import hashlib
import io
import math
import tokenize
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_gitops.errors import Refused
from mlops_gitops.manifests.model import Dataset, Model
from mlops_gitops.reproduction.levels import PredictionComparison
from mlops_gitops.testing.models.metrics import DECISION
from mlops_gitops.testing.models.predictions import Predictions
from mlops_gitops.testing.statistics import Bools, Floats

_BINS = 21
_EXAMPLES = 10
_MOST_BYTES = 1 << 30
_LARGEST = float(np.finfo(np.float64).max) / 4
_SMALLEST = 1e-290
_SLACK = 1e-6
_ONE = ("prediction", "probability", "score")
_PER_CLASS = ("p_", "probability_")
_DAMAGE = (OSError, EOFError, MemoryError, OverflowError, RecursionError, SyntaxError, TypeError, tokenize.TokenError)
"""What reading a damaged or hostile file raises, beside ``ValueError``."""


def choose(model: Model) -> Dataset | None:
    """The rows to ask about: the probe of the manifest, else the primary metric's data, else the first test data."""
    wanted = model.reproducibility.probe or model.primary.dataset
    return model.dataset(wanted) or next(iter(model.of_role("test")), None)


def compare(
    left: Predictions, right: Predictions, *, dataset: str, task: str, tolerance: float
) -> PredictionComparison:
    """Which decisions differ.  Raises ``ValueError`` where the two are not answers to the same question."""
    if not tolerance >= 0:
        raise ValueError(f"the tolerance is {tolerance}, and it has to be a number that is not negative")
    if left.kind != right.kind:
        raise ValueError(f"one model answers with a {left.kind}, the other with a {right.kind}")
    if left.values.shape != right.values.shape:
        raise ValueError(f"the predictions have the shapes {left.values.shape} and {right.values.shape}")
    if left.classes != right.classes:
        raise ValueError("the models know other classes")
    changed = _changed(left, right, task, tolerance)
    with np.errstate(invalid="ignore", over="ignore"):
        differences = (right.values - left.values).reshape(-1)
    # infinity against a number is a difference too; a quarter of the range is what a histogram can still span
    finite = np.clip(differences[~np.isnan(differences)], -_LARGEST, _LARGEST)
    largest = float(np.abs(finite).max()) if len(finite) else 0.0
    edge = max(largest, _SMALLEST) if largest else 1e-12
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
    """The predictions that a training wrote, all numbers: a ``.npy`` array, or a Parquet, CSV or JSON Lines file.

    A table has one column (if there are others: named ``prediction``, ``probability`` or ``score``), or a column
    ``p_<class>`` or ``probability_<class>`` for each class and no others.  Raises ``ValueError`` for anything else;
    pickles are not opened.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("the file is too large for predictions")
        data = path.read_bytes()
        values, classes, score = _array(data) if path.suffix.lower() == ".npy" else _table(path)
        return _checked(values, classes, score=score, digest=hashlib.sha256(data).hexdigest())
    except _DAMAGE as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise ValueError(f"the file cannot be read: {words}") from error


def _checked(values: npt.NDArray[Any], classes: tuple[str, ...], *, score: bool, digest: str) -> Predictions:
    if values.dtype.kind not in "fiub" or values.ndim not in (1, 2) or 0 in values.shape[1:]:
        raise ValueError(f"an array of {values.dtype} with {values.ndim} dimensions is no table of numbers")
    numbers: Floats = np.ascontiguousarray(values, dtype=np.float64)
    if numbers.ndim == 2 and numbers.shape[1] == 1:  # noqa: PLR2004 - one column
        numbers, classes = numbers[:, 0], ()
    outside = bool(((numbers < -_SLACK) | (numbers > 1 + _SLACK)).any())
    if numbers.ndim == 2 and outside:  # noqa: PLR2004 - an identifier beside the prediction, most likely
        raise ValueError("several columns have to be the probabilities of classes, and some are outside 0 and 1")
    return Predictions(numbers, "score" if score and outside else "probability", digest, classes)


def _array(data: bytes) -> tuple[npt.NDArray[Any], tuple[str, ...], bool]:
    """The array of a ``.npy`` file, after its header was held against its size."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in headers:
        raise ValueError(f"arrays of the version {version[0]}.{version[1]} are not read")
    shape, _, dtype = headers[version](file)
    if dtype.hasobject or any(length < 0 for length in shape):
        raise ValueError("the array holds no numbers")
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell() or math.prod(shape) * 8 > _MOST_BYTES:
        raise ValueError(f"the header says {shape} of {dtype}, and the file has {len(data) - file.tell()} bytes")
    values = np.load(io.BytesIO(data), allow_pickle=False)
    return values, tuple(map(str, range(shape[1]))) if len(shape) == 2 else (), False  # noqa: PLR2004


def _table(path: Path) -> tuple[npt.NDArray[Any], tuple[str, ...], bool]:
    import duckdb

    from mlops_gitops.testing.data.scans import source
    from mlops_gitops.testing.engines import duckdb as engine

    try:
        found = source(path, media_type=None)
        names, classes = _wanted(list(engine.columns(found)))
        # by place: what comes back need not have the name that was asked for
        columns = engine.arrays(found, {f"c{place}": engine.quoted(name) for place, name in enumerate(names)})
    except Refused as refusal:
        raise ValueError(refusal.message) from refusal
    except duckdb.Error as error:
        raise ValueError("the file cannot be read as a table") from error
    if any(np.ma.getmaskarray(one).any() for one in columns.values()):
        raise ValueError("a prediction is missing")
    arrays = [np.ma.getdata(one) for one in columns.values()]
    if any(one.dtype.kind not in "fiub" for one in arrays):
        raise ValueError("a prediction is no number")
    return np.column_stack(arrays), classes, names[0].lower() == "score"


def _wanted(names: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """The columns that hold predictions, and the classes they belong to."""
    if len(names) == 1:
        return names, ()
    named = [name for name in names if name.lower() in _ONE]
    if len(named) == 1:
        return named, ()
    classes = tuple(_class_of(names))
    if not named and len(names) > 1 and len(classes) == len(names) and len(set(classes)) == len(names):
        return names, classes
    raise ValueError(
        f"which of the {len(names)} columns is the prediction is not known: name one of them prediction, probability "
        "or score, or have nothing but a column p_<class> for each class"
    )


def _class_of(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        prefix = next((one for one in _PER_CLASS if name.startswith(one) and len(name) > len(one)), None)
        if prefix is not None:
            yield name.removeprefix(prefix)


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
    with np.errstate(invalid="ignore", over="ignore"):
        apart: Bools = (np.abs(after - before) > tolerance) | lost
    return apart
