"""The median absolute error: its interval lies between two order statistics, which no outlier moves."""

from __future__ import annotations

import math

import numpy as np

from mlops_gitops.testing import statistics
from mlops_gitops.testing.models.metrics.ratios import absolute
from mlops_gitops.testing.models.metrics.sample import Sample
from mlops_gitops.testing.statistics import Estimate, Floats, Unmeasurable, quantile


def median(sample: Sample, confidence: float) -> Estimate:
    """The median with the interval of ranks n/2 ± z·√n/2 (David and Nagaraja 2003, Order Statistics, 7.1)."""
    errors, rows = np.sort(absolute(sample)), len(sample.labels)
    if rows < statistics.FEWEST_ROWS:
        raise Unmeasurable(f"{rows} rows are too few for an interval; {statistics.FEWEST_ROWS} are the least")
    z = quantile(confidence)
    rank = max(1, math.floor((rows - z * math.sqrt(rows)) / 2))
    lower, upper = float(errors[rank - 1]), float(errors[rows - rank])
    return Estimate(float(np.median(errors)), lower, upper, (upper - lower) / (2 * z), rows)


def difference(before: Sample, after: Sample, confidence: float) -> Estimate:
    """Paired, by the influence of each row: its side of the median over the density there.

    The density is what makes the width of the interval right (McKean and Schrader 1984, Comm. Statist. 13:751).
    """
    old, new = median(before, confidence), median(after, confidence)
    spread = statistics.mean(_influence(after, new) - _influence(before, old), confidence=confidence)
    value = new.value - old.value
    return Estimate(value, value + spread.lower, value + spread.upper, spread.error, spread.rows)


def _influence(sample: Sample, found: Estimate) -> Floats:
    side: Floats = np.sign(absolute(sample) - found.value) * found.error * math.sqrt(found.rows)
    return side
