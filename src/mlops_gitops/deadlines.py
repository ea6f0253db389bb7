"""A block of code that may not last: whoever is waited for is ended from outside, so that the waiting ends."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def ended_after(seconds: float, end: Callable[[], object]) -> Iterator[None]:
    """``end`` is called once, by another thread, where the block takes longer; never after the block was left in time.

    It does not interrupt the block: it has to take away what the block waits for.
    """
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
