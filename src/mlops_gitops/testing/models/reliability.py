"""What was predicted beside what came, in groups of rows: the reliability diagram (DeGroot and Fienberg 1983).

Groups hold equally many rows, in the order of their predictions, and rows of one prediction stay together.
"""

from __future__ import annotations

import numpy as np

from mlops_gitops.evidence.figures import Calibration, Point
from mlops_gitops.testing import clusters, estimates, statistics, wording
from mlops_gitops.testing.clusters import Codes
from mlops_gitops.testing.estimates import Estimate, Unmeasurable
from mlops_gitops.testing.models.samples import Evaluation
from mlops_gitops.testing.statistics import Floats

GROUPS = 10


def figure(evaluation: Evaluation) -> Calibration | None:
    """The diagram of probabilities or values; ``None`` for what is neither, several a row, or few rows."""
    sample = evaluation.sample
    if sample.predictions.ndim != 1:
        return None
    binary = sample.kind == "probability"
    if not (binary or sample.kind == "value") or len(sample.labels) < estimates.FEWEST_ROWS:
        return None
    values, codes = np.unique(sample.predictions, return_inverse=True)
    ends = np.cumsum(np.bincount(codes, minlength=len(values)))
    groups = np.minimum(GROUPS * (ends - 1) // len(codes), GROUPS - 1)[codes]
    points = []
    for group in np.unique(groups):
        mask = groups == group
        labels = sample.labels[mask]
        rows = int(mask.sum())
        try:
            found = _held(labels, None if sample.blocks is None else sample.blocks[mask], binary=binary)
            bounds: tuple[float | None, float | None] = found.interval
        except Unmeasurable:
            bounds = (None, None)
        at = float(sample.predictions[mask].mean())
        label = f"{wording.rows(rows)} with a mean prediction of {wording.score(at)}"
        points.append(Point(label, float(labels.mean()), *bounds, at=at, rows=rows))
    title, axis = f"predicted and observed on {evaluation.dataset}", "probability" if binary else "value"
    note = f"bars: 95 % intervals of what came; {sample.assumed}"
    return Calibration(title, tuple(points), axis=axis, note=note)


def _held(labels: Floats, blocks: Codes | None, *, binary: bool) -> Estimate:
    if blocks is None:
        return estimates.wilson(int(labels.sum()), len(labels)) if binary else statistics.mean(labels)
    return clusters.share(labels, np.ones(len(labels)), blocks) if binary else clusters.mean(labels, blocks)
