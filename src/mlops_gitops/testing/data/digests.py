"""Digests of rows that merge: one that knows no order, and one that knows it.

Both are made of a 64-bit hash ``h`` of each row.  The *order-free* digest is the sum of all ``h``: a set of rows with
repetitions has one, whatever files they lie in.  The *ordered* digest adds ``i * h`` for the row with number ``i``; of
two runs of rows, the one after the other, it is ``a.weighted + b.weighted + a.rows * b.sum``, so that shards can be
read apart and put in order afterwards.  All sums are taken modulo 2**128.

They find accidents: a row lost, doubled, changed or moved goes unseen with a chance of about 2**-64.  They are **no
defence against someone who chooses rows**: the hash has no key, and sums of hashes can be steered (Wagner 2002, "A
generalized birthday problem").  What a manifest pins is the SHA-256 of the files, and only that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MODULUS = 2**128


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """The rows of shards ``first`` to ``last - 1`` of a data set, one after the other."""

    first: int
    last: int
    rows: int
    sum: int
    weighted: int

    def followed(self, by: Run) -> Run:
        """Both, ``by`` being what comes next."""
        weighted = (self.weighted + by.weighted + self.rows * by.sum) % MODULUS
        return Run(self.first, by.last, self.rows + by.rows, (self.sum + by.sum) % MODULUS, weighted)


@dataclass(frozen=True, slots=True)
class Digests:
    """What is known of the rows of some shards: runs that do not touch, in order.

    ``hashing`` names the hash: digests by different ones cannot be compared, and do not merge.
    """

    hashing: str
    runs: tuple[Run, ...]

    def __add__(self, other: Digests) -> Digests:
        if self.hashing != other.hashing:
            raise ValueError(f"digests by {self.hashing} and by {other.hashing} do not merge")
        return Digests(self.hashing, _joined(sorted([*self.runs, *other.runs])))

    @property
    def unordered(self) -> str:
        """The order-free digest, in hexadecimal."""
        return f"{sum(run.sum for run in self.runs) % MODULUS:032x}"

    @property
    def ordered(self) -> str | None:
        """The ordered digest, in hexadecimal; ``None`` unless the shards are all from the first, without a gap."""
        if len(self.runs) != 1 or self.runs[0].first != 0:
            return None
        return f"{self.runs[0].weighted:032x}"


def _joined(runs: Iterable[Run]) -> tuple[Run, ...]:
    found: list[Run] = []
    for run in runs:
        if found and found[-1].last > run.first:
            raise ValueError(f"shard {run.first} is there twice")
        if found and found[-1].last == run.first:
            found[-1] = found[-1].followed(run)
        else:
            found.append(run)
    return tuple(found)
