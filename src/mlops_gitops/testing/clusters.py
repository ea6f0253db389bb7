"""Means of rows that may err together: the rows of one day, of one entity, of one query.

Pure functions on numpy arrays.  The interval is that of independent blocks, and Student's where they are few.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mlops_gitops.testing.statistics import Estimate, Floats, Unmeasurable, quantile

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
    sums = np.bincount(codes, weights=values - value, minlength=count)
    error = math.sqrt(count / (count - 1) * float((sums * sums).sum())) / rows
    half = student(confidence, count - 1) * error
    return Estimate(value, value - half, value + half, error, rows)


def student(confidence: float, freedom: int) -> float:
    """Half the width of a two-sided interval in standard errors, from Student's t.

    The expansion of Abramowitz and Stegun (1964), 26.7.5, which is right to three digits from nine degrees of freedom.
    """
    z, v = quantile(confidence), float(freedom)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / v ** (power + 1) for power, term in enumerate(terms))


def in_time(times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Blocks of neighbouring times: as long as the cube root of how many different times there are (Künsch 1989).

    Rows of the same time are in the same block, whatever their series.
    """
    steps, codes = np.unique(times, return_inverse=True)
    length = max(1, math.ceil(len(steps) ** (1 / 3)))
    blocks: npt.NDArray[np.int64] = codes.astype(np.int64) // length
    return blocks
