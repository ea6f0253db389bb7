"""A load generator: sends one request again and again, as stated, and brings back how long each answer took.

One thread and one epoll over connections that are kept alive, so that little of what is measured is this client.  It
ends within ``warm_up + seconds + timeout`` whatever the server does, keeps no byte of any answer, and closes every
connection, also when it is interrupted.  It sends what it is given to the address that it is given and nowhere else.
"""

from __future__ import annotations

import errno
import gc
import os
import select
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlops_gitops.adapters.http_answer import Answer, Unreadable
from mlops_gitops.adapters.http_target import Target
from mlops_gitops.adapters.load_records import Seen
from mlops_gitops.errors import Misused

if TYPE_CHECKING:
    from mlops_gitops.testing.infra.load import Load, Samples

MOST_CONNECTIONS = 512
LONGEST_ANSWER = 64 << 20
"""Bytes; a server that answers more than this to one request is taken to answer for ever."""
_CHUNK = 1 << 18
_PAUSE = 0.01
"""Seconds before a connection that could not be made is tried again."""
_TICK = 0.05
"""Seconds between two looks at what has waited for too long."""


def measure(url: str, body: bytes, content_type: str, load: Load, *, method: str = "POST") -> Samples:
    """Send ``body`` to ``url`` as ``load`` says, and tell what came of each request.

    Good answers are those of the status 2xx; any other counts as an error with its status.  Raises ``Misused`` for a
    load or URL that cannot be, and ``WorldFailed`` where the host has no address; a server that is gone is an error of
    each request and no failure of this function.
    """
    _refuse_unless_possible(load)
    target = Target.of(url)
    run = _Run(target, target.request(body, content_type, method=method), load)
    with _undisturbed():
        try:
            run.go()
        finally:
            run.close()
    return run.samples()


def _refuse_unless_possible(load: Load) -> None:
    whole = 1 <= load.concurrency <= MOST_CONNECTIONS and (load.rate is None or load.rate > 0)
    if not whole or load.seconds <= 0 or load.warm_up < 0 or load.timeout <= 0:
        raise Misused(
            f"the load cannot be: {load.words}",
            hint=f"1 to {MOST_CONNECTIONS} at a time, at a rate, for a time and with a timeout above 0",
            code="load-stated",
        )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without the collector of cycles, whose pauses would be measured; the loop makes no cycles."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


class _Line:
    """A connection, and the request that it carries: when that began, and when it is given up (0: none)."""

    __slots__ = ("answer", "deadline", "fresh", "left", "socket", "start", "writing")

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.start, self.deadline = 0.0, 0.0
        self.left, self.fresh, self.writing = b"", True, False
        self.answer: Answer | None = None


class _Run:
    """One measurement."""

    def __init__(self, target: Target, request: bytes, load: Load) -> None:
        self.target, self.request, self.load = target, request, load
        self.poll = select.epoll()
        self.lines = [_Line() for _ in range(load.concurrency)]
        self.free = deque(self.lines)
        self.resting: deque[tuple[float, _Line]] = deque()
        self.by_number: dict[int, _Line] = {}
        self.seen = Seen(load)
        self.zero = self.end = self.busy = 0.0
        self.sent = 0

    def go(self) -> None:
        """Send and receive until all that was begun has ended."""
        begun, worked = time.perf_counter(), time.process_time()
        self.zero = begun + self.load.warm_up
        self.end = self.zero + self.load.seconds
        self.seen.zero = self.zero
        last = self.end + self.load.timeout
        look = begun
        while True:
            now = time.perf_counter()
            due = self._begin(now)
            if now >= last or (now >= self.end and due is None and len(self.free) == len(self.lines)):
                break
            if now >= look:
                self._give_up(now)
                look = now + _TICK
            for number, events in self._wait(min(due or last, look, last)):
                line = self.by_number.get(number)
                if line is not None:
                    self._ready(line, events)
        ended = time.perf_counter()
        self.busy = (time.process_time() - worked) / max(ended - begun, 1e-9)
        self._unanswered()

    def close(self) -> None:
        """Let go of every connection."""
        for line in self.lines:
            self._drop(line)
        self.poll.close()

    def samples(self) -> Samples:
        """What was seen."""
        return self.seen.samples(min(1.0, self.busy))

    def _begin(self, now: float) -> float | None:
        """Send what is due; when the next is, or ``None`` where nothing is left to wait for."""
        while self.resting and self.resting[0][0] <= now:
            self.free.append(self.resting.popleft()[1])
        rate = self.load.rate
        if rate is None:
            while self.free and now < self.end:
                self._send(self.free.popleft(), now)
            return self.resting[0][0] if self.resting else None
        first = self.zero - self.load.warm_up
        while (due := first + self.sent / rate) < self.end:
            if due > now:
                return due
            if not self.free:
                return self.resting[0][0] if self.resting else self.end + self.load.timeout
            self.sent += 1
            self._send(self.free.popleft(), due, now=now)
        return None

    def _wait(self, until: float) -> list[tuple[int, int]]:
        """Events until then; epoll itself knows milliseconds only, which is coarse for when a request is due."""
        ahead = until - time.perf_counter()
        if self.load.rate is not None and ahead > 0:
            select.select([self.poll.fileno()], [], [], ahead)
            ahead = 0
        return self.poll.poll(max(0.0, ahead))

    def _send(self, line: _Line, start: float, *, now: float | None = None) -> None:
        line.start, line.deadline = start, (start if now is None else now) + self.load.timeout
        line.fresh = line.socket is None
        self._put(line)

    def _put(self, line: _Line) -> None:
        line.answer, line.left = Answer(most=LONGEST_ANSWER), self.request
        if line.socket is None:
            self._connect(line)
        else:
            self._write(line)

    def _connect(self, line: _Line) -> None:
        try:
            made = socket.socket(self.target.family, socket.SOCK_STREAM)
        except OSError as error:
            self._fail(line, _said(error))
            return
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.socket, line.writing = made, True
        self.by_number[made.fileno()] = line
        self.poll.register(made, select.EPOLLIN | select.EPOLLOUT)
        code = made.connect_ex(self.target.address)
        if code not in {0, errno.EINPROGRESS}:
            self._fail(line, _said(OSError(code, os.strerror(code))))

    def _write(self, line: _Line) -> None:
        assert line.socket is not None  # noqa: S101 - for the type checker
        try:
            sent = line.socket.send(line.left)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lost(line, _said(error))
            return
        line.left = line.left[sent:]
        if bool(line.left) != line.writing:
            line.writing = not line.writing
            self.poll.modify(line.socket, select.EPOLLIN | (select.EPOLLOUT if line.writing else 0))

    def _ready(self, line: _Line, events: int) -> None:
        if line.socket is None:
            return
        if events & select.EPOLLOUT and not events & (select.EPOLLERR | select.EPOLLHUP):
            self._write(line)
        if line.socket is not None and events & ~select.EPOLLOUT:
            self._read(line)

    def _read(self, line: _Line) -> None:
        assert line.socket is not None  # noqa: S101 - for the type checker
        try:
            data = line.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(line, _said(error))
            return
        answer = line.answer
        if answer is None:  # nothing was asked: the server closed, or says what nobody wants to know
            self._drop(line)
            return
        try:
            whole = answer.feed(data) if data else answer.end()
        except Unreadable as error:
            self._fail(line, str(error))
            return
        if whole:
            self._done(line, answer, closes=answer.closes or not data)
        elif not data:
            self._lost(line, "the connection was closed before the answer was whole")

    def _done(self, line: _Line, answer: Answer, *, closes: bool) -> None:
        now = time.perf_counter()
        good = 200 <= answer.status < 300  # noqa: PLR2004 - what HTTP calls so
        self._record(line, None if good else f"status {answer.status}", now)
        line.answer, line.deadline = None, 0.0
        if closes or line.left:  # an answer before the request was whole: the rest would be taken for another
            self._drop(line)
        self.free.append(line)

    def _lost(self, line: _Line, reason: str) -> None:
        """A kept connection that ends before anything came was closed meanwhile: asked again, on a new one."""
        if line.answer is None:
            self._drop(line)
        elif not line.fresh and not line.answer.begun:
            self._drop(line)
            line.fresh = True
            self._put(line)
        else:
            self._fail(line, reason)

    def _fail(self, line: _Line, reason: str) -> None:
        now = time.perf_counter()
        self._record(line, reason, now)
        line.answer, line.deadline = None, 0.0
        self._drop(line)
        self.resting.append((now + _PAUSE, line))

    def _record(self, line: _Line, reason: str | None, now: float) -> None:
        self.seen.record(line.start, reason, now)

    def _drop(self, line: _Line) -> None:
        if line.socket is not None:
            self.by_number.pop(line.socket.fileno(), None)
            line.socket.close()  # which takes it out of the epoll, too
            line.socket = None

    def _give_up(self, now: float) -> None:
        for line in self.lines:
            if line.answer is not None and now >= line.deadline:
                self._fail(line, f"no answer within {self.load.timeout:g} s")

    def _unanswered(self) -> None:
        """What is still open at the very end, and what was due and never sent."""
        for line in self.lines:
            if line.answer is not None:
                self._record(line, f"no answer within {self.load.timeout:g} s", self.end)
        if self.load.rate is not None:
            first = self.zero - self.load.warm_up
            while (due := first + self.sent / self.load.rate) < self.end:
                self.sent += 1
                waiting = _Line()
                waiting.start = due
                self._record(waiting, "never sent: every connection was waiting for an answer", self.end)


def _said(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
