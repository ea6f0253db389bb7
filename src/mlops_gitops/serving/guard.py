"""What stands in front of the server: requests that are too large, or packed, are refused before anybody reads them.

An ASGI application around another one (https://asgi.readthedocs.io).  A packed body is refused because the server would
unpack it without a bound: a few kilobytes can become gigabytes.  Imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST = 64 << 20
"""Bytes of a request that are read."""
_PLAIN = {b"", b"identity"}


class _TooLarge(Exception):
    """More came than is read."""


class Guard:
    """``application`` behind the guard."""

    def __init__(self, application: Application, *, largest: int = LARGEST) -> None:
        self.application, self.largest = application, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 or 415, or let the application answer."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        headers = {name.lower(): value.strip() for name, value in scope["headers"]}
        length = headers.get(b"content-length", b"")
        if headers.get(b"content-encoding", b"").lower() not in _PLAIN:
            await _refuse(send, 415, "send the request as it is, without a content encoding")
        elif length.isdigit() and int(length) > self.largest:
            await _refuse(send, 413, f"a request may hold {self.largest} bytes")
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        read, answered, large = 0, False, False

        async def counting() -> MutableMapping[str, Any]:
            nonlocal read, large
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.largest:
                large = True
                raise _TooLarge
            return message

        async def answering(message: MutableMapping[str, Any]) -> None:
            nonlocal answered
            if large and not answered:  # whatever the application makes of it
                return
            answered = True
            await send(message)

        with contextlib.suppress(_TooLarge):
            await self.application(scope, counting, answering)
        if large and not answered:
            await _refuse(send, 413, f"a request may hold {self.largest} bytes")


async def _refuse(send: Send, status: int, words: str) -> None:
    """The rest of the request is not read, so that the connection is of no further use."""
    body = json.dumps({"error": words}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
