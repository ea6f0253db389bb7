"""How wide the bound of a change is: by how many rows' worth there is on either side, and how well that is known.

Pure functions, for which ``shifts`` asks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from mlops_gitops.testing.student import student_excess

_MANY = 1000
"""More degrees of freedom than these need not be told apart."""
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: its rows' worth, and the degrees of freedom with which that is known, if it is not."""

    worth: float
    freedom: int | None = None

    def part(self, error: float, *, measure: str, more: float = 0.0) -> float:
        """The square of what this side adds to the half width of the bound; ``more`` is added to the constant."""
        constant = _constant(error, measure=measure, freedom=self.freedom) + more
        return constant * constant / self.worth

    def grown(self, rows: int) -> Side:
        """The same with ``rows``' worth; the freedom of days grows as the power ⅔ of their number (``designs``)."""
        if self.freedom is None:
            return Side(rows)
        return Side(rows, max(1, min(_MANY, int(self.freedom * (rows / self.worth) ** (2 / 3)))))


def width(error: float, old: Side, new: Side, *, measure: str) -> float:
    """The half width of the bound.

    The two parts are added as squares, each with the constant of its own freedom: safe however unequal they are
    (Banerjee 1961, Sankhya 23:359).
    """
    return math.sqrt(old.part(error, measure=measure) + new.part(error, measure=measure))


def _constant(error: float, *, measure: str, freedom: int | None = None) -> float:
    """The half width of the bound in units of ``sqrt(1/n + 1/m)``, for rows that are independent.

    **D.**  The difference of two empirical distributions, less that of the true ones, tends to B₁(F)/√n - B₂(G)/√m with
    Brownian bridges B.  A bridge over their mixture with variance 1/n + 1/m is that process plus an independent
    Gaussian one (the law of total covariance), so its largest value is the larger in distribution (Anderson 1955,
    Proc. AMS 6:170).  Hence Kolmogorov's limit, with Massart's 2·exp(-2c²) (1990, Ann. Prob. 18:1269), bounds
    the error for any two distributions and not only for equal ones.  Edges take part of the supremum away and make
    the bound safer.

    **Total variation.**  One row changes the estimate by 1/n at most, so it stays near its mean with probability
    1 - exp(-2c²) on one side (McDiarmid 1989).  Its mean is at least the true value (Jensen), and at most ``slack``
    more: half the sum of the standard errors of K shares, which is greatest where all are equal (Cauchy and Schwarz).

    **Few blocks.**  What rows are worth is an estimate where they resemble one another.  Student's t is larger than the
    normal deviate for that, and the bound is as many times wider (Korn and Graubard 1998, Survey Methodology 24:193).
    """
    if error / 2 <= 0:  # a share so small that it vanished
        return math.inf
    found = math.sqrt(math.log((2 if measure == "D" else 1) / error) / 2)
    return found if freedom is None else found * student_excess(error / 2, freedom) / -_NORMAL.inv_cdf(error / 2)
