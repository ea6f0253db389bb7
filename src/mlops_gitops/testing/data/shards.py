"""The files of a data set: one, all below a folder, or those that a pattern names.

They are ordered by the parts of their paths, which is the order of their rows.  The digest of several is the SHA-256 of
their raw SHA-256 digests in that order, as the OpenSSF model-signing manifest has it for folders.  Links are refused,
since what they lead to can change or lie elsewhere; so is every way out of the repository.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from mlops_gitops.manifests import places
from mlops_gitops.testing.data.scans import Source, source

MOST_SHARDS = 10_000
_WILD = "*?[]{}"
_ASIDE = ("_", ".")
"""What names of files begin with that writers leave beside their shards, such as ``_SUCCESS``: they are no shards."""


def located(uri: str, *, folder: Path, root: Path, media_type: str | None) -> Source:
    """The data set that ``uri`` names, from the manifest's ``folder``.

    Raises ``ValueError`` with the reason where there is none, and ``Refused`` where it is of no format that is read.
    """
    named = PurePosixPath(uri)
    pattern = named.name if "*" in named.name else None
    place = named.parent if pattern else named
    resolved = inside(place.as_posix(), folder=folder, root=root)
    if pattern is None and not resolved.is_dir():
        if not resolved.is_file():
            raise ValueError(f"{uri} does not exist")
        return source(resolved, media_type=media_type)
    if set(place.as_posix()) & set(_WILD) or set(named.name) & set(_WILD.replace("*", "")):
        raise ValueError(f"{uri} holds another wildcard than * in its last part")
    if not resolved.is_dir():
        raise ValueError(f"{uri} does not exist: there is no folder {place}")
    found = [path for path in _below(resolved) if pattern is None or _fits(path, resolved, pattern)]
    return of_files(resolved, sorted(found, key=lambda path: path.relative_to(resolved).parts), uri, media_type)


def inside(uri: str, *, folder: Path, root: Path) -> Path:
    """The path that ``uri`` leads to, links included.  Raises ``ValueError`` where it leaves the repository."""
    try:
        resolved = (folder / uri).resolve()
    except RuntimeError:
        raise ValueError(f"{uri} is a link that leads to itself") from None
    if not resolved.is_relative_to(root.resolve()):
        raise ValueError(f"{uri} leads out of the repository")
    return resolved


def content(uri: str, *, folder: Path, root: Path, most: int) -> bytes:
    """The bytes of a small file beside the manifest, at most one more than ``most``: never of a pipe or a device.

    Raises ``OSError`` and ``ValueError`` with what is wrong.
    """
    return places.read(str(inside(uri, folder=folder, root=root)), root=str(root.resolve()), most=most)


def of_files(folder: Path, files: list[Path], uri: str, media_type: str | None) -> Source:
    """The files below ``folder``, in order, as one data set.  Raises ``ValueError`` where they are none."""
    if len(files) == 1 and not files[0].name.startswith(_ASIDE):
        return source(files[0], media_type=media_type)
    shards = [source(path, media_type=media_type) for path in files if not path.name.startswith(_ASIDE)]
    formats = sorted({one.format for one in shards})
    if len(formats) != 1:
        raise ValueError(
            f"{uri} names files of {len(formats)} formats: {', '.join(formats)}" if formats else f"{uri} names no file"
        )
    aside = tuple(path for path in files if path.name.startswith(_ASIDE))
    return Source(folder, formats[0], tuple(one.path for one in shards), aside)


def digest(digests: Mapping[str, str]) -> str:
    """The digest of a data set from those of its files by name; that of the one file where there is one."""
    if len(digests) == 1:
        return next(iter(digests.values()))
    ordered = sorted(digests, key=lambda name: PurePosixPath(name).parts)
    return hashlib.sha256(b"".join(bytes.fromhex(digests[name]) for name in ordered)).hexdigest()


def digest_of(one: Source) -> str:
    """The digest of a data set, from its files, several of which are read at once."""
    names = one.names()
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets go of the interpreter's lock
        return digest(dict(zip(names, pool.map(file_digest, names.values()), strict=True)))


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fits(path: Path, folder: Path, pattern: str) -> bool:
    return path.parent == folder and fnmatchcase(path.name, pattern)


def _below(folder: Path) -> list[Path]:
    found: list[Path] = []
    waiting = [folder]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                waiting.append(path)
            elif stat.S_ISREG(mode):
                found.append(path)
            else:
                raise ValueError(f"{path.name} is a link or no regular file")
            if len(found) > MOST_SHARDS:
                raise ValueError(f"more than {MOST_SHARDS:,} files are not read")
    return found
