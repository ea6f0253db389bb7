"""One file of an artifact, recognised by what it holds: which reader knows it, and its leaves.

Nothing is run, and no machine-learning library imported.  What no reader knows is ``raw``: its bytes are one array, so
that it still can be compared.  A file that says what it is and cannot be read so is ``Unreadable``, never raw.
"""

from __future__ import annotations

import importlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from mlops_gitops.packaging.scan import compressed, texts
from mlops_gitops.packaging.scan.problems import Limits, Subject
from mlops_gitops.reproduction.contents import archives, documents, ndarrays, pickles, skops, sources
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable
from mlops_gitops.reproduction.contents.sources import Source

DEEPEST = 4
_HEAD = 1 << 16
_KNOWN = ("safetensors", "onnx", "xgboost", "lightgbm")
_SUFFIXES = (".gz", ".bz2", ".xz", ".z", ".lzma")


class _Reader(Protocol):
    def recognises(self, head: bytes, name: str, /) -> bool: ...

    def read(self, path: Path, /) -> Iterator[Leaf]: ...


def read(path: Path, name: str, *, depth: int = 0) -> tuple[str, Iterator[Leaf]]:
    """What kind of file lies at ``path``, which is called ``name`` in its artifact, and its leaves.

    Raises ``Unreadable``, here or while the leaves are drawn; ``Refused`` or ``WorldFailed`` where it cannot be opened.
    """
    source = sources.at(path)
    head = source.read(0, min(_HEAD, source.size))
    if head.startswith(archives.MAGIC) and archives.kind(source) == "torch":
        return "torch", _module("torch").read(path)
    if (kind := _known(head, name)) is not None:
        return kind, _module(kind).read(path)
    return of_source(source, name, depth=depth)


def of_source(source: Source, name: str, *, depth: int = 0) -> tuple[str, Iterator[Leaf]]:
    """The same for bytes that are not a file of their own: a member of an archive, an expanded stream."""
    if depth > DEEPEST:
        raise Unreadable(f"it is packed more than {DEEPEST} times")
    head = source.read(0, min(_HEAD, source.size))
    if (method := compressed.kind(head)) is not None:
        return _compressed(source, name, method, depth=depth)
    if head.startswith(archives.MAGIC):
        return _zip(source, name, depth=depth)
    if head[257:262] == b"ustar":
        return "tar", archives.of_tar(source, of_source, depth=depth)
    if head.startswith(ndarrays.MAGIC):
        return "npy", sources.leaves("array", ndarrays.of_npy(source))
    if depth and _known(head, name) is not None:
        return _beside(source, name, depth=depth)
    if pickles.recognises(head, name):
        return "pickle", pickles.of_source(source)
    if texts.is_text(head, partial=len(head) < source.size):
        return documents.of_text(source, name)
    return "raw", documents.raw(source)


def _zip(source: Source, name: str, *, depth: int) -> tuple[str, Iterator[Leaf]]:
    kind = archives.kind(source)
    if kind == "torch":
        return _beside(source, name, depth=depth)
    if kind == "skops":
        return kind, skops.leaves(source, of_source, depth=depth)
    return kind or "zip", archives.of_zip(source, of_source, depth=depth)


def _compressed(source: Source, name: str, method: str, *, depth: int) -> tuple[str, Iterator[Leaf]]:
    try:
        inner = compressed.expanded(Subject(source.stream, source.size, name), method, limits=Limits())
    except ValueError as error:
        raise Unreadable(f"it {error}") from error
    inside = next((name[: -len(end)] for end in _SUFFIXES if name.lower().endswith(end)), name)
    kind, leaves = of_source(Source(inner.stream), inside, depth=depth + 1)
    return kind, _after_header(source, method, leaves)


def _after_header(source: Source, method: str, leaves: Iterator[Leaf]) -> Iterator[Leaf]:
    if method == "gzip":
        yield Leaf("(gzip header)", source.read(0, 10), "modification time of the gzip stream")
    yield from leaves


def _beside(source: Source, name: str, *, depth: int) -> tuple[str, Iterator[Leaf]]:
    """A member that only a reader of files knows, in a temporary file that lives as long as its leaves are drawn."""
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "member"
        with path.open("wb") as out:
            for piece in source.pieces():
                out.write(piece)
        kind, leaves = read(path, name, depth=depth)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return kind, _then_gone(leaves, folder)


def _then_gone(leaves: Iterator[Leaf], folder: Path) -> Iterator[Leaf]:
    try:
        yield from leaves
    finally:
        shutil.rmtree(folder)


def _known(head: bytes, name: str) -> str | None:
    return next((kind for kind in _KNOWN if _module(kind).recognises(head, name)), None)


def _module(kind: str) -> _Reader:
    return cast("_Reader", importlib.import_module(f"{__package__}.{kind}"))
