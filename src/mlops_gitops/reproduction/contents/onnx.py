"""ONNX graphs as leaves: initializers as arrays under their names, the graph node by node, attributes by name.

Who wrote the file and with what, documentation, and the name of the graph (a converter may draw it by chance) are
noise.  Data that is kept outside is read only from regular files in the model's own folder.

Source: ``onnx.proto`` (field numbers of ModelProto, GraphProto, NodeProto, AttributeProto and TensorProto).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlops_gitops.reproduction.contents import flats, protobufs
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable
from mlops_gitops.reproduction.contents.onnx_tensors import Tensors
from mlops_gitops.reproduction.contents.protobufs import Field, Message

_DEEPEST = 64
_WRITER, _WORDS, _NAME = "the library that wrote it", "documentation", "name of the graph"
_FIELDS: dict[str, dict[int, tuple[str, str]]] = {
    "model": {
        1: ("ir_version", "value"), 2: ("producer_name", _WRITER), 3: ("producer_version", _WRITER),
        4: ("domain", "value"), 5: ("model_version", "value"), 6: ("doc_string", _WORDS), 7: ("graph", "graph"),
        8: ("opset_import", "opset"), 14: ("metadata_props", "entry"), 20: ("training_info", "training"),
        25: ("functions", "function"),
    },
    "opset": {1: ("domain", "value"), 2: ("version", "value")},
    "entry": {1: ("key", "value"), 2: ("value", "value")},
    "training": {1: ("initialization", "graph"), 2: ("algorithm", "graph"), 3: ("initialization_binding", "entry"),
                 4: ("update_binding", "entry")},
    "graph": {
        1: ("node", "node"), 2: ("name", _NAME), 5: ("initializer", "tensor"), 10: ("doc_string", _WORDS),
        15: ("sparse_initializer", "sparse"), 16: ("metadata_props", "entry"),
    },
    "function": {
        1: ("name", "value"), 4: ("input", "value"), 5: ("output", "value"), 6: ("attribute", "value"),
        7: ("node", "node"), 8: ("doc_string", _WORDS), 9: ("opset_import", "opset"), 10: ("domain", "value"),
        11: ("attribute_proto", "attribute"), 13: ("overload", "value"), 14: ("metadata_props", "entry"),
    },
    "node": {
        1: ("input", "value"), 2: ("output", "value"), 3: ("name", "value"), 4: ("op_type", "value"),
        5: ("attribute", "attribute"), 6: ("doc_string", _WORDS), 7: ("domain", "value"), 8: ("overload", "value"),
        9: ("metadata_props", "entry"),
    },
    "attribute": {
        1: ("name", "value"), 2: ("f", "float"), 3: ("i", "value"), 4: ("s", "value"), 5: ("t", "tensor"),
        6: ("g", "graph"), 7: ("floats", "floats"), 8: ("ints", "ints"), 9: ("strings", "value"),
        10: ("tensors", "tensor"), 11: ("graphs", "graph"), 13: ("doc_string", _WORDS), 20: ("type", "value"),
        21: ("ref_attr_name", "value"), 22: ("sparse_tensor", "sparse"), 23: ("sparse_tensors", "sparse"),
    },
    "sparse": {1: ("values", "tensor"), 2: ("indices", "tensor"), 3: ("dims", "ints")},
}  # fmt: skip
_NAMED = {"attribute": 1, "tensor": 8}
"""The field that holds a name which is unique among its kind."""
_SINGLE = frozenset({
    *("ir_version", "producer_name", "producer_version", "domain", "model_version", "doc_string", "graph", "version"),
    *("key", "value", "name", "op_type", "overload", "f", "i", "s", "t", "g", "type", "ref_attr_name"),
    *("initialization", "algorithm", "sparse_tensor", "values", "indices"),
})  # fmt: skip
"""Fields that stand once; the others are numbered."""
_LONGEST_TEXT = 1 << 16


def recognises(head: bytes, name: str) -> bool:
    """Whether a file that begins with ``head`` is an ONNX model: by its name, or by who says to have written it."""
    if head[:1] != b"\x08" or not 0 < (head[1] if len(head) > 1 else 0) < 64:  # noqa: PLR2004 - the version of the format
        return False
    length = head[3] if len(head) > 3 else 0  # noqa: PLR2004 - after tag and length of producer_name
    writer = head[4 : 4 + length]
    named = head[2:3] == b"\x12" and len(writer) == length > 2 and writer.isascii() and writer.decode().isprintable()  # noqa: PLR2004
    return name.lower().endswith(".onnx") or (
        named and head[4 + length : 5 + length] in (b"\x1a", b"\x22", b"\x28", b"\x3a")
    )


def read(path: Path) -> Iterator[Leaf]:
    """The leaves of the model at ``path``.  Raises ``Unreadable``."""
    message = Message(flats.opened(path))
    graphs = sum(field.number == 7 for field in message.fields(0, message.size))  # noqa: PLR2004 - ModelProto.graph
    if graphs != 1:
        raise Unreadable(f"it holds {graphs} graphs instead of one")
    walk = _Walk(message, Tensors(message, path.parent))
    yield from walk.leaves("", "model", 0, message.size, 0)


def beside(path: Path) -> frozenset[str]:
    """The files that hold data of the model at ``path``, as paths below its folder."""
    files: set[str] = set()
    message = Message(flats.opened(path))
    for _ in _Walk(message, Tensors(message, path.parent, files)).leaves("", "model", 0, message.size, 0):
        pass
    return frozenset(files)


class _Walk:
    def __init__(self, message: Message, tensors: Tensors) -> None:
        self.message, self.tensors = message, tensors

    def leaves(self, path: str, kind: str, start: int, end: int, depth: int) -> Iterator[Leaf]:
        """Every leaf of the message of this kind from ``start`` to ``end``."""
        if depth > _DEEPEST:
            raise Unreadable("it is nested too deeply")
        counts: dict[int, int] = {}
        floats: list[Field] = []
        ints: list[Field] = []
        for field in self.message.fields(start, end):
            name, what = _FIELDS[kind].get(field.number, (f"field{field.number}", "value"))
            if what in ("floats", "ints"):
                (floats if what == "floats" else ints).append(field)
                continue
            index = counts[field.number] = counts.get(field.number, -1) + 1
            label = self._label(field, what) if kind != "attribute" else ""
            below = f"{path}.{label}" if label else _joined(path, name, index, single=name in _SINGLE)
            if label and what == "tensor" and path == "graph":
                below = label  # as a state_dict names it
            if what == "tensor":
                yield from self.tensors.leaves(below, field)
            elif what in _FIELDS:
                if field.wire != protobufs.BYTES:
                    raise Unreadable(f"byte {field.start} is no {what}")
                yield from self.leaves(below, what, field.start, field.end, depth + 1)
            else:
                yield Leaf(below, self._value(field, what), "" if what in ("value", "float") else what)
        if floats:
            yield Leaf(f"{path}.floats" if kind != "attribute" else path, flats.Held(self._floats(floats)))
        if ints:
            yield Leaf(f"{path}.ints" if kind != "attribute" else path, flats.Held(self._ints(ints)))

    def _label(self, field: Field, what: str) -> str:
        if what not in _NAMED or field.wire != protobufs.BYTES:
            return ""
        found = [one for one in self.message.fields(field.start, field.end) if one.number == _NAMED[what]]
        return self.message.text(found[0])[:200] if found else ""

    def _value(self, field: Field, what: str) -> int | float | str:
        if field.wire == protobufs.VARINT:
            return field.value
        if what == "float":
            (number,) = struct.unpack("<f", self.message.data(field)[:4].ljust(4, b"\0"))
            return float(number)
        if field.end - field.start > _LONGEST_TEXT:
            data = self.message.data(field)
            return f"{len(data)} bytes of sha256 {hashlib.sha256(data).hexdigest()}"
        return self.message.text(field)

    def _floats(self, fields: list[Field]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        data = b"".join(self.message.data(field) for field in fields)
        if len(data) % 4:
            raise Unreadable("a list of numbers is cut off")
        return np.frombuffer(data, "<f4")

    def _ints(self, fields: list[Field]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        parts = [
            np.array([field.value & (1 << 64) - 1], np.uint64)
            if field.wire == protobufs.VARINT
            else protobufs.varints(self.message.data(field))
            for field in fields
        ]
        return np.concatenate(parts).view(np.int64)


def _joined(path: str, name: str, index: int, *, single: bool) -> str:
    end = name if single else f"{name}[{index}]"
    return f"{path}.{end}" if path else end
