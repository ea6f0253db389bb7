"""ZIP and tar archives as leaves: members by name; times, order, owners and compression are noise, and told so."""

from __future__ import annotations

import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO

from mlops_gitops.reproduction.contents import sources
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable
from mlops_gitops.reproduction.contents.sources import Source

MAGIC = b"PK\x03\x04"
_MOST_MEMBERS = 10_000
_PIECE = 1 << 20
_TORCH = re.compile(r"[^/]+/data\.pkl")
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError)

Read = Callable[..., tuple[str, Iterator[Leaf]]]
"""The dispatcher's ``of_source``."""


def kind(source: Source) -> str | None:
    """``skops``, ``torch``, ``npz``, or nothing that is known."""
    names = [entry.filename for entry in opened(source).infolist()]
    if "schema.json" in names:
        return "skops"
    if any(_TORCH.fullmatch(name) for name in names):
        return "torch"
    return "npz" if names and all(name.endswith(".npy") for name in names) else None


def opened(source: Source) -> zipfile.ZipFile:
    """The archive, if no name occurs twice in it."""
    source.stream.seek(0)
    try:
        archive = zipfile.ZipFile(source.stream)
    except (*_BROKEN, ValueError) as error:
        raise Unreadable(f"it is no ZIP archive that can be read: {str(error)[:80]}") from error
    names = archive.namelist()
    if len(names) > _MOST_MEMBERS:
        raise Unreadable(f"it has more than {_MOST_MEMBERS} members")
    if len(set(names)) != len(names):
        raise Unreadable("two members have the same name")
    return archive


def of_zip(source: Source, read: Read, *, depth: int) -> Iterator[Leaf]:
    """The leaves of every member, by name."""
    with opened(source) as archive:
        yield from told(archive)
        left = sources.MOST_EXPANDED
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            inner = member(archive, entry.filename, most=left)
            left -= inner.size
            yield from _inside(entry.filename, inner, read, depth=depth)


def told(archive: zipfile.ZipFile) -> Iterator[Leaf]:
    """What of an archive is noise."""
    entries = archive.infolist()
    yield Leaf("(order)", "\n".join(entry.filename for entry in entries), "order of the members of the archive")
    for entry in sorted(entries, key=lambda entry: entry.filename):
        yield Leaf(f"{entry.filename} (time)", str(entry.date_time), "modification times of zip members")
        yield Leaf(
            f"{entry.filename} (form)",
            f"{entry.compress_type} {entry.external_attr} {entry.create_system}",
            "compression and attributes of zip members",
        )


def member(archive: zipfile.ZipFile, name: str, *, most: int = sources.MOST_EXPANDED) -> Source:
    """One member, expanded within a bound."""
    try:
        with archive.open(name) as stream:
            return sources.expanded(_pieces(stream), most=most)
    except (*_BROKEN, KeyError) as error:
        raise Unreadable(f"its member {name[:80]!a} cannot be read: {str(error)[:80]}") from error


def of_tar(source: Source, read: Read, *, depth: int) -> Iterator[Leaf]:
    """The leaves of every regular member, by name; links and folders are told by their name and target."""
    source.stream.seek(0)
    try:
        with tarfile.open(fileobj=source.stream, mode="r:") as archive:
            entries = []
            for entry in archive:
                entries.append(entry)
                if len(entries) > _MOST_MEMBERS:
                    raise Unreadable(f"it has more than {_MOST_MEMBERS} members")
            if len({entry.name for entry in entries}) != len(entries):
                raise Unreadable("two members have the same name")
            yield Leaf("(order)", "\n".join(entry.name for entry in entries), "order of the members of the archive")
            left = sources.MOST_EXPANDED
            for entry in sorted(entries, key=lambda entry: entry.name):
                owner = f"{entry.uid}:{entry.gid} {entry.uname}:{entry.gname} {entry.mode:o}"
                yield Leaf(f"{entry.name} (time)", entry.mtime, "modification times of tar members")
                yield Leaf(f"{entry.name} (owner)", owner, "owners and modes of tar members")
                stream = archive.extractfile(entry) if entry.isreg() else None
                if stream is None:
                    yield Leaf(entry.name, f"{entry.type!r} {entry.linkname}")
                    continue
                inner = sources.expanded(_pieces(stream), most=left)
                left -= inner.size
                yield from _inside(entry.name, inner, read, depth=depth)
    except _BROKEN as error:
        raise Unreadable(f"it is no tar archive that can be read: {str(error)[:80]}") from error


def _inside(name: str, inner: Source, read: Read, *, depth: int) -> Iterator[Leaf]:
    found, leaves = read(inner, name, depth=depth + 1)
    yield Leaf(name, f"{found} file")
    for leaf in leaves:
        yield Leaf(f"{name}!{leaf.path}", leaf.value, leaf.noise)


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece
