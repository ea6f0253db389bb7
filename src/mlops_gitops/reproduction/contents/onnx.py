"""ONNX graphs as leaves: initializers as arrays under their names, everything else as the digest of its bytes.

Sources: ``onnx.proto`` (field numbers of ModelProto, GraphProto and TensorProto) and the encoding of protocol buffers.
Who wrote the file and with what (``producer_name``, ``producer_version``, ``doc_string``) is noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable
from mlops_gitops.reproduction.contents.xgboost import Numbers

_MOST_BYTES = 4 << 30
_GRAPH, _INITIALIZER, _NODE = 7, 5, 1
_NOISE = {2: "producer_name", 3: "producer_version", 6: "doc_string"}
_TYPES = {1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}
_VARINT, _WIDE, _BYTES, _NARROW = 0, 1, 2, 5


def recognises(head: bytes, name: str) -> bool:
    """Whether a file of this name says that it is ONNX; the bytes of a protocol buffer say nothing."""
    return name.lower().endswith(".onnx") and head[:1] == b"\x08"


def read(path: Path) -> Iterator[Leaf]:
    """The leaves of the graph at ``path``, which is read whole.  Raises ``Unreadable``."""
    if path.stat().st_size > _MOST_BYTES:
        raise Unreadable("it is larger than a graph can be read")
    data = memoryview(path.read_bytes())
    for index, (number, value) in enumerate(_fields(data)):
        if number == _GRAPH and isinstance(value, memoryview):
            yield from _graph(value)
        elif number in _NOISE:
            yield Leaf(_NOISE[number], bytes(value) if isinstance(value, memoryview) else value, _NOISE[number])
        else:
            yield Leaf(f"model.{number}[{index}]", _plain(value))


def _graph(data: memoryview) -> Iterator[Leaf]:
    for index, (number, value) in enumerate(_fields(data)):
        if number == _INITIALIZER and isinstance(value, memoryview):
            yield _initializer(value, index)
        elif number == _NODE and isinstance(value, memoryview):
            yield from _node(value, index)
        else:
            yield Leaf(f"graph.{number}[{index}]", _plain(value))


def _node(data: memoryview, place: int) -> Iterator[Leaf]:
    """A node with its attributes: lists of numbers, which hold the trees and weights of classical models, as arrays."""
    for index, (number, value) in enumerate(_fields(data)):
        path = f"node[{place}].{number}[{index}]"
        if number != 5 or not isinstance(value, memoryview):  # noqa: PLR2004 - NodeProto.attribute
            yield Leaf(path, _plain(value))
            continue
        name, floats = "", b""
        for inner, part in _fields(value):
            if inner == 1 and isinstance(part, memoryview):
                name = bytes(part).decode("utf-8", "replace")
            elif inner == 7 and isinstance(part, memoryview):  # noqa: PLR2004 - AttributeProto.floats
                floats += bytes(part)
        if floats and len(floats) % 4 == 0:
            yield Leaf(f"node[{place}].{name}", Numbers(np.frombuffer(floats, "<f4")))
        else:
            yield Leaf(f"node[{place}].{name or path}", hashlib.sha256(value).hexdigest())


def _initializer(data: memoryview, index: int) -> Leaf:
    name, kind, raw, sides, rest = f"initializer[{index}]", 0, b"", [], hashlib.sha256()
    for number, value in _fields(data):
        if number == 8 and isinstance(value, memoryview):  # noqa: PLR2004 - TensorProto.name
            name = bytes(value).decode("utf-8", "replace")
        elif number == 2 and isinstance(value, int):  # noqa: PLR2004 - TensorProto.data_type
            kind = value
        elif number == 1:
            sides += [value] if isinstance(value, int) else [*_varints(value)]
        elif number in (4, 9) and isinstance(value, memoryview):
            raw += bytes(value)
        else:
            rest.update(repr(number).encode() + (value if isinstance(value, memoryview) else repr(value).encode()))
    record = np.dtype(_TYPES.get(kind, "u1"))
    if raw and len(raw) % record.itemsize == 0:
        return Leaf(name, Numbers(np.frombuffer(raw, record)))
    return Leaf(name, f"{kind} {sides} {rest.hexdigest()}")


def _plain(value: memoryview | int) -> str | int:
    return value if isinstance(value, int) else hashlib.sha256(value).hexdigest()


def _varints(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in (_WIDE, _NARROW):
            size = 8 if wire == _WIDE else 4
        else:
            raise Unreadable("it is no protocol buffer")
        if at + size > len(data):
            raise Unreadable("it ends before a field of it does")
        yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:  # noqa: PLR2004 - ten bytes of seven bits
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:  # noqa: PLR2004 - the last byte of a number
            return value, at
        shift += 7
    raise Unreadable("it ends in the middle of a number")
