"""Layers as streams: the same files give the same bytes, whoever packs them, where and when.

A layer is a tar that is sorted by path and says nothing but names, modes and contents: every owner is root, every time
the start of the epoch, folders are 0755 and files 0644, or 0755 where they are executable.  Headers are plain ustar; a
PAX record stands only before a file whose name or size does not fit into one.  The tar is not compressed, so that its
digest does not depend on the version of a compressor (ADR 0022), and its size is known before it is written.

Nothing is written to disk: a layer is read from the files it consists of each time it is wanted, and each file is
compared with the digest that it was announced with.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mlops_gitops.errors import Refused
from mlops_gitops.packaging import digests

_CHUNK = 1 << 20
_BLOCK = 512
_FOLDER, _FILE, _PROGRAM = 0o755, 0o644, 0o755


@dataclass(frozen=True, slots=True)
class File:
    """A file of a layer: bytes that are here, or a path with its size and, where it is known, its SHA-256."""

    source: Path | bytes
    size: int
    digest: str | None = None
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """Files by their absolute POSIX path in the image, and what the history of the image says of them."""

    title: str
    files: Mapping[str, File] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """A layer's digest (``sha256:…``), which is that of its blob and of its content alike, and its size in bytes."""

    digest: str
    size: int


def of_text(text: str) -> File:
    """A small file."""
    data = text.encode()
    return File(data, len(data))


def of_artifact(path: Path, artifact: digests.Artifact, *, place: str, single: str) -> dict[str, File]:
    """The files of a model artifact at ``place``; one that is a single file is called ``single`` there."""
    found = {}
    for one in artifact.files:
        lone = one.name == digests.SINGLE
        source = path if lone else path / one.name
        found[f"{place}/{single if lone else one.name}"] = File(source, one.size, one.digest)
    return found


def of_folder(folder: Path, *, place: str) -> dict[str, File]:
    """Every regular file below a folder of ours at ``place``.  Raises ``Refused`` for links and special files."""
    found = {}
    for name in digests.names(folder):
        status = (folder / name).stat()
        found[f"{place}/{name}"] = File(folder / name, status.st_size, executable=bool(status.st_mode & 0o100))
    return found


def measured(layer: Layer) -> Measured:
    """Digest and size, from one pass over the files."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks(layer):
        digest.update(chunk)
        size += len(chunk)
    return Measured(f"sha256:{digest.hexdigest()}", size)


def chunks(layer: Layer) -> Iterator[bytes]:
    """The bytes of the layer.  Raises ``Refused`` for a file that is no longer what it was."""
    folders = {str(one) for name in layer.files for one in PurePosixPath(name).parents if one.name}
    everything = sorted({*layer.files, *folders}, key=lambda name: PurePosixPath(name).parts)
    for name in everything:
        file = layer.files.get(name)
        if file is None:
            yield _header(name, tarfile.DIRTYPE, _FOLDER, 0)
            continue
        yield _header(name, tarfile.REGTYPE, _PROGRAM if file.executable else _FILE, file.size)
        yield from _content(file)
        yield bytes(-file.size % _BLOCK)
    yield bytes(2 * _BLOCK)


def _header(name: str, kind: bytes, mode: int, size: int) -> bytes:
    info = tarfile.TarInfo(name.lstrip("/") + ("/" if kind == tarfile.DIRTYPE else ""))
    info.type, info.mode, info.size = kind, mode, size
    info.mtime = info.uid = info.gid = 0
    info.uname = info.gname = ""
    try:
        return info.tobuf(tarfile.USTAR_FORMAT, encoding="ascii", errors="strict")
    except ValueError:  # also a UnicodeEncodeError: the name is long or not ASCII, or the file has 8 GiB and more
        return info.tobuf(tarfile.PAX_FORMAT, encoding="utf-8", errors="strict")


def _content(file: File) -> Iterator[bytes]:
    if isinstance(file.source, bytes):
        yield file.source
        return
    digest, left = hashlib.sha256(), file.size
    with digests.open_regular(file.source) as stream:
        while left and (chunk := stream.read(min(_CHUNK, left))):
            digest.update(chunk)
            left -= len(chunk)
            yield chunk
        grown = bool(stream.read(1))
    if left or grown or (file.digest is not None and file.digest != digest.hexdigest()):
        raise Refused(
            f"{file.source} changed while the image was made",
            hint="wait until nothing writes to it any more, then build again",
            code="image-changed",
        )


def blob(data: Iterable[bytes]) -> Measured:
    """Digest and size of bytes."""
    digest, size = hashlib.sha256(), 0
    for chunk in data:
        digest.update(chunk)
        size += len(chunk)
    return Measured(f"sha256:{digest.hexdigest()}", size)
