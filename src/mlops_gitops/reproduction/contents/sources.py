"""Bytes at rest, and the arrays that lie in them: read in pieces when asked for, never all at once.

A source is a file, a temporary file that something was expanded into, or bytes that are already in memory.  It stays
open as long as an array of it is in use.  Arrays of records become one array for each field, so that the padding
between fields, which is whatever memory held, never counts.
"""

from __future__ import annotations

import math
import os
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from mlops_gitops.packaging import digests
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable

MOST_EXPANDED = 8 << 30
_PIECE = 1 << 20
_IN_MEMORY = 32 << 20
_MOST_FIELDS = 1_000


class Source:
    """A stretch of bytes that can be read from any place, by one thread at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.size = stream.seek(0, os.SEEK_END)
        self._lock = threading.Lock()

    def read(self, offset: int, count: int) -> bytes:
        """Exactly ``count`` bytes from ``offset``.  Raises ``Unreadable`` where there are fewer."""
        with self._lock:
            self.stream.seek(offset)
            data = self.stream.read(count) if offset + count <= self.size else b""
        if len(data) != count:
            raise Unreadable(f"it ends before the {count} bytes at byte {offset} do")
        return data

    def pieces(self) -> Iterator[bytes]:
        """All bytes, in order."""
        for start in range(0, self.size, _PIECE):
            yield self.read(start, min(_PIECE, self.size - start))


def at(path: Path) -> Source:
    """The file at ``path``, which must be a regular file."""
    return Source(cast("BinaryIO", BufferedReader(digests.open_regular(path))))


def of_bytes(data: bytes) -> Source:
    """Bytes that are in memory."""
    return Source(BytesIO(data))


def expanded(pieces: Iterator[bytes], *, most: int = MOST_EXPANDED) -> Source:
    """What a compressed stream expands to, in a temporary file.  Raises ``Unreadable`` beyond ``most`` bytes."""
    out = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - arrays keep it open
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            out.close()
            raise Unreadable(f"it expands to more than {most} bytes")
        out.write(piece)
    return Source(out)


@dataclass(frozen=True, slots=True)
class Stored:
    """An array of records of type ``record`` that lies at ``offset``; ``fields`` lead to the part that is meant."""

    source: Source
    offset: int
    record: np.dtype[np.generic]
    sides: tuple[int, ...]
    fortran: bool = False
    fields: tuple[str, ...] = ()

    def _part(self) -> np.dtype[np.generic]:
        part = self.record
        for name in self.fields:
            part = part.fields[name][0] if part.fields else part
        return part

    @property
    def dtype(self) -> str:
        """NumPy's name for the type of an element."""
        return self._part().base.name

    @property
    def shape(self) -> tuple[int, ...]:
        """The length along each axis."""
        return self.sides + self._part().shape

    def chunks(self, size: int, /) -> Iterator[npt.NDArray[np.generic]]:
        """All elements in C order, in pieces of ``size`` (of whole records)."""
        count = math.prod(self.sides)
        step = max(1, size // max(1, math.prod(self._part().shape)))
        item = self.record.itemsize
        if not item:
            yield from ((np.zeros(count, self.record),) if count and not self.fields else ())
        elif self.fortran and len(self.sides) > 1:
            whole = self._whole(count * item)
            yield from (self._picked(whole.flat[start : start + step]) for start in range(0, count, step))
        else:
            for start in range(0, count, step):
                data = self.source.read(self.offset + start * item, min(step, count - start) * item)
                yield self._picked(np.frombuffer(data, self.record))

    def _whole(self, size: int) -> npt.NDArray[np.generic]:
        """The array as it lies, to be walked across its order: mapped, where it is large and in a file."""
        if size > _IN_MEMORY:
            found = np.memmap(self.source.stream, self.record, "r", self.offset, (math.prod(self.sides),))
            return cast("npt.NDArray[np.generic]", found.reshape(self.sides, order="F"))
        flat = np.frombuffer(self.source.read(self.offset, size), self.record)
        return flat.reshape(self.sides, order="F")

    def _picked(self, records: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        found: Any = records
        for name in self.fields:
            found = found[name]
        flat: npt.NDArray[np.generic] = found.reshape(-1)
        return flat if flat.dtype.isnative else flat.astype(flat.dtype.newbyteorder("="))


def stored(
    source: Source, offset: int, record: np.dtype[np.generic], shape: tuple[int, ...], *, fortran: bool
) -> Stored:
    """An array that certainly lies within its source."""
    if not all(type(side) is int and 0 <= side < 1 << 48 for side in shape) or len(shape) > 32:  # noqa: PLR2004 - NumPy
        raise Unreadable("an array has a shape that cannot be")
    if record.hasobject:
        raise Unreadable("an array says that it holds numbers, and holds objects")
    if math.prod(shape) > 1 << 48 or offset + math.prod(shape) * record.itemsize > source.size:
        raise Unreadable("an array is larger than what holds it")
    return Stored(source, offset, record, shape, fortran)


def leaves(path: str, array: Stored, noise: str = "") -> Iterator[Leaf]:
    """The leaves of one array: itself, or one for each field of its records."""
    pending, count = [array], 0
    while pending:
        one = pending.pop()
        part = one._part()  # noqa: SLF001 - one module, one idea
        count += 1
        if count > _MOST_FIELDS:
            raise Unreadable(f"an array has records of more than {_MOST_FIELDS} fields")
        if part.names is not None:
            pending += [
                Stored(one.source, one.offset, one.record, one.sides, one.fortran, (*one.fields, name))
                for name in reversed(part.names)
            ]
        else:
            yield Leaf(".".join((path, *one.fields)), one, noise)
