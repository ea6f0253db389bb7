"""Labels and predictions side by side, and the parts of them that are judged on their own.

From raw columns (numpy arrays, masked where they have nulls) to ``Sample`` records.  Rows without a label are left out
and counted, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_gitops.manifests.data_tests import Scalar
from mlops_gitops.manifests.metrics import Slice
from mlops_gitops.manifests.model import Target
from mlops_gitops.testing.data.scans import watched_text
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models.metrics import Sample
from mlops_gitops.testing.models.predictions import Predictions
from mlops_gitops.testing.statistics import Bools, Floats
from mlops_gitops.testing.texts import as_texts

MISSING = "(missing)"
"""The name of the slice of rows that have no value in the slice's column."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The target column of one file.  ``present`` marks the rows that have a label; ``raw`` are the values of those."""

    target: Target
    task: str
    present: Bools
    raw: npt.NDArray[Any]

    @classmethod
    def of_column(cls, raw: Any, target: Target, task: str) -> Truth:
        """From the target column as the engine gives it."""
        values = np.ma.getdata(raw)
        present = ~np.ma.getmaskarray(raw)
        if values.dtype.kind == "f":
            present &= np.isfinite(values)
        return cls(target, task, present, values[present])

    @property
    def unlabelled(self) -> int:
        """How many rows have no label."""
        return int((~self.present).sum())

    def is_class(self, name: Scalar) -> Bools:
        """Which labelled rows are of the class ``name``."""
        if self.raw.dtype.kind in "biuf":
            try:
                mask: Bools = self.raw.astype(np.float64) == float(name)
            except ValueError:
                raise Unmeasurable(f"the column {self.target.column} holds numbers, never {name!r}") from None
            return mask
        same: Bools = as_texts(self.raw) == watched_text(name)
        return same

    def positive(self) -> Bools:
        """Which labelled rows are positive; without a word in the manifest, those that are true, or 1."""
        return self.is_class(True if self.target.positive is None else self.target.positive)

    def names(self) -> npt.NDArray[Any]:
        """The class of each labelled row as text, spelled as a model's classes are."""
        if self.raw.dtype.kind in "biuf":
            values, codes = np.unique(self.raw, return_inverse=True)
            return np.array([watched_text(value) for value in values.tolist()])[codes]
        return as_texts(self.raw)

    def numbers(self) -> Floats:
        """The target itself, for a task whose target is a number."""
        if self.raw.dtype.kind not in "biuf":
            raise Unmeasurable(f"the column {self.target.column} is not a number")
        values: Floats = self.raw.astype(np.float64)
        return values

    def labels(self, predictions: Predictions) -> Floats:
        """The labels as ``Sample`` wants them for this task."""
        if self.task == "binary-classification":
            return self.positive().astype(np.float64)
        if self.task == "multiclass":
            index = {name: float(place) for place, name in enumerate(predictions.classes)}
            names, codes = np.unique(self.names(), return_inverse=True)
            labels: Floats = np.array([index.get(str(name), -1.0) for name in names])[codes]
            return labels
        return self.numbers()

    def sample(self, predictions: Predictions) -> Sample:
        """Labels and predictions of the labelled rows.  The predictions must be of all rows of the file."""
        values, classes = predictions.values[self.present], predictions.classes
        return Sample(self.labels(predictions), values, predictions.kind, classes=classes)


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one slice: its name (``carrier = AA``) and their places in the sample."""

    name: str
    rows: npt.NDArray[np.int64]


def parts(raw: Any, wanted: Slice) -> list[Part]:
    """The rows by value of a column, so that every row is in exactly one part.

    Values with fewer rows than the manifest wants are judged together, with the smallest of the others where they are
    still too few: no row goes unjudged.  A single part that is too small is returned as it is.
    """
    names, codes = _coded(raw)
    counts = np.bincount(codes, minlength=len(names))
    by_value = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
    alone = [index for index in range(len(names)) if counts[index] >= wanted.min_rows]
    together = [index for index in range(len(names)) if counts[index] < wanted.min_rows]
    if together and alone and sum(counts[index] for index in together) < wanted.min_rows:
        smallest = min(alone, key=lambda index: (counts[index], index))
        alone.remove(smallest)
        together.append(smallest)
    found = [Part(f"{wanted.column} = {names[index]}", by_value[index]) for index in alone]
    if together:
        listed = ", ".join(str(names[index]) for index in sorted(together)[:5])
        more = f" and {len(together) - 5} more" if len(together) > 5 else ""  # noqa: PLR2004 - as many as are listed
        found.append(Part(f"{wanted.column} in {listed}{more}", np.concatenate([by_value[i] for i in together])))
    return found


def _coded(raw: Any) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The different values as text, in order, and which of them each row has; without sorting the rows themselves."""
    missing, values = np.ma.getmaskarray(raw), np.ma.getdata(raw)
    if values.dtype.kind == "O":
        seen: dict[str, int] = {}
        codes = np.fromiter((seen.setdefault(one, len(seen)) for one in map(str, values.tolist())), np.int64)
        texts = [*seen]
    else:
        found, codes = np.unique(values, return_inverse=True)
        texts = found.astype(str).tolist()
    names = sorted({*texts, MISSING} if missing.any() else {*texts})
    place = {name: at for at, name in enumerate(names)}
    renamed = np.array([place[one] for one in texts], np.int64)[codes]
    return _used(names, np.where(missing, place.get(MISSING, 0), renamed))


def _used(names: list[str], codes: npt.NDArray[np.int64]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Only the names that some row has: what lies under a mask may be any value."""
    there = np.bincount(codes, minlength=len(names)) > 0
    return [name for name, some in zip(names, there, strict=True) if some], (np.cumsum(there) - 1)[codes]


def chosen(sample: Sample, rows: npt.NDArray[np.int64]) -> Sample:
    """The rows of one part."""
    return sample.at(rows)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One model on one file: its predictions, the labels beside them, and the columns by which it is sliced."""

    dataset: str
    predictions: Predictions
    truth: Truth
    sample: Sample
    columns: Mapping[str, Any]
    """Slice columns of the labelled rows, as the engine gave them."""
    blocks: npt.NDArray[np.int64] | None = None
    """The block of each row of the file, with a label or without."""

    def in_blocks(self, blocks: npt.NDArray[np.int64], words: str) -> Evaluation:
        """The same with the blocks in which its rows come; ``words`` say what they are."""
        sample = self.sample._replace(blocks=blocks[self.truth.present], assumed=words)
        return replace(self, sample=sample, blocks=blocks)
