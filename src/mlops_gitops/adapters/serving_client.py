"""One HTTP request to a server that may do anything: a whole answer, or why there is none, within its time.

A server that answers slowly, byte by byte or for ever is cut off; one that is gone, or says what is no HTTP, is an
answer without a status.  Nothing is followed, kept or sent but what is given.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import socket
import threading
import time

from mlops_gitops.deadlines import ended_after
from mlops_gitops.testing.infra.server import Answer

MOST = 16 << 20
"""Bytes of an answer that are read."""


def ask(
    host: str, port: int, path: str, body: bytes | None, *, content_type: str, seconds: float, most: int = MOST
) -> Answer:
    """``POST`` where there is a body, else ``GET``."""
    begun = time.monotonic()
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    cut = threading.Event()
    try:
        connection.connect()
        # the socket itself: the connection lets go of it as soon as it has the head of an answer
        left, end = max(0.0, seconds - (time.monotonic() - begun)), functools.partial(_cut, connection.sock, cut)
        headers = {"Content-Type": content_type, "Connection": "close"} if body is not None else {"Connection": "close"}
        with ended_after(left, end):
            connection.request("GET" if body is None else "POST", path, body=body, headers=headers)
            response = connection.getresponse()
            data = response.read(most + 1)
        if cut.is_set():
            raise TimeoutError  # noqa: TRY301 - what was read until then looks whole, and is not
        problem = f"more than {most:,} bytes are answered" if len(data) > most else ""
        status = 0 if problem else response.status
    except TimeoutError:
        status, data, problem = 0, b"", f"no whole answer within {seconds:g} s"
    except (OSError, http.client.HTTPException, ValueError) as error:
        status, data = 0, b""
        problem = f"no whole answer within {seconds:g} s" if cut.is_set() else _said(error)
    finally:
        connection.close()
    return Answer(status, data, problem, time.monotonic() - begun)


def _cut(opened: socket.socket, cut: threading.Event) -> None:
    """End a connection from outside: whoever reads from it wakes up."""
    cut.set()
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)


def _said(error: Exception) -> str:
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed before an answer came"
    if isinstance(error, OSError):
        return f"no answer: {(error.strerror or type(error).__name__).lower()}"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer ended in the middle"
    return f"no answer that is HTTP: {type(error).__name__}"
