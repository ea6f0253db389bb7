"""The files of a data set: one, all below a folder, or those that a pattern names.

They are ordered by the parts of their paths, which is the order of their rows.  The digest of several is the SHA-256 of
their raw SHA-256 digests in that order, as the OpenSSF model-signing manifest has it for folders.  Links are refused,
since what they lead to can change or lie elsewhere; so is every way out of the repository.
"""

from __future__ import annotations

import hashlib
import stat
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from mlops_gitops.testing.data.scans import Source, source

MOST_SHARDS = 10_000
_WILD = "*?[]{}"
_ASIDE = ("_", ".")
"""What names of files begin with that writers leave beside their shards, such as ``_SUCCESS``: they are no shards."""


def located(uri: str, *, folder: Path, root: Path) -> list[Path]:
    """The files that ``uri`` names, from the manifest's ``folder``.  Raises ``ValueError`` with the reason where none.

    Files that are no shards are among them: they belong to the data set and its digest.
    """
    named = PurePosixPath(uri)
    pattern = named.name if "*" in named.name else None
    place = named.parent if pattern else named
    if named.is_absolute() or set(place.as_posix()) & set(_WILD) or set(named.name) & set(_WILD.replace("*", "")):
        raise ValueError(f"{uri} is no relative path, or holds another wildcard than * in its last part")
    resolved = (folder / place).resolve()
    if not resolved.is_relative_to(root.resolve()):
        raise ValueError(f"{uri} leads out of the repository")
    if pattern is None and not resolved.is_dir():
        if not resolved.is_file():
            raise ValueError(f"{uri} does not exist")
        return [resolved]
    if not resolved.is_dir():
        raise ValueError(f"{uri} does not exist: there is no folder {place}")
    found = [path for path in _below(resolved) if pattern is None or _fits(path, resolved, pattern)]
    if not found:
        raise ValueError(f"{uri} names no file")
    return sorted(found, key=lambda path: path.relative_to(resolved).parts)


def of_files(files: list[Path], *, media_type: str | None) -> Source:
    """How the files are written.  Raises ``Refused`` or ``ValueError`` where they cannot be one data set."""
    if len(files) == 1:
        return source(files[0], media_type=media_type)
    shards = [source(path, media_type=media_type) for path in files if not path.name.startswith(_ASIDE)]
    formats = {one.format for one in shards}
    if len(formats) != 1:
        raise ValueError(f"its files are of {len(formats) or 'no'} formats: {', '.join(sorted(formats)) or 'none'}")
    return Source(files[0].parent, formats.pop(), tuple(one.path for one in shards))


def digest(digests: list[str]) -> str:
    """The digest of a data set from those of its files, in order; that of the one file where there is one."""
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()


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
