"""Arrays that lie in one piece in a file, or are small and in memory; what numpy has no type for comes widened.

A ``Flat`` reads at a place of its own (``pread``), so several threads may walk several arrays of one file.  Nothing is
mapped: a file that is cut while it is read gives an error and no signal, and memory stays as small as the pieces.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from io import FileIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mlops_gitops.packaging import digests
from mlops_gitops.reproduction.contents.leaves import Unreadable

_MOST_AXES = 64
_LONGEST_AXIS = 1 << 48
Numbers = npt.NDArray[np.generic]
"""Any array of numpy."""


def opened(path: Path) -> FileIO:
    """The regular file at ``path``; the arrays that lie in it keep it open."""
    return digests.open_regular(path)


@dataclass(frozen=True, slots=True)
class Flat:
    """``shape`` elements of type ``dtype``, in C order and little-endian, at ``offset`` of ``file``."""

    file: FileIO
    offset: int
    dtype: str
    shape: tuple[int, ...]

    def chunks(self, size: int, /) -> Iterator[Numbers]:
        """All elements, flat, in pieces of ``size``."""
        count = math.prod(self.shape)
        for start in range(0, count, size):
            yield self.part(start, np.empty(min(size, count - start), _kind(self.dtype)[0]))

    def part(self, start: int, room: Numbers, /) -> Numbers:
        """The elements from ``start`` on, as many as there is ``room`` for.  It is overwritten, and may be the answer.

        ``room`` holds elements as they are stored (``stored``).
        """
        _fill(self.file, self.offset + start * room.itemsize, room)
        return widened(room, self.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """An array in memory: what had to be parsed from text, or gathered.  ``kind`` is its type where it came widened."""

    numbers: Numbers
    kind: str = ""

    @property
    def dtype(self) -> str:
        """The type of an element in the file."""
        return self.kind or str(self.numbers.dtype.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length along each axis."""
        return self.numbers.shape

    def chunks(self, size: int, /) -> Iterator[Numbers]:
        """All elements, flat, in pieces of ``size``."""
        flat = self.numbers.reshape(-1)
        yield from (flat[start : start + size] for start in range(0, len(flat), size))


def flat(file: FileIO, offset: int, dtype: str, shape: tuple[int, ...], *, end: int) -> Flat:
    """The array at ``offset``, which certainly ends by ``end``.  Raises ``Unreadable`` where it does not."""
    if len(shape) > _MOST_AXES or not all(type(side) is int and 0 <= side < _LONGEST_AXIS for side in shape):
        raise Unreadable("a tensor has a shape that cannot be")
    if offset < 0 or offset + math.prod(shape) * width(dtype) > end:
        raise Unreadable("a tensor is larger than what holds it")
    return Flat(file, offset, dtype, shape)


def widened(piece: Numbers, dtype: str) -> Numbers:
    """Elements as they are stored, as numpy can reckon with them."""
    widen = _kind(dtype)[1]
    return widen(piece) if widen else piece


def stored(dtype: str) -> np.dtype[np.generic]:
    """How elements of this type lie in the file."""
    return _kind(dtype)[0]


def width(dtype: str) -> int:
    """Bytes of one element in the file."""
    return _kind(dtype)[0].itemsize


def read(file: FileIO, offset: int, count: int) -> bytes:
    """Exactly ``count`` bytes from ``offset``."""
    data = os.pread(file.fileno(), count, offset) if count <= _ONE_READ else b""
    if len(data) != count:
        piece = np.empty(count, np.uint8) if offset + count <= size(file) else np.empty(0, np.uint8)
        if len(piece) != count:
            raise Unreadable(f"it ends before the {count} bytes at byte {offset} do")
        _fill(file, offset, piece)
        data = piece.tobytes()
    return data


def size(file: FileIO) -> int:
    """The length of the file in bytes."""
    return os.fstat(file.fileno()).st_size


_ONE_READ = 1 << 20


def _fill(file: FileIO, offset: int, piece: Numbers) -> None:
    rest = piece.view(np.uint8).data
    while len(rest):
        got = os.preadv(file.fileno(), [rest], offset)
        if got == 0:
            raise Unreadable(f"it ends at byte {offset}, within a tensor")
        offset, rest = offset + got, rest[got:]


def _from_bfloat16(piece: Numbers) -> Numbers:
    wide = np.left_shift(piece, 16, dtype=np.uint32)
    return wide.view(np.float32)


@cache
def _eighths(dtype: str) -> npt.NDArray[np.float32]:
    """The 256 values of a type of eight bits."""
    codes = np.arange(256)
    if dtype == "float8_e5m2":
        return (codes.astype(np.uint16) << 8).view(np.float16).astype(np.float32)
    if dtype == "float8_e8m0fnu":
        found = np.ldexp(1.0, codes - 127)
        found[255] = np.nan
        return found.astype(np.float32)
    exponent, fraction = (codes >> 3) & 15, codes & 7
    found = np.where(exponent == 0, np.ldexp(fraction / 8, -6), np.ldexp(1 + fraction / 8, exponent - 7))
    found[(codes & 127) == 127] = np.nan  # noqa: PLR2004 - e4m3fn has no infinity, and one NaN of each sign
    return np.where(codes & 128, -found, found).astype(np.float32)


_EIGHTHS = ("float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu")
_PLAIN = frozenset({
    *("float64", "float32", "float16", "complex64", "complex128"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
})  # fmt: skip


@cache
def _kind(dtype: str) -> tuple[np.dtype[np.generic], Callable[[Numbers], Numbers] | None]:
    """How a type is stored, and how it is widened where numpy has it not."""
    if dtype == "bfloat16":
        return np.dtype("<u2"), _from_bfloat16
    if dtype in _EIGHTHS:
        table = _eighths(dtype)
        return np.dtype("u1"), lambda piece: table[piece.astype(np.intp)]
    if dtype in _PLAIN:
        return np.dtype(dtype).newbyteorder("<"), None
    return np.dtype("u1"), None  # a truth value, or a type of less than a byte: compared by its bytes
