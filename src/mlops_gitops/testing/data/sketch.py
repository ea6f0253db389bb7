"""About how many different values there are, in six kilobytes, mergeable to the last bit.

A ``Sketch`` is the bitmap of Flajolet and Martin (1985, "Probabilistic counting algorithms for data base applications")
with stochastic averaging: a value's 64-bit hash picks one of ``BUCKETS`` and, by its trailing zeros, one of ``RANKS``
bits in it.  The bitmap of all rows is the union of those of the parts, so that merging is exact.  The number of values
is the one under which these bits are likeliest, each bit being set by its share of the values (a Poisson model).  Its
relative standard error is about 2 %, and it is within one of the truth for a handful.

It is an estimate, always.  Exact counts come from the categories of a text column, from keys, and from nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

BUCKETS, RANKS = 1024, 48
BITS = BUCKETS * RANKS


def _masks() -> tuple[int, ...]:
    """For each rank, the bits that have it; bit 0 is the most significant one, as the engine writes them."""
    every = sum(1 << RANKS * bucket for bucket in range(BUCKETS))
    return tuple(every << RANKS - 1 - rank for rank in range(RANKS))


@dataclass(frozen=True, slots=True)
class Sketch:
    """The bitmap, as a whole number of ``BITS`` bits: bit ``bucket * RANKS + rank``, counted from the left."""

    bits: int = 0

    @classmethod
    def read(cls, data: bytes) -> Sketch:
        """The sketch in these bytes.  Raises ``ValueError`` unless they are as many as a sketch has."""
        if len(data) != BITS // 8:
            raise ValueError(f"a sketch has {BITS // 8} bytes, and this {len(data)}")
        return cls(int.from_bytes(data, "big"))

    def __add__(self, other: Sketch) -> Sketch:
        return Sketch(self.bits | other.bits)

    def __bytes__(self) -> bytes:
        return self.bits.to_bytes(BITS // 8, "big")

    @property
    def distinct(self) -> int:
        """About how many different values there are, nulls aside."""
        if not self.bits:
            return 0
        counts = [(self.bits & mask).bit_count() for mask in _masks()]
        low, high = 0.0, 2.0**64
        while high - low > 1e-9 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if _slope(middle, counts) > 0 else (low, middle)
        return round(high)


def _slope(values: float, counts: list[int]) -> float:
    """The derivative of the log-likelihood of ``values``; it falls."""
    slope = 0.0
    for rank, count in enumerate(counts):
        share = 2.0 ** -min(rank + 1, RANKS - 1) / BUCKETS
        grown = min(values * share, 700.0)
        slope += share * (count / math.expm1(grown) - (BUCKETS - count)) if grown else math.inf * bool(count)
    return slope
