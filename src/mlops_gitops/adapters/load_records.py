"""What a load generator writes down while it works: little, so that the writing is not what is measured."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_gitops.testing.infra.load import Load, Samples


class Seen:
    """Every request that has ended; ``zero`` is when the warm-up ends, in seconds of the clock of ``record``."""

    def __init__(self, load: Load) -> None:
        self.load, self.zero = load, 0.0
        self.starts, self.latencies = array("d"), array("d")
        self.errors: Counter[str] = Counter()

    def record(self, started: float, reason: str | None, now: float) -> None:
        """One that was sent, or due, at ``started``; ``reason`` is why it has no good answer, ``None`` where it has.

        One of the warm-up that fails after it, or is open until the end, counts as begun when the warm-up ended: a
        server that hangs from then on is not measured by what it answers beside.
        """
        start, moment = started - self.zero, now - self.zero
        if start < 0 <= moment and (reason is not None or moment >= self.load.seconds):
            start = 0.0
        self.starts.append(start)
        self.latencies.append(now - started if reason is None else float("inf"))
        if reason is not None and 0 <= start < self.load.seconds:
            self.errors[reason] += 1

    def samples(self, busy: float) -> Samples:
        """All of it; ``busy`` is the share of the time in which the client was working."""
        import numpy as np

        from mlops_gitops.testing.infra.load import Samples

        return Samples(
            self.load, np.array(self.starts), np.array(self.latencies), tuple(self.errors.most_common()), busy
        )
