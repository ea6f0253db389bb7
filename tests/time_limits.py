"""A limit for what waits on other processes: a test that hangs says where, and the others go on."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator


class TimeIsUpError(Exception):
    """What did not end."""


@contextlib.contextmanager
def within(seconds: float, what: str) -> Iterator[None]:
    """Raise ``TimeIsUpError`` in the main thread, wherever it waits, when the block has not ended by then."""

    def ring(_number: int, _frame: object) -> None:
        raise TimeIsUpError(f"{what}: not done within {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def until(condition: Callable[[], object], *, seconds: float = 120) -> None:
    """Wait for ``condition``; an ``AssertionError`` where it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds:g} seconds"
        time.sleep(0.05)
