"""One part of the rows against all others: by how much a metric is worse there, and how likely that is by chance.

Of rows that have parts of a metric (numerator and denominator).  The chance is Student's, of whole blocks where rows
come in blocks; of a proportion among few rows it is exact, the binomial one that a share as good as elsewhere looks so
bad.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlops_gitops.testing import clusters
from mlops_gitops.testing.clusters import Codes
from mlops_gitops.testing.models.metrics import Metric, Sample
from mlops_gitops.testing.models.metrics.metric import linked, slope
from mlops_gitops.testing.statistics import Floats
from mlops_gitops.testing.student import student_cdf

MOST_BLOCKS = 512
"""Of more blocks neighbours share one."""
MOST_EXACT = 2_000
"""Of so many rows that count at most, the chance of a share is exact."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """The metric of a part and of the rest, and the error of their difference with its freedom.

    ``counted`` are numerator and denominator of the part, ``elsewhere`` those of the rest.
    """

    mine: float
    rest: float
    error: float
    freedom: int
    counted: tuple[float, float]
    elsewhere: tuple[float, float]


class Parts:
    """Sums of the rows' parts of a metric by block, for any grouping of the rows."""

    def __init__(self, metric: Metric, sample: Sample) -> None:
        assert metric.top is not None  # noqa: S101 - for the type checker; the caller has looked
        self.metric = metric
        self.top = metric.top(sample)
        self.bottom = np.ones_like(self.top) if metric.bottom is None else metric.bottom(sample)
        self.rows = len(self.top)
        self.sign = -1.0 if metric.higher_is_better else 1.0
        self.parted = None if sample.blocks is None else clusters.parted(sample.blocks, most=MOST_BLOCKS)

    def contrasts(self, codes: Codes, names: int, *, least: int) -> Iterator[tuple[int, int, Contrast]]:
        """For each of ``names`` parts with ``least`` rows inside and outside: its number, its rows and the contrast."""
        counts = np.bincount(codes, minlength=names)
        kept = np.flatnonzero((counts >= least) & (self.rows - counts >= least))
        for at, found in self._compared(codes, counts, kept.tolist()) if len(kept) else ():
            if math.isfinite(self.loss(found)) and math.isfinite(found.error):
                yield at, int(counts[at]), found

    def loss(self, found: Contrast) -> float:
        """How much worse the part is."""
        return self.sign * (found.mine - found.rest)

    def _compared(self, codes: Codes, counts: Codes, kept: Sequence[int]) -> Iterator[tuple[int, Contrast]]:
        """Each part that is large enough, and all other rows."""
        width = len(counts)
        if self.parted is None:
            columns = (self.top, self.top**2, self.bottom, self.bottom**2, self.top * self.bottom)
            sums = np.array([np.bincount(codes, weights=one, minlength=width) for one in columns])
            rest = sums.sum(axis=1, keepdims=True) - sums
            for at in kept:
                yield at, self._alone(sums[:, at], int(counts[at]), rest[:, at], self.rows - int(counts[at]))
            return
        blocks, number = self.parted
        top, bottom = (
            np.bincount(codes * number + blocks, weights=one, minlength=width * number).reshape(width, number)
            for one in (self.top, self.bottom)
        )
        all_top, all_bottom = top.sum(axis=0), bottom.sum(axis=0)
        for at in kept:
            yield at, self._in_blocks((top[at], bottom[at]), (all_top - top[at], all_bottom - bottom[at]))

    def _alone(self, mine: Floats, rows: int, rest: Floats, others: int) -> Contrast:
        """Of independent rows, by the delta method."""
        value, wide = self._value(mine / rows, rows)
        other, other_wide = self._value(rest / others, others)
        freedom = min(rows, others) - 1
        return Contrast(value, other, math.hypot(wide, other_wide), freedom, (mine[0], mine[2]), (rest[0], rest[2]))

    def _value(self, means: Floats, rows: int) -> tuple[float, float]:
        """The metric of some rows, and its standard error."""
        top, squares, bottom, bottoms, products = means.tolist()
        if bottom == 0:
            return math.nan, math.nan
        ratio = top / bottom
        spread = (squares - 2 * ratio * products + ratio**2 * bottoms) / bottom**2
        link = self.metric.link
        return linked(link, ratio), math.sqrt(max(spread, 0.0) / rows) * abs(slope(link, ratio))

    def _in_blocks(self, mine: tuple[Floats, Floats], rest: tuple[Floats, Floats]) -> Contrast:
        """Of whole blocks, in which part and rest may err together; a part in few blocks says nothing."""
        held = min(int((one[1] != 0).sum()) for one in (mine, rest))
        if held < clusters.FEWEST_BLOCKS:
            return Contrast(math.nan, math.nan, math.nan, 1, (0, 0), (0, 0))
        values, moves = [], np.zeros(len(mine[0]))
        for (top, bottom), sign in ((mine, 1), (rest, -1)):
            ratio = float(top.sum() / bottom.sum())
            values.append(linked(self.metric.link, ratio))
            moves += sign * slope(self.metric.link, ratio) * (top - ratio * bottom) / bottom.sum()
        error = math.sqrt(held / (held - 1) * float((moves**2).sum()))
        hits, trials = float(mine[0].sum()), float(mine[1].sum())
        if self.metric.proportion:
            worth = clusters.worth(*mine)
            hits, trials = hits * worth / trials, worth
        return Contrast(
            values[0], values[1], error, held - 1, (hits, trials), (float(rest[0].sum()), float(rest[1].sum()))
        )

    def chance(self, found: Contrast, *, allowed: float) -> float:
        """One-sided: how likely so large a loss is where no more is true than is allowed; the more careful of two."""
        beyond = self.loss(found) - allowed
        if beyond <= 0:
            return 1.0
        p = student_cdf(-beyond / found.error, found.freedom) if found.error > 0 else 0.0
        hits, trials = found.counted
        if not self.metric.proportion or trials > MOST_EXACT:
            return p
        elsewhere, all_ = found.elsewhere
        # one hit and one miss more elsewhere: a share of 0 or 1 there is not known to be that
        best = linked(self.metric.link, (elsewhere + 1) / (all_ + 2)) + self.sign * allowed
        share = best / (2 - best) if self.metric.link == "dice" else best
        return max(p, at_most(round(hits), round(trials), min(max(share, 0.0), 1.0)))


def at_most(hits: int, trials: int, share: float) -> float:
    """The chance of at most so many hits (the binomial distribution), exactly."""
    if share in (0.0, 1.0):
        return float(share == 0.0 or hits >= trials)
    logs = _log_factorials()
    some = np.arange(hits + 1)
    each = logs[trials] - logs[some] - logs[trials - some]
    each = each + some * math.log(share) + (trials - some) * math.log1p(-share)
    return min(1.0, float(np.exp(each).sum()))


@functools.cache
def _log_factorials() -> Floats:
    return np.concatenate([[0.0], np.log(np.arange(1, MOST_EXACT + 1)).cumsum()])
