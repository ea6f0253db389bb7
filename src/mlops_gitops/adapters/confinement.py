"""What a training may touch: with bubblewrap the kernel says so, without it only a report can.

Promises of ``Bubblewrap``: the whole file system is read-only but the run's own folders; the caller's home, the model
repository and ``/tmp`` are hidden; inputs cannot be written; there is no network unless it was asked for; no privilege
is left with which that could be undone; and every process ends with the first.  ``Plain`` promises only that every
process ends: what else a training should not do is watched for by the shim and refused there, which stops mistakes and
not attackers.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

RUN = Path("/run/training")
"""Where a confined run sees its own folders, whatever they are called outside."""
SUPERVISOR = Path(__file__).parent / "training_supervisor.py"

_TMP = Path("/tmp")  # noqa: S108 - a training's own, bound over that of the machine
_SECONDS = 20
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Seconds between the attempts to set up a sandbox while the mounts of the machine change."""
_APART = (
    *("--die-with-parent", "--new-session", "--unshare-all", "--cap-drop", "ALL", "--hostname", "training"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run"),
)
"""Without ``--cap-drop`` a training of root could mount everything writable again."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """The folders of a run: the checkout, the home, the one for temporary files, and the trace of the shim."""

    work: Path
    home: Path
    tmp: Path
    trace: Path


@dataclass(frozen=True, slots=True)
class Task:
    """A command to run, with everything that it may know and touch.

    ``places`` are the rooms as the training sees them; ``inside`` is the folder below the checkout to run in.
    ``inputs`` are pairs of a path outside and its path below the checkout, ``readable`` what else must be readable.
    """

    words: Sequence[str]
    variables: Mapping[str, str]
    rooms: Rooms
    places: Rooms
    inside: Path
    inputs: Sequence[tuple[Path, Path]]
    readable: Sequence[Path]
    network: bool


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to start: whatever ends it must end everything that it started."""

    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: Path


class Confinement(Protocol):
    """A way to keep a training apart from the machine; a container can be another."""

    @property
    def isolation(self) -> str:
        """How a training is kept apart, in words."""

    @property
    def binds(self) -> bool:
        """Whether inputs are shown where they are wanted, and cannot be written; otherwise they are copied there."""

    def places(self, rooms: Rooms, *, folder: str, user: str) -> Rooms:
        """The rooms as the training sees them."""

    def launch(self, task: Task) -> Launch:
        """The process that runs the task.  It ends, with all that it started, on ``SIGTERM`` or with its parent."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """The kernel keeps the training apart.  ``hidden`` are folders that look empty inside."""

    program: str
    hidden: tuple[Path, ...]

    isolation: ClassVar[str] = (
        "bubblewrap: nothing writable but the run's own folders, inputs read-only, home and repository hidden"
    )
    binds: ClassVar[bool] = True

    def places(self, rooms: Rooms, *, folder: str, user: str) -> Rooms:  # noqa: ARG002 - where they lie does not show
        """The same for every run: only what is asked to differ differs."""
        return Rooms(RUN / folder, RUN / "home" / user, _TMP, RUN / "trace")

    def launch(self, task: Task) -> Launch:
        """An argv that is given everything; of the caller's variables nothing remains."""
        argv = [self.program, *_APART, "--bind", str(task.rooms.tmp), str(_TMP)]
        argv += ["--share-net"] if task.network else []
        hidden = outermost(path for path in self.hidden if path.is_dir() and path != Path("/"))
        for path in hidden:
            argv += ["--tmpfs", str(path)]
        readable = [*task.readable, *(_resolver() if task.network else ())]
        for path in readable:
            argv += ["--ro-bind", str(path), str(path)]
        pairs = [(task.rooms.work, task.places.work), (task.rooms.home, task.places.home)]
        for mine, shown in [*pairs, (task.rooms.trace, task.places.trace)]:
            argv += ["--bind", str(mine), str(shown)]
        for source, below in task.inputs:
            argv += ["--ro-bind", str(source), str(task.places.work / below)]
        for path in (*hidden, Path("/run")):
            argv += ["--remount-ro", str(path)]
        argv += ["--chdir", str(task.places.work / task.inside), "--", *task.words]
        return Launch(argv, task.variables, task.rooms.work)


@dataclass(frozen=True, slots=True)
class Plain:
    """A process like any other, but that nothing it starts outlives it."""

    isolation: ClassVar[str] = (
        "none of the system's: bubblewrap is not installed or not allowed here; Python's own calls were watched"
    )
    binds: ClassVar[bool] = False

    def places(self, rooms: Rooms, *, folder: str, user: str) -> Rooms:  # noqa: ARG002 - they are named when made
        """As they lie."""
        return rooms

    def launch(self, task: Task) -> Launch:
        """Under a supervisor, which adopts and ends what a training leaves behind."""
        argv = [sys.executable, "-I", "-S", str(SUPERVISOR), str(os.getpid()), "--", *task.words]
        return Launch(argv, task.variables, task.rooms.work / task.inside)


def chosen(environ: Mapping[str, str], *, root: Path) -> Bubblewrap | Plain:
    """Bubblewrap where it is installed and allowed; the home and the repository at ``root`` are hidden in it."""
    program = bubblewrap(environ.get("PATH"))
    if program is None:
        return Plain()
    home = environ.get("HOME")
    return Bubblewrap(program, (*([Path(home).resolve()] if home else []), Path("/root"), root.resolve()))


@functools.cache
def bubblewrap(path: str | None) -> str | None:
    """A bubblewrap that works here, or ``None``: some systems have it and forbid what it does."""
    found = shutil.which("bwrap", path=path)
    if found is None:
        return None

    def tried() -> tuple[int, bytes]:
        done = subprocess.run([found, *_APART, "true"], capture_output=True, timeout=_SECONDS, check=False)
        return done.returncode, done.stderr

    try:
        code, _ = settled(tried)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found if code == 0 else None


def settled(attempt: Callable[[], tuple[int | None, bytes]]) -> tuple[int | None, bytes]:
    """Exit code and first words of an ``attempt`` with bubblewrap, repeated while the machine's mounts change under it.

    Bubblewrap reads the table of mounts and then changes each of them.  Where a mount goes in between, such as that of
    a container which ends, it gives up before it has started anything (containers/bubblewrap#650).
    """
    code, said = attempt()
    for pause in _PAUSES:
        if code != 1 or not said.startswith(b"bwrap: Can't bind mount "):
            break
        time.sleep(pause)
        code, said = attempt()
    return code, said


def outermost(paths: Iterable[Path]) -> list[Path]:
    """Those that lie in no other of them, nor in ``/tmp``, which is hidden anyway."""
    found: list[Path] = []
    for path in sorted(set(paths)):
        if not any(path.is_relative_to(above) for above in (*found, _TMP, Path("/run"))):
            found.append(path)
    return found


def _resolver() -> list[Path]:
    """Where names of hosts are looked up, if that lies in the hidden ``/run``."""
    real = Path("/etc/resolv.conf").resolve()
    return [real] if real.is_relative_to("/run") and real.is_file() else []
