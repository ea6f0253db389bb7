"""How many different values there are: exactly while they are few, closely beyond, mergeable in any case.

A ``Sketch`` keeps the ``K`` smallest of the values' 64-bit hashes.  The smallest of the whole are among the smallest of
each part, so that merging is exact: the sketch of all rows is the same however they were parted.  Below ``K`` values it
counts them (two values with one hash would count as one: a chance of 2**-45 at most); beyond, it estimates from how
densely the kept hashes lie, with a relative standard error of ``1/sqrt(K - 2)``, 3 % (Bar-Yossef et al. 2002,
"Counting distinct elements in a data stream"; Beyer et al. 2007 for the unbiased form that is used).
"""

from __future__ import annotations

from dataclasses import dataclass

K = 1024
SPACE = 2**64


@dataclass(frozen=True, slots=True)
class Sketch:
    """The smallest hashes, rising, without repetition, at most ``K`` of them."""

    hashes: tuple[int, ...] = ()

    def __add__(self, other: Sketch) -> Sketch:
        return Sketch.of([*self.hashes, *other.hashes])

    @classmethod
    def of(cls, hashes: list[int]) -> Sketch:
        """The sketch of values with these hashes."""
        return cls(tuple(sorted(set(hashes))[:K]))

    @property
    def exact(self) -> bool:
        """Whether ``distinct`` is a count and no estimate."""
        return len(self.hashes) < K

    @property
    def distinct(self) -> int:
        """How many different values there are, nulls aside."""
        if self.exact:
            return len(self.hashes)
        return round((K - 1) * SPACE / (self.hashes[-1] + 1))
