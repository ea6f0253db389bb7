"""The tensors of an ONNX model, wherever their numbers are: raw, in a list of their type, or in a file beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from io import FileIO
from pathlib import Path, PurePosixPath

import numpy as np

from mlops_gitops.errors import Failure
from mlops_gitops.reproduction.contents import flats, protobufs
from mlops_gitops.reproduction.contents.leaves import Array, Leaf, Unreadable
from mlops_gitops.reproduction.contents.protobufs import Field, Message

_TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16", 17: "float8_e4m3fn",
    18: "float8_e4m3fnuz", 19: "float8_e5m2", 20: "float8_e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4_e2m1",
    24: "float8_e8m0fnu",
}  # fmt: skip
_STRING = 8
_HALVES = frozenset({"uint4", "int4", "float4_e2m1"})
_DIMS, _TYPE, _SEGMENT, _FLOATS, _INTS, _STRINGS, _LONGS, _NAME, _RAW = 1, 2, 3, 4, 5, 6, 7, 8, 9
_DOUBLES, _UNSIGNED, _WORDS, _EXTERNAL, _PLACE, _METADATA = 10, 11, 12, 13, 14, 16
_FIXED = (_FLOATS, _DOUBLES)
_COUNTED = (_INTS, _LONGS, _UNSIGNED)


class Tensors:
    """Reads tensors of one model, whose folder holds what it keeps outside.  ``used`` collects the names of that."""

    def __init__(self, message: Message, folder: Path, used: set[str] | None = None) -> None:
        self.message, self.folder, self.used = message, folder, used
        self._open: dict[str, FileIO] = {}

    def leaves(self, path: str, field: Field) -> Iterator[Leaf]:
        """The array of the tensor in ``field``, or its texts."""
        if field.wire != protobufs.BYTES:
            raise Unreadable(f"byte {field.start} is no tensor")
        parts: dict[int, list[Field]] = {}
        for one in self.message.fields(field.start, field.end):
            parts.setdefault(one.number, []).append(one)
        kind = parts[_TYPE][-1].value if _TYPE in parts else 0
        shape = self._shape(parts.get(_DIMS, []))
        if _SEGMENT in parts or (kind != _STRING and kind not in _TYPES):
            raise Unreadable("a tensor is of a type that is not known")
        if kind == _STRING:
            yield Leaf(f"{path}.shape", str(list(shape)))
            for index, text in enumerate(parts.get(_STRINGS, [])):
                yield Leaf(f"{path}[{index}]", self.message.text(text))
            return
        dtype = _TYPES[kind]
        if dtype in _HALVES:
            yield Leaf(f"{path}.shape", str(list(shape)))
            shape = ((math.prod(shape) + 1) // 2,)
        yield Leaf(path, self._array(dtype, shape, parts))

    def _shape(self, fields: list[Field]) -> tuple[int, ...]:
        sides: list[int] = []
        for field in fields:
            packed = field.wire == protobufs.BYTES
            sides += protobufs.varints(self.message.data(field)).tolist() if packed else [field.value]
        if any(side >= 1 << 48 for side in sides) or math.prod(sides) >= 1 << 48:
            raise Unreadable("a tensor has a shape that cannot be")
        return tuple(sides)

    def _array(self, dtype: str, shape: tuple[int, ...], parts: dict[int, list[Field]]) -> Array:
        if _EXTERNAL in parts or (_PLACE in parts and parts[_PLACE][-1].value):
            return self._outside(dtype, shape, parts.get(_EXTERNAL, []))
        held = [(number, fields) for number, fields in parts.items() if number in (_RAW, *_FIXED, *_COUNTED)]
        if len(held) > 1:
            raise Unreadable("a tensor holds its numbers twice")
        if not held:
            return flats.flat(self.message.file, 0, dtype, shape, end=0)  # nothing, or not as many as there should be
        number, fields = held[0]
        if number in (_RAW, *_FIXED) and len(fields) == 1 and fields[0].wire == protobufs.BYTES:
            (one,) = fields
            if one.end - one.start != math.prod(shape) * flats.width(dtype):
                raise Unreadable("a tensor has another size than its shape says")
            return flats.flat(self.message.file, one.start, dtype, shape, end=one.end)
        return self._gathered(dtype, shape, number, fields)

    def _gathered(self, dtype: str, shape: tuple[int, ...], number: int, fields: list[Field]) -> Array:
        """Numbers that are written one by one, or with as many bytes as each needs."""
        if number == _RAW:
            raise Unreadable("a tensor holds its numbers twice")
        if number in _FIXED:
            numbers = np.frombuffer(
                b"".join(self.message.data(one) for one in fields), "<f4" if number == _FLOATS else "<f8"
            )
            numbers = numbers.view(dtype) if dtype.startswith("complex") else numbers
        else:
            counted = [
                protobufs.varints(self.message.data(one))
                if one.wire == protobufs.BYTES
                else np.array([one.value & (1 << 64) - 1], np.uint64)
                for one in fields
            ]
            numbers = _from_counts(np.concatenate(counted), dtype)
        if numbers.size != math.prod(shape):
            raise Unreadable("a tensor has another size than its shape says")
        return flats.Held(numbers.reshape(shape), dtype)

    def _outside(self, dtype: str, shape: tuple[int, ...], fields: list[Field]) -> Array:
        entries: dict[str, str] = {}
        for field in fields:
            pair = {one.number: self.message.text(one) for one in self.message.fields(field.start, field.end)}
            entries[pair.get(1, "")] = pair.get(2, "")
        location, size = entries.get("location", ""), math.prod(shape) * flats.width(dtype)
        offset, length = entries.get("offset") or "0", entries.get("length") or str(size)
        if not (offset.isascii() and offset.isdecimal() and len(offset) < 18 and length == str(size)):  # noqa: PLR2004
            raise Unreadable("a tensor outside the file has a place or a size that cannot be")
        file = self._opened(location)
        return flats.flat(file, int(offset), dtype, shape, end=flats.size(file))

    def _opened(self, location: str) -> FileIO:
        if location in self._open:
            return self._open[location]
        parts = PurePosixPath(location).parts
        if not parts or location.startswith("/") or ".." in parts or "\\" in location or "\0" in location:
            raise Unreadable(f"it keeps data in {ascii(location)[:80]}, which is not a file beside it")
        path = self.folder.joinpath(*parts)
        try:
            if any(
                step.is_symlink()
                for step in (path, *path.parents)
                if step.is_relative_to(self.folder) and step != self.folder
            ):
                raise Unreadable(f"it keeps data in {ascii(location)[:80]}, which is a link")
            file = flats.opened(path)
        except (Failure, OSError, ValueError) as error:
            if isinstance(error, Unreadable):
                raise
            raise Unreadable(
                f"it keeps data in {ascii(location)[:80]}, which is not a regular file beside it"
            ) from error
        self._open[location] = file
        if self.used is not None:
            self.used.add(PurePosixPath(location).as_posix())
        return file


def _from_counts(numbers: np.ndarray[tuple[int, ...], np.dtype[np.uint64]], dtype: str) -> flats.Numbers:
    """What the type makes of whole numbers: half floats are written as the number that shares their bits."""
    if dtype == "float16":
        return numbers.astype(np.uint16).view(np.float16)
    if dtype == "bfloat16":
        return (numbers.astype(np.uint32) << 16).view(np.float32)
    if dtype.startswith("float8"):
        return flats.widened(numbers.astype(np.uint8), dtype)
    if dtype.startswith(("int", "uint")) and dtype not in _HALVES:
        return numbers.astype(dtype)
    return numbers.astype(np.uint8)
