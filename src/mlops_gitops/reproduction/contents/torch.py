"""What ``torch.save`` writes as leaves: the graph of ``data.pkl``, with each tensor in its storage.

Nothing is unpickled: the graph is read as that of any pickle, and the calls that make tensors are answered with arrays
over the storages that lie uncompressed in the archive.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlops_gitops.packaging.scan.values import Global
from mlops_gitops.reproduction.contents import ndarrays, pickles, sources
from mlops_gitops.reproduction.contents.graphs import Made
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable
from mlops_gitops.reproduction.contents.safetensors import Brain
from mlops_gitops.reproduction.contents.sources import Source

_TYPES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "bf16", "LongStorage": "i8",
    "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip
_LONGEST_PICKLE = 1 << 30
_LOCAL_HEADER = 30


class _Storage:
    """One storage of the archive: where it starts and what its elements are."""

    def __init__(self, source: Source, offset: int, kind: str) -> None:
        self.source, self.offset, self.kind = source, offset, kind


def read(path: Path) -> Iterator[Leaf]:
    """The leaves of the file at ``path``.  Raises ``Unreadable``."""
    source = sources.at(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {one.filename: one for one in archive.infolist()}
            name = next(one for one in members if one.endswith("data.pkl"))
            if members[name].file_size > _LONGEST_PICKLE:
                raise Unreadable("its graph is too large")
            data = archive.read(name)
    except (zipfile.BadZipFile, StopIteration, NotImplementedError, OSError, RuntimeError) as error:
        raise Unreadable(f"it is no archive of PyTorch: {error}") from error
    folder = name.removesuffix("data.pkl")

    def persistent(key: Any) -> Any:
        return _storage(key, source, members, folder)

    yield from pickles.of_source(sources.of_bytes(data), persistent=persistent, fold=_fold)


def _storage(key: Any, source: Source, members: Mapping[str, zipfile.ZipInfo], folder: str) -> Any:
    if not isinstance(key, tuple) or len(key) < 3 or key[0] != "storage" or not isinstance(key[1], Global):  # noqa: PLR2004
        raise Unreadable("it refers to something that is no storage")
    member = members.get(f"{folder}data/{key[2]}")
    kind = _TYPES.get(key[1].name)
    if member is None or kind is None or member.compress_type != zipfile.ZIP_STORED:
        raise Unreadable(f"its storage {str(key[2])[:40]!r} cannot be read")
    header = source.read(member.header_offset, _LOCAL_HEADER)
    skip = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return _Storage(source, member.header_offset + _LOCAL_HEADER + skip, kind)


def _fold(made: Made) -> Any:
    name = made.maker.name if isinstance(made.maker, Global) else ""
    args = made.args
    if name in ("_rebuild_parameter", "_rebuild_parameter_with_state") and isinstance(args, tuple) and args:
        return _fold(args[0]) if isinstance(args[0], Made) else args[0]
    if name != "_rebuild_tensor_v2" or not isinstance(args, tuple) or len(args) < 4:  # noqa: PLR2004
        return ndarrays.fold(made)
    storage, offset, sides, strides = args[:4]
    if not isinstance(storage, _Storage) or type(offset) is not int or not isinstance(sides, tuple):
        raise Unreadable("it describes a tensor that cannot be")
    fortran = not _is_contiguous(sides, strides)
    if fortran and not _is_contiguous(sides[::-1], strides[::-1]):
        raise Unreadable("it holds a tensor that is a view with gaps: save a contiguous copy")
    if storage.kind == "bf16":
        return Brain(storage.source, storage.offset + 2 * offset, sides)
    record = np.dtype(storage.kind).newbyteorder("<")
    return sources.stored(storage.source, storage.offset + offset * record.itemsize, record, sides, fortran=fortran)


def _is_contiguous(sides: tuple[int, ...], strides: Any) -> bool:
    """Whether elements lie one after another in C order; an axis of one element may have any stride."""
    step = 1
    for side, stride in zip(reversed(sides), reversed(strides), strict=True):
        if side != 1 and stride != step:
            return False
        step *= side
    return True
