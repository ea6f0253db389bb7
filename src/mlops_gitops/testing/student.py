"""Student's t from the standard library: scipy takes 1.5 s to import, and one distribution is all that is asked."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

_TINY = 1e-300
_MANY = 100
"""From so many degrees of freedom on the normal quantile is a good beginning."""
_PRECISE = 1e-9
"""A bound need be no narrower than that."""


def student_cdf(x: float, degrees: int) -> float:
    """The distribution function of Student's t (Abramowitz and Stegun 26.5.27)."""
    if x == 0:
        return 0.5
    tail = 0.5 * _incomplete_beta(degrees / (degrees + x * x), degrees / 2, 0.5)
    return 1 - tail if x > 0 else tail


@functools.lru_cache(maxsize=1024)
def student_quantile(share: float, degrees: int) -> float:
    """The quantile of Student's t, by bisection of its distribution function."""
    if share == 0.5:  # noqa: PLR2004 - the middle
        return 0.0
    if share < 0.5:  # noqa: PLR2004
        return -student_quantile(1 - share, degrees)
    if degrees >= _MANY:
        return _from_normal(share, degrees)
    low, high = 0.0, 1.0
    while student_cdf(high, degrees) < share:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if student_cdf(middle, degrees) < share else (low, middle)
    return (low + high) / 2


@functools.lru_cache(maxsize=1024)
def student_excess(share: float, degrees: int) -> float:
    """What is exceeded with a probability of ``share``, however small: ``student_quantile`` knows it to 1e-16 only."""
    low, high = 0.0, 1.0
    while student_cdf(-high, degrees) > share:
        low, high = high, 2 * high
    while high - low > _PRECISE * high:
        middle = (low + high) / 2
        low, high = (middle, high) if student_cdf(-middle, degrees) > share else (low, middle)
    return high


def _from_normal(share: float, degrees: int) -> float:
    """By Newton's method from the normal quantile below it, which cannot overshoot: the upper tail is convex."""
    x = NormalDist().inv_cdf(share)
    scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    for _ in range(20):
        step = (share - student_cdf(x, degrees)) / math.exp(scale - (degrees + 1) / 2 * math.log1p(x * x / degrees))
        x += step
        if abs(step) <= 1e-12 * x:
            break
    return x


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x > (a + 1) / (a + b + 2):
        return 1 - front * _fraction(1 - x, b, a) / b
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction, by Lentz's method."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or _TINY)
    total = d
    for m in range(1, 500):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + numerator * d or _TINY)
            c = 1 + numerator / c or _TINY
            total *= c * d
        if abs(c * d - 1) < 1e-15:  # noqa: PLR2004 - below the precision of a float
            break
    return total
