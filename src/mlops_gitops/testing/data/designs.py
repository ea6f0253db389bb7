"""Design effects: for how many independent rows a sample counts, where rows of one block resemble one another.

Kish's design effect is the variance of a share in these rows over that in as many independent ones.  Pure functions of
the counts of blocks; what is one block is said elsewhere (``testing/blocks``).

Blocks are taken as independent.  Days are not: a day resembles the one before.  So neighbouring days are put together
until what is left between two stretches is little, and the few stretches there then are speak with Student's t.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from mlops_gitops.testing.data.shifts import Incomparable

FEWEST_BLOCKS = 10
"""Below this many blocks nobody can say how much rows of one block resemble one another."""
_MIDDLE = 0.25


@dataclass(frozen=True, slots=True)
class Design:
    """A design effect, and the degrees of freedom that it was measured with: the independent blocks less one."""

    effect: float
    freedom: int


def stretches_of(days: int) -> int:
    """How many stretches of neighbours so many days make, all as long to a day: ⌊0.4·days^⅔⌋ + 1.

    So the variance between them has as many degrees of freedom as Lazarus, Lewis, Stock and Watson recommend (2018,
    JBES 36:541).  So few and long stretches may be taken as independent, with Student's t (Ibragimov and Müller 2010,
    JBES 28:453).
    """
    count = 1
    while 125 * count**3 <= 8 * days**2:  # 0.4 and ⅔ in whole numbers: the same on every machine
        count += 1
    return count


def stretches(days: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The counts of days, in their order, as those of stretches of neighbouring days; days without rows are left out.

    Raises ``Incomparable`` where there are too few days.
    """
    found = _enough([day for day in days if sum(day)])
    count = stretches_of(len(found))
    ends = [at * len(found) // count for at in range(count + 1)]
    return [tuple(map(sum, zip(*found[start:end], strict=True))) for start, end in pairwise(ends)]


def _enough(blocks: list[tuple[int, ...]], least: int = FEWEST_BLOCKS) -> list[tuple[int, ...]]:
    if len(blocks) < least:
        raise Incomparable(f"there are {len(blocks)} blocks of rows, and {least} are the least")
    return blocks


def design_effect(blocks: Iterable[tuple[int, ...]], *, least: int = FEWEST_BLOCKS) -> float:
    """How much more the cumulative shares vary between blocks of rows than chance alone would have it, at least 1.

    Each block is its counts by bin.  The between-block variance of the count below an edge, over its binomial variance
    (Kish 1965; the ratio estimator of a cluster sample), over the edges in the middle half of the rows: there D has the
    most room to be wrong.  Where rows of one block resemble one another in a tail only, the variance there may be the
    larger; so it counts too, over the largest that a share of independent rows has, a quarter.
    Raises ``Incomparable`` where there are too few blocks to tell.
    """
    cumulated = [list(accumulate(block)) for block in _enough([one for one in blocks if sum(one)], least)]
    sizes = [block[-1] for block in cumulated]
    rows = sum(sizes)
    shares_ = [sum(below) / rows for below in zip(*cumulated, strict=True)][:-1]
    if not shares_:
        return 1.0
    squares = [
        sum((block[at] - size * share) ** 2 for block, size in zip(cumulated, sizes, strict=True))
        for at, share in enumerate(shares_)
    ]
    middle = [at for at, share in enumerate(shares_) if _MIDDLE <= share <= 1 - _MIDDLE] or range(len(shares_))
    observed = sum(squares[at] for at in middle)
    expected = sum(rows * shares_[at] * (1 - shares_[at]) for at in middle)
    correction = len(cumulated) / (len(cumulated) - 1)
    return max(1.0, correction * observed / expected, 4 * correction * max(squares) / rows) if expected else 1.0


def design_effect_of_categories(blocks: Iterable[tuple[int, ...]], *, least: int = FEWEST_BLOCKS) -> float:
    """How much more the shares of categories vary between blocks of rows than chance alone would have it, at least 1.

    Each block is its counts by category.  The between-block variances of all counts, over what they would be in
    independent rows: the mean generalised design effect (Rao and Scott 1981, JASA 76:221).  As for numbers, the worst
    category counts too, over the largest variance of a share.  Raises ``Incomparable`` where there are too few blocks.
    """
    counted = _enough([block for block in blocks if sum(block)], least)
    sizes = [sum(block) for block in counted]
    rows = sum(sizes)
    shares_ = [sum(counts) / rows for counts in zip(*counted, strict=True)]
    observed = [
        sum((block[at] - size * share) ** 2 for block, size in zip(counted, sizes, strict=True))
        for at, share in enumerate(shares_)
    ]
    expected = rows * sum(share * (1 - share) for share in shares_)
    correction = len(counted) / (len(counted) - 1)
    return max(1.0, correction * sum(observed) / expected, 4 * correction * max(observed) / rows) if expected else 1.0
