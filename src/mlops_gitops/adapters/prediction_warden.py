"""The process between us and a model: it starts the model's, confines it, and ends whatever that has left behind.

A model may fork, start a session of its own and stay, or kill its parent.  So its parent is this process and not the
one that asked: on Linux it inherits every orphan, and none outlives it.  Needs nothing of this package, for it is read
by the interpreter of the model.  It never touches what the model was asked or answered.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PDEATHSIG = 1
_CHILD_SUBREAPER = 36
_PATIENCE = 10.0
"""Seconds after which a process that does not end although it was killed is left to the system."""


def guarded(work: Callable[[], None]) -> None:
    """Do ``work`` in a process of its own, and end as it ended, after everything that it has started."""
    _process_control(_CHILD_SUBREAPER, 1)
    _process_control(_PDEATHSIG, signal.SIGTERM)
    here = os.getpid()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _process_control(_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == here:
            _work(work)
        os._exit(1)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
    status = _waited(child)
    _end_all()
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler
            signal.signal(number, signal.SIG_DFL)
        os.kill(here, number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)


def _work(work: Callable[[], None]) -> None:
    """Do it, and end at once: threads that a model has left running hold nobody up."""
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - told on the way out
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _waited(child: int) -> int:
    """The status of the child; orphans that end before it are buried on the way."""
    while True:
        found, status = os.waitpid(-1, 0)
        if found == child:
            return status


def _end_all() -> None:
    """Kill every process that is left, whose children then are ours, until there is none."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        for one in _children():
            with contextlib.suppress(OSError):
                os.kill(one, signal.SIGKILL)
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        time.sleep(0.001)


def _children() -> list[int]:
    """Processes whose parent this one is; none where the system does not say."""
    here = os.getpid()
    try:
        return [int(one) for one in Path(f"/proc/{here}/task/{here}/children").read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []


def _process_control(option: int, value: int) -> None:
    """Linux' prctl; nothing where there is none."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def confine(memory: int, folder: Path) -> None:
    """From here on this process has no network, writes into ``folder`` alone, and gets no more memory than that."""
    free = (os.path.realpath(folder), "/dev", "/proc")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.sendto", "socket.getaddrinfo"}:
            raise PermissionError("a model under test has no network")
        for path in _written(event, arguments):
            where = os.path.realpath(path)
            if not any(where == one or where.startswith(f"{one}/") for one in free):
                raise PermissionError(f"a model under test writes into its own folder alone, and not to {where}")

    _limit_memory(memory)
    sys.addaudithook(hook)


def _written(event: str, arguments: tuple[Any, ...]) -> list[str]:
    """The files that an event would change."""
    if event == "open":
        path, mode, flags = arguments
        changes = bool(set(mode or "") & set("wax+")) or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        found = [path] if changes else []
    else:
        found = [*arguments[: _CHANGES.get(event, 0)]]
    return [os.fsdecode(one) for one in found if isinstance(one, str | bytes | os.PathLike)]


_CHANGES = {
    "os.remove": 1, "os.rename": 2, "os.rmdir": 1, "os.mkdir": 1, "os.truncate": 1, "os.chmod": 1, "os.chown": 1,
    "os.link": 2, "os.symlink": 2, "shutil.rmtree": 1,
}  # fmt: skip
"""Events that change files, and how many of their arguments name one."""


def _limit_memory(limit: int) -> None:
    with contextlib.suppress(OSError):  # where memory is short the system is to end the model, and nothing else
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):  # not every system can; the time limit still holds
        return
