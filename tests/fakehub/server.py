"""One port of the loopback interface for both APIs and for git, with the faults that a test has armed."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from fakehub import graphql, references, rest
from fakehub.hub import Hub
from fakehub.records import Fault, Request
from fakehub.refusals import Refused
from fakehub.rest import Answer, Asked
from servers.git_http import PUSH, _Handler

_GIT = re.compile(r"^(/[^/]+/[^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)(?=\?|$)")
"""A repository has two addresses, with ``.git`` and without it."""


class Handler(_Handler):
    """A path with ``.git/`` in it is git's, and so is one that only git asks for; anything else is the API's."""

    shop: Hub

    def do_PATCH(self) -> None:  # noqa: N802 - the name that http.server calls
        self._answer(self._body())

    def do_PUT(self) -> None:  # noqa: N802 - the name that http.server calls
        self._answer(self._body())

    def do_DELETE(self) -> None:  # noqa: N802 - the name that http.server calls
        self._answer(self._body())

    def _answer(self, body: bytes) -> None:
        self.path = _GIT.sub(r"\1.git/\2", self.path)
        address = urlsplit(self.path)
        if ".git/" in address.path:
            super()._answer(body)
        else:
            self._api(unquote(address.path), dict(parse_qsl(address.query)), body)

    def _backend(self, path: str, query: str, body: bytes, token: str | None) -> tuple[int, dict[str, str], bytes]:
        if not path.endswith(PUSH):
            return super()._backend(path, query, body, token)
        with references.pushing(self.shop, path.lstrip("/").split(".git/", 1)[0], token):
            return super()._backend(path, query, body, token)

    def _api(self, path: str, query: Mapping[str, str], body: bytes) -> None:
        hub = self.shop
        token, document = self._token(), _parsed(body)
        at_graphql = path == urlsplit(hub.graphql_url).path
        inside = path.removeprefix(hub.prefix) if path.startswith(hub.prefix) else path
        operation = graphql.name_of(document) if at_graphql else ""
        fault = hub.fault(self.command, inside, operation)
        time.sleep(fault.delay)
        if fault.before is not None:
            fault.before()
        if fault.status is not None:
            answer = Answer(fault.status, {"message": fault.message}, fault.headers)
        elif fault.errors:
            answer = Answer(200, {"data": None, "errors": list(fault.errors)})
        else:
            answer = self._work(inside, query, document, token, at_graphql=at_graphql)
        if fault.after is not None:
            fault.after()
        hub.calls.append(Request(self.command, inside, operation, token, document, answer.status))
        self._reply(answer, fault)

    def _work(
        self, path: str, query: Mapping[str, str], document: Any, token: str | None, *, at_graphql: bool
    ) -> Answer:
        hub = self.shop
        try:
            actor = hub.actor(token)
            if at_graphql:
                return Answer(200, graphql.execute(hub, actor, document))
            return rest.answer(self.command, Asked(hub, actor, path, query, document or {}))
        except Refused as refused:
            more = {name: value for name, value in refused.more.items() if name not in {"told", "text"}}
            return Answer(
                refused.status, {"message": refused.message, **more, "status": str(refused.status)}, refused.headers
            )

    def _reply(self, answer: Answer, fault: Fault) -> None:
        if fault.lose_answer:
            self.close_connection = True
            self.connection.close()
            return
        limits = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4990", "X-RateLimit-Reset": "4102444800"}
        content = b"" if answer.document is None else json.dumps(answer.document).encode()
        kind = "application/json; charset=utf-8"
        if fault.text is not None:
            content, kind = fault.text.encode(), "text/html"
        self._send(
            answer.status, {"Content-Type": kind, **limits, **answer.headers}, content, cut_after=fault.cut_after
        )

    def _token(self) -> str | None:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        return value if kind.lower() == "token" else super()._token()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None


@contextlib.contextmanager
def serve(folder: Path, *, prefix: str = "/api/v3", now: Callable[[], datetime] | None = None) -> Iterator[Hub]:
    """A GitHub whose repositories lie in ``folder``; ``prefix`` is empty for paths as api.github.com has them."""
    folder.mkdir(parents=True, exist_ok=True)
    hub = Hub(root=folder, prefix=prefix, now=now or (lambda: datetime.now(UTC)))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"shop": hub}))
    server.daemon_threads = True
    server.socket.settimeout(1.0)  # a client that went away in the queue must not hold the server
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
