"""What a model said about a dataset, and the border to whoever asks it.

Tests judge numbers; they never load a model.  A ``Predict`` (``adapters/predictions.py`` has the real one) takes jobs
and gives back, for each, either numbers or the reason why there are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from mlops_gitops.canonical import JSON
from mlops_gitops.testing.models.metrics import Kind
from mlops_gitops.testing.statistics import Floats


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model file or folder that has been **scanned and found clean**: asking it to predict runs what is in it.

    ``digest`` identifies its content.
    """

    path: Path
    format: str
    digest: str


@dataclass(frozen=True, slots=True)
class Job:
    """One artifact, one data file, and which of its columns the model takes, in order.

    ``positive`` is the positive class of a binary task as text (``true``, ``1``, ``malignant``).  The columns
    ``shuffled`` are put into another order of rows, all of them into the same, which ``seed`` decides.  ``edits`` are
    changes of the table (``adapters/prediction_edits`` knows them), made in order; the answer has the rows that they
    leave.  ``batch`` is how many rows the model gets at a time (all), ``outputs`` how many numbers it gives for each
    where the target is a number.
    """

    artifact: Artifact
    data: Path
    data_format: str
    data_digest: str
    columns: tuple[str, ...]
    task: str
    positive: str | None = None
    shuffled: tuple[str, ...] = ()
    seed: int = 0
    edits: tuple[Mapping[str, JSON], ...] = ()
    batch: int | None = None
    outputs: int = 1

    def document(self) -> dict[str, JSON]:
        """What is asked, of which artifact and about which data: all that an answer depends on but the machine."""
        return {
            "artifact": self.artifact.digest,
            "format": self.artifact.format,
            "data": self.data_digest,
            "columns": [*self.columns],
            "task": self.task,
            "positive": self.positive,
            "shuffled": [*self.shuffled],
            "seed": self.seed,
            "edits": [dict(one) for one in self.edits],
            "batch": self.batch,
            "outputs": self.outputs,
        }


@dataclass(frozen=True, slots=True)
class Predictions:
    """Numbers for each row, in the order of the file: shape ``(rows,)``, or ``(rows, classes)`` for several classes.

    ``classes`` names the columns of the second form.  ``unstable`` is how many of ``repeated`` rows came out otherwise
    when the same process was asked again.  ``digest`` is the SHA-256 of the stored array.  ``changed`` is how many rows
    the edits of the job changed.
    """

    values: Floats
    kind: Kind
    digest: str
    classes: tuple[str, ...] = ()
    unstable: int = 0
    repeated: int = 0
    changed: int = 0


def aligned(before: Predictions, after: Predictions) -> tuple[Floats, Floats]:
    """Two answers with the same columns: a model that only says classes knows none that it has not said."""
    if before.classes == after.classes:
        return before.values, after.values
    every = sorted({*before.classes, *after.classes})
    found = []
    for one in (before, after):
        wide = np.zeros((len(one.values), len(every)))
        wide[:, [every.index(name) for name in one.classes]] = one.values
        found.append(wide)
    return found[0], found[1]


@dataclass(frozen=True, slots=True)
class Failed:
    """There are no predictions; ``reason`` says why, in one sentence without a full stop."""

    reason: str


class Predict(Protocol):
    """Ask models for predictions."""

    def __call__(self, jobs: Sequence[Job], /) -> list[Predictions | Failed]:
        """One answer for each job, in order.  A model that fails does not spoil the answers of the others."""
