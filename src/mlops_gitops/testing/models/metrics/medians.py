"""The median absolute error: its interval lies between two order statistics, which no outlier moves."""

from __future__ import annotations

import math

import numpy as np

from mlops_gitops.testing import clusters, estimates
from mlops_gitops.testing.estimates import Estimate, Unmeasurable, quantile
from mlops_gitops.testing.models.metrics.metric import spread
from mlops_gitops.testing.models.metrics.ratios import absolute
from mlops_gitops.testing.models.metrics.sample import Sample
from mlops_gitops.testing.statistics import Floats


def median(sample: Sample, confidence: float) -> Estimate:
    """The median with the interval of ranks n/2 ± z·√n/2 (David and Nagaraja 2003, Order Statistics, 7.1).

    Where rows come in blocks the width is that of the share of rows below the median (Woodruff 1952, JASA 47:635).
    """
    errors, rows = np.sort(absolute(sample)), len(sample.labels)
    if rows < estimates.FEWEST_ROWS:
        raise Unmeasurable(f"{rows} rows are too few for an interval; {estimates.FEWEST_ROWS} are the least")
    z, half = quantile(confidence), quantile(confidence) / (2 * math.sqrt(rows))
    if sample.blocks is not None:
        codes, count = clusters.parted(sample.blocks)
        below = (absolute(sample) <= np.median(errors)).astype(np.float64)
        half = clusters.quantile(confidence, count) * clusters.error(below - below.mean(), codes, count)
    rank = max(1, math.floor(rows * (0.5 - half)))
    lower, upper = float(errors[rank - 1]), float(errors[rows - rank])
    return Estimate(float(np.median(errors)), lower, upper, (upper - lower) / (2 * z), rows)


def difference(before: Sample, after: Sample, confidence: float) -> Estimate:
    """Paired, by the influence of each row: its side of the median over the density there.

    The density is what makes the width of the interval right (McKean and Schrader 1984, Comm. Statist. 13:751).
    """
    old, new = median(before, confidence), median(after, confidence)
    return spread(new.value - old.value, _influence(after, new) - _influence(before, old), after, confidence)


def _influence(sample: Sample, found: Estimate) -> Floats:
    side: Floats = np.sign(absolute(sample) - found.value) * found.error * math.sqrt(found.rows)
    return side
