"""Bad requests, sent to sockets that read what came."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from mlops_gitops.adapters.bad_request_client import send
from mlops_gitops.testing.infra.bad_requests import BadRequest

REFUSED = b"HTTP/1.1 400 Bad\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!"


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))

    def one() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                answer(connection)

    thread = threading.Thread(target=one, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()
        thread.join(5)


def test_it_sends_what_a_proper_client_would_not() -> None:
    seen = bytearray()

    def answer(connection: socket.socket) -> None:
        while more := connection.recv(65536):  # the client has closed its side
            seen.extend(more)
        connection.sendall(REFUSED)

    request = BadRequest("x", "/in v\u00fc", b"abc", method="PATCH", content_type=None, padding=5, length="99")
    with server(answer) as url:
        found = send(url, request)
        host = url.removeprefix("http://")
    assert (found.status, found.body, found.problem) == (400, b"no!", "")
    head = f"PATCH /in v\u00fc HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 99\r\n\r\n"
    assert bytes(seen) == head.encode() + b"     abc"


def test_an_answer_before_the_huge_body_was_read_is_heard() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n")
        time.sleep(0.2)

    with server(answer) as url:
        begun = time.monotonic()
        found = send(url, BadRequest("x", "/", b"{}", padding=1 << 30))
    assert found.status == 413
    assert time.monotonic() - begun < 3


def test_silence_and_closing_are_told_apart_within_the_time() -> None:
    with server(lambda _: time.sleep(0.6)) as url:
        assert send(url, BadRequest("x", "/"), most=0.3).problem == "there was no answer within 0.3 s"
    with server(lambda connection: connection.recv(1000) and None) as url:
        assert "closed before the answer" in send(url, BadRequest("x", "/")).problem
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    found = send(f"http://127.0.0.1:{port}", BadRequest("x", "/"))
    assert (found.status, "refused" in found.problem.lower()) == (0, True)


def test_an_endless_answer_ends() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 1_000_000)

    with server(answer) as url:
        found = send(url, BadRequest("x", "/"), most=10)
    assert found.status == 0
    assert "longer than" in found.problem
    assert len(found.body) == 1 << 20
