"""Metrics of rankings: the rows of one query against each other, and the mean over queries.

``labels`` are relevances: nought is irrelevant, and only NDCG tells more from less.  Queries without a relevant row say
nothing and are left out.  Rows with equal scores count against the model (irrelevant ones first), but in NDCG, which
takes the mean over all orders of them (McSherry and Najork 2008, ECIR), as scikit-learn does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models.metrics.metric import Influence
from mlops_gitops.testing.models.metrics.sample import Codes, Sample, point
from mlops_gitops.testing.statistics import Floats


class Ranked:
    """The rows of all queries, each query's together and its best first.

    ``query`` is the number of each row's query, ``rank`` its place in it from 1, ``gain`` its relevance.
    """

    def __init__(self, sample: Sample) -> None:
        """Raises ``Unmeasurable`` where no column says which rows belong together, or no row is relevant."""
        if sample.groups is None:
            raise Unmeasurable("nothing says which rows are ranked together; name it as the data set's `entityColumn`")
        scores, gain = point(sample), sample.labels
        if (gain < 0).any():
            raise Unmeasurable(f"{int((gain < 0).sum()):,} relevances are negative")
        known, codes = np.unique(sample.groups, return_inverse=True)
        useful = np.bincount(codes, weights=gain > 0, minlength=len(known)) > 0
        if not useful.any():
            raise Unmeasurable("no query has a relevant row")
        kept = useful[codes]
        query = (np.cumsum(useful) - 1)[codes[kept]]
        order = np.lexsort((gain[kept], -scores[kept], query))
        self.query: Codes = query[order]
        self.gain: Floats = gain[kept][order]
        self.score: Floats = scores[kept][order]
        self.count = int(useful.sum())
        starts = np.searchsorted(self.query, np.arange(self.count))
        self.rank: Codes = np.asarray(np.arange(len(order)) - starts[self.query] + 1, dtype=np.int64)
        self.relevant = self.total(self.gain > 0)
        self.before: Floats = self._running(self.gain > 0, starts)

    def total(self, values: Floats | np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
        """The sum over each query."""
        return np.asarray(np.bincount(self.query, weights=values, minlength=self.count), dtype=np.float64)

    def _running(self, values: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], starts: Codes) -> Floats:
        """The sum over the rows of the query down to each row, itself included."""
        sums = np.concatenate([[0.0], np.cumsum(values)])
        found: Floats = sums[1:] - sums[starts][self.query]
        return found


def influence(measure: Callable[[Ranked], Floats]) -> Influence:
    """The mean over queries of what ``measure`` gives for each, and each query's influence."""

    def found(sample: Sample) -> tuple[float, Floats]:
        each = measure(Ranked(sample))
        value = float(each.mean())
        return value, each - value

    return found


def ndcg(first: int | None) -> Callable[[Ranked], Floats]:
    """Discounted gain over that of the best order (Järvelin and Kekäläinen 2002, TOIS 20:422), linear in relevance."""

    def measure(ranked: Ranked) -> Floats:
        discount = np.where(ranked.rank <= (first or len(ranked.rank)), 1 / np.log2(ranked.rank + 1), 0.0)
        fresh = np.ones(len(discount), dtype=bool)
        fresh[1:] = (ranked.query[1:] != ranked.query[:-1]) | (ranked.score[1:] != ranked.score[:-1])
        tied = np.cumsum(fresh) - 1
        shared = (np.bincount(tied, weights=discount) / np.bincount(tied))[tied]
        best = ranked.gain[np.lexsort((-ranked.gain, ranked.query))]
        found: Floats = ranked.total(ranked.gain * shared) / ranked.total(best * discount)
        return found

    return measure


def reciprocal(ranked: Ranked) -> Floats:
    """One over the place of the first relevant row."""
    first = (ranked.gain > 0) & (ranked.before == 1)
    return ranked.total(first / ranked.rank)


def mean_precision(first: int | None) -> Callable[[Ranked], Floats]:
    """Precision at each relevant row, over how many of them the list can hold (Manning et al. 2008, 8.4)."""

    def measure(ranked: Ranked) -> Floats:
        counted = (ranked.gain > 0) & (ranked.rank <= (first or len(ranked.rank)))
        most = ranked.relevant if first is None else np.minimum(ranked.relevant, first)
        found: Floats = ranked.total(np.where(counted, ranked.before / ranked.rank, 0.0)) / most
        return found

    return measure


def precision(first: int) -> Callable[[Ranked], Floats]:
    """The share of the first rows that is relevant; a query with fewer rows has the missing ones wrong."""
    return lambda ranked: ranked.total((ranked.gain > 0) & (ranked.rank <= first)) / first


def recall(first: int) -> Callable[[Ranked], Floats]:
    """The share of relevant rows that is among the first."""
    return lambda ranked: ranked.total((ranked.gain > 0) & (ranked.rank <= first)) / ranked.relevant
