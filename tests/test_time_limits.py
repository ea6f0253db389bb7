"""What waits too long is told, and the limit is gone with its block."""

import signal
import threading

import pytest

from time_limits import TimeIsUpError, until, within


def test_what_hangs_is_ended_wherever_it_waits() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TimeIsUpError, match="a lock: not done within"), within(0.05, "a lock"):
        threading.Event().wait(60)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_does_not_come_is_an_assertion() -> None:
    answers = iter([False, True])
    until(lambda: next(answers))
    with pytest.raises(AssertionError, match="within 0 seconds"):
        until(lambda: False, seconds=0)
