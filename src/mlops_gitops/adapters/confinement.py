"""What a training may touch: with bubblewrap the kernel says so, without it only the words of the report do.

Promises: in bubblewrap the whole file system is read-only but the run's own folders, the caller's home and ``/tmp`` are
empty, inputs cannot be written, there is no network unless it was asked for, and every process ends with the first.
Without bubblewrap a training is a plain process in a session of its own: what it should not do is watched for by the
shim and refused there, which stops mistakes and not attackers.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RUN = Path("/run/training")
"""Where a confined run sees its own folders, whatever they are called outside."""

_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Rooms:
    """The folders of a run as they lie outside, and as the training sees them.

    ``work`` is the checkout, ``inside`` what the training sees in its place; ``inputs`` are pairs of a file outside and
    its path below ``work``.
    """

    work: Path
    home: Path
    scratch: Path
    trace: Path
    shim: Path
    inputs: tuple[tuple[Path, str], ...]


@functools.cache
def bubblewrap(path: str | None) -> str | None:
    """A bubblewrap that works here, or ``None``: some systems have it and forbid what it does."""
    found = shutil.which("bwrap", path=path)
    if found is None:
        return None
    try:
        done = subprocess.run(
            [found, "--ro-bind", "/", "/", "--unshare-all", "--dev", "/dev", "--proc", "/proc", "true"],
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found if done.returncode == 0 else None


def seen(rooms: Rooms, *, confined: bool, folder: str, user: str) -> dict[str, Path]:
    """The paths of the run as the training sees them: ``work``, ``home``, ``tmp``, ``trace``."""
    if not confined:
        return {"work": rooms.work, "home": rooms.home, "tmp": rooms.scratch, "trace": rooms.trace}
    return {"work": RUN / folder, "home": RUN / "home" / user, "tmp": Path("/tmp"), "trace": RUN / "trace"}  # noqa: S108


def command(
    words: Sequence[str],
    *,
    bwrap: str,
    rooms: Rooms,
    places: Mapping[str, Path],
    folder: Path,
    network: bool,
    hidden: Sequence[Path],
    readable: Sequence[Path],
) -> list[str]:
    """The argv that runs ``words`` in bubblewrap, in ``folder`` below the checkout.

    ``hidden`` are folders that look empty inside, ``readable`` those that are shown again, read-only, where one of the
    hidden ones holds them.
    """
    argv = [bwrap, "--die-with-parent", "--new-session", "--unshare-all", "--ro-bind", "/", "/"]
    argv += ["--share-net"] if network else []
    argv += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run", "--bind", str(rooms.scratch), "/tmp"]  # noqa: S108
    for path in hidden:
        argv += ["--tmpfs", str(path)] if path.is_dir() else []
    for path in readable:
        argv += ["--ro-bind", str(path), str(path)]
    for name, outside in (("work", rooms.work), ("home", rooms.home), ("trace", rooms.trace)):
        argv += ["--bind", str(outside), str(places[name])]
    for outside, inside in rooms.inputs:
        argv += ["--ro-bind", str(outside), str(places["work"] / inside)]
    return [*argv, "--chdir", str(places["work"] / folder), "--", *words]
