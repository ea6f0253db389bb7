from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from mlops_gitops.serving.guard import Guard

Message = MutableMapping[str, Any]


def asked(parts: list[bytes], headers: dict[str, str], *, careless: bool = False) -> tuple[int, int]:
    """The status, and how many bytes the application behind the guard has seen."""
    waiting = [
        {"type": "http.request", "body": part, "more_body": place + 1 < len(parts)} for place, part in enumerate(parts)
    ]
    sent: list[Message] = []
    seen = 0

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    async def application(_: Any, receive: Any, send: Any) -> None:
        nonlocal seen
        status = 200
        try:
            more = True
            while more:
                message = await receive()
                seen += len(message["body"])
                more = message["more_body"]
        except Exception:
            if not careless:
                raise
            status = 400  # as frameworks do with everything that goes wrong while they read
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    scope = {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    asyncio.run(Guard(application, largest=10)(scope, receive, send))
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], seen


def test_a_request_up_to_the_limit_is_answered() -> None:
    assert asked([b"12345", b"67890"], {"content-length": "10"}) == (200, 10)
    assert asked([b"12345", b"67890"], {"transfer-encoding": "chunked"}) == (200, 10)
    assert asked([b"1"], {"content-encoding": "identity"}) == (200, 1)


@pytest.mark.parametrize("careless", [False, True])
def test_a_larger_one_is_refused_before_it_is_read(careless: bool) -> None:  # noqa: FBT001
    assert asked([b"12345678901"], {"content-length": "11"}, careless=careless) == (413, 0)
    assert asked([b"12345678"] * 5, {"transfer-encoding": "chunked"}, careless=careless) == (413, 8)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip", "GZIP"])
def test_a_packed_request_is_refused(coding: str) -> None:
    assert asked([b"1"], {"Content-Encoding": coding}) == (415, 0)
