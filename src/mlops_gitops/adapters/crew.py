"""Long work shared between the processors of this machine; fits ``promotion.recall.Crew``.

The work is a pure function of a range, in processes that are forked from this one and see what it sees.  What it
promises: the parts come in order, and are what this process would have found alone.  Where a process cannot be made, or
ends otherwise than well, its part is done here, so that every failure is met here and told in the usual way.  No
process is left behind.  On systems other than Linux all is done here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

Work = Callable[[int, int], bytes]
"""What is found out about the things numbered from one number until before another."""


class Crew:
    """As many hands as there are processors that this process may use, this one among them."""

    def __init__(self, hands: int | None = None) -> None:
        usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
        self.hands = hands or usable

    def share(self, work: Work, count: int) -> list[bytes]:
        """``work`` for parts of ``range(count)``, in order."""
        bounds = [number * count // self.hands for number in range(self.hands + 1)]
        parts = list(pairwise(bounds))
        others: list[_Hand | None] = []
        try:
            for start, end in parts[1:]:
                others.append(_hand(work, start, end))
            found = [work(*parts[0])]
            found += [_told(one) or work(*part) for one, part in zip(others, parts[1:], strict=True)]
        finally:
            for one in others:
                if one is not None:
                    _end(one)
        return found


@dataclass(frozen=True, slots=True)
class _Hand:
    """A process, and the pipe that it answers through."""

    process: int
    answers: int


def _hand(work: Work, start: int, end: int) -> _Hand | None:
    """A process that does one part; ``None`` where there can be no more processes."""
    read, write = os.pipe()
    try:
        process = os.fork()
    except OSError:
        os.close(read)
        os.close(write)
        return None
    if process == 0:  # nothing of what the parent has open is closed or written in order: it is not ours
        code = 1
        try:
            os.close(read)
            with os.fdopen(write, "wb") as stream:
                stream.write(work(start, end) + _WHOLE)
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    return _Hand(process, read)


_WHOLE = b"\n."
"""Ends an answer, so that one that breaks off is no answer."""


def _told(one: _Hand | None) -> bytes | None:
    if one is None:
        return None
    with os.fdopen(os.dup(one.answers), "rb") as stream:
        said = stream.read()
    return said.removesuffix(_WHOLE) if said.endswith(_WHOLE) else None


def _end(one: _Hand) -> None:
    with contextlib.suppress(OSError):
        os.close(one.answers)
    with contextlib.suppress(ProcessLookupError):
        os.kill(one.process, signal.SIGKILL)  # it has answered, or nobody waits for its answer
    with contextlib.suppress(ChildProcessError):
        os.waitpid(one.process, 0)
