"""A real ``docker-registry`` behind a proxy that counts what is asked of it and breaks what a test wants broken.

The proxy passes bytes on as they come, and knows bodies with a length only, which ours are and an engine's are not; a
fault is a function of the request.  Auth is the registry's own ``htpasswd``.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from servers import docker_daemon

Fault = Callable[[str, str], str | None]
"""From method and path to ``None``, ``cut`` (half of the body, then nothing), ``slow``, ``lie`` (a blob is there that
is not), ``503``, or ``403``."""

_CHUNK = 1 << 16


@dataclass
class ImageRegistry:
    """Its address, every request so far, the bytes that clients sent, and the fault that is on."""

    address: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    received: int = 0
    fault: Fault | None = None
    data: Path = Path()

    def count(self, method: str, part: str = "") -> int:
        """How many requests of a method had ``part`` in their path."""
        return sum(one == method and part in path for one, path in self.requests)

    def forget(self) -> None:
        """Count from nothing."""
        self.requests.clear()
        self.received = 0


@contextlib.contextmanager
def serve(folder: Path, *, users: str | None = None, auth: str = "") -> Iterator[ImageRegistry]:
    """Run it until the block ends; ``users`` is the text of an htpasswd file, ``auth`` another way to know them."""
    program = docker_daemon.program("docker-registry")
    if program is None:
        from servers import docker_engine

        docker_engine.given_up("docker-registry is not installed: `apt-get install docker-registry`")
    inner = f"127.0.0.1:{_free()}"
    folder.mkdir(parents=True)
    if users is not None:
        (folder / "htpasswd").write_text(users)
        auth = f"auth: {{htpasswd: {{realm: test, path: '{folder}/htpasswd'}}}}\n"
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nhttp: {{addr: '{inner}'}}\n{auth}"
        f"storage: {{delete: {{enabled: true}}, filesystem: {{rootdirectory: '{folder}/data'}}}}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    found = ImageRegistry(data=folder / "data")
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found, inner))
    proxy.daemon_threads = True
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
    try:
        _listening(inner, process)
        thread.start()
        found.address = f"127.0.0.1:{proxy.server_address[1]}"
        yield found
    finally:
        if thread.is_alive():
            proxy.shutdown()
            thread.join()
        proxy.server_close()
        process.kill()
        process.wait()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listening(address: str, process: subprocess.Popen[bytes]) -> None:
    host, port = address.split(":")
    for _ in range(400):
        if process.poll() is not None:
            pytest.fail("docker-registry ended at once")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        time.sleep(0.05)
    pytest.fail("docker-registry does not listen")


def _handler(registry: ImageRegistry, inner: str) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one proxy
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                super().handle_one_request()
                return
            self.close_connection = True

        def _pass(self) -> None:
            registry.requests.append((self.command, self.path))
            fault = registry.fault(self.command, self.path) if registry.fault is not None else None
            if fault is not None and fault.isdecimal():
                self._drain()
                self._say(int(fault))
            elif fault == "lie":
                self._say(200)
            elif fault == "slow":
                time.sleep(1)
                self._forward(cut=False)
            else:
                self._forward(cut=fault == "cut")

        def _say(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _drain(self) -> None:
            left = int(self.headers.get("Content-Length", 0))
            while left:
                left -= len(self.rfile.read(min(left, _CHUNK)))

        def _forward(self, *, cut: bool) -> None:
            upstream = http.client.HTTPConnection(inner, timeout=60)
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders()
            length = left = int(self.headers.get("Content-Length", 0))
            while left and not (cut and left <= length // 2):
                chunk = self.rfile.read(min(left, _CHUNK))
                registry.received += len(chunk)
                left -= len(chunk)
                upstream.send(chunk)
            if cut:
                upstream.close()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            answer = upstream.getresponse()
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() != "transfer-encoding":
                    self.send_header(name, value)
            body: Any = answer if self.command != "HEAD" else None
            if answer.getheader("Content-Length") is None:
                whole = answer.read()
                self.send_header("Content-Length", str(len(whole)))
                self.end_headers()
                self.wfile.write(whole)
                return
            self.end_headers()
            while body is not None and (chunk := body.read(_CHUNK)):
                self.wfile.write(chunk)
            upstream.close()

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 - names that http.server wants

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
