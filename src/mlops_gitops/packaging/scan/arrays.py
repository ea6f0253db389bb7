"""NumPy arrays as bytes: how many belong to one, and whether they hide a pickle.

Two forms: the header of a ``.npy`` file (NumPy enhancement proposal 1, formats 1.0 to 3.0), and the wrapper after which
joblib writes an array's raw bytes into the middle of a pickle.  Nothing here imports NumPy.
"""

from __future__ import annotations

import ast
import math
import re
import struct
from typing import BinaryIO

from mlops_gitops.packaging.scan.problems import Problem, Subject
from mlops_gitops.packaging.scan.values import Global, Items, Made, Value
from mlops_gitops.records import record

MAGIC = b"\x93NUMPY"
_TYPE = re.compile(r"[<>=|]?([?biufcmMSUVO])(\d{0,9})(?:\[\d{0,6}(?:[YMWDhms]|ms|us|ns|ps|fs|as)\])?")
_OBJECTS = 1  # NumPy's flag for a type whose items are Python objects
_LONGEST_HEADER = 65_536
_MOST_BYTES = 1 << 48
_WRAPPER_KEYS = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
_SUBCLASSES = {("numpy", "ndarray"), ("numpy", "matrix"), ("numpy", "memmap")}


@record
class Layout:
    """``size`` raw bytes after the wrapper, or a nested pickle; ``padded`` if a padding length comes first."""

    size: int
    padded: bool
    objects: bool


def of_wrapper(wrapper: Made) -> Layout:
    """The bytes that joblib reads after a ``NumpyArrayWrapper``.  Raises ``ValueError`` where that is not certain."""
    if len(wrapper.states) != 1 or not isinstance(wrapper.states[0], Items):
        raise ValueError("joblib's array wrapper has an unusual state")
    pairs = wrapper.states[0].items
    keys = [key for key, _ in pairs]
    if not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys) or not set(keys) <= _WRAPPER_KEYS:
        raise ValueError("joblib's array wrapper has unusual fields")
    fields = dict(pairs)
    subclass, alignment = fields.get("subclass"), fields.get("numpy_array_alignment_bytes")
    if not isinstance(subclass, Global) or (subclass.module, subclass.name) not in _SUBCLASSES:
        raise ValueError("joblib's array wrapper is of an unusual class")
    if fields.get("order") not in ("C", "F") or not (alignment is None or type(alignment) is int):
        raise ValueError("joblib's array wrapper has an unusual layout")
    item, objects = _dtype(fields.get("dtype"))
    return Layout(size=_total(fields.get("shape"), item), padded=alignment is not None, objects=objects)


def _total(shape: Value, item: int) -> int:
    if not isinstance(shape, tuple) or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError("an array has a shape that cannot be resolved")
    total = math.prod(shape) * item
    if total > _MOST_BYTES:
        raise ValueError("an array is larger than any file")
    return total


def _dtype(value: Value) -> tuple[int, bool]:
    """Bytes of one item and whether it holds Python objects."""
    if not isinstance(value, Made) or str(value.maker) != "numpy.dtype" or len(value.states) > 1:
        raise ValueError("an array has a type that cannot be resolved")
    match = _TYPE.fullmatch(value.args[0]) if value.args and isinstance(value.args[0], str) else None
    if match is None:
        raise ValueError("an array has a type that cannot be resolved")
    kind, digits = match[1], int(match[2] or 0)
    state = value.states[0] if value.states else None
    if kind == "V":
        return _structure(state, digits)
    size = 4 * digits if kind == "U" else 1 if kind == "?" else digits
    if kind in "SU" and isinstance(state, tuple) and len(state) > 5 and state[5] != size:  # noqa: PLR2004
        raise ValueError("an array's type contradicts itself")
    return size, kind == "O"


def _structure(state: Value, digits: int) -> tuple[int, bool]:
    if not isinstance(state, tuple) or len(state) < 8:  # noqa: PLR2004 - the fields of numpy.dtype's state
        raise ValueError("an array has a structure that cannot be resolved")
    _, _, part, _, fields, size, _, flags = state[:8]
    if part is not None or type(flags) is not int or size != digits:
        raise ValueError("an array's type contradicts itself")
    objects = _holds_objects(fields)
    if objects is not bool(flags & _OBJECTS):
        raise ValueError("an array's type hides whether it holds objects")
    return digits, objects


def _holds_objects(fields: Value, depth: int = 0) -> bool:
    if fields is None:
        return False
    if not isinstance(fields, Items) or depth > 8:  # noqa: PLR2004 - deeper than any model nests its records
        raise ValueError("an array has a structure that cannot be resolved")
    found = False
    for _, entry in fields.items:
        if not isinstance(entry, tuple) or not entry:
            raise ValueError("an array has a structure that cannot be resolved")
        found = _leaf_holds_objects(entry[0], depth) or found
    return found


def _leaf_holds_objects(leaf: Value, depth: int) -> bool:
    state = leaf.states[0] if isinstance(leaf, Made) and leaf.states else None
    part = state[2] if isinstance(state, tuple) and len(state) > 4 else None  # noqa: PLR2004
    if isinstance(part, tuple) and part and depth <= 8:  # noqa: PLR2004
        return _leaf_holds_objects(part[0], depth + 1)
    if isinstance(state, tuple) and len(state) > 4 and isinstance(state[4], Items):  # noqa: PLR2004
        return _holds_objects(state[4], depth + 1)
    return _dtype(leaf)[1]


def scan_npy(subject: Subject) -> list[Problem]:
    """A ``.npy`` file may hold numbers and text only, and exactly as many bytes as its header says."""
    try:
        expected = _npy_size(subject.stream)
    except (ValueError, SyntaxError, RecursionError, MemoryError, struct.error) as error:
        return [Problem("scan.numpy", subject.where, f"is not a NumPy array that can be judged: {error}")]
    if expected is None:
        return [Problem("scan.numpy-object", subject.where, "holds an array of Python objects, which is a pickle")]
    if expected != subject.size:
        message = f"holds {subject.size} bytes where its header announces {expected}"
        return [Problem("scan.numpy", subject.where, message)]
    return []


def _npy_size(stream: BinaryIO) -> int | None:
    stream.seek(0)
    preamble = stream.read(8)
    major = preamble[6] if len(preamble) == 8 else 0  # noqa: PLR2004 - magic and version
    form = {1: "<H", 2: "<I", 3: "<I"}.get(major)
    if form is None:
        raise ValueError("its version is unknown")
    (length,) = struct.unpack(form, stream.read(struct.calcsize(form)))
    if length > _LONGEST_HEADER:
        raise ValueError("its header is too long")
    header = ast.literal_eval(stream.read(length).decode("utf-8" if major == 3 else "latin-1").strip())  # noqa: PLR2004
    if not isinstance(header, dict) or header.keys() != {"descr", "fortran_order", "shape"}:
        raise ValueError("its header has unusual fields")
    item, objects = _described(header["descr"])
    return None if objects else stream.tell() + _total(header["shape"], item)


def _described(descr: object, depth: int = 0) -> tuple[int, bool]:
    """Size and kind of a type as ``.npy`` headers write it: text, or a list of fields."""
    if isinstance(descr, str) and (match := _TYPE.fullmatch(descr)):
        digits = int(match[2] or 0)
        return (4 * digits if match[1] == "U" else digits or 1), match[1] == "O"
    if isinstance(descr, list) and depth < 8:  # noqa: PLR2004
        size, objects = 0, False
        for entry in descr:
            if not isinstance(entry, tuple) or len(entry) not in (2, 3):
                raise ValueError("its type cannot be resolved")
            item, has = _described(entry[1], depth + 1)
            size, objects = size + _total(entry[2] if len(entry) > 2 else (), item), objects or has  # noqa: PLR2004
        return size, objects
    raise ValueError("its type cannot be resolved")
