"""MG40x: paths stay inside the repository, lead to files, and digests are those of the files."""

from __future__ import annotations

import os
import os.path
import stat
from collections.abc import Iterator
from functools import lru_cache

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, items, mapping, text, texts

LEAVES_REPOSITORY = Rule(
    "MG401",
    "leaves-repository",
    ERROR,
    "A path leads out of the repository.",
    "use a path inside the repository, relative to the manifest's folder, with `/` between its parts",
    "A path with `..`, an absolute one, or a symbolic link can make a build read what a pull request may not.",
    "spec:\n  dependencies: {lock: ../../../etc/requirements.lock}\n",
    "spec:\n  dependencies: {lock: requirements.lock}\n",
)
MISSING_FILE = Rule(
    "MG402",
    "missing-file",
    ERROR,
    "A file that must be in the repository is not there.",
    "add the file, or correct the path",
    "Training from a commit must find everything that the manifest names.",
    "spec:\n  dependencies: {lock: requirement.lock}\n",
    "spec:\n  dependencies: {lock: requirements.lock}\n",
)
DIGEST_MISMATCH = Rule(
    "MG403",
    "digest-mismatch",
    ERROR,
    "The digest is not that of the file.",
    "restore the file, or write its digest as the message gives it",
    "Either the data was changed or the digest was copied from elsewhere: what was tested is not what is there.",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - name: test
      role: test
      uri: data/test.parquet
      digest: {sha256: 4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce}
""",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - name: test
      role: test
      uri: data/test.parquet
      digest: {sha256: f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2}
""",
)
PLACEHOLDER_DIGEST = Rule(
    "MG404",
    "placeholder-digest",
    ERROR,
    "The digest is a placeholder, or that of an empty file.",
    "write the digest of the real file: `sha256sum FILE`",
    "A digest that was typed in to satisfy the schema protects nothing.",
    "spec:\n  artifact:\n    digest: {sha256: '" + "0" * 64 + "'}\n",
    "spec:\n  artifact:\n    digest: {sha256: f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2}\n",
)
MISSING_DATA = Rule(
    "MG405",
    "missing-data",
    WARNING,
    "A data file is not there.",
    "fetch or make the file before training, or correct the path",
    "Data may be kept outside git and fetched later; until then its digest cannot be checked.",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/trian.parquet}
    - {name: test, role: test, uri: data/test.parquet}
""",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - {name: test, role: test, uri: data/test.parquet}
""",
)
MISSING_SCRIPT = Rule(
    "MG406",
    "missing-script",
    WARNING,
    "A script of the training command is not there.",
    "add the script, or correct its name",
    "Training would end at once, after the wait for a machine.",
    "spec:\n  training: {entrypoint: [python, trian.py]}\n",
    "spec:\n  training: {entrypoint: [python, train.py]}\n",
)

RULES = (LEAVES_REPOSITORY, MISSING_FILE, DIGEST_MISMATCH, PLACEHOLDER_DIGEST, MISSING_DATA, MISSING_SCRIPT)

_EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def is_remote(uri: str) -> bool:
    """Whether ``uri`` names a place by scheme, such as ``s3://`` or ``models:/``; a single letter is a drive."""
    scheme, separator, _ = uri.partition(":")
    return bool(separator) and len(scheme) > 1 and scheme.replace("+", "").replace("-", "").isalnum()


def escape(path: str, subject: Subject) -> str | None:
    """Why ``path`` would leave the repository, or ``None``."""
    if "\0" in path or "\\" in path:
        return f"{path!r} holds a character that paths must not"
    if path.startswith(("/", "~")) or path[1:2] == ":":
        return f"{path!r} is an absolute path"
    if path.lower().startswith("file:"):
        return f"{path!r} is an absolute path"
    inside = os.path.normpath(os.path.join(subject.folder, path))  # noqa: PTH118 - pathlib does not fold `..`
    if not _within(inside, subject.root):
        return f"{path!r} leads out of the repository"
    if not _within(os.path.realpath(inside), _real(subject.root)):
        return f"{path!r} leads out of the repository through a symbolic link"
    return None


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    spec = mapping(subject.value, "spec")
    lock = text(mapping(spec, "dependencies"), "lock")
    if lock is not None:
        yield from _file(lock, subject, ("spec", "dependencies", "lock"), missing=MISSING_FILE)
    artifact = mapping(spec, "artifact")
    path = text(artifact, "path")
    if path is not None and (why := escape(path, subject)):
        yield LEAVES_REPOSITORY.on(("spec", "artifact", "path"), why)
    yield from _placeholder(text(mapping(artifact, "digest"), "sha256"), ("spec", "artifact", "digest", "sha256"))
    coverage = text(mapping(spec, "tests", "features", "coverage"), "file")
    if coverage is not None and (why := escape(coverage, subject)):
        yield LEAVES_REPOSITORY.on(("spec", "tests", "features", "coverage", "file"), why)
    training = mapping(spec, "training")
    written = [(("spec", "training", "outputs", index), one) for index, one in enumerate(items(training, "outputs"))]
    predictions = text(mapping(spec, "reproducibility"), "predictions")
    for at, output in (*written, (("spec", "reproducibility", "predictions"), predictions)):
        if output.__class__ is str and (why := escape(output, subject)):
            yield LEAVES_REPOSITORY.on(at, why)
    for index, one in entries(spec, "data"):
        yield from _data(one, subject, ("spec", "data", index))
    yield from _image(mapping(spec, "serving", "image"), subject)
    for index, word in enumerate(texts(training, "entrypoint")):
        if word.endswith((".py", ".sh", ".R")) and " " not in word:
            yield from _file(word, subject, ("spec", "training", "entrypoint", index), missing=MISSING_SCRIPT)


def _image(image: dict[str, object], subject: Subject) -> Iterator[Problem]:
    at = ("spec", "serving", "image")
    for key in ("lock", "dockerfile"):
        if (path := text(image, key)) is not None:
            yield from _file(path, subject, (*at, key), missing=MISSING_FILE)
    for index, path in enumerate(items(image, "code")):
        if path.__class__ is str and (why := escape(path, subject)):
            yield LEAVES_REPOSITORY.on((*at, "code", index), why)


def _file(path: str, subject: Subject, at: Pointer, *, missing: Rule) -> Iterator[Problem]:
    if why := escape(path, subject):
        yield LEAVES_REPOSITORY.on(at, why)
    elif not os.path.isfile(os.path.join(subject.folder, path)):  # noqa: PTH113, PTH118 - runs for every path
        yield missing.on(at, f"there is no file {path!r} beside the manifest")


def _data(one: dict[str, object], subject: Subject, at: Pointer) -> Iterator[Problem]:
    uri, digest = text(one, "uri"), text(mapping(one, "digest"), "sha256")
    yield from _placeholder(digest, (*at, "digest", "sha256"))
    if uri is None or (is_remote(uri) and not uri.lower().startswith("file:")):
        return
    if why := escape(uri, subject):
        yield LEAVES_REPOSITORY.on((*at, "uri"), why)
        return
    path = os.path.join(subject.folder, uri)  # noqa: PTH118 - runs for every path
    if not os.path.exists(path):  # noqa: PTH110 - runs for every path
        yield MISSING_DATA.on((*at, "uri"), f"there is no file {uri!r} beside the manifest")
    elif digest and (found := _digest(path)) is not None and found != digest:
        message = f"the digest of {uri} is {found}, not the one written here"
        yield DIGEST_MISMATCH.on((*at, "digest", "sha256"), message)


def _placeholder(digest: str | None, at: Pointer) -> Iterator[Problem]:
    if digest and (len(set(digest)) == 1 or digest == _EMPTY_SHA256):
        yield PLACEHOLDER_DIGEST.on(at, "this is the digest of no file that holds anything")


def _digest(path: str) -> str | None:
    """SHA-256 of a regular file; ``None`` where there is none.  Devices and pipes are never opened."""
    try:
        info = os.stat(path)  # noqa: PTH116 - runs for every path
        if not stat.S_ISREG(info.st_mode):
            return None
        return _hashed(path, info.st_size, info.st_mtime_ns)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=1024)
def _hashed(path: str, _size: int, _changed: int) -> str:
    """The digest of a file that several manifests name is computed once."""
    import hashlib

    with open(path, "rb") as file:  # noqa: PTH123 - runs for every path
        return hashlib.file_digest(file, "sha256").hexdigest()


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root if root.endswith("/") else f"{root}/")


@lru_cache(maxsize=64)
def _real(path: str) -> str:
    return os.path.realpath(path)
