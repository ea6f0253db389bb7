"""What decisions that changed say of a metric that nothing else moves: precision, F1, Matthews' correlation.

Of two models that decide alike on almost every row, the spread of the few that changed says little of the next: where
none of fifty positives was lost, four in a hundred may be.  So the interval is never that of the spread alone.  It is
the score interval of a count (Rao's; for one that is never seen it ends near the 3.7 of 97.5 %), whose centre lies
towards the rarer outcome, carried over to influences by their third moment (as Johnson 1978, JASA 73:536, does for t):
one change more, as large as a change can be, is always thought of.  With many changes both ways it is the delta method.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from mlops_gitops.testing.statistics import Floats
from mlops_gitops.testing.student import student_cdf, student_quantile

_STEPS = 60
_FARTHEST = 40.0
"""Standard errors beyond which no chance is told apart from none."""
_MIDDLE = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Flips:
    """A gain in a metric of decisions, more being better.

    ``second`` and ``third`` are the sums of squares and cubes of what each row, or block of rows, adds to the gain
    about its mean; ``unit`` is the most that one can.
    """

    value: float
    second: float
    third: float
    unit: float
    rows: int
    degrees: int
    method: str = "delta method of few changes"

    @property
    def error(self) -> float:
        """Half the width of the 95 % interval of as many changes both ways, in standard errors."""
        return math.hypot(math.sqrt(self.second), _MIDDLE * self.unit / 2)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Wider to the side of which less is known."""
        z = student_quantile(0.5 + confidence / 2, self.degrees)
        return self.value - self._half(z, -1.0), self.value + self._half(z, 1.0)

    def chance(self, floor: float) -> float:
        """The level at which an end of the interval is the floor."""
        side = -1.0 if self.value >= floor else 1.0
        low, high = 0.0, _FARTHEST
        for _ in range(_STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if self._half(middle, side) < abs(self.value - floor) else (low, middle)
        beyond = 1 - student_cdf(low, self.degrees)
        return beyond if side < 0 else 1 - beyond

    def harm(self, floor: float) -> float:
        """The same of the other side."""
        return Flips(-self.value, self.second, -self.third, self.unit, self.rows, self.degrees, self.method).chance(
            -floor
        )

    def _half(self, z: float, side: float) -> float:
        lean = max(0.0, self.unit**3 + side * self.third) / (self.second + self.unit**2)
        return z * math.hypot(math.sqrt(self.second), z * self.unit / 2) + z * z / 2 * lean


def of(value: float, influence: Floats, blocks: tuple[npt.NDArray[np.int64], int] | None, *, swing: float) -> Flips:
    """The gain from the ``influence`` of each row on it, in ``blocks`` that are numbered and counted.

    ``swing`` is how far that of a row moves at most when its decision does.
    """
    about, rows = (influence - influence.mean()) / len(influence), len(influence)
    codes, count = blocks if blocks is not None else (None, rows)
    sums = about if codes is None else np.bincount(codes, about, count)
    second, third = float((sums**2).sum()) * count / (count - 1), float((sums**3).sum())
    return Flips(value, second, third, swing / count, rows, count - 1)
