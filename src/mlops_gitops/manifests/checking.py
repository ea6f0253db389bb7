"""Every problem of every file, in one run.

A file that cannot be read is data in the stream like any other: it makes findings and the run goes on.  Many files are
shared out to one process a core; one file never starts another process.
"""

import os
import os.path
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mlops_gitops.findings import Finding, Location
from mlops_gitops.manifests import places, schema
from mlops_gitops.manifests.documents import Document, load
from mlops_gitops.manifests.rules import registry, repository
from mlops_gitops.manifests.rules.documents import UNREADABLE
from mlops_gitops.manifests.rules.repository import Fact
from mlops_gitops.manifests.rules.rule import Problem
from mlops_gitops.manifests.rules.shape import UNKNOWN_KIND
from mlops_gitops.manifests.rules.subject import Subject

DEFAULTS = ("models", "environments", "trust", "controls", "mlops-gitops.yaml")
"""What is checked where nothing is named: whatever exists of these."""

_KIND_OF_NAME = {
    "model": "Model",
    "environment": "Environment",
    "mlops-gitops": "Project",
    "policy_tests": "PolicyTests",
}
_KIND_OF_FOLDER = {"trust": "Trust", "controls": "Control", "releases": "Release"}
_MANY = 64
_PARTS = 4


class Target(NamedTuple):
    """A file: as findings name it, and where it is."""

    path: str
    file: str


class Outcome(NamedTuple):
    """What one file has to say."""

    findings: list[Finding]
    fact: Fact | None


def targets(paths: Iterable[str], *, cwd: str) -> list[Target]:
    """The files under ``paths``, in order.  Raises ``FileNotFoundError`` with the path that does not exist."""
    found: dict[str, Target] = {}
    for path in paths:
        start = os.path.join(cwd, path)  # noqa: PTH118 - many thousand paths
        if os.path.isdir(start):  # noqa: PTH112
            names = sorted(_walk(start))
        elif os.path.lexists(start):
            names = [os.path.abspath(start)]  # noqa: PTH100
        else:
            raise FileNotFoundError(path)
        for name in names:
            found.setdefault(name, Target(_shown(name, cwd), name))
    return list(found.values())


def check(files: Sequence[Target], *, cwd: str) -> list[Finding]:
    """All findings of all files, by place."""
    outcomes = _shared_out(files, cwd) if len(files) > _MANY else check_each(files, cwd)
    findings = [one for outcome in outcomes for one in outcome.findings]
    facts = [outcome.fact for outcome in outcomes if outcome.fact is not None]
    found = {target.path: target.file for target in files}
    for path, problem in repository.check(facts):
        findings.append(load(path, content(found[path], cwd)).finding(problem))
    return sorted(set(findings), key=lambda one: (one.location, one.order))


def check_each(files: Iterable[Target], cwd: str) -> list[Outcome]:
    """The outcome of each file, in this process."""
    return [check_file(target, root=_root(target.file, cwd)) for target in files]


def check_file(target: Target, *, root: str) -> Outcome:
    """Load one file, check its shape, and ask the rules of its kind."""
    try:
        data = places.read(target.file, root=root)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Outcome([UNREADABLE.at(Location(target.path), f"the file cannot be opened: {reason.lower()}")], None)
    document = load(target.path, data)
    findings = list(document.findings)
    if document.value is None and findings:
        return Outcome(findings, None)
    kind, problem = _kind(document, target.file)
    if problem is not None:
        findings.append(document.finding(problem))
    if kind is None:
        return Outcome(findings, None)
    document = document._replace(value=_as_kind(document.value, kind)) if problem else document
    if not schema.check(schema.KINDS[kind])(document.value):
        from mlops_gitops.manifests.wording import problems

        findings.extend(document.finding(one) for one in problems(schema.KINDS[kind], document))
    if document.value.__class__ is not dict:
        return Outcome(findings, None)
    subject = Subject(target.path, document.value, target.file, root)
    for family in registry.families(kind):
        findings.extend(document.finding(one) for one in family(subject))
    return Outcome(findings, repository.fact(target.path, kind, document.value, root, target.file))


def _shared_out(files: Sequence[Target], cwd: str) -> list[Outcome]:
    """The same as ``check_each``, in one process a core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if cores < 2:  # noqa: PLR2004 - nothing to share
        return check_each(files, cwd)
    from multiprocessing import get_context

    registry.families("Model")
    schema.check("model")
    size = -(-len(files) // (cores * _PARTS))
    parts = [files[start : start + size] for start in range(0, len(files), size)]
    with get_context("fork").Pool(cores, initializer=_start) as pool:
        done = pool.starmap(check_each, [(part, cwd) for part in parts], chunksize=1)
    return [outcome for part in done for outcome in part]


def _start() -> None:
    """A worker lives for one run and makes no circular garbage worth looking for."""
    import gc

    gc.disable()


def _kind(document: Document, file: str) -> tuple[str | None, Problem | None]:
    """What the document is: as its place says, else as it says itself."""
    declared, placed = document.kind, kind_of_place(file)
    if placed is not None:
        if declared is None or declared == placed or document.value.__class__ is not dict:
            return placed, None
        return placed, UNKNOWN_KIND.on(
            ("kind",), f"it says that it is a {declared}, and its place is that of a {placed}"
        )
    if declared in schema.KINDS:
        return declared, None
    known = ", ".join(schema.KINDS)
    return None, UNKNOWN_KIND.on(
        ("kind",), "neither its place nor its `kind` says what it is", f"write `kind:` with one of {known}"
    )


def _as_kind(value: dict[str, object], kind: str) -> dict[str, object]:
    return {**value, "kind": kind}


def kind_of_place(file: str) -> str | None:
    """What a file is by its place: ``models/x/model.yaml`` is a Model."""
    parts = file.split("/")
    stem, _, extension = parts[-1].rpartition(".")
    if extension not in {"yaml", "yml"}:
        return None
    if stem in _KIND_OF_NAME:
        return _KIND_OF_NAME[stem]
    return next((_KIND_OF_FOLDER[one] for one in reversed(parts[-4:-1]) if one in _KIND_OF_FOLDER), None)


def _walk(start: str) -> Iterable[str]:
    """The documents under a folder.  Symbolic links to folders are not followed, hidden folders are passed over."""
    for folder, folders, names in os.walk(os.path.abspath(start)):  # noqa: PTH100
        folders[:] = [one for one in folders if not one.startswith(".") and one != "node_modules"]
        for name in names:
            file = f"{folder}/{name}"
            if kind_of_place(file) is not None:
                yield file


def _shown(file: str, cwd: str) -> str:
    """A path as people write it: relative to where they stand, if it is below."""
    return file[len(cwd) + 1 :] if file.startswith(f"{cwd}/") else file


def _root(file: str, cwd: str) -> str:
    return places.root(os.path.dirname(file), cwd)  # noqa: PTH120


def content(file: str, cwd: str) -> bytes:
    """The bytes of a file of a repository.  Raises ``OSError`` and ``ValueError``."""
    return places.read(file, root=_root(file, cwd))
