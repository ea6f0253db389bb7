"""Times two requests to a server against each other: in pairs, the order within each by chance, on one connection.

Whatever disturbs the machine for longer than a pair takes disturbs both, so that the difference stays.
"""

from __future__ import annotations

import random
import socket
import time
from typing import Self

from mlops_gitops.adapters.http_answer import Answer, Unreadable
from mlops_gitops.adapters.http_target import Target
from mlops_gitops.errors import WorldFailed

_CHUNK = 1 << 18
_MOST = 64 << 20


def paired(
    url: str, plain: bytes, laden: bytes, *, pairs: int, budget: float, warm_up: int = 5, most: float = 30.0
) -> tuple[list[float], list[float]]:
    """The seconds of each plain request and of the laden one beside it, as JSON posts.

    At most ``pairs`` pairs, and none is begun after ``budget`` seconds.  Raises ``WorldFailed`` where one is not
    answered with 2xx within ``most`` seconds, and as ``Target.of`` does.
    """
    target = Target.of(url)
    chance = random.Random(0)  # noqa: S311 - an order, no secret
    times: tuple[list[float], list[float]] = ([], [])
    requests = [target.request(body, "application/json") for body in (plain, laden)]
    end = time.perf_counter() + budget
    with _Line(target, most) as line:
        for turn in range(warm_up + pairs):
            if time.perf_counter() > end:
                break
            taken = {which: line.ask(requests[which]) for which in chance.sample((0, 1), 2)}
            if turn >= warm_up:
                for which, seconds in taken.items():
                    times[which].append(seconds)
    return times


class _Line:
    """One connection, made again where the server closes it."""

    def __init__(self, target: Target, most: float) -> None:
        self.target, self.most = target, most
        self.socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def ask(self, request: bytes) -> float:
        """How long the answer took, without the making of a connection."""
        try:
            fresh, connection = self.socket is None, self._open()
            try:
                return self._exchange(connection, request)
            except (ConnectionError, EOFError):
                if fresh:
                    raise
                self._close()
                return self._exchange(self._open(), request)
        except (OSError, EOFError, Unreadable) as error:
            raise self._failed(str(error) or "the connection was closed") from error

    def _open(self) -> socket.socket:
        if self.socket is None:
            made = socket.create_connection(self.target.address[:2], timeout=self.most)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket = made
        return self.socket

    def _exchange(self, connection: socket.socket, request: bytes) -> float:
        answer, begun = Answer(keep=300, most=_MOST), time.perf_counter()
        connection.sendall(request)
        while True:
            connection.settimeout(max(0.001, begun + self.most - time.perf_counter()))
            data = connection.recv(_CHUNK)
            if answer.feed(data) if data else answer.end():
                break
            if not data:
                raise EOFError
        taken = time.perf_counter() - begun
        if answer.closes:
            self._close()
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - good answers
            raise self._failed(f"status {answer.status}: {answer.kept.decode('utf-8', 'replace')}")
        return taken

    def _close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def _failed(self, said: str) -> WorldFailed:
        return WorldFailed(
            f"http://{self.target.host}{self.target.path} did not answer: {said[:300]}",
            hint="start the model's own server, and see whether it answers a prediction",
            code="feature-server",
        )
