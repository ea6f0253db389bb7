"""Sends requests that a proper HTTP client would not send, each on a connection of its own, and reads what comes back.

Every exchange ends in time, and of an answer no more than its first bytes are kept.  While it sends it listens, because
a server that refuses a huge body answers before it has read it.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator

from mlops_gitops.adapters.http_answer import Answer as Reading
from mlops_gitops.adapters.http_answer import Unreadable
from mlops_gitops.adapters.http_target import Target
from mlops_gitops.testing.infra.bad_requests import BadRequest
from mlops_gitops.testing.infra.server import Answer

KEPT = 1 << 20
MOST = 16 << 20
_CHUNK = 1 << 18


def send(url: str, request: BadRequest, *, most: float = 30.0) -> Answer:
    """Send ``request`` to the server at ``url`` (``http://ADDRESS:PORT``), within ``most`` seconds.

    Raises ``Misused`` and ``WorldFailed`` where the URL has no address; everything else that goes wrong is an answer
    of the status 0 with its ``problem``.
    """
    target = Target.of(url)
    begun = time.perf_counter()
    reading = Reading(keep=KEPT, most=MOST)
    problem = ""
    try:
        with socket.socket(target.family, socket.SOCK_STREAM) as connection:
            connection.settimeout(most)
            connection.connect(target.address)
            whole = _exchange(connection, request, target.host, reading, end=begun + most)
        if not whole:
            problem = "the connection was closed before the answer was whole"
    except TimeoutError:
        problem = f"there was no answer within {most:g} s"
    except (OSError, Unreadable) as error:
        problem = str(error)
    status = 0 if problem else reading.status
    return Answer(status, reading.kept, problem, time.perf_counter() - begun)


def _exchange(connection: socket.socket, request: BadRequest, host: str, reading: Reading, *, end: float) -> bool:
    """Send and listen until the answer is whole; whether it is."""
    connection.setblocking(False)
    parts = _parts(request, host)
    left: bytes | None = next(parts)
    while (ahead := end - time.perf_counter()) > 0:
        readable, writable, _ = select.select([connection], [connection] if left else [], [], ahead)
        if readable:
            data = connection.recv(_CHUNK)
            if reading.feed(data) if data else reading.end():
                return True
            if not data:
                return False
        if writable and left:
            try:
                left = left[connection.send(left) :] or next(parts, None)
            except (BrokenPipeError, ConnectionResetError):
                left = None  # an answer may still be there to be read
                continue
            if left is None and _shortened(request):
                connection.shutdown(socket.SHUT_WR)
    raise TimeoutError


def _shortened(request: BadRequest) -> bool:
    """Whether more was announced than is sent."""
    return request.length is not None and request.length.isdigit() and int(request.length) > len(request.body)


def _parts(request: BadRequest, host: str) -> Iterator[bytes]:
    fields = [f"{request.method} {request.path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    if request.content_type is not None:
        fields.append(f"Content-Type: {request.content_type}")
    length = request.length or str(request.padding + len(request.body))
    fields += [f"Content-Length: {length}", *(f"{name}: {value}" for name, value in request.headers)]
    yield "\r\n".join([*fields, "", ""]).encode("utf-8", "surrogateescape")
    for begin in range(0, request.padding, _CHUNK):
        yield b" " * min(_CHUNK, request.padding - begin)
    if request.body:
        yield request.body
