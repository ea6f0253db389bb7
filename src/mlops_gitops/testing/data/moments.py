"""Sums that do not depend on the order of their terms: exact, and so the same to the last bit however data are parted.

A double is a whole number times a power of two, and so is every sum of doubles and of their squares.  ``Dyadic`` holds
such a number whole; nothing is rounded before mean and variance are asked for, and those are rounded once, correctly.
How an engine finds the sums is its own matter: whatever windows it adds in, the exact sum is one number.

The idea is that of a long accumulator (Kulisch and Miranker 1986, "The arithmetic of the digital computer").
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

_TEXT = re.compile(r"(0|-?[1-9][0-9]{0,1999})p(-?[0-9]{1,4})")
_MOST = 4200
"""Binary orders beyond which no sum of squares of doubles reaches."""


@dataclass(frozen=True, slots=True)
class Dyadic:
    """``mantissa * 2**exponent``, with an odd mantissa, or 0 and 0: one number has one form."""

    mantissa: int = 0
    exponent: int = 0

    @classmethod
    def of(cls, mantissa: int, exponent: int = 0) -> Dyadic:
        """The number in its one form."""
        if mantissa == 0:
            return cls()
        zeros = (mantissa & -mantissa).bit_length() - 1
        return cls(mantissa >> zeros, exponent + zeros)

    @classmethod
    def read(cls, text: str) -> Dyadic:
        """The number that ``str`` wrote.  Raises ``ValueError`` for any other text."""
        found = _TEXT.fullmatch(text)
        if found is None or abs(int(found[2])) > _MOST or str(one := cls.of(int(found[1]), int(found[2]))) != text:
            raise ValueError(f"{text[:40]!r} is no exact sum")
        return one

    def __add__(self, other: Dyadic) -> Dyadic:
        exponent = min(self.exponent, other.exponent)
        whole = (self.mantissa << self.exponent - exponent) + (other.mantissa << other.exponent - exponent)
        return Dyadic.of(whole, exponent)

    def __str__(self) -> str:
        return f"{self.mantissa}p{self.exponent}"

    @property
    def fraction(self) -> Fraction:
        """The number itself."""
        return Fraction(self.mantissa) * Fraction(2) ** self.exponent


@dataclass(frozen=True, slots=True)
class Moments:
    """How many finite numbers there are, their sum, and the sum of their squares."""

    count: int = 0
    sum: Dyadic = Dyadic()
    squares: Dyadic = Dyadic()

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.sum + other.sum, self.squares + other.squares)

    @property
    def mean(self) -> float | None:
        """The mean, correctly rounded; ``None`` without a number."""
        return None if not self.count else _rounded(self.sum.fraction / self.count)

    @property
    def variance(self) -> float | None:
        """The variance with divisor ``count - 1``, correctly rounded; ``None`` below two numbers."""
        if self.count < 2:  # noqa: PLR2004 - one number does not vary
            return None
        spread = self.squares.fraction - self.sum.fraction**2 / self.count
        return _rounded(spread / (self.count - 1))


def _rounded(exact: Fraction) -> float | None:
    """The nearest double; ``None`` for what is beyond them all, as the variance of numbers near their limit is."""
    try:
        found = float(exact)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None
