"""A limit for an answer that is read as it comes: time-outs of sockets are for each byte, and this is for all of them.

The answer is ended from outside, so that whoever reads it wakes up, and closed when the block ends, which tells the
other side that nobody waits any more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mlops_gitops.deadlines import ended_after


@dataclass
class Limit:
    """The answers that are watched, and whether time was up."""

    up: bool = False
    answers: list[Any] = field(default_factory=list)

    def watch(self, answer: Any) -> None:
        """Have an answer of requests ended with the others."""
        self.answers.append(answer)

    def end(self) -> None:
        """Time is up."""
        self.up = True
        for one in self.answers:
            with contextlib.suppress(AttributeError, ValueError, RuntimeError, OSError):
                one.raw.shutdown()


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[Limit]:
    """Until the block ends, or for so many seconds."""
    limit = Limit()
    try:
        with ended_after(seconds, limit.end):
            yield limit
    finally:
        for one in limit.answers:
            one.close()
