"""A broker for one test: real, alone with the server under test, and gone afterwards; or one that runs already.

The broker's container has no network at all, and the server's joins it: what both have is one loopback interface.  So
the server reaches the broker and nothing else, no network is made that could be left behind, and the address is the
same everywhere.  We reach the broker through a third container of the image under test, over the engine's own
connection (``broker_program``).

A broker that runs already is named by its URL.  The containers are then in the engine's own network, or, where the URL
is one of this machine, in the machine's; the two streams have names of their own and are taken away at the end.

Promises: every wait has an end; every container is labelled with its process and removed when the block ends, and where
this process was killed, by the next one.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlops_gitops.adapters import broker_program, container_owners
from mlops_gitops.adapters.image_engine import failing
from mlops_gitops.adapters.predictions import printable
from mlops_gitops.adapters.serving_containers import removed, undisturbed
from mlops_gitops.errors import Refused, WorldFailed

CAREFUL: dict[str, Any] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "tmpfs": {"/tmp": "mode=1777"},  # noqa: S108 - the container's
}
"""How every container of a test is run: nothing writable but ``/tmp``, no privilege."""

_SERVER = ["-js", "-sd", "/tmp/store", "-a", "127.0.0.1", "-p", "4222"]  # noqa: S108 - the container's
_OURS: dict[str, Any] = {"user": "65532:65532", "mem_limit": "512m"}
_TOGETHER = 500
_PROGRAM = Path(broker_program.__file__)
_SPARE = 30.0
"""Seconds that an answer may take beyond what it was told to wait."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the broker holds: the message id, the bytes, and whether the record was set aside."""

    id: str | None
    data: bytes
    aside: bool


@dataclass
class Broker:
    """A running broker; ``network`` is what a server's container is run with to reach it at ``url``.

    ``container`` is ``None`` where it is not ours; ``mark`` is how the names of this test's streams begin.
    """

    container: Any
    feed: _Feed
    mark: str
    network: str
    url: str = broker_program.URL
    sent: int = 0
    read: list[Stored] = field(default_factory=list)

    @property
    def ours(self) -> bool:
        """Whether it is alone with the server, so that what the server sends elsewhere can be seen."""
        return self.container is not None

    @property
    def process(self) -> tuple[int, str]:
        """Its process on this machine (0 where that is unknown), and the container's id."""
        if self.container is None:
            return 0, ""
        with failing("look after the broker"):
            self.container.reload()
        return int(self.container.attrs.get("State", {}).get("Pid") or 0), str(self.container.id)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a server that reads from it."""
        return {
            "MG_NATS_URL": self.url,
            "MG_STREAM_INPUT": f"{self.mark}.in",
            "MG_STREAM_OUTPUT": f"{self.mark}.out",
            "MG_STREAM_REJECTED": f"{self.mark}.out.rejected",
        }

    def put(self, records: Sequence[bytes]) -> None:
        """Store records."""
        for start in range(0, len(records), _TOGETHER):
            part = [base64.b64encode(one).decode() for one in records[start : start + _TOGETHER]]
            self.feed.ask({"do": "put", "records": part})
        self.sent += len(records)

    def wait(self, answers: int, *, seconds: float, settled: bool = False) -> int:
        """How many answers are stored, as soon as there are so many (``settled``: and nothing waits) or time is up."""
        order = {"do": "wait", "answers": answers, "seconds": seconds, "settled": settled}
        return int(self.feed.ask(order, seconds=seconds)["stored"])

    def stored(self) -> list[Stored]:
        """Every answer, in the order in which they were stored."""
        while part := self.feed.ask({"do": "get", "first": len(self.read) + 1})["answers"]:
            self.read += [Stored(key, base64.b64decode(data), bool(aside)) for aside, key, data in part]
        return self.read


def is_url(broker: str) -> bool:
    """Whether a broker is named by where it runs, and not by an image."""
    return broker.startswith(("nats://", "tls://"))


@contextlib.contextmanager
def running(client: Any, broker: str, image: str, *, python: str, window: float = 120.0) -> Iterator[Broker]:
    """The broker until the block ends: of an image, or at a URL; fed by ``python`` of ``image``, which has ``nats``.

    Images are in the engine.  ``window`` is how many seconds the broker remembers an id.  Raises ``WorldFailed`` where
    the engine or the broker fails, ``Refused`` where the image under test cannot be spoken through.
    """
    mark = f"mlops-gitops-{os.getpid()}-{time.time_ns():x}"
    url = broker if is_url(broker) else broker_program.URL
    with contextlib.ExitStack() as stack:
        server = None if is_url(broker) else stack.enter_context(_started(client, broker))
        network = _network(url) if server is None else f"container:{server.id}"
        settings = {"network_mode": network, "entrypoint": [python], "stdin_open": True, **_OURS}
        settings["environment"] = {"MG_NATS_URL": url, "MG_MARK": mark}
        with failing("start what feeds the broker"), undisturbed():
            words = ["-c", _PROGRAM.read_text(encoding="utf-8")]
            program = client.containers.create(image, words, labels=container_owners.labels(), **settings, **CAREFUL)
            stack.callback(removed, program, force=True, v=True)
        feed = stack.enter_context(_attached(program))
        feed.said(_SPARE * 2)
        feed.ask({"do": "open", "window": window})
        yield Broker(server, feed, mark, network, url)


@contextlib.contextmanager
def _started(client: Any, broker: str) -> Iterator[Any]:
    """A container of the image ``broker``, without any network."""
    with contextlib.ExitStack() as stack:
        # created and started one after the other: one that does not start is there, too
        with failing("start the broker"), undisturbed():
            server = client.containers.create(
                broker, _SERVER, network_mode="none", labels=container_owners.labels(), **_OURS, **CAREFUL
            )
            stack.callback(removed, server, force=True, v=True)
            server.start()
        yield server


def _network(url: str) -> str:
    """The engine's network mode in which a broker that runs already is reached."""
    host = urlsplit(url).hostname or ""
    return "host" if host == "localhost" or host.startswith("127.") or host == "::1" else "bridge"


class _Feed:
    """The two ends of the program's conversation."""

    def __init__(self, container: Any, wire: Any) -> None:
        self.container, self.wire = container, wire
        self.kept = b""
        self.errors = b""

    def ask(self, order: dict[str, Any], *, seconds: float = 0.0) -> dict[str, Any]:
        """The answer to one order."""
        with failing("speak to the broker"):
            self.wire.settimeout(_SPARE)
            try:
                self.wire.sendall(json.dumps(order).encode() + b"\n")
            except OSError as error:
                raise self._ended() from error
        return self.said(seconds + _SPARE)

    def said(self, seconds: float) -> dict[str, Any]:
        """The next line that it says, within so many seconds."""
        end = time.monotonic() + seconds
        while b"\n" not in self.kept:
            kind, data = self._frame(end)
            if kind == 1:
                self.kept += data
            else:
                self.errors = (self.errors + data)[-4096:]
        line, _, self.kept = self.kept.partition(b"\n")
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise self._ended() from error
        return answer

    def _frame(self, end: float) -> tuple[int, bytes]:
        """One frame of the engine's stream: which of the two outputs, and the bytes."""
        head = self._exactly(8, end)
        return head[0], self._exactly(int.from_bytes(head[4:], "big"), end)

    def _exactly(self, size: int, end: float) -> bytes:
        found = b""
        while len(found) < size:
            self.wire.settimeout(max(0.1, end - time.monotonic()))
            try:
                part = self.wire.recv(size - len(found))
            except TimeoutError as error:
                raise WorldFailed(
                    "the broker of the test gave no answer in time",
                    hint="look whether the machine is busy; then run the same command again",
                    code="broker",
                ) from error
            except OSError as error:
                raise self._ended() from error
            if not part:
                raise self._ended()
            found += part
        return found

    def _ended(self) -> Refused:
        return _unspoken(printable(self.errors.decode("utf-8", "replace")[-300:]) or "it said nothing")


def _unspoken(words: str) -> Refused:
    return Refused(
        f"the image under test cannot be spoken through: {words}",
        hint="the image of a stream holds Python and nats-py; look whether its lock names both",
        code="broker-feed",
    )


@contextlib.contextmanager
def _attached(container: Any) -> Iterator[_Feed]:
    """Start the program and hold its standard streams."""
    from docker.errors import APIError

    with failing("speak to the broker"):
        words = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        held = container.attach_socket(params=words)
        wire = getattr(held, "_sock", held)  # the client wraps a socket in something that can only be read
        try:
            container.start()
        except APIError as error:
            said = printable(str(error.explanation or error), most=300)
            if "exec" not in said:
                raise
            raise _unspoken(said) from error
    try:
        yield _Feed(container, wire)
    finally:
        with contextlib.suppress(OSError):  # the end of its input, at which it takes its streams away
            wire.shutdown(socket.SHUT_WR)
        with failing("end what feeds the broker"):
            container.wait(timeout=_SPARE)
        with contextlib.suppress(OSError):
            held.close()
