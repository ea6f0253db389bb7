"""The digest of a model artifact, file by file, as the OpenSSF model-signing manifest computes it.

Every regular file counts, nothing is ignored: the same answer as ``model_signing`` gives with file serialisation,
SHA-256 and git paths included.  Files are ordered by the parts of their POSIX path, and the digest of the artifact is
the SHA-256 of their raw digests in that order.  That root digest does not bind *names*, so whoever compares two
artifacts compares ``Artifact`` records as a whole; ``verify`` does.

Symbolic links, devices, sockets, names that do not survive a copy, unreadable files, and files that change while they
are read are refused: what was hashed must be what is shipped.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path, PurePosixPath

from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.records import record

SINGLE = "."
"""How model-signing names the one file of an artifact that is a file, not a folder."""

_CHUNK = 1 << 20
_MOST_FILES = 100_000


@record
class FileDigest:
    """One file: its POSIX path below the artifact's folder, its SHA-256, and its size in bytes."""

    name: str
    digest: str
    size: int

    def document(self) -> JSON:
        """The entry as a release keeps it."""
        return {"name": self.name, "digest": {"sha256": self.digest}, "size": self.size}


@record
class Artifact:
    """All files in order, the root digest over them, and their total size in bytes."""

    files: tuple[FileDigest, ...]
    digest: str
    size: int


def of_artifact(path: Path, *, workers: int = 4) -> Artifact:
    """The digest of the file or folder at ``path``; files are read in parallel.

    Raises ``Refused`` for what cannot be shipped faithfully, ``WorldFailed`` for what cannot be read.
    """
    found = list(names(path))
    if not found:
        raise Refused(
            f"the artifact {path} holds no file",
            hint="point artifact.path at what training wrote",
            code="artifact-empty",
        )
    with ThreadPoolExecutor(max_workers=workers) as pool:
        files = tuple(pool.map(lambda name: of_file(path / name, name=name), found))
    return combined(files)


def combined(files: tuple[FileDigest, ...]) -> Artifact:
    """The artifact that consists of ``files``, whatever order they come in.  Pure."""
    ordered = tuple(sorted(files, key=lambda file: PurePosixPath(file.name).parts))
    root = hashlib.sha256(b"".join(bytes.fromhex(file.digest) for file in ordered))
    return Artifact(files=ordered, digest=root.hexdigest(), size=sum(file.size for file in ordered))


def of_file(path: Path, *, name: str = SINGLE) -> FileDigest:
    """SHA-256 and size of one regular file, streamed.  A file that changes while it is read is refused."""
    with open_regular(path) as stream:
        before = os.fstat(stream.fileno())
        digest, size = hashlib.sha256(), 0
        try:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
        except OSError as error:
            raise _unreadable(path, error) from error
        after = os.fstat(stream.fileno())
    if _mark(before) != _mark(after) or size != after.st_size:
        raise Refused(
            f"{path} changed while it was read",
            hint="wait until training has finished writing, then run the command again",
            code="artifact-changed",
        )
    return FileDigest(name=name, digest=digest.hexdigest(), size=size)


def open_regular(path: Path) -> FileIO:
    """The file at ``path``, open for reading and certainly a regular file: no link is followed, no pipe waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(path, error) from error
    stream = FileIO(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        stream.close()
        raise _special(path)
    return stream


def verify(path: Path, expected: Artifact) -> None:
    """Raise ``Refused`` unless the artifact at ``path`` is ``expected``: every name, every byte, nothing more."""
    found = of_artifact(path)
    if found == expected:
        return
    raise Refused(
        f"{path} is not the artifact that was expected: {difference(expected, found)}",
        hint="fetch the artifact again, or release what is really there",
        code="artifact-digest",
    )


def difference(expected: Artifact, found: Artifact) -> str:
    """The first difference between two artifacts, in words.  Pure."""
    wanted = {file.name: file for file in expected.files}
    there = {file.name: file for file in found.files}
    for name in sorted(wanted.keys() | there.keys()):
        if name not in there:
            return f"{name} is missing"
        if name not in wanted:
            return f"{name} was added"
        if wanted[name] != there[name]:
            return f"{name} has sha256 {there[name].digest}, expected {wanted[name].digest}"
    return f"its root digest is {found.digest}, expected {expected.digest}"


def names(path: Path) -> Iterator[str]:
    """The POSIX path of every file below ``path``, or ``SINGLE`` where it is a file; refuses as ``of_artifact``."""
    mode = _mode(path)
    if stat.S_ISREG(mode):
        yield SINGLE
    elif stat.S_ISDIR(mode):
        yield from _below(path, "", count=[0])
    else:
        raise _special(path)


def _below(folder: Path, prefix: str, *, count: list[int]) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise _unreadable(folder, error) from error
    for entry in entries:
        _check_name(entry.name, folder)
        if entry.is_dir(follow_symlinks=False):
            yield from _below(folder / entry.name, f"{prefix}{entry.name}/", count=count)
        elif entry.is_file(follow_symlinks=False):
            count[0] += 1
            if count[0] > _MOST_FILES:
                raise Refused(
                    f"the artifact holds more than {_MOST_FILES} files",
                    hint="point artifact.path at the model, not at the folder of all runs",
                    code="artifact-files",
                )
            yield f"{prefix}{entry.name}"
        else:
            raise _special(folder / entry.name)


def _check_name(name: str, folder: Path) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        reason = "is not UTF-8"
    else:
        if "\\" in name or any(unicodedata.category(character) in {"Cc", "Cf"} for character in name):
            reason = "holds a backslash or a character that cannot be seen"
        elif unicodedata.normalize("NFC", name) != name:
            reason = "is not in Unicode form NFC, so another system would store it under another name"
        else:
            return
    raise Refused(
        f"the file name {name!a} in {folder} {reason}",
        hint="rename the file",
        code="artifact-name",
    )


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except OSError as error:
        raise _unreadable(path, error) from error


def _mark(status: os.stat_result) -> tuple[int, int, int, int]:
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _special(path: Path) -> Refused:
    return Refused(
        f"{path} is a symbolic link or a special file, not a regular file or a folder",
        hint="put a copy of the file in its place: an artifact consists of regular files only",
        code="artifact-special",
    )


def _unreadable(path: Path, error: OSError) -> Refused | WorldFailed:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Refused(f"{path} does not exist", hint="run training first", code="artifact-missing")
    if error.errno in _LINK_ERRNO:
        return _special(path)
    return WorldFailed(
        f"{path} cannot be read: {error.strerror}", hint="give this user read access", code="artifact-unreadable"
    )


_LINK_ERRNO = frozenset({40, 6})  # ELOOP: a link where O_NOFOLLOW forbids one; ENXIO: a socket
