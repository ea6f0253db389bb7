"""The data sets of a training: checked against their digests, brought into a checkout, and checked again.

They are shown to a training where they lie, read-only, where the kernel can do that; otherwise they are copied, the
copies cannot be written without trying, and they are read again after the run.  What lies outside is never written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mlops_gitops.adapters.training_checkouts import place, removed
from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.manifests.model import Model
from mlops_gitops.packaging import digests, provenance
from mlops_gitops.reproduction.trainings import Problem, Trouble

_FIX = "write to another file: the second run would read something else"
Mark = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Input:
    """A data set: where it lies, its path below the root of the repository, its digest, and how its files look."""

    outside: Path
    below: Path
    digest: str
    marks: tuple[Mark, ...]


def checked(model: Model, *, folder: Path, root: Path) -> tuple[Input, ...]:
    """The data sets of the manifest that lie in the repository.

    Raises ``Refused`` where one is not what the manifest declares.
    """
    found = []
    for dataset, material in zip(model.data, provenance.materials(model, folder=folder, root=root), strict=True):
        if "://" not in dataset.uri:
            outside = (folder / dataset.uri).resolve()
            below = outside.relative_to(root.resolve())
            found.append(Input(outside, below, material.digest, tuple(_marks(outside))))
    return tuple(dict.fromkeys(found))


def bring(inputs: Iterable[Input], checkout: Path, *, copy: bool) -> None:
    """Put each in its place: a copy, or something that it can be bound over."""
    for one in inputs:
        at = place(checkout, one.below)
        if copy:
            removed(at, within=checkout)
            shutil.copytree(one.outside, at) if one.outside.is_dir() else shutil.copy2(one.outside, at)
            for path in _files(at):
                path.chmod(0o444)
        elif not at.exists():
            at.mkdir() if one.outside.is_dir() else at.touch()


def changed(inputs: Iterable[Input], checkout: Path, *, copied: bool) -> list[Problem]:
    """The inputs that are no longer what they were, in the checkout or where they came from."""
    found = []
    for one in inputs:
        if copied and _digest(checkout / one.below) != one.digest:
            found.append(Problem(Trouble.CHANGED_INPUT, f"training changed its input {one.below}", _FIX))
        if tuple(_marks(one.outside)) != one.marks and _digest(one.outside) != one.digest:
            words = f"the input {one.below} changed in the repository while training ran"
            found.append(Problem(Trouble.CHANGED_INPUT, words, "restore it, and train again", fatal=True))
    return found


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (Path(folder, name) for folder, _, names in os.walk(path) for name in sorted(names))
    else:
        yield path


def _marks(path: Path) -> Iterator[Mark]:
    """How every file looks without reading it; nothing for one that is gone."""
    for file in _files(path):
        try:
            status = file.stat()
        except OSError:
            continue
        yield (str(file), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _digest(path: Path) -> str | None:
    """As ``provenance`` takes it; ``None`` where there is nothing that could be read."""
    try:
        return digests.of_artifact(path).digest if path.is_dir() else digests.of_file(path).digest
    except (Refused, WorldFailed):
        return None
