"""UBJSON, the binary JSON that XGBoost writes: values as ``json.loads`` gives them, lists of one type as arrays.

Source: the UBJSON specification, draft 12.  Every length is checked against the bytes that are there.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from mlops_gitops.reproduction.contents.leaves import Unreadable

_DEEPEST = 100
_NUMBERS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"}
_CONSTANTS: dict[bytes, bool | None] = {b"T": True, b"F": False, b"Z": None}


def parsed(data: bytes) -> Any:
    """The value that ``data`` is, and nothing after it.  Raises ``Unreadable``."""
    reader = _Reader(data)
    value = reader.value(reader.take(1), 0)
    if reader.at != len(data):
        raise Unreadable("bytes follow its end")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = memoryview(data), 0

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.at:
            raise Unreadable("it ends before one of its values does")
        self.at += count
        return bytes(self.data[self.at - count : self.at])

    def value(self, mark: bytes, depth: int) -> Any:
        if depth > _DEEPEST:
            raise Unreadable("it is nested too deep")
        if mark in _NUMBERS:
            return self.number(mark)
        if mark in _CONSTANTS:
            return _CONSTANTS[mark]
        if mark == b"S":
            return self.text()
        if mark == b"C":
            return self.take(1).decode("latin-1")
        if mark == b"[":
            return self.array(depth)
        if mark == b"{":
            return self.mapping(depth)
        raise Unreadable(f"it has a value of an unknown type at byte {self.at - 1}")

    def number(self, mark: bytes) -> Any:
        form = _NUMBERS[mark]
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def count(self) -> int:
        mark = self.take(1)
        found = self.number(mark) if mark in _NUMBERS and mark not in b"dD" else -1
        if found < 0:
            raise Unreadable(f"it has a length that is none at byte {self.at - 1}")
        return int(found)

    def text(self) -> str:
        return self.take(self.count()).decode("utf-8", "surrogateescape")

    def peeked(self, mark: bytes) -> bool:
        """Whether ``mark`` comes next; it is passed if so."""
        if bytes(self.data[self.at : self.at + 1]) != mark:
            return False
        self.at += 1
        return True

    def header(self) -> tuple[bytes | None, int | None]:
        """The one type and the number of what is in a container, where it tells them."""
        kind = self.take(1) if self.peeked(b"$") else None
        count = self.count() if self.peeked(b"#") else None
        if kind is not None and (count is None or kind in _CONSTANTS):
            raise Unreadable("it has a container of one type without a number, or of values without bytes")
        if count is not None and count > len(self.data) - self.at:
            raise Unreadable("it has a container that is longer than the file")
        return kind, count

    def array(self, depth: int) -> Any:
        kind, count = self.header()
        if kind in _NUMBERS and count is not None:
            form = np.dtype(_NUMBERS[kind])
            found = np.frombuffer(self.take(count * form.itemsize), form)
            return found.astype(form.newbyteorder("=") if form.kind == "f" else np.int64)
        items: list[Any] = []
        while len(items) != count:
            if count is None and self.peeked(b"]"):
                break
            items.append(self.value(kind or self.take(1), depth + 1))
        return items

    def mapping(self, depth: int) -> dict[str, Any]:
        kind, count = self.header()
        found: dict[str, Any] = {}
        entries = 0
        while entries != count:
            if count is None and self.peeked(b"}"):
                break
            key = self.text()
            if key in found:
                raise Unreadable("a key occurs twice")
            found[key] = self.value(kind or self.take(1), depth + 1)
            entries += 1
        return found
