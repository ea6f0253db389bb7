"""Run a container of a serving image as production would, and watch it from outside.

Promises: its root is read-only but for ``/tmp`` in memory; it runs as its own user with no capability, no new
privilege, no variable but its own, and exactly the declared processor and memory; names are looked up nowhere.  Every
wait has an end.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlops_gitops.adapters import (
    bad_request_client,
    container_owners,
    load_client,
    serving_client,
)
from mlops_gitops.adapters import serving_kernel as kernel
from mlops_gitops.adapters.image_engine import failing
from mlops_gitops.adapters.predictions import printable
from mlops_gitops.errors import WorldFailed
from mlops_gitops.testing.infra.bad_requests import BadRequest
from mlops_gitops.testing.infra.load import Load, Samples
from mlops_gitops.testing.infra.protocols import READY
from mlops_gitops.testing.infra.server import JSON_TYPE, Answer, Attempts, Facts, Ready, State, Stopped

SECONDS = 60
"""How long the engine may take for one thing that it is asked; pulling is told apart by its progress."""
_POLL, _LOOK, _FIRST, _BAD = 0.1, 0.5, 2.0, 10.0
"""Seconds between two questions and two looks at the container, and for an answer while it starts and to nonsense."""
_NOWHERE = "192.0.2.53"
"""An address that is nobody's (RFC 5737): where names are looked up, in vain and without leaving the container."""
_HTTP, _PROCESSES, _GONE = 8080, 4096, 404
_LOG = {"max-size": "8m", "max-file": "1"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a container gets: billionths of a processor and bytes; ``None`` where nothing is declared."""

    nano_processors: int | None = None
    memory: int | None = None


@dataclass
class Container:
    """A ``Server``."""

    client: Any
    made: Any
    network: str
    facts: Facts
    address: str = ""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.address}:{self.facts.port}"

    def start(self, *, within: float) -> Ready:
        """Start it, and ask until it says that it is ready."""
        begun = time.monotonic()
        answer, looked = Answer(0, problem="no answer"), begun
        ended = self.launched()
        if ended is not None:
            return Ready(None, ended, answer)
        state = self.state()
        while state.running and (left := within - (time.monotonic() - begun)) > 0:
            found = self._ready(min(_FIRST, left))
            if found.good:
                return Ready(time.monotonic() - begun, state, found)
            if found.status or left >= _FIRST:  # what our own end cuts off tells less than what was said before
                answer = found
            time.sleep(min(_POLL, max(0.0, left)))
            if time.monotonic() - looked > _LOOK:
                state, looked = self.state(), time.monotonic()
        return Ready(None, self.state(), answer)

    def launched(self) -> State | None:
        """Start it, and no more; how it ended where it could not even begin."""
        from docker.errors import APIError

        with failing(f"start {self.facts.name}"):
            try:
                self.made.start()
            except APIError as error:
                said = printable(str(error.explanation or error))
                if "exec" not in said:
                    raise
                return State(running=False, exit_code=127, said=said)
        return None

    def _ready(self, most: float) -> Answer:
        """What the first of the paths says that the server knows."""
        answer = Answer(0, problem="no answer")
        for path in READY:
            answer = self.ask(path, most=most)
            if answer.status != _GONE:
                break
        return answer

    def ask(self, path: str, body: bytes | None = None, *, content_type: str = JSON_TYPE, most: float = 30.0) -> Answer:
        """One request."""
        return serving_client.ask(self.address, self.facts.port, path, body, content_type=content_type, seconds=most)

    def wrong(self, request: BadRequest) -> Answer:
        """A request that no client should send."""
        return bad_request_client.send(self.url, request, most=_BAD)

    def load(self, path: str, body: bytes, load: Load) -> Samples:
        """The request under load."""
        return load_client.measure(f"{self.url}{path}", body, JSON_TYPE, load)

    def state(self) -> State:
        """As the engine has it."""
        with failing(f"look after {self.facts.name}"):
            self.made.reload()
            told = self.made.attrs["State"]
            networks = self.made.attrs["NetworkSettings"]["Networks"]
            self.address = str((networks.get(self.network) or {}).get("IPAddress") or self.address)
            if told.get("Running"):
                return State(running=True, said=self._said())
            return State(
                running=False,
                exit_code=int(told.get("ExitCode") or 0),
                out_of_memory=bool(told.get("OOMKilled")),
                said=self._said(),
            )

    def running(self) -> bool:
        """Whether it runs, without what it says, which takes the engine longer."""
        with failing(f"look after {self.facts.name}"):
            self.made.reload()
            return bool(self.made.attrs["State"].get("Running"))

    def settled(self) -> State:
        """Looked at until it has ended, but not for longer than a second."""
        end = time.monotonic() + 1
        while (state := self.state()).running and time.monotonic() < end:
            time.sleep(_POLL)
        return state

    def memory(self) -> int | None:
        """The kernel's own maximum, else the engine's, which takes a second to ask."""
        found = kernel.peak(self._process(), self.made.id)
        if found is None:
            with failing(f"measure {self.facts.name}"):
                told = self.client.api.stats(self.made.id, stream=False, one_shot=True).get("memory_stats") or {}
            found = told.get("max_usage") or told.get("usage")
        return int(found) if found else None

    def attempts(self) -> Attempts | None:
        """As the kernel counts them in the container's network."""
        return kernel.attempts(self._process(), self.made.id)

    def user(self) -> str | None:
        """The id of process 1."""
        return kernel.user(self._process(), self.made.id)

    def stop(self, *, within: float) -> Stopped:
        """SIGTERM, and SIGKILL when it is time."""
        from docker.errors import APIError

        begun = time.monotonic()
        with failing(f"stop {self.facts.name}"):
            with contextlib.suppress(APIError):  # it may have ended just now, which is seen below
                self.made.kill("SIGTERM")
            while self.running() and time.monotonic() - begun < within:
                time.sleep(_POLL)
            state = self.state()
            if state.running:
                with contextlib.suppress(APIError):
                    self.made.kill("SIGKILL")
                self.made.wait(timeout=SECONDS)
        return Stopped(state.exit_code or 0, time.monotonic() - begun, state.running)

    def _said(self) -> str:
        lines = self.made.logs(tail=20).decode("utf-8", "replace").split("\n")
        return printable(next((line for line in reversed(lines) if line.strip()), ""), most=200)

    def _process(self) -> int:
        return int(self.made.attrs.get("State", {}).get("Pid") or 0)


def settings(limits: Limits) -> dict[str, Any]:
    """How a container of an image under test is run, whatever its network."""
    from docker.types import LogConfig

    return {
        "labels": container_owners.labels(),
        "hostname": "model",
        "use_config_proxy": False,
        "healthcheck": {"test": ["NONE"]},
        "read_only": True,
        "tmpfs": {"/tmp": "rw,nosuid,nodev,mode=1777"},  # noqa: S108 - the container's
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "pids_limit": _PROCESSES,
        "dns": [_NOWHERE],
        "nano_cpus": limits.nano_processors,
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "log_config": LogConfig(type="json-file", config=_LOG),
    }


def removed(thing: Any, **how: bool) -> None:
    """Remove a container or a network, which may be gone; nothing interrupts this."""
    import requests
    from docker.errors import APIError

    with undisturbed():
        try:
            thing.remove(**how)
        except APIError as error:
            if error.status_code not in {404, 409}:
                raise WorldFailed(
                    f"the container engine could not clean up: {error.explanation or error}"[:300],
                    hint="what is left goes at the next run; `docker ps --all` shows it",
                    code="engine",
                ) from error
        except requests.exceptions.RequestException as error:
            raise WorldFailed(
                f"the container engine is gone in the middle of a test: {error}"[:300],
                hint="start it again; what is left of the test goes at its next run",
                code="engine",
            ) from error


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that end us wait: a thing that is made is known, and one that is removed is gone."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
