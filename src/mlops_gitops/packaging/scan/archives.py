"""ZIP archives: skops models, PyTorch state dictionaries and programs, NumPy ``.npz``.  Any other is not understood.

Two readers of one ZIP file can see different members.  So the archive has to start at the first byte and end at the
last, without a comment, and every name may occur once and may not leave the archive.
"""

from __future__ import annotations

import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from mlops_gitops.packaging.scan import arrays, exports, pickles, skops
from mlops_gitops.packaging.scan.problems import Limits, Problem, Subject, shown

MAGIC = b"PK\x03\x04"
_END = struct.Struct("<4s4H2LH")
_MEMORY = 64 << 20
_ENCRYPTED = 1
_TORCH_PLAIN = re.compile(
    r"[^/]+/(data/\d+|version|byteorder|\.data/serialization_id|\.format_version|\.storage_alignment)"
)
_TORCH_PICKLE = re.compile(r"[^/]+/data\.pkl")


def kind(names: list[str]) -> str | None:
    """What an archive with these members is: ``skops``, ``torch``, ``export``, ``npz``, or nothing that is known."""
    if "schema.json" in names:
        return "skops"
    if any(exports.MODEL.fullmatch(name) for name in names):
        return "export"
    if any(_TORCH_PICKLE.fullmatch(name) for name in names):
        return "torch"
    return "npz" if names and all(name.endswith(".npy") for name in names) else None


def scan_archive(subject: Subject, *, limits: Limits) -> tuple[str | None, list[Problem]]:
    """The kind of the archive and every problem in it."""
    try:
        with _opened(subject, limits=limits) as archive:
            found = kind(archive.namelist())
            return found, list(_members(archive, found, subject, limits=limits))
    except (ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        return None, [Problem("scan.container", subject.where, f"is not a ZIP archive that can be judged: {error}")]


@contextmanager
def _opened(subject: Subject, *, limits: Limits) -> Iterator[zipfile.ZipFile]:
    subject.stream.seek(max(0, subject.size - _END.size))
    end = subject.stream.read(_END.size)
    if len(end) != _END.size or not end.startswith(b"PK\x05\x06") or end[-2:] != b"\0\0":
        raise ValueError("it does not end with its directory")
    subject.stream.seek(0)
    with zipfile.ZipFile(subject.stream) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        if len(entries) > limits.members:
            raise ValueError(f"it has more than {limits.members} members")
        if len({name.casefold() for name in names}) != len(names):
            raise ValueError("two members have the same name")
        if entries and min(entry.header_offset for entry in entries) != 0:
            raise ValueError("something precedes its first member")
        for entry in entries:
            if entry.flag_bits & _ENCRYPTED:
                raise ValueError(f"{shown(entry.filename)} is encrypted")
            if entry.filename.startswith("/") or "\\" in entry.filename or ".." in entry.filename.split("/"):
                raise ValueError(f"{shown(entry.filename)} leaves the archive")
        yield archive


def _members(archive: zipfile.ZipFile, found: str | None, subject: Subject, *, limits: Limits) -> Iterator[Problem]:
    left = limits.expanded
    names = frozenset(archive.namelist())
    for entry in archive.infolist():
        with _extracted(archive, entry, subject.where, most=left) as member:
            left -= member.size
            if found == "skops" and entry.filename == "schema.json":
                yield from skops.scan_schema(member.stream.read(), member.where, names)
            else:
                yield from _member(member, entry.filename, found, limits=limits)
    if found is None:
        yield Problem("scan.container", subject.where, "is a ZIP archive of no known kind")


def _member(member: Subject, name: str, found: str | None, *, limits: Limits) -> Iterator[Problem]:
    head = member.head()
    if found == "export":
        yield from _exported(member, name, limits=limits)
    elif head.startswith(arrays.MAGIC):
        yield from arrays.scan_npy(member)
    elif head.startswith(MAGIC):
        if found == "skops" and name.endswith(".npz"):
            inner, problems = scan_archive(member, limits=limits)
            yield from problems
            if inner != "npz":
                yield Problem("scan.container", member.where, "is an archive inside an archive")
        else:
            yield Problem("scan.container", member.where, "is an archive inside an archive")
    elif found == "torch" and _TORCH_PICKLE.fullmatch(name):
        yield from pickles.scan_pickle(member, limits=limits, tensors=True)
    elif (found == "torch" and _TORCH_PLAIN.fullmatch(name)) or (found == "skops" and name.endswith(".bin")):
        return
    else:
        yield Problem("scan.container", member.where, "is a member that such an archive does not have")
        yield from (
            problem
            for problem in pickles.scan_pickle(member, limits=limits)
            if problem.id not in ("scan.pickle-unreadable", "scan.pickle-trailing")
        )


def _exported(member: Subject, name: str, *, limits: Limits) -> Iterator[Problem]:
    """One member of a program that ``torch.export`` wrote."""
    if exports.MODEL.fullmatch(name):
        yield from exports.scan_graph(member)
    elif exports.CONFIG.fullmatch(name):
        yield from exports.scan_config(member)
    elif exports.SAMPLE.fullmatch(name):
        inner, problems = scan_archive(member, limits=limits)
        yield from problems
        if inner != "torch":
            yield Problem("scan.container", member.where, "is no file of tensors")
    elif not exports.PLAIN.fullmatch(name):
        yield Problem("scan.container", member.where, "is a member that an exported program does not have")


@contextmanager
def _extracted(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, where: str, *, most: int) -> Iterator[Subject]:
    with tempfile.SpooledTemporaryFile(max_size=_MEMORY) as spool, archive.open(entry) as source:
        out, size = cast("BinaryIO", spool), 0
        while chunk := source.read(1 << 16):
            size += len(chunk)
            if size > most:
                raise ValueError(f"its members expand to more than {most} bytes")
            out.write(chunk)
        out.seek(0)
        yield Subject(out, size, f"{where}!{entry.filename}")
