"""Means of rows that may err together: the rows of one day, of one entity, of one query.

Pure functions on numpy arrays.  The interval is that of independent blocks, and Student's where they are few.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mlops_gitops.testing.statistics import Estimate, Floats, Unmeasurable
from mlops_gitops.testing.student import student_quantile

FEWEST_BLOCKS = 10
"""With fewer blocks, the spread between them is itself hardly known."""


def mean(values: Floats, blocks: npt.NDArray[np.int64], *, confidence: float = 0.95) -> Estimate:
    """A mean over rows with the interval of whole blocks (linearised ratio; Cochran 1977, 9A; Liang and Zeger 1986).

    ``blocks`` holds a code for each row.  Raises ``Unmeasurable`` where there are fewer than ``FEWEST_BLOCKS``.
    """
    codes = np.unique(blocks, return_inverse=True)[1]
    count = int(codes.max()) + 1 if len(codes) else 0
    if count < FEWEST_BLOCKS:
        raise Unmeasurable(f"{count} blocks of rows are too few for an interval; {FEWEST_BLOCKS} are the least")
    rows, value = len(values), float(values.mean())
    found = error(values - value, codes, count)
    half = student_quantile(0.5 + confidence / 2, count - 1) * found
    return Estimate(value, value - half, value + half, found, rows)


def error(influence: Floats, codes: npt.NDArray[np.int64], count: int) -> float:
    """The standard error of the mean influence of rows in ``count`` whole blocks; ``codes`` are those of the rows."""
    sums = np.bincount(codes, weights=influence, minlength=count)
    return math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(influence)


def in_time(times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Blocks of neighbouring times: as long as the cube root of how many different times there are (Künsch 1989).

    Rows of the same time are in the same block, whatever their series.
    """
    steps, codes = np.unique(times, return_inverse=True)
    length = max(1, math.ceil(len(steps) ** (1 / 3)))
    blocks: npt.NDArray[np.int64] = codes.astype(np.int64) // length
    return blocks
