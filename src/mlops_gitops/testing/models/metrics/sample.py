"""Labels and predictions of the same rows, and the few ways in which metrics look at them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from mlops_gitops.testing import wording
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.statistics import Bools, Floats

Kind: TypeAlias = Literal["probability", "score", "label", "value"]
"""What a model's numbers are: a probability, a score that only ranks, a class, or a value in the target's unit."""
Codes: TypeAlias = npt.NDArray[np.int64]

DECISION = 0.5
"""A row is predicted positive when its probability is at least this."""
_NONE: Mapping[int, Floats] = MappingProxyType({})


class Sample(NamedTuple):
    """Labels and predictions of the same rows.

    ``labels``: 0.0 or 1.0 for a binary task, the index of the class for several (-1 for one the model does not know),
    the relevance for ranking, the target itself otherwise; shape ``(rows,)``.  ``predictions``: shape ``(rows,)``,
    or ``(rows, classes)``, or ``(rows, quantiles)``.  ``groups`` says which query a row belongs to.  ``blocks`` says
    which rows may err together: intervals are then those of whole blocks.  ``scales`` holds for each lag the mean
    absolute step of the row's series in the training data.  ``classes`` and ``quantiles`` name the columns of
    ``predictions``.  ``assumed`` says in words what ``blocks`` are, or that there are none.
    """

    labels: Floats
    predictions: Floats
    kind: Kind
    groups: Codes | None = None
    blocks: Codes | None = None
    scales: Mapping[int, Floats] = _NONE
    classes: tuple[str, ...] = ()
    quantiles: tuple[float | None, ...] = ()
    assumed: str = wording.INDEPENDENT

    def at(self, rows: Bools | npt.NDArray[np.int64]) -> Sample:
        """Only the rows of a mask, or those at these places."""
        return self._replace(
            labels=self.labels[rows],
            predictions=self.predictions[rows],
            groups=None if self.groups is None else self.groups[rows],
            blocks=None if self.blocks is None else self.blocks[rows],
            scales={lag: scale[rows] for lag, scale in self.scales.items()},
        )


def called(sample: Sample) -> Bools:
    """Which rows of a binary task are predicted positive."""
    found: Bools = sample.predictions >= DECISION
    return found


def point(sample: Sample) -> Floats:
    """The one number that a model predicts: of several columns the one without a quantile, or the median."""
    if sample.predictions.ndim == 1:
        return sample.predictions
    for wanted in (None, 0.5):
        if wanted in sample.quantiles:
            return sample.predictions[:, sample.quantiles.index(wanted)]
    raise Unmeasurable("the model gives several numbers for each row, and none of them is the prediction or the median")


def quantile(sample: Sample, share: float) -> Floats:
    """The column of predictions that the manifest says is this quantile."""
    for place, one in enumerate(sample.quantiles):
        if one is not None and abs(one - share) < 1e-9:  # noqa: PLR2004 - 1 - 0.9 is not 0.1
            return sample.predictions if sample.predictions.ndim == 1 else sample.predictions[:, place]
    raise Unmeasurable(f"no output of the model is declared as the quantile {share:g}")


def decided(sample: Sample) -> tuple[Codes, Codes, int]:
    """The class of each row, the one that is predicted, and how many there are; a class unknown to it is the last."""
    if sample.predictions.ndim == 1:
        return sample.labels.astype(np.int64), called(sample).astype(np.int64), 2
    count = sample.predictions.shape[1]
    labels = sample.labels.astype(np.int64)
    strange = labels < 0
    truth: Codes = np.where(strange, count, labels)
    return truth, sample.predictions.argmax(axis=1).astype(np.int64), count + int(strange.any())
