"""Whether two artifacts are the same once the known noise is gone: file by file, leaf by leaf, in bounded memory.

A leaf is the same where its path, its type and its bytes are: a NaN with another payload and a negative zero differ.
Files of the same bytes are not opened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mlops_gitops.packaging import digests
from mlops_gitops.reproduction.contents import files
from mlops_gitops.reproduction.contents.leaves import Array, Leaf, Unreadable
from mlops_gitops.reproduction.levels import FileComparison

_PIECE = 1 << 17
_WORDS = 40
_FORM = {
    "pickle": "framing, protocol and memo order of the pickle",
    "json": "order of keys and layout of the text",
    "yaml": "order of keys and layout of the text",
    "mlmodel": "order of keys and layout of the text",
}


def compare(
    left: Path, right: Path, *, left_files: digests.Artifact, right_files: digests.Artifact
) -> tuple[FileComparison, ...]:
    """Every file of either artifact, in the order of their names."""
    ours = {one.name: one for one in left_files.files}
    theirs = {one.name: one for one in right_files.files}
    found = []
    for name in sorted(ours.keys() | theirs.keys()):
        a, b = ours.get(name), theirs.get(name)
        if a is None or b is None:
            side = "second" if a is None else "first"
            lone = (a.digest if a else None, b.digest if b else None)
            found.append(FileComparison(name, *lone, differs=f"it is there on the {side} side only"))
        elif a.digest == b.digest:
            found.append(FileComparison(name, a.digest, b.digest, canonical=True))
        else:
            shown = left.name if name == digests.SINGLE else name
            found.append(_compared(left / name, right / name, shown, FileComparison(name, a.digest, b.digest)))
    return tuple(found)


def digest(path: Path, name: str) -> str:
    """SHA-256 over the leaves of a file that are no noise: the same for two files that are canonically the same."""
    total = hashlib.sha256()
    for leaf in files.read(path, name)[1]:
        if not leaf.noise:
            total.update(_text(leaf.path) + b"\0" + _digest(leaf))
    return total.hexdigest()


def _compared(left: Path, right: Path, shown: str, pair: FileComparison) -> FileComparison:
    kind = ""
    try:
        kind, ours = files.read(left, shown)
        other, theirs = files.read(right, shown)
        removed: tuple[dict[str, Leaf], dict[str, Leaf]] = ({}, {})
        differs = f"it is {kind} on one side and {other} on the other" if kind != other else ""
        differs = differs or _first(_content(ours, removed[0]), _content(theirs, removed[1]))
    except Unreadable as error:
        return FileComparison(pair.name, pair.left, pair.right, kind=kind, differs=f"it cannot be read: {error}")
    noise = () if differs else _noise(*removed) or (_FORM.get(kind, "how the same content was written down"),)
    return FileComparison(pair.name, pair.left, pair.right, kind, not differs, noise, differs)


def _content(leaves: Iterator[Leaf], removed: dict[str, Leaf]) -> Iterator[Leaf]:
    for leaf in leaves:
        if leaf.noise:
            removed[leaf.path] = leaf
        else:
            yield leaf


def _noise(left: dict[str, Leaf], right: dict[str, Leaf]) -> tuple[str, ...]:
    reasons = []
    for path in sorted(left.keys() | right.keys()):
        a, b = left.get(path), right.get(path)
        if a is None or b is None or _difference(a, b):
            reasons.append((a or b or Leaf("", None)).noise)
    return tuple(dict.fromkeys(reasons))


def _first(left: Iterator[Leaf], right: Iterator[Leaf]) -> str:
    for ours, theirs in zip_longest(left, right):
        if ours is None or theirs is None:
            one = ours or theirs
            return f"{one.path} is there on the {'second' if ours is None else 'first'} side only" if one else ""
        if ours.path != theirs.path:
            return f"{_short(ours.path)} where the other has {_short(theirs.path)}"
        if words := _difference(ours, theirs):
            return f"{ours.path} {words}"
    return ""


def _difference(left: Leaf, right: Leaf) -> str:
    """How the values differ, in few words; empty where they are the same."""
    a, b = left.value, right.value
    if isinstance(a, _PLAIN) or isinstance(b, _PLAIN):
        if isinstance(a, _PLAIN) and isinstance(b, _PLAIN) and _digest(left) == _digest(right):
            return ""
        return f"is {_shown(a)} and {_shown(b)}"
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return f"is {_shown(a)} and {_shown(b)}"
    start = 0
    for one, other in zip_longest(a.chunks(_PIECE), b.chunks(_PIECE)):
        if one is None or other is None or one.shape != other.shape:
            return "has another number of elements"
        if one.tobytes() != other.tobytes():
            return _element(one, other, start, a.shape)
        start += one.size
    return ""


def _element(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic], start: int, shape: tuple[int, ...]) -> str:
    width = max(1, one.dtype.itemsize)
    rows = (np.frombuffer(part.tobytes(), "u1").reshape(-1, width) for part in (one, other))
    first = int(np.argmax((next(rows) != next(rows)).any(axis=1)))
    index = np.unravel_index(start + first, shape) if shape else ()
    place = f"[{','.join(str(int(side)) for side in index)}] " if index else ""
    return f"{place}is {_shown(one[first].item())} and {_shown(other[first].item())}"


_PLAIN = (type(None), bool, int, float, complex, str, bytes)


def _digest(leaf: Leaf) -> bytes:
    """Type and bytes of a value, whatever it is, as a digest."""
    value, total = leaf.value, hashlib.sha256()
    if isinstance(value, _PLAIN):
        total.update(type(value).__name__.encode() + b"\0" + _bytes(value))
        return total.digest()
    total.update(f"{value.dtype}{value.shape}".encode())
    for chunk in value.chunks(_PIECE):
        total.update(chunk.tobytes())
    return total.digest()


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, float | complex):
        return np.array(value).tobytes()
    if isinstance(value, int):
        return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return _text(str(value))


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _shown(value: Array | object) -> str:
    if isinstance(value, int) and value.bit_length() > _WORDS * 3:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, _PLAIN):
        return _short(ascii(value))
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    return f"{dtype}{list(shape)}" if dtype is not None and shape is not None else _short(ascii(value))


def _short(text: str) -> str:
    return text if len(text) <= 2 * _WORDS else f"{text[: 2 * _WORDS]}…"
