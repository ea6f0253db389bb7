"""What each feature says of the target alone, beside one other, in the best few, and beyond all the others.

The learner is plain: each feature is cut into a few bins or categories, and what they say is added up (ridge regression
on indicators).  Everything that it needs are the counts of each two codes together, taken once for each of twenty parts
of the rows; a model on any subset is then a small system of equations, and no further pass over the data.

Half of the parts teach and the other half is predicted, and the other way round.  What is told is the share of the
target's variance that is explained there: R², and of classes the Brier skill score (Brier 1950, MWR 78:1).  Intervals
are two-sided at 90 %, from the spread between the parts (jackknife; Efron and Stein 1981, Ann. Stat. 9:586).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from mlops_gitops.testing.estimates import Estimate, Unmeasurable
from mlops_gitops.testing.features.coding import Feature, coded
from mlops_gitops.testing.statistics import Floats
from mlops_gitops.testing.student import student_quantile

PARTS, BINS, CATEGORIES = 20, 10, 24
MOST_FEATURES, MOST_ROWS, FEWEST_ROWS = 60, 200_000, 200
CONFIDENCE = 0.90
LONGEST, TOLD = 8, 10
_RIDGE = 1.0


@dataclass(frozen=True, slots=True)
class Duo:
    """Two features together, and how much more they explain than the better of them."""

    first: str
    second: str
    share: Estimate
    more: Estimate


@dataclass(frozen=True, slots=True)
class Subsets:
    """All of it: ``alone`` and ``without`` by feature, the best pairs, and the best few one after the other."""

    rows: int
    whole: Estimate
    alone: dict[str, Estimate]
    without: dict[str, Estimate]
    pairs: tuple[Duo, ...]
    path: tuple[tuple[str, Estimate], ...]


def found(features: Sequence[Feature], target: Floats) -> Subsets:
    """From the features and the target, of shape ``(rows,)`` or, for classes, indicators of shape ``(rows, classes)``.

    Raises ``Unmeasurable``.
    """
    rows = len(target)
    if rows < FEWEST_ROWS:
        raise Unmeasurable(f"{rows} rows are too few; {FEWEST_ROWS} are the least")
    if not 1 <= len(features) <= MOST_FEATURES:
        raise Unmeasurable(f"there are {len(features)} features, and from one to {MOST_FEATURES} can be told")
    counts = _Counts.of(features, target.reshape(rows, -1))
    if counts.total == 0:
        raise Unmeasurable("the target is the same in all rows")
    names = [one.name for one in features]
    every = range(len(names))
    whole = counts.errors(every)
    singles = [counts.errors([at]) for at in every]
    alone = {names[at]: counts.share(singles[at]) for at in every}
    rest = [counts.errors([other for other in every if other != at]) for at in every] if len(names) > 1 else []
    without = {names[at]: counts.gain(rest[at], whole) for at in range(len(rest))}
    duos = [
        Duo(names[a], names[b], counts.share(both), counts.gain(min(singles[a], singles[b], key=np.sum), both))
        for a, b in combinations(every, 2)
        for both in [counts.errors([a, b])]
    ]
    best = tuple(sorted(duos, key=lambda one: -one.share.value)[:TOLD])
    return Subsets(rows, counts.share(whole), alone, without, best, _path(counts, names))


def _path(counts: _Counts, names: Sequence[str]) -> tuple[tuple[str, Estimate], ...]:
    """The feature that explains most, then whichever adds most, until none is known to add anything."""
    chosen: list[int] = []
    told: list[tuple[str, Estimate]] = []
    before = counts.deviations
    while len(chosen) < min(LONGEST, len(names)):
        tried = {at: counts.errors([*chosen, at]) for at in range(len(names)) if at not in chosen}
        at = min(tried, key=lambda one: float(tried[one].sum()))
        if counts.gain(before, tried[at]).lower <= 0:
            break
        chosen.append(at)
        before = tried[at]
        told.append((names[at], counts.share(before)))
    return tuple(told)


@dataclass(frozen=True)
class _Counts:
    """Sums over the rows of each part: products of indicators, of indicators and target, and of the target."""

    products: Floats
    answers: Floats
    squares: Floats
    sizes: Floats
    starts: tuple[int, ...]

    @classmethod
    def of(cls, features: Sequence[Feature], target: Floats) -> _Counts:
        rows = len(target)
        part = np.random.default_rng(rows).permutation(np.arange(rows) % PARTS)
        codes = [coded(one, bins=BINS, categories=CATEGORIES) for one in features]
        starts = np.concatenate(([0], np.cumsum([size for _, size in codes])))
        wide = int(starts[-1])
        products = np.zeros((PARTS, wide, wide))
        answers = np.zeros((PARTS, wide, target.shape[1]))
        for a, (mine, size) in enumerate(codes):
            at = slice(starts[a], starts[a + 1])
            for klass in range(target.shape[1]):
                summed = np.bincount(part * size + mine, target[:, klass], PARTS * size)
                answers[:, at, klass] = summed.reshape(PARTS, size)
            for b, (other, width) in enumerate(codes[: a + 1]):
                there = slice(starts[b], starts[b + 1])
                counted = np.bincount((part * size + mine) * width + other, minlength=PARTS * size * width)
                block = counted.reshape(PARTS, size, width)
                products[:, at, there] = block
                products[:, there, at] = block.transpose(0, 2, 1)
        sums = np.stack([np.bincount(part, column, PARTS) for column in target.T], axis=1)
        squares = np.stack([np.bincount(part, column**2, PARTS) for column in target.T], axis=1)
        return cls(products, answers, np.stack([sums, squares]), np.bincount(part, minlength=PARTS).astype(float),
                   tuple(starts.tolist()))  # fmt: skip

    @cached_property
    def deviations(self) -> Floats:
        """The squared distance of the target from the mean of the parts that teach, in each part."""
        return self._errors(
            lambda teach: (np.zeros((0, self.answers.shape[2])), self._mean(teach)), np.zeros(0, np.int64)
        )

    @property
    def total(self) -> float:
        """How much there is to explain."""
        return float(self.deviations.sum())

    def _mean(self, teach: Floats) -> Floats:
        mean: Floats = (self.squares[0] * teach[:, None]).sum(0) / (self.sizes * teach).sum()
        return mean

    def errors(self, subset: Sequence[int]) -> Floats:
        """The squared error in each part of a model on these features that the other half of the parts has taught."""
        at = np.concatenate([np.arange(self.starts[one], self.starts[one + 1]) for one in subset])

        def fitted(teach: Floats) -> tuple[Floats, Floats]:
            mean = self._mean(teach)
            gram = self._taught[int(teach[0])][np.ix_(at, at)]
            wanted = np.tensordot(teach, self.answers[:, at], 1) - np.diag(gram)[:, None] * mean
            return np.asarray(np.linalg.solve(gram + _RIDGE * np.eye(len(at)), wanted), np.float64), mean

        return self._errors(fitted, at)

    @cached_property
    def _taught(self) -> tuple[Floats, Floats]:
        """The products of all odd parts, and of all even ones."""
        return self.products[1::2].sum(0), self.products[0::2].sum(0)

    def _errors(self, fitted: Callable[[Floats], tuple[Floats, Floats]], at: npt.NDArray[np.int64]) -> Floats:
        told = np.empty(PARTS)
        half = (np.arange(PARTS) % 2).astype(np.float64)
        for teach in (half, 1 - half):
            weights, mean = fitted(teach)
            spread = np.zeros((self.products.shape[1], weights.shape[1]))
            spread[at] = weights
            for one in np.flatnonzero(teach == 0):
                product = self.products[one][at] if 2 * len(at) < len(spread) else self.products[one]
                answered = (weights if 2 * len(at) < len(spread) else spread) * (product @ spread)
                sums, squares = self.squares[0, one], self.squares[1, one]
                held = self.answers[one][at] - np.diag(self.products[one])[at][:, None] * mean
                centred = (squares - 2 * mean * sums + mean**2 * self.sizes[one]).sum()
                told[one] = centred - 2 * (weights * held).sum() + answered.sum()
        return told

    def share(self, errors: Floats) -> Estimate:
        """The share that is explained."""
        return self.gain(self.deviations, errors)

    def gain(self, before: Floats, after: Floats) -> Estimate:
        """How much more of the target is explained, as a share of all there is."""
        whole = self.deviations
        value = float((before - after).sum() / whole.sum())
        left = ((before - after).sum() - (before - after)) / (whole.sum() - whole)
        error = math.sqrt((PARTS - 1) / PARTS * float(((left - left.mean()) ** 2).sum()))
        half = student_quantile(0.5 + CONFIDENCE / 2, PARTS - 1) * error
        return Estimate(value, value - half, value + half, error, int(self.sizes.sum()))
