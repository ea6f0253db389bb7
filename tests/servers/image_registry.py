"""A real ``docker-registry`` behind a proxy that counts what is asked of it and breaks what a test wants broken.

The proxy passes bytes on as they come, and knows bodies with a length only, which ours are and an engine's are not; a
fault is a function of the request.  Auth is the registry's own ``htpasswd``.  Debian's registry has no referrers API;
where ``referrers`` is on, the proxy has it as the OCI distribution specification 1.1 says.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import re
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
is not), ``silent`` (nothing at all), ``drips`` (an answer without an end, a byte at a time), ``lost`` (there is no such
thing), or a status, with the seconds of ``Retry-After`` if there are any: ``503``, ``429 7``."""

_CHUNK = 1 << 16
_INDEX = "application/vnd.oci.image.index.v1+json"
_REFERRERS = re.compile(r"/v2/(?P<name>.+)/referrers/(?P<digest>sha256:[0-9a-f]{64})")


@dataclass
class ImageRegistry:
    """Its address, every request so far, the bytes that clients sent, and the fault that is on."""

    address: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    received: int = 0
    fault: Fault | None = None
    data: Path = Path()
    referrers: bool = False
    referring: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def count(self, method: str, part: str = "") -> int:
        """How many requests of a method had ``part`` in their path."""
        return sum(one == method and part in path for one, path in self.requests)

    def manifests(self, name: str) -> list[str]:
        """The digests, without their kind, of the manifests in a repository, with or without the address before it."""
        path = name.removeprefix(f"{self.address}/")
        folder = self.data / "docker/registry/v2/repositories" / path / "_manifests/revisions/sha256"
        return sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []

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
        found.over.set()
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
            referred = _REFERRERS.fullmatch(self.path.partition("?")[0])
            if fault is not None and fault.split()[0].isdecimal():
                self._drain()
                self._say(*map(int, fault.split()))
            elif fault == "lost":
                self._say(404)
            elif fault == "silent":
                registry.over.wait(60)
                self.close_connection = True
            elif fault == "drips":
                self._drip()
            elif fault == "drips its head":
                self._drip_head()
            elif fault == "unseen":
                self._drain()
                self._answer(400, {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]})
            elif registry.referrers and referred:
                self._refer(referred["name"], referred["digest"])
            elif fault == "lie":
                self._say(200)
            elif fault == "slow":
                time.sleep(1)
                self._forward(cut=False)
            else:
                self._forward(cut=fault == "cut")

        def _say(self, status: int, later: int | None = None) -> None:
            self.send_response(status)
            if later is not None:
                self.send_header("Retry-After", str(later))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _drip(self) -> None:
            self._drain()
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 20))
            self.end_headers()
            while not registry.over.wait(0.05):
                self.wfile.write(b" ")

        def _drip_head(self) -> None:
            self._drain()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
            while not registry.over.wait(0.05):
                self.wfile.write(b"x")

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _refer(self, name: str, digest: str) -> None:
            """What refers to a manifest, which need not be there; an empty list where nothing does."""
            index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": registry.referring.get((name, digest), [])}
            data = json.dumps(index).encode()
            self.send_response(200)
            self.send_header("Content-Type", _INDEX)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _subject(self, data: bytes) -> str | None:
            """Note what a manifest refers to."""
            name, _, _ = self.path.removeprefix("/v2/").partition("/manifests/")
            document = json.loads(data)
            subject = document.get("subject", {}).get("digest")
            if subject is None:
                return None
            entry = {
                "mediaType": document["mediaType"],
                "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
                "size": len(data),
                "artifactType": document.get("artifactType") or document["config"]["mediaType"],
                "annotations": document.get("annotations", {}),
            }
            known = registry.referring.setdefault((name, subject), [])
            known[:] = [*(one for one in known if one["digest"] != entry["digest"]), entry]
            return str(subject)

        def _drain(self) -> None:
            left = int(self.headers.get("Content-Length", 0))
            while left and (chunk := self.rfile.read(min(left, _CHUNK))):
                left -= len(chunk)

        def _forward(self, *, cut: bool) -> None:
            upstream = http.client.HTTPConnection(inner, timeout=60)
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders()
            length = left = int(self.headers.get("Content-Length", 0))
            noted = registry.referrers and self.command == "PUT" and "/manifests/" in self.path
            manifest = bytearray()
            while left and not (cut and left <= length // 2):
                chunk = self.rfile.read(min(left, _CHUNK))
                if not chunk:  # whoever sent it is gone
                    upstream.close()
                    raise ConnectionResetError
                registry.received += len(chunk)
                left -= len(chunk)
                manifest += chunk if noted else b""
                upstream.send(chunk)
            if cut:
                upstream.close()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            answer = upstream.getresponse()
            self.send_response_only(answer.status, answer.reason)
            if noted and answer.status == 201 and (subject := self._subject(bytes(manifest))):
                self.send_header("OCI-Subject", subject)
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
