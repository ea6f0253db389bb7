"""Training-serving skew: what the image answers, row by row against what the model answered offline.

Where the manifest declares real numbers, numbers are compared; where it declares a class, the class that the offline
numbers speak for.  A row whose offline numbers lie on the edge of the decision may be either.  Pure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data.scans import watched_text
from mlops_gitops.testing.infra.protocols import Columns
from mlops_gitops.testing.models.predictions import Predictions
from mlops_gitops.testing.statistics import Bools, Floats

HALF = 0.5
_NO_CLASS = frozenset({"None", "nan", ""})
_REAL = frozenset({"float", "double"})


@dataclass(frozen=True, slots=True)
class Tolerance:
    """``absolute`` + ``relative`` times the offline value is the largest difference that passes."""

    relative: float
    absolute: float

    def allowed(self, offline: Floats) -> Floats:
        """The largest difference for each value."""
        found: Floats = self.absolute + self.relative * np.abs(offline)
        return found


@dataclass(frozen=True, slots=True)
class Compared:
    """How many of ``rows`` differ, the largest difference, and the first row that differs, in words."""

    rows: int
    differing: int
    worst: float
    example: str = ""

    def __add__(self, other: Compared) -> Compared:
        """Of both together."""
        return Compared(
            self.rows + other.rows,
            self.differing + other.differing,
            max(self.worst, other.worst),
            self.example or other.example,
        )


NOTHING = Compared(0, 0, 0.0)


def chosen(offline: Predictions, places: Sequence[int]) -> Predictions:
    """The predictions of some rows."""
    values = offline.values[list(places)]
    return Predictions(values, offline.kind, offline.digest, offline.classes)


def compared(
    model: Model, offline: Predictions, served: Columns, tolerance: Tolerance, *, places: Sequence[int]
) -> Compared:
    """Hold an answer against the offline predictions of the same rows; ``places`` are how the rows are called.

    An answer with another number of rows differs in all of them.
    """
    count = len(offline.values)
    if served.rows != count:
        said = f"there are {served.rows:,} predictions for {count:,} rows"
        return Compared(count, count, 0.0, said)
    if not count:
        return NOTHING
    if model.interface.outputs[0].type in _REAL:
        return _numbers(model, offline, served, tolerance, places)
    return _classes(model, offline, served, tolerance, places)


def _numbers(
    model: Model, offline: Predictions, served: Columns, tolerance: Tolerance, places: Sequence[int]
) -> Compared:
    names = [one.name for one in model.interface.outputs]
    missing = [name for name in names if name not in served.values]
    count = len(offline.values)
    if missing:
        return Compared(count, count, 0.0, f"the answer has no {missing[0]}")
    want = offline.values.reshape(count, -1)
    if want.shape[1] > 1 and len(names) == want.shape[1]:
        if set(names) == set(offline.classes):
            want = want[:, [offline.classes.index(name) for name in names]]
    elif want.shape[1] == 1 and len(names) > 1:
        names = [_of_positive(model, names)]
    elif want.shape[1] != len(names):
        said = f"the model has {want.shape[1]} numbers a row offline, and {len(names)} outputs are declared"
        return Compared(count, count, 0.0, said)
    have = np.column_stack([_floats(served.values[name]) for name in names])
    with np.errstate(invalid="ignore"):
        distance = np.abs(have - want)
        same = (distance <= tolerance.allowed(want)) | (np.isnan(have) & np.isnan(want)) | (have == want)
    bad = ~same.all(axis=1)
    finite = distance[np.isfinite(distance)]
    worst = float(finite.max()) if finite.size else 0.0
    return Compared(count, int(bad.sum()), worst, _example(bad, places, have, want))


def _of_positive(model: Model, names: Sequence[str]) -> str:
    """The output with the chance of the positive class: the one that is named so, else the last."""
    target = model.interface.target
    positive = None if target is None or target.positive is None else watched_text(target.positive)
    return positive if positive is not None and positive in names else names[-1]


def _classes(
    model: Model, offline: Predictions, served: Columns, tolerance: Tolerance, places: Sequence[int]
) -> Compared:
    name, count = model.interface.outputs[0].name, len(offline.values)
    if name not in served.values:
        return Compared(count, count, 0.0, f"the answer has no {name}")
    have = [_class(value) for value in served.values[name]]
    if offline.values.ndim == 2:  # noqa: PLR2004 - a column for each class
        best = offline.values.max(axis=1, keepdims=True)
        fits = offline.values >= best - tolerance.allowed(best)
        index = {one: place for place, one in enumerate(offline.classes)}
        same = np.array([one in index and bool(fits[row, index[one]]) for row, one in enumerate(have)])
        want = np.array([offline.classes[place] for place in offline.values.argmax(axis=1)])
    elif model.task == "binary-classification":
        same, want = _binary(model, offline.values, have, tolerance)
    else:
        values = _floats(served.values[name])
        same = np.abs(values - offline.values) <= HALF + tolerance.allowed(offline.values)
        want = offline.values.astype(str)
    bad = ~same
    return Compared(count, int(bad.sum()), 0.0, _example(bad, places, np.array(have), want))


def _binary(model: Model, values: Floats, have: Sequence[str], tolerance: Tolerance) -> tuple[Bools, Any]:
    """An answer is the positive class or the one other; a third, or none, is neither."""
    target = model.interface.target
    positive = {"true", "1"} if target is None or target.positive is None else {watched_text(target.positive), "1"}
    if "true" in positive:
        positive.add("1")
    said = np.array([one in positive for one in have])
    others = Counter(one for one in have if one not in positive)
    known = positive | {one for one, _ in others.most_common(1) if one not in _NO_CLASS}
    edge = np.abs(values - HALF) <= tolerance.allowed(values)
    want = values >= HALF
    same: Bools = ((said == want) | edge) & np.array([one in known for one in have])
    return same, np.where(want, "positive", "negative")


def _example(bad: Bools, places: Sequence[int], have: Any, want: Any) -> str:
    """The first row that differs, in words."""
    if not bad.any():
        return ""
    row = int(np.argmax(bad))
    return f"row {places[row] + 1:,} is {_shown(want[row])} offline and {_shown(have[row])} served"


def _shown(value: Any) -> str:
    parts = np.asarray(value).reshape(-1)[:4].tolist()
    return ", ".join(f"{one:.9g}" if isinstance(one, float) else str(one)[:40] for one in parts)


def _floats(values: Sequence[Any]) -> Floats:
    """Numbers; whatever is none is not a number."""
    return np.array([_float(one) for one in values], dtype=np.float64)


def _float(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # JSON's whole numbers have no end
        return math.inf


def _class(value: Any) -> str:
    """A class as the predicting program spells it."""
    return watched_text(value) if isinstance(value, str | int | float | bool) else str(value)
