"""How far two arrays lie apart: every statistic in one pass over pieces that stay in the cache of a core.

``Tally.add`` takes two pieces of the same type and length.  Pieces that are equal cost one comparison.  For numbers
with a fraction it counts what differs and keeps the largest absolute and relative difference, where the first of them
is, the largest distance in units in the last place, and whether anything lies beyond the tolerance.  Nothing here warns
about a number that is none: NaN and infinity on one side only are told, and left out of the statistics.  A difference
from zero counts as a relative difference of 1.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

_Numbers = npt.NDArray[Any]
_SIGNED: dict[int, np.dtype[Any]] = {2: np.dtype(np.int16), 4: np.dtype(np.int32), 8: np.dtype(np.int64)}
_BOOLEAN: np.dtype[Any] = np.dtype(np.bool_)
_FRACTION = {2: 10, 4: 23, 8: 52}


Room = dict[tuple[str, np.dtype[Any]], _Numbers]
"""Memory that one thread uses again and again, so that it stays in the cache of its core."""


def taken(room: Room, use: str, kind: np.dtype[Any], count: int) -> _Numbers:
    """A stretch of ``room`` for ``count`` elements, with whatever was in it."""
    found = room.get((use, kind))
    if found is None or len(found) < count:
        found = room[use, kind] = np.empty(count, kind)
    return found[:count]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """``|left - right| <= absolute + relative * |right|``."""

    relative: float
    absolute: float


@dataclass(slots=True)
class Tally:
    """What was seen so far.  ``where`` is the flat index of the largest absolute difference."""

    tolerance: Tolerance
    bfloat16: bool = False
    unit: bool = True
    differing: int = 0
    absolute: float = 0.0
    relative: float = 0.0
    ulp: int = 0
    where: int | None = None
    beyond: bool = False
    nan: bool = False
    infinite: bool = False
    room: Room = field(default_factory=dict)

    def add(self, left: _Numbers, right: _Numbers, start: int) -> None:
        """Take two pieces that begin at flat index ``start``.  Call it within ``quiet()``."""
        if left.dtype.kind == "f" and left.dtype.itemsize in _SIGNED:
            self._floats(left, right, start)
        elif left.dtype.kind in "fc":
            unequal = left != right
            if unequal.any():
                self._careful(left, right, start)
        else:
            self._exact(left, right, start)

    def merge(self, other: Tally) -> None:
        """Take what another tally saw of the same two arrays."""
        self.differing += other.differing
        if other.where is not None:
            self._largest(other.absolute, other.where)
        self.relative, self.ulp = max(self.relative, other.relative), max(self.ulp, other.ulp)
        self.beyond, self.nan = self.beyond or other.beyond, self.nan or other.nan
        self.infinite = self.infinite or other.infinite

    def _largest(self, absolute: float, where: int) -> None:
        absolute = min(absolute, sys.float_info.max)
        if self.where is None or (absolute, -where) > (self.absolute, -self.where):
            self.absolute, self.where = absolute, where

    def _buffer(self, kind: np.dtype[Any], count: int) -> _Numbers:
        return taken(self.room, "difference", kind, count)

    def _floats(self, left: _Numbers, right: _Numbers, start: int) -> None:
        width = left.dtype.itemsize
        one, other = (left, right) if width > 2 else (left.astype(np.float32), right.astype(np.float32))  # noqa: PLR2004 - halves are slow
        unequal = np.not_equal(one, other, out=self._buffer(_BOOLEAN, len(one)))
        differing = int(np.count_nonzero(unequal))
        if not differing:
            return
        apart = np.subtract(one, other, out=self._buffer(one.dtype, len(one)))
        top, bottom = float(np.maximum.reduce(apart)), float(np.minimum.reduce(apart))
        if not math.isfinite(top - bottom):
            self._careful(left, right, start)
            return
        self.differing += differing
        largest = max(top, -bottom)
        if largest > self.absolute or self.where is None:
            self._largest(largest, start + int(np.argmax(np.abs(apart))))
        relative = self._shares(one, other, apart, largest)
        if self.unit and _most_units(relative, 7 if self.bfloat16 else _FRACTION[width]) > self.ulp:
            self._units(left, right)

    def _shares(self, left: _Numbers, right: _Numbers, apart: _Numbers, largest: float) -> float:
        """The relative difference, and whether all is within the tolerance, which it mostly decides."""
        shares = np.divide(apart, right, out=apart)
        relative = max(float(np.fmax.reduce(shares)), -float(np.fmin.reduce(shares)))
        certain = math.isfinite(relative)
        if not certain:  # something differs from zero, or from less than what can be divided by
            relative = max(1.0, float(np.abs(shares[np.isfinite(shares)]).max(initial=0.0)))
        self.relative = max(self.relative, relative)
        near = largest <= self.tolerance.absolute or (certain and relative <= self.tolerance.relative)
        if not near and not self.beyond:
            limit = np.abs(right).astype(
                np.longdouble
            )  # the half of the smallest number there is has no place in its own
            limit *= self.tolerance.relative
            limit += self.tolerance.absolute
            self.beyond = bool((np.abs(left - right) > limit).any())
        return relative

    def _units(self, left: _Numbers, right: _Numbers) -> None:
        """Of one sign, the integers that share the bits of floats lie as far apart as the floats do in units."""
        width = left.dtype.itemsize
        kind = _SIGNED[width]
        units = np.subtract(left.view(kind), right.view(kind), out=self._buffer(kind, len(left)))
        furthest = max(int(np.maximum.reduce(units)), -int(np.minimum.reduce(units)))
        if furthest >= 1 << _FRACTION[width]:  # perhaps two signs, which wrap to no less than this
            furthest = _distance(left, right)
        self.ulp = max(self.ulp, furthest >> 16 if self.bfloat16 else furthest)

    def _careful(self, left: _Numbers, right: _Numbers, start: int) -> None:
        """The same for a piece with NaN, infinity or a difference that overflows, and for types that are rare."""
        left_nan, right_nan = np.isnan(left), np.isnan(right)
        unequal = (left != right) & ~(left_nan & right_nan)
        self.differing += int(np.count_nonzero(unequal))
        self.nan = self.nan or bool((left_nan != right_nan).any())
        finite = np.isfinite(left) & np.isfinite(right)
        self.infinite = self.infinite or bool((unequal & ~finite & ~left_nan & ~right_nan).any())
        places = np.flatnonzero(unequal & finite)
        if not len(places):
            return
        wide = np.clongdouble if left.dtype.kind == "c" else np.longdouble
        one, other = left[places].astype(wide), right[places].astype(wide)
        apart, size = np.abs(one - other), np.abs(other)
        first = int(np.argmax(apart))
        self._largest(float(apart[first]), start + int(places[first]))
        shares = np.divide(apart, size, out=np.ones_like(apart), where=size != 0)
        self.relative = max(self.relative, min(float(shares.max()), sys.float_info.max))
        limit = self.tolerance.absolute + self.tolerance.relative * size
        self.beyond = self.beyond or bool((apart > limit).any())
        if self.unit and left.dtype.kind == "f" and left.dtype.itemsize in _SIGNED:
            units = _distance(left[places], right[places])
            self.ulp = max(self.ulp, units >> 16 if self.bfloat16 else units)

    def _exact(self, left: _Numbers, right: _Numbers, start: int) -> None:
        """Whole numbers, truth values, times, texts: what differs is beyond any tolerance."""
        if left.dtype.kind in "mM":
            left, right = left.view(np.int64), right.view(np.int64)
        elif left.dtype.kind == "V" and left.dtype.itemsize:
            left, right = left.view(f"S{left.dtype.itemsize}"), right.view(f"S{right.dtype.itemsize}")
        places = np.flatnonzero(left != right)
        if not len(places):
            return
        self.differing += len(places)
        self.beyond = True
        if left.dtype.kind not in "iub":
            self._largest(0.0, start + int(places[0]))
            return
        one, other = left[places].astype(np.float64), right[places].astype(np.float64)
        apart = np.abs(one - other)
        first = int(np.argmax(apart))
        self._largest(float(apart[first]), start + int(places[first]))
        shares = np.divide(apart, np.abs(other), out=np.ones_like(apart), where=other != 0)
        self.relative = max(self.relative, float(shares.max()))


def quiet() -> np.errstate:
    """Within it, a division by zero or an overflow is an answer and no warning."""
    return np.errstate(all="ignore")


def _most_units(relative: float, fraction: int) -> float:
    """No two numbers that differ by this share of one of them lie further apart, in whole units.

    A unit is no less than the share ``2 ** -(fraction + 1)`` of the number that it belongs to, and the smaller of the
    two is no less than ``1 - relative`` of the other.  The last factor is for what the division rounded.
    """
    if relative >= 0.5:  # noqa: PLR2004 - more than a binade
        return math.inf
    return math.floor(relative / (1 - relative) * 2.0 ** (fraction + 1) * (1 + 2.0 ** -min(fraction, 50)))


def _distance(left: _Numbers, right: _Numbers) -> int:
    """The largest distance in units in the last place, between any two finite numbers.

    Zeros of both signs are one number; every other float is as far from zero as its bits without the sign say.
    """
    kind = np.dtype(f"u{left.dtype.itemsize}")
    sign = np.uint64(1 << (8 * left.dtype.itemsize - 1))
    one, other = left.view(kind).astype(np.uint64), right.view(kind).astype(np.uint64)
    far, near = one & ~sign, other & ~sign
    same = (one & sign) == (other & sign)
    apart = np.where(same, np.maximum(far, near) - np.minimum(far, near), far + near)
    return int(apart.max(initial=np.uint64(0)))
