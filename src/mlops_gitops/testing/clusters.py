"""Means and shares of rows that may err together: the rows of one day, of one entity, of one query.

Pure functions on numpy arrays.  The interval is that of independent blocks, and Student's where they are few.  Which
rows are a block is the matter of ``blocks``.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mlops_gitops.testing import estimates
from mlops_gitops.testing.estimates import Estimate, Unmeasurable
from mlops_gitops.testing.statistics import Floats
from mlops_gitops.testing.student import student_quantile

Codes: TypeAlias = npt.NDArray[np.int64]

FEWEST_BLOCKS = 10
"""With fewer blocks, the spread between them is itself hardly known."""
FEWEST_SEEN = 5
"""Of an outcome that occurs in fewer blocks nobody knows whether it comes in clusters: then it is taken to."""


def parted(blocks: Codes, *, most: int | None = None) -> tuple[Codes, int]:
    """The blocks numbered from 0, and how many there are; of more than ``most`` neighbours share one.

    Raises ``Unmeasurable`` where there are fewer than ``FEWEST_BLOCKS``.
    """
    names, found = np.unique(blocks, return_inverse=True)
    if len(names) < FEWEST_BLOCKS:
        raise Unmeasurable(f"{len(names)} blocks of rows are too few for an interval; {FEWEST_BLOCKS} are the least")
    codes, count = found.astype(np.int64), len(names)
    if most is not None and count > most:
        codes, count = codes * most // count, most
    return codes, count


def quantile(confidence: float, count: int) -> float:
    """Half the width of a two-sided interval in standard errors, from ``count`` blocks."""
    return student_quantile(0.5 + confidence / 2, count - 1)


def mean(values: Floats, blocks: Codes, *, confidence: float = 0.95) -> Estimate:
    """A mean over rows with the interval of whole blocks (linearised ratio; Cochran 1977, 9A; Liang and Zeger 1986).

    ``blocks`` holds a code for each row.  Raises ``Unmeasurable`` where there are fewer than ``FEWEST_BLOCKS``.
    """
    codes, count = parted(blocks)
    rows, value = len(values), float(values.mean())
    found = error(values - value, codes, count)
    half = quantile(confidence, count) * found
    return Estimate(value, value - half, value + half, found, rows)


def error(influence: Floats, codes: Codes, count: int) -> float:
    """The standard error of the mean influence of rows in ``count`` whole blocks; ``codes`` are those of the rows."""
    sums = np.bincount(codes, weights=influence, minlength=count)
    return math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(influence)


def share(hits: Floats, counted: Floats, blocks: Codes, *, confidence: float = 0.95) -> Estimate:
    """A proportion with Wilson's interval, of as many rows as those of the blocks are worth.

    ``counted`` is 1 for each row that counts, and ``hits`` for each of them that is one.
    Raises ``Unmeasurable`` where no row counts, or those that do come in few blocks.
    """
    codes = np.unique(blocks, return_inverse=True)[1]
    sums = [np.bincount(codes, weights=one) for one in (hits, counted)]
    found, of = (np.asarray(one, dtype=np.float64) for one in sums)
    return of_worth(float(found.sum()), float(of.sum()), worth(found, of, confidence=confidence), confidence=confidence)


def of_worth(hits: float, counted: float, rows: float, *, confidence: float) -> Estimate:
    """The proportion with Wilson's interval of so many independent ``rows``."""
    value = hits / counted
    found = estimates.wilson(rows if hits == counted else value * rows, rows, confidence=confidence)
    return Estimate(value, found.lower, found.upper, found.error, round(counted))


def worth(hits: Floats, counted: Floats, *, confidence: float = 0.95) -> float:
    """How many independent rows say as much about a share as those of the blocks, whose counts these are.

    The effective sample size of Korn and Graubard (1998, Survey Methodology 24:193): Kish's, less what Student's t
    takes where blocks are few, and never more than there are rows.  An outcome that is seen in fewer than
    ``FEWEST_SEEN`` blocks leaves a block worth no more than a row.
    """
    some = counted > 0
    count, rows = int(some.sum()), float(counted.sum())
    if rows == 0:
        raise Unmeasurable("there is no row to count")
    if count < FEWEST_BLOCKS:
        raise Unmeasurable(f"rows that count come in {count} blocks, and {FEWEST_BLOCKS} are the least")
    value = float(hits.sum()) / rows
    spread = count / (count - 1) * float(((hits - value * counted) ** 2).sum()) / rows**2
    found = min(rows, value * (1 - value) / spread) if spread > 0 else rows
    if min(int((hits > 0).sum()), int((hits < counted).sum())) < FEWEST_SEEN:
        found = min(found, float(count))
    return found * (estimates.quantile(confidence) / quantile(confidence, count)) ** 2
