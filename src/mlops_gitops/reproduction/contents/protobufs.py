"""Protocol Buffers as they lie in a file: fields with their places, so that what is long stays where it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO

import numpy as np
import numpy.typing as npt

from mlops_gitops.reproduction.contents import flats
from mlops_gitops.reproduction.contents.leaves import Unreadable

VARINT, WIDE, BYTES, NARROW = 0, 1, 2, 5
_WINDOW = 1 << 18
_LONGEST_VARINT = 10


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its number, its wire type, and where its bytes are; a ``VARINT`` has its ``value`` instead."""

    number: int
    wire: int
    start: int
    end: int
    value: int = 0


class Message:
    """The bytes of a file, read through a window."""

    def __init__(self, file: FileIO) -> None:
        self.file = file
        self.size = flats.size(file)
        self._window, self._base = b"", 0

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message from ``start`` to ``end``.  Raises ``Unreadable``."""
        at = start
        while at < end:
            tag, at = self.varint(at, end)
            number, wire = tag >> 3, tag & 7
            if number == 0:
                raise Unreadable(f"byte {at} is no field")
            if wire == VARINT:
                value, at = self.varint(at, end)
                yield Field(number, wire, at, at, value)
                continue
            if wire == BYTES:
                size, at = self.varint(at, end)
            else:
                size = {WIDE: 8, NARROW: 4}.get(wire, -1)
            if size < 0 or at + size > end:
                raise Unreadable(f"byte {at} is no field, or it ends before it does")
            yield Field(number, wire, at, at + size)
            at += size

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """The number at ``at``, and where it ends."""
        if not self._base <= at or at + _LONGEST_VARINT > self._base + len(self._window):
            count = min(_WINDOW, self.size - at)
            if count <= 0:
                raise Unreadable("it ends in the middle of a number")
            self._window, self._base = flats.read(self.file, at, count), at
        value = 0
        for index in range(min(_LONGEST_VARINT, end - at)):
            byte = self._window[at - self._base + index]
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:  # noqa: PLR2004 - the bit that says: more to come
                return value, at + index + 1
        raise Unreadable(f"byte {at} is no number")

    def data(self, field: Field) -> bytes:
        """The bytes of a field.  Raises ``Unreadable`` where it is a number."""
        if field.wire == VARINT:
            raise Unreadable(f"byte {field.start} is a number where text is due")
        if self._base <= field.start and field.end <= self._base + len(self._window):
            return self._window[field.start - self._base : field.end - self._base]
        return flats.read(self.file, field.start, field.end - field.start)

    def text(self, field: Field) -> str:
        """The text of a field; what is no UTF-8 stands escaped."""
        return self.data(field).decode("utf-8", "backslashreplace")


def varints(data: bytes) -> npt.NDArray[np.uint64]:
    """All numbers of a packed field, of which there may be millions."""
    codes = np.frombuffer(data, np.uint8)
    if not len(codes):
        return np.empty(0, np.uint64)
    ends = np.flatnonzero(codes < 0x80)  # noqa: PLR2004 - the bit that says: more to come
    if not len(ends) or ends[-1] != len(codes) - 1:
        raise Unreadable("it ends in the middle of a number")
    starts = np.concatenate((np.zeros(1, ends.dtype), ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST_VARINT:
        raise Unreadable("a number of it is too long")
    places = np.arange(len(codes)) - np.repeat(starts, lengths)
    parts = (codes & 0x7F).astype(np.uint64) << (7 * places).astype(np.uint64)
    return np.add.reduceat(parts, starts)
