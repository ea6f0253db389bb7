"""Sleeping under libfaketime: with the monotonic clock left alone, its ``clock_nanosleep`` refuses what Python asks."""

import _thread
import time


def install():
    """Wait for a lock that nobody opens, which is measured by the clock that is left alone."""
    time.sleep = sleep


def sleep(seconds):
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    lock = _thread.allocate_lock()
    lock.acquire()
    lock.acquire(timeout=seconds)
