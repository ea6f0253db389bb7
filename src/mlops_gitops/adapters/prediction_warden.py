"""The process between us and a model: it starts the model's, waits, and ends whatever that one has left behind.

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
