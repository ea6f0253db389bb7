"""What ``torch.save`` writes, as leaves: the graph of ``data.pkl``, with each tensor where it lies in the archive.

Nothing is unpickled: the graph is read as that of any pickle, and the calls that make tensors are answered with arrays
over the storages, which lie uncompressed in the archive.  The format's version and the identity of the save are noise;
whatever else the archive holds (the code of TorchScript) is compared by its bytes.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_gitops.packaging.scan.values import Global
from mlops_gitops.reproduction.contents import flats, ndarrays, pickles, sources
from mlops_gitops.reproduction.contents.graphs import Made
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable

_TYPES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexFloatStorage": "complex64", "UntypedStorage": "uint8",
    "ComplexDoubleStorage": "complex128",
}  # fmt: skip
_NEWER = {
    **{f"uint{bits}": f"uint{bits}" for bits in (16, 32, 64)},
    **{name: name for name in ("float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu")},
}
_LONGEST_PICKLE = 256 << 20
_MOST_GATHERED = 64 << 20
_LOCAL_HEADER = 30
_NOISE = ("version", ".format_version", ".storage_alignment", ".data/serialization_id")
_Strides = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Storage:
    """One storage: where its bytes are and, unless it says nothing of it, the type of its elements."""

    file: FileIO
    offset: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class _Strided:
    """A tensor that is a view: its elements are not in order, so the stretch that they lie in is read as one."""

    stretch: flats.Flat
    shape: tuple[int, ...]
    strides: _Strides

    @property
    def dtype(self) -> str:
        """The type of an element."""
        return self.stretch.dtype

    def chunks(self, size: int, /) -> Iterator[npt.NDArray[np.generic]]:
        """All elements in C order, in pieces of ``size``."""
        (whole,) = self.stretch.chunks(max(1, self.stretch.shape[0]))
        view = np.lib.stride_tricks.as_strided(
            whole, self.shape, [stride * whole.itemsize for stride in self.strides], writeable=False
        )
        count = math.prod(self.shape)
        yield from (view.flat[start : start + size] for start in range(0, count, size))


def recognises(head: bytes, name: str) -> bool:
    """Whether a file that begins with ``head`` is an archive whose first member is the graph of a ``torch.save``."""
    del name
    return head.startswith(b"PK\x03\x04") and b"/data.pkl" in head[: _LOCAL_HEADER + 256]


def read(path: Path) -> Iterator[Leaf]:
    """The leaves of the file at ``path``.  Raises ``Unreadable``."""
    file = flats.opened(path)
    try:
        with zipfile.ZipFile(file) as archive:
            members = {one.filename: one for one in archive.infolist()}
            name = next((one for one in members if one.endswith("/data.pkl")), None)
            if name is None:
                raise Unreadable("it holds no data.pkl")
            folder = name.removesuffix("data.pkl")
            if f"{folder}byteorder" in members and _small(archive, members, f"{folder}byteorder") != b"little":
                raise Unreadable("its numbers are big-endian")
            data = _small(archive, members, name)
            yield from _others(archive, members, folder)
    except (zipfile.BadZipFile, NotImplementedError, OSError, RuntimeError, EOFError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"it is no archive of PyTorch: {str(error)[:80]}") from error

    def persistent(key: Any) -> Any:
        return _storage(key, file, members, folder)

    yield from pickles.of_source(sources.of_bytes(data), persistent=persistent, fold=_fold)


def _small(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], name: str) -> bytes:
    if members[name].file_size > _LONGEST_PICKLE:
        raise Unreadable(f"its {name[-40:]} is too large")
    return archive.read(name)


def _others(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], folder: str) -> Iterator[Leaf]:
    for name in sorted(members):
        inner = name.removeprefix(folder)
        if inner in ("data.pkl", "byteorder") or inner.startswith("data/"):
            continue
        reason = "version of the format, or identity of the save" if inner in _NOISE else ""
        yield Leaf(f"({inner})", _small(archive, members, name), reason)


def _storage(key: Any, file: FileIO, members: Mapping[str, zipfile.ZipInfo], folder: str) -> _Storage:
    if not isinstance(key, tuple) or len(key) < 3 or key[0] != "storage" or not isinstance(key[1], Global):  # noqa: PLR2004
        raise Unreadable("it refers to something that is no storage")
    member, kind = members.get(f"{folder}data/{key[2]}"), _TYPES.get(key[1].name)
    if member is None or kind is None or member.compress_type != zipfile.ZIP_STORED:
        raise Unreadable(f"its storage {ascii(key[2])[:40]} cannot be read")
    header = flats.read(file, member.header_offset, _LOCAL_HEADER)
    skip = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    start = member.header_offset + _LOCAL_HEADER + skip
    end = start + member.file_size
    if not header.startswith(b"PK\x03\x04") or end > flats.size(file):
        raise Unreadable(f"its storage {ascii(key[2])[:40]} is cut off")
    return _Storage(file, start, end, kind)


def _fold(made: Made) -> Any:
    name = str(made.maker) if isinstance(made.maker, Global) else ""
    args = made.args if isinstance(made.args, tuple) else ()
    if name in ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state") and args:
        return _fold(args[0]) if isinstance(args[0], Made) else args[0]
    if name == "torch._utils._rebuild_tensor_v2" and len(args) >= 4:  # noqa: PLR2004 - storage, offset, sides, strides
        return _tensor(args[0], args[1], args[2], args[3])
    if name == "torch._utils._rebuild_tensor_v3" and len(args) >= 7:  # noqa: PLR2004 - the same, and a type at the end
        kind = args[6].name if isinstance(args[6], Global) else ""
        return _tensor(args[0], args[1], args[2], args[3], kind=_NEWER.get(kind))
    return ndarrays.fold(made)


def _tensor(storage: Any, offset: Any, sides: Any, strides: Any, kind: str | None = None) -> flats.Flat | _Strided:
    counts = [offset, *(sides if isinstance(sides, tuple) else ()), *(strides if isinstance(strides, tuple) else ())]
    sound = isinstance(sides, tuple) and isinstance(strides, tuple) and len(sides) == len(strides)
    if (
        not isinstance(storage, _Storage)
        or not sound
        or not all(type(one) is int and 0 <= one < 1 << 48 for one in counts)
    ):
        raise Unreadable("it describes a tensor that cannot be")
    kind = kind or storage.kind
    start = storage.offset + offset * flats.width(kind)
    if _in_order(sides, strides):
        return flats.flat(storage.file, start, kind, sides, end=storage.end)
    reach = 1 + sum((side - 1) * stride for side, stride in zip(sides, strides, strict=True)) if all(sides) else 0
    if reach * flats.width(kind) > _MOST_GATHERED or math.prod(sides) > 16 * max(reach, 1):
        raise Unreadable("it holds a large tensor whose elements are not in order: save a contiguous copy")
    return _Strided(flats.flat(storage.file, start, kind, (reach,), end=storage.end), sides, strides)


def _in_order(sides: tuple[int, ...], strides: _Strides) -> bool:
    """Whether elements lie one after another in C order; an axis of one element may have any stride."""
    step = 1
    for side, stride in zip(reversed(sides), reversed(strides), strict=True):
        if side != 1 and stride != step:
            return False
        step *= side
    return True
