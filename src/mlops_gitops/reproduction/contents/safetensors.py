"""safetensors: a JSON header and one buffer.  Tensors come in the order of their names, however they are laid out.

The order of the header is no content.  Of the metadata, the framework's name, versions and times are noise.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from mlops_gitops.reproduction.contents import flats
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable

_LONGEST_HEADER = 32 << 20
_TYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32",
    "U64": "uint64", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
    "C64": "complex64", "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn", "F8_E8M0": "float8_e8m0fnu",
}  # fmt: skip
_PACKED = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}
_START = re.compile(rb"\{\s*(\"|\})")
_NOISE = re.compile(r"format|(.*_)?version|(.*_)?(date|time|timestamp)|created(_at)?|uuid|run_id", re.IGNORECASE)


def recognises(head: bytes, name: str) -> bool:
    """Whether a file that begins with ``head`` is one: a plausible length, then a JSON object."""
    length = int.from_bytes(head[:8], "little")
    return (
        len(head) > 9  # noqa: PLR2004 - the length and "{}"
        and 2 <= length <= 100_000_000  # noqa: PLR2004 - the format's own limit
        and _START.match(head, 8) is not None
        and (name.endswith(".safetensors") or b'"dtype"' in head or b'"__metadata__"' in head or length == 2)  # noqa: PLR2004
    )


def read(path: Path) -> Iterator[Leaf]:
    """The tensors by name, and the metadata."""
    file = flats.opened(path)
    end = flats.size(file)
    length = int.from_bytes(flats.read(file, 0, 8), "little")
    if not 2 <= length <= end - 8:  # noqa: PLR2004 - "{}" and the length itself
        raise Unreadable("its header does not fit")
    if length > _LONGEST_HEADER:
        raise Unreadable(f"its header is longer than {_LONGEST_HEADER} bytes")
    try:
        header = json.loads(flats.read(file, 8, length), object_pairs_hook=_once)
        metadata = header.pop("__metadata__", {})
        spans = {name: _span(tensor) for name, tensor in header.items()}
        texts = [(str(key), value) for key, value in sorted(metadata.items())]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"it is no sound safetensors file: {str(error)[:80]}") from error
    edges = [(0, 0), *sorted(spans.values()), (end - 8 - length,) * 2]
    if any(before[1] != after[0] for before, after in pairwise(edges)):
        raise Unreadable("its tensors leave a gap or overlap")
    for key, value in texts:
        yield Leaf(f"__metadata__.{key}", str(value), "safetensors metadata" if _NOISE.fullmatch(key) else "")
    for name in sorted(header):
        kind, shape = header[name]["dtype"], tuple(header[name]["shape"])
        start, stop = spans[name]
        if kind in _PACKED:
            yield Leaf(f"{name}.shape", str(list(shape)))
            shape = (stop - start,)
        yield Leaf(name, flats.flat(file, 8 + length + start, _TYPES.get(kind, kind), shape, end=8 + length + stop))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise Unreadable("a name occurs twice in its header")
    return dict(pairs)


def _span(tensor: dict[str, Any]) -> tuple[int, int]:
    shape, (start, end) = tensor["shape"], tensor["data_offsets"]
    if not all(type(number) is int and 0 <= number < 1 << 48 for number in (*shape, start, end)):
        raise Unreadable("a tensor has a size that is no count")
    kind = tensor["dtype"]
    bits = _PACKED.get(kind) or 8 * flats.width(_TYPES[kind])
    if (end - start) * 8 != math.prod(shape) * bits:
        raise Unreadable("a tensor has another size than its shape says")
    return start, end
