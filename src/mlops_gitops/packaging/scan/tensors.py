"""Formats that hold tensors and nothing else: safetensors, and ONNX as far as it reaches outside its file.

Sources: the safetensors format description (an 8-byte length, a JSON header, one buffer without gaps), and
``onnx.proto`` (field numbers of ModelProto, GraphProto, TensorProto and AttributeProto).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from mlops_gitops.packaging.scan.problems import Limits, Problem, Subject, shown

_LONGEST_HEADER = 100_000_000
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


def scan_safetensors(subject: Subject) -> list[Problem]:
    """The header must describe the whole buffer, without a gap, an overlap or a name that occurs twice."""
    try:
        _check_safetensors(subject)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return [Problem("scan.safetensors", subject.where, f"is not a sound safetensors file: {error}")]
    return []


def _check_safetensors(subject: Subject) -> None:
    subject.stream.seek(0)
    length = int.from_bytes(subject.stream.read(8), "little")
    if not 2 <= length <= min(_LONGEST_HEADER, subject.size - 8):  # noqa: PLR2004 - "{}" and the length itself
        raise ValueError("its header does not fit")
    raw = subject.stream.read(length)
    if not raw.startswith(b"{"):
        raise ValueError("its header is not a JSON object")
    header = json.loads(raw, object_pairs_hook=_once)
    spans = sorted(_span(name, tensor) for name, tensor in header.items() if name != "__metadata__")
    if not isinstance(header.get("__metadata__", {}), dict):
        raise ValueError("its metadata is not an object")  # noqa: TRY004 - the one way to say: not understood
    edges = [(0, 0), *spans, (subject.size - 8 - length,) * 2]
    if any(before[1] != after[0] for before, after in pairwise(edges)):
        raise ValueError("its tensors leave a gap or overlap")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)


def _span(name: str, tensor: dict[str, Any]) -> tuple[int, int]:
    shape, (start, end) = tensor["shape"], tensor["data_offsets"]
    if not all(type(number) is int and 0 <= number < 1 << 48 for number in (*shape, start, end)):
        raise ValueError(f"{shown(name)} has a size that is no count")
    if (end - start) * 8 != math.prod(shape) * _BITS[tensor["dtype"]]:
        raise ValueError(f"{shown(name)} has another size than its shape says")
    return start, end


# ONNX: message → {field number: message of the field}; "external" is the list of (key, value) of a tensor kept outside
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute", 7: "domain"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
}
_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft"}
_GRAPH = 7
_DEEPEST = 64


def scan_onnx(subject: Subject, *, folder: Path | None, limits: Limits) -> list[Problem]:
    """Tensors kept outside the file must be regular files beside it; operators must come with the runtime."""
    if subject.size > limits.expanded:
        return [Problem("scan.onnx", subject.where, "is too large to judge")]
    subject.stream.seek(0)
    data = subject.stream.read()
    try:
        found = list(_walk(memoryview(data), "model", 0))
        graphs = sum(number == _GRAPH for number, _ in _fields(memoryview(data)))
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        return [Problem("scan.onnx", subject.where, f"is not an ONNX model that can be judged: {error}")]
    problems = [] if graphs == 1 else [Problem("scan.onnx", subject.where, f"holds {graphs} graphs instead of one")]
    for what, text in dict.fromkeys(found):
        if what == "domain" and text not in _DOMAINS:
            message = f"uses operators of {shown(text)}, which need a library of their own"
            problems.append(Problem("scan.onnx-operator", subject.where, message, certain=False))
        elif what == "location" and not _inside(text, folder):
            message = f"keeps data in {shown(text)}, which is not a regular file beside it"
            problems.append(Problem("scan.onnx-external", subject.where, message))
    return problems


def _inside(location: str, folder: Path | None) -> bool:
    parts = PurePosixPath(location).parts
    if folder is None or not parts or location.startswith("/") or ".." in parts or "\\" in location or "\0" in location:
        return False
    path = folder.joinpath(*parts)
    return path.is_file() and not any(step.is_symlink() for step in (path, *path.parents) if step != folder)


def _walk(data: memoryview, message: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    for number, value in _fields(data):
        inner = _MESSAGES[message].get(number)
        if inner is None:
            continue
        if not isinstance(value, memoryview):
            raise ValueError("a field has the wrong kind")  # noqa: TRY004 - the one way to say: not understood
        if inner == "domain":
            yield "domain", str(value, "utf-8")
        elif inner == "external":
            pair = {key: str(text, "utf-8") for key, text in _fields(value) if isinstance(text, memoryview)}
            if pair.get(1) == "location":
                yield "location", pair.get(2, "")
        else:
            yield from _walk(value, inner, depth + 1)


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The fields of one Protocol Buffers message: number, and bytes or an integer."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:  # noqa: PLR2004 - a length, then so many bytes
            size, at = _varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(wire, -1)
        if number == 0 or size < 0 or at + size > len(data):
            raise ValueError(f"byte {at} is no field")
        yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:  # noqa: PLR2004 - the bit that says: more to come
            return value, at
    raise ValueError(f"byte {at} is no number")
