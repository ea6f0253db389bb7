"""What came of a training: how it ended, what it left, and whether the lock was kept.

What a training leaves is not trusted: a link or a special file in the place of an artifact is never followed, and the
words of its log are made harmless to print.
"""

from __future__ import annotations

import os
import re
import signal
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mlops_gitops.adapters import training_locks
from mlops_gitops.adapters.confinement import Confinement
from mlops_gitops.adapters.predictions import printable
from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.manifests.model import Model
from mlops_gitops.packaging import digests
from mlops_gitops.reproduction.trainings import Problem, Run, Trouble

_TOLD = 5
_LAST = 4096
_SHELL = 128
"""A process that a signal ended has this exit code and the signal's number above it, where another process tells it."""
_HINTS = (
    ("Read-only file system", "write below the model's folder or into TMPDIR: inputs and the machine are read-only"),
    ("Network is unreachable", "declare what is fetched as data, or set spec.training.network"),
    ("Temporary failure in name resolution", "declare what is fetched as data, or set spec.training.network"),
    ("No module named", "add the package to the lock"),
    ("No such file or directory", "commit the file, or declare it under spec.data"),
    ("MemoryError", "give the machine more memory, or train on less"),
)


def check_confined(confinement: Confinement, code: int | None, log: Path) -> None:
    """Raise ``WorldFailed`` where a training was never started, because it could not be confined."""
    if not confinement.binds or code != 1:
        return
    said = first_words(log).decode("utf-8", "replace")
    if re.fullmatch(r"bwrap: (?!execvp)[^\n]*\n", said):
        raise WorldFailed(
            f"the training could not be confined: {printable(said)}",
            hint="look whether bubblewrap works here: `mlops-gitops doctor`",
            code="confinement",
        )


def first_words(log: Path) -> bytes:
    """What a log begins with."""
    with log.open("rb") as stream:
        return stream.read(_LAST)


def ending(code: int | None, log: Path, *, seconds: float) -> list[Problem]:
    """A training that did not end well."""
    if code == 0:
        return []
    last = _last_words(log)
    if code is None:
        message = f"training did not end within {seconds:g} seconds and was stopped{last}"
        fix = "allow it more under spec.training.timeout, or look in its log for what it waits for"
        return [Problem(Trouble.TIMEOUT, message, fix, fatal=True)]
    fix = next((hint for words, hint in _HINTS if words in last), f"read its log: {log}")
    return [Problem(Trouble.CRASHED, f"training {_how(code)}{last}", fix, fatal=True)]


def off_the_lock(lock: Path, packages: Mapping[str, str]) -> tuple[Problem, ...]:
    """Packages that are not those of the lock."""
    off = training_locks.differences(lock, packages)
    if not off:
        return ()
    more = f" and {len(off) - _TOLD} more" if len(off) > _TOLD else ""
    message = f"the environment is not what the lock says: {', '.join(off[:_TOLD])}{more}"
    fix = "leave out --environment, or install exactly the lock into it"
    return (Problem(Trouble.OFF_THE_LOCK, message, fix),)


def declared(model: Model) -> tuple[str, ...]:
    """What training writes beside the artifact, as the manifest says."""
    predictions = model.reproducibility.predictions
    return tuple(dict.fromkeys([*model.training.outputs, *([predictions] if predictions else [])]))


def collected(run: Run, model: Model, *, checkout: Path, inside: Path) -> Run:
    """The run with its artifact and the declared outputs, which are compared where they lie."""
    top = checkout / inside
    path = top / model.artifact.path
    if not os.path.lexists(path):
        words = f"training left nothing at {model.artifact.path}"
        fix = "write the model there, or correct spec.artifact.path"
        return _with(run, Problem(Trouble.NO_ARTIFACT, words, fix, fatal=True))
    try:
        if not _is_own(path, checkout):
            raise _led_away(model.artifact.path)
        made = digests.of_artifact(path)
    except (Refused, WorldFailed) as refusal:
        trouble = Trouble.NO_ARTIFACT if refusal.code == "artifact-empty" else Trouble.UNREADABLE
        words = refusal.message.replace(f"{checkout}{os.sep}", "")
        return _with(run, Problem(trouble, printable(words), refusal.hint, fatal=True))
    outputs, missing = {}, []
    for name in declared(model):
        output = top / name
        if _is_own(output, checkout) and stat.S_ISREG(output.lstat().st_mode):
            outputs[name] = output
        else:
            words = f"training left no file at {name}, which it declares"
            missing.append(Problem(Trouble.NO_ARTIFACT, words, "write it, or drop it from the manifest"))
    return replace(_with(run, *missing), artifact=path, digest=made.digest, outputs=outputs)


def _is_own(path: Path, checkout: Path) -> bool:
    """Whether a path is there, and no link leads it out of the checkout."""
    return os.path.lexists(path) and path.parent.resolve().is_relative_to(checkout.resolve())


def _led_away(name: str) -> Refused:
    return Refused(
        f"{name} lies behind a link that leads out of the checkout",
        hint="put a copy of the file in its place: an artifact consists of regular files only",
        code="artifact-special",
    )


def _with(run: Run, *problems: Problem) -> Run:
    return replace(run, problems=(*run.problems, *problems))


def _how(code: int) -> str:
    number = -code if code < 0 else code - _SHELL
    if number in {one.value for one in signal.Signals}:
        return f"was ended by {signal.Signals(number).name}"
    return f"ended with code {code}"


def _last_words(log: Path) -> str:
    """The last line of a log, harmless to print."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _LAST))
        lines = stream.read().decode("utf-8", "replace").splitlines()
    words = next((line for line in reversed(lines) if line.strip()), "")
    return f": {printable(words)}" if words else ""
