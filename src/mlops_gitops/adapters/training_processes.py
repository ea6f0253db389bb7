"""One process to its end or its time limit, with its words kept in a log that cannot fill the disk.

What a process says goes through a pipe, so that a training that talks without end costs no more than the limit: the
first part and the last are kept.  Nothing here knows what a training is.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from pathlib import Path
from typing import BinaryIO

from mlops_gitops.adapters.confinement import Launch

KEPT_FIRST = 8 * 2**20
KEPT_LAST = 2**20
_CHUNK = 2**16
_GRACE = 5.0
"""Seconds for everything that a process started to be gone after it."""
_NOT_FOUND = 127


def run(launch: Launch, *, log: Path, seconds: float) -> int | None:
    """Run it.  The exit code, negative for a signal; ``None`` where the time limit ended it."""
    with log.open("wb") as stream:
        kept = _Log(stream)
        try:
            process = subprocess.Popen(
                list(launch.argv),
                cwd=launch.cwd,
                env=dict(launch.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            kept.add(f"{launch.argv[0]}: {error.strerror}\n".encode())
            return _NOT_FOUND
        try:
            ended = _followed(process, kept, until=time.monotonic() + seconds)
        finally:
            _end(process)
            kept.close()
    return process.returncode if ended else None


class _Log:
    """The first part of what is said, and the last."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.left = KEPT_FIRST
        self.last: deque[bytes] = deque()
        self.held = 0
        self.dropped = 0

    def add(self, data: bytes) -> None:
        now, later = data[: self.left], data[self.left :]
        if now:
            self.stream.write(now)
            self.stream.flush()
            self.left -= len(now)
        if later:
            self.last.append(later)
            self.held += len(later)
        while self.held - len(self.last[0] if self.last else b"") > KEPT_LAST:
            gone = len(self.last.popleft())
            self.held -= gone
            self.dropped += gone

    def close(self) -> None:
        if self.dropped:
            self.stream.write(f"\n[{self.dropped:,} bytes were left out here]\n".encode())
        self.stream.writelines(self.last)


def _followed(process: subprocess.Popen[bytes], kept: _Log, *, until: float) -> bool:
    """Keep what the process says until it ends; whether it did before ``until``."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    handle = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(handle, selectors.EVENT_READ)
            alive = speaking = True
            while alive or speaking:
                left = until - time.monotonic()
                if left <= 0:
                    return not alive
                ready = {key.fd for key, _ in selector.select(left)}
                if process.stdout.fileno() in ready:
                    data = os.read(process.stdout.fileno(), _CHUNK)
                    kept.add(data)
                    if not data:
                        selector.unregister(process.stdout)
                        speaking = False
                elif handle in ready:
                    selector.unregister(handle)
                    alive = False
                    # what it started may still hold the pipe, and is given a moment to be gone
                    until = min(until, time.monotonic() + _GRACE)
    finally:
        os.close(handle)
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, gently first: it may have others to end."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
