"""One file: what it is, whatever its name says, and every reason not to load it."""

from __future__ import annotations

import os
from contextlib import closing
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from mlops_gitops.packaging import digests
from mlops_gitops.packaging.scan import archives, arrays, compressed, mlmodel, pickles, tensors, texts
from mlops_gitops.packaging.scan.problems import Limits, Problem, Subject
from mlops_gitops.records import record

_IN_MEMORY = 256 << 20
_PICKLES = {".pkl", ".pickle", ".joblib", ".jl", ".sav", ".p", ".pck", ".dill", ".cloudpickle"}
_TEXTS = {".json", ".yaml", ".yml", ".txt", ".md", ".csv", ".tsv", ".toml", ".cfg", ".ini", ".xml", ".html", ".log"}
_CODE = {
    ".py", ".pyc", ".pyo", ".pyd", ".pyi", ".pyx", ".ipynb", ".so", ".dll", ".dylib", ".exe", ".sh", ".bash", ".bat",
    ".cmd", ".ps1", ".js", ".jar", ".class", ".whl", ".egg", ".pth", ".rb", ".pl", ".r", ".c", ".cpp", ".lua", ".wasm",
}  # fmt: skip
_CODE_MAGIC = (b"\x7fELF", b"MZ", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!", b"\0asm")
_LAST_PROTOCOL = 5


@record
class Judged:
    """What a file is (``pickle``, ``skops``, ``text``, …) and what is wrong with it."""

    kind: str
    problems: tuple[Problem, ...]
    packed: bool = False


def judge(path: Path, name: str, *, root: Path | None, limits: Limits) -> Judged:
    """Judge the file at ``path``, called ``name``; ``root`` is the artifact's folder, if it is one.

    Never raises for what the file holds; raises ``Refused`` or ``WorldFailed`` where it cannot be opened.
    """
    with digests.open_regular(path) as raw:
        size = os.fstat(raw.fileno()).st_size
        stream = cast("BinaryIO", BytesIO(raw.readall()) if size <= _IN_MEMORY else raw)
        size = stream.seek(0, os.SEEK_END)
        try:
            return _judge(Subject(stream, size, name), path.name, root=root and path.parent, limits=limits)
        except (ValueError, OSError, MemoryError, RecursionError) as error:
            return Judged("unknown", (Problem("scan.unreadable", name, f"cannot be judged: {error}"),))


def _judge(subject: Subject, name: str, *, root: Path | None, limits: Limits, depth: int = 0) -> Judged:
    head, suffix = subject.head(), PurePosixPath(name).suffix.lower()
    if suffix in _CODE or head.startswith(_CODE_MAGIC):
        return _one("code", "scan.code", subject, "is program code, which a model must not bring along")
    if any(head.startswith(magic) for magic in compressed.UNREADABLE):
        return _one("unknown", "scan.container", subject, "is compressed in a way that cannot be judged")
    if (method := compressed.kind(head)) is not None:
        return _judge_compressed(subject, name, method, limits=limits, depth=depth)
    if head.startswith(archives.MAGIC):
        found, problems = archives.scan_archive(subject, limits=limits)
        return Judged(found or "archive", tuple(problems))
    if head.startswith(arrays.MAGIC):
        return Judged("npy", tuple(arrays.scan_npy(subject)))
    if suffix == ".safetensors":
        return Judged("safetensors", tuple(tensors.scan_safetensors(subject)))
    if suffix == ".onnx":
        return Judged("onnx", tuple(tensors.scan_onnx(subject, folder=root, limits=limits)))
    if suffix in _PICKLES or (head[:1] == b"\x80" and head[1:2] <= bytes([_LAST_PROTOCOL])):
        return Judged("pickle", tuple(pickles.scan_pickle(subject, limits=limits)))
    return _judge_unknown(subject, name, suffix, limits=limits)


def _judge_compressed(subject: Subject, name: str, method: str, *, limits: Limits, depth: int) -> Judged:
    if depth >= limits.depth:
        return _one("unknown", "scan.container", subject, f"is compressed more than {limits.depth} times")
    try:
        inner = compressed.expanded(subject, method, limits=limits)
    except ValueError as error:
        return _one("unknown", "scan.container", subject, str(error))
    with closing(inner.stream):
        inside = PurePosixPath(name).stem if PurePosixPath(name).suffix in (".gz", ".bz2", ".xz", ".z") else name
        judged = _judge(inner, inside, root=None, limits=limits, depth=depth + 1)
    return Judged(judged.kind, judged.problems, packed=True)


def _judge_unknown(subject: Subject, name: str, suffix: str, *, limits: Limits) -> Judged:
    if suffix in _TEXTS or name == mlmodel.NAME or texts.is_text(subject.head(1 << 16), partial=True):
        kind = "json" if suffix == ".json" else "text"
        return Judged(kind, tuple(texts.scan_text(subject, suffix, limits=limits)))
    problems = pickles.scan_pickle(subject, limits=limits)
    if not problems:
        return Judged("pickle", ())
    unknown = Problem("scan.unknown", subject.where, "is of no kind that can be judged; keep it outside the artifact")
    return Judged("unknown", (unknown, *(found for found in problems if found.id != "scan.pickle-unreadable")))


def _one(kind: str, check: str, subject: Subject, message: str) -> Judged:
    return Judged(kind, (Problem(check, subject.where, message),))
