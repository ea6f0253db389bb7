"""A real git server for tests: ``git http-backend`` behind a small threaded HTTP server, with faults on demand.

It serves every bare repository in one folder, for reading and pushing, to whoever shows a token that may.  A fault is
armed for the next matching requests and then gone, so that a test says exactly which answer is lost.  It listens on the
loopback interface only, on a port the system chooses, and nothing outlives the ``with`` block.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import parse_qs, urlsplit

Access = Literal["none", "read", "write"]
READ, PUSH = "git-upload-pack", "git-receive-pack"


class Request(NamedTuple):
    """One request as the server saw it; ``token`` is what the client showed, if anything."""

    method: str
    path: str
    service: str
    advertises: bool
    token: str | None
    headers: Mapping[str, str]
    status: int


class Fault(NamedTuple):
    """What goes wrong with a request.  ``before`` runs first, and may move the repository under the client's feet."""

    status: int | None = None
    location: str = ""
    lose_answer: bool = False
    cut_after: int | None = None
    delay: float = 0.0
    before: Callable[[], object] | None = None


@dataclass
class _Armed:
    fault: Fault
    service: str
    advertises: bool | None
    times: int


@dataclass
class GitServer:
    """A running server.  ``requests`` lists what was asked, in order of completion."""

    root: Path
    port: int = 0
    tokens: Mapping[str, Access] = field(default_factory=dict)
    anonymous: Access = "write"
    requests: list[Request] = field(default_factory=list)
    _armed: list[_Armed] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def url_of(self, name: str) -> str:
        """The URL of one repository."""
        return f"{self.url}/{name}.git"

    def folder_of(self, name: str) -> Path:
        """The folder of one bare repository."""
        return self.root / f"{name}.git"

    def create(self, name: str, files: Mapping[str, bytes | str] | None = None) -> str:
        """A bare repository with one commit on ``main`` that holds ``files``; its URL."""
        folder = self.folder_of(name)
        git("init", "--quiet", "--bare", "--initial-branch=main", str(folder))
        self.write(name, files or {"README.md": f"# {name}\n"}, message="First commit")
        return self.url_of(name)

    def write(self, name: str, files: Mapping[str, bytes | str], *, message: str = "A change by somebody else") -> str:
        """Commit ``files`` on ``main`` on the server's side, as another writer would; the new commit."""
        folder, branch = self.folder_of(name), "refs/heads/main"
        stamp = "Ada Example <ada@example.com> 1700000000 +0000"
        parts = [f"commit {branch}\ncommitter {stamp}\ndata {len(message.encode())}\n{message}\n".encode()]
        if git("show-ref", "--verify", "--quiet", branch, folder=folder, check=False).returncode == 0:
            parts.append(f"from {branch}^0\n".encode())
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
        git("fast-import", "--quiet", folder=folder, stdin=b"".join(parts))
        return self.tip(name)

    def tip(self, name: str, branch: str = "main") -> str:
        """The commit that a branch points at, read on the server's side."""
        return git("rev-parse", f"refs/heads/{branch}", folder=self.folder_of(name)).stdout.decode().strip()

    def read(self, name: str, path: str, revision: str = "main") -> bytes | None:
        """The bytes of a file in a branch or commit, or ``None``."""
        found = git("cat-file", "blob", f"{revision}:{path}", folder=self.folder_of(name), check=False)
        return found.stdout if found.returncode == 0 else None

    def files(self, name: str, revision: str = "main") -> list[str]:
        """Every path in a branch or commit, sorted."""
        listed = git("ls-tree", "-r", "-z", "--name-only", revision, folder=self.folder_of(name)).stdout
        return sorted(part.decode(errors="surrogateescape") for part in listed.split(b"\0") if part)

    def arm(self, fault: Fault, *, service: str = PUSH, advertises: bool | None = False, times: int = 1) -> None:
        """Let the next ``times`` requests to ``service`` meet ``fault``.

        ``advertises``: ``True`` for the request that lists references, ``False`` for the one that moves objects,
        ``None`` for both.  ``service`` may be empty for any.
        """
        with self._lock:
            self._armed.append(_Armed(fault, service, advertises, times))

    def take(self, service: str, *, advertises: bool) -> Fault:
        """The fault that the next request meets; an empty one when none is armed for it."""
        with self._lock:
            for armed in self._armed:
                fits = armed.service in {"", service} and armed.advertises in {None, advertises}
                if armed.times > 0 and fits:
                    armed.times -= 1
                    return armed.fault
        return Fault()

    def may(self, token: str | None, path: str) -> Access:  # noqa: ARG002 - another server may tell by the repository
        """What a client that shows ``token`` may do with what lies at ``path``."""
        return self.anonymous if token is None else self.tokens.get(token, "none")


def git(
    *words: str,
    folder: Path | None = None,
    stdin: bytes | None = None,
    check: bool = True,
    environ: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Plain git on the server's side, without this machine's settings."""
    where = [] if folder is None else ["--git-dir", str(folder)]
    told = {**_environment(), **(environ or {})}
    return subprocess.run(["git", *where, *words], input=stdin, env=told, capture_output=True, check=check)


def _environment() -> dict[str, str]:
    """Without the settings of this machine."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


class _Handler(BaseHTTPRequestHandler):
    """One request: who asks, what goes wrong, then git's own answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as real servers do: else a short answer waits 40 ms for the client's own patience
    shop: GitServer

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature of http.server
        """Keep quiet: what was asked is in ``requests``."""

    def _answer(self, body: bytes) -> None:
        address = urlsplit(self.path)
        asked = parse_qs(address.query).get("service", [""])[0]
        advertises = address.path.endswith("/info/refs")
        service = asked or address.path.rsplit("/", 1)[-1]
        token, fault = self._token(), self.shop.take(service, advertises=advertises)
        time.sleep(fault.delay)
        if fault.before is not None:
            fault.before()
        access = self.shop.may(token, address.path)
        if fault.status is not None:
            headers = {"Location": fault.location} if fault.location else {}
            status, content = fault.status, b"a fault that the test asked for\n"
        elif access == "none" or (service == PUSH and access == "read"):
            status = 401 if token is None else 403
            headers, content = {"WWW-Authenticate": 'Basic realm="git"'}, b"not with this token\n"
        else:
            status, headers, content = self._backend(address.path, address.query, body, token)
        request = Request(self.command, address.path, service, advertises, token, dict(self.headers.items()), status)
        self.shop.requests.append(request)
        if fault.lose_answer:
            self.close_connection = True
            self.connection.close()
            return
        self._send(status, headers, content, cut_after=fault.cut_after)

    def _send(self, status: int, headers: Mapping[str, str], content: bytes, *, cut_after: int | None) -> None:
        with contextlib.suppress(OSError):  # the client may have gone
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:cut_after])
            if cut_after is not None:
                self.close_connection = True

    def _backend(self, path: str, query: str, body: bytes, token: str | None) -> tuple[int, dict[str, str], bytes]:  # noqa: ARG002 - who pushed is of interest to a forge
        environ = {
            **_environment(),
            "GIT_PROJECT_ROOT": str(self.shop.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "somebody",  # git http-backend lets nobody push without a name
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environ, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        return int(headers.pop("Status", "200").split()[0]), headers, content

    def _token(self) -> str | None:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return value
        if kind.lower() != "basic":
            return None
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except ValueError:
            return ""

    def _body(self) -> bytes:
        raw = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self._plain()
        return gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw

    def _plain(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)


@contextlib.contextmanager
def serve(
    root: Path, *, tokens: Mapping[str, Access] | None = None, anonymous: Access | None = None
) -> Iterator[GitServer]:
    """Serve the bare repositories in ``root``.  Without ``tokens`` everybody may push; with them, only they."""
    root.mkdir(parents=True, exist_ok=True)
    shop = GitServer(root=root, tokens=tokens or {}, anonymous=anonymous or ("none" if tokens else "write"))
    handler = type("Handler", (_Handler,), {"shop": shop})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.socket.settimeout(1.0)  # a client that went away in the queue must not hold the server
    shop.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
