"""Runs a command and ends everything that it started: when it ends, on ``SIGTERM``, and when the parent is gone.

A stand-alone program, for machines without bubblewrap.  What a training leaves behind, sessions and daemons included,
is adopted by this process and killed.  Exit codes are those of the command, 128 + N where signal N ended it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
NOT_FOUND = 127


def main(parent: int, words: list[str]) -> int:
    """Run ``words``; ``parent`` is the process whose end is ours."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, _stop)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        return NOT_FOUND
    try:
        child = os.fork()
        if child == 0:
            _become(words)
        return _outcome(child)
    finally:
        _end()


def _become(words: list[str]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        os.execvp(words[0], words)  # noqa: S606 - there is no shell, which is the point
    except OSError as error:
        os.write(2, f"{words[0]}: {error.strerror}\n".encode(errors="replace"))
    os._exit(NOT_FOUND)


def _outcome(child: int) -> int:
    """The command's exit code; what it left behind may end before it, and is reaped."""
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _stop(_number: int, _frame: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _end() -> None:
    """Kill the children until there are none: those of a killed process become children of this one."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        for child in _children():
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            os.wait()
        except ChildProcessError:
            return


def _children() -> list[int]:
    me = str(os.getpid())
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib costs as much as the rest of this program
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
                    parent = stream.read().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if parent == me:
                found.append(int(name))
    return found


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[3:]))
