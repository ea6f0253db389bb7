from __future__ import annotations

import socket
import threading
import time

import pytest

from mlops_gitops.deadlines import ended_after


def test_what_is_waited_for_is_ended_once_the_time_is_up() -> None:
    near, far = socket.socketpair()
    with near, far:
        started = time.monotonic()
        with ended_after(0.2, lambda: near.shutdown(socket.SHUT_RDWR)):
            assert near.recv(1) == b""
        assert 0.2 <= time.monotonic() - started < 30


def test_a_block_that_is_left_in_time_ends_nothing() -> None:
    """However it is left; and nothing of the clock stays behind."""
    before, ended = threading.active_count(), threading.Event()
    with ended_after(0.2, ended.set):
        pass
    with pytest.raises(KeyError), ended_after(0.2, ended.set):
        raise KeyError
    assert not ended.wait(0.5)
    assert threading.active_count() == before
