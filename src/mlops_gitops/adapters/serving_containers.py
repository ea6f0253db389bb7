"""Run a serving image as production would, on a network that leads nowhere, and watch it from outside.

Promises: the image is the one of the digest; its root is read-only but for ``/tmp`` in memory; it runs as its own user
with no capability, no new privilege, no variable but its own, and exactly the declared processor and memory.  Its
network is one of its own and internal; names are looked up nowhere.  What was made or pulled for a test is removed
when its block ends, also on Ctrl-C; what a killed process of ours left goes at the next run on this machine.

The container is reached by its address, so the engine has to be on this machine.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_gitops.adapters import (
    bad_request_client,
    container_owners,
    image_engine,
    load_client,
    registry_credentials,
    serving_client,
)
from mlops_gitops.adapters import serving_kernel as kernel
from mlops_gitops.adapters.image_engine import failing
from mlops_gitops.adapters.predictions import printable
from mlops_gitops.errors import Misused, Refused, WorldFailed
from mlops_gitops.manifests.quantities import NANO
from mlops_gitops.packaging.image import references
from mlops_gitops.testing.infra.bad_requests import BadRequest
from mlops_gitops.testing.infra.load import Load, Samples
from mlops_gitops.testing.infra.protocols import READY
from mlops_gitops.testing.infra.server import JSON_TYPE, Answer, Attempts, Facts, Ready, State, Stopped

_SECONDS = 60
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
class Engine:
    """A ``Host``.

    ``local`` are images that the engine has already: name by digest → what the engine calls it.  ``registry`` is the
    one that our variables with credentials are for.
    """

    client: Any
    limits: Limits
    local: Mapping[str, str]
    registry: str
    environ: Mapping[str, str]
    progress: Callable[[str], None]
    pulled: list[str] = field(default_factory=list)

    def facts(self, image: str) -> Facts:
        """Of an image that is here, or that is pulled."""
        found = self.image(image)
        config = found.attrs.get("Config") or {}
        ports = sorted(int(one.split("/")[0]) for one in config.get("ExposedPorts") or {} if one.endswith("/tcp"))
        port = _HTTP if _HTTP in ports or not ports else ports[0]
        volumes = tuple(sorted(config.get("Volumes") or {}))
        name, _, digest = image.partition("@")
        return Facts(name, digest, str(config.get("User") or ""), int(found.attrs.get("Size") or 0), volumes, port)

    @contextlib.contextmanager
    def serve(self, image: str) -> Iterator[Container]:
        """A container of it, and a network for it alone."""
        facts, identity = self.facts(image), self.image(image).id
        with contextlib.ExitStack() as stack:
            with failing(f"make a network for {facts.name}"), undisturbed():
                network = self.client.networks.create(
                    f"mlops-gitops-{identity.removeprefix('sha256:')[:12]}-{time.time_ns():x}",
                    internal=True,
                    labels=container_owners.labels(),
                )
                stack.callback(removed, network)
            with failing(f"make a container of {facts.name}"), undisturbed():
                made = self.client.containers.create(identity, network=network.name, **settings(self.limits))
                stack.callback(removed, made, force=True, v=True)
            yield Container(self.client, made, network.name, facts)

    def image(self, image: str) -> Any:
        """The image in the engine, pulled if it is not there.  Raises ``Refused``, ``WorldFailed``."""
        from docker.errors import APIError, ImageNotFound, NotFound

        with failing(f"look for {image}"):
            for name in filter(None, (self.local.get(image), image)):
                with contextlib.suppress(ImageNotFound):
                    return self.client.images.get(name)
            self.progress(f"pulling {image}")
            try:
                with undisturbed():
                    self.pulled.append(image)
                self.client.images.pull(image, auth_config=self._auth(image))
                return self.client.images.get(image)
            except NotFound as error:
                raise Refused(
                    f"the image {image} is neither in the engine nor in its registry",
                    hint="push it again: `mlops-gitops build MODEL --push REGISTRY`",
                    code="image-gone",
                ) from error
            except APIError as error:
                said = printable(str(error.explanation or error), most=300)
                if "manifest unknown" in said or "not found" in said:
                    raise Refused(
                        f"the image {image} is not in its registry: {said}",
                        hint="push it again: `mlops-gitops build MODEL --push REGISTRY`",
                        code="image-gone",
                    ) from error
                raise WorldFailed(
                    f"the image {image} cannot be pulled: {said}",
                    hint="look whether the registry answers, and log in to it: `docker login`",
                    code="image-pull",
                ) from error

    def _auth(self, image: str) -> dict[str, str] | None:
        registry = references.parse(image).registry
        who = registry_credentials.of(registry, environ=self.environ, pushed_to=registry == self.registry)
        if who is None:
            return None
        if who.identity is not None:
            return {"identitytoken": who.identity}
        return {"username": who.user, "password": who.password}


@contextlib.contextmanager
def opened(
    *,
    limits: Limits,
    local: Mapping[str, str],
    registry: str,
    environ: Mapping[str, str],
    progress: Callable[[str], None],
) -> Iterator[Engine]:
    """The engine that ``environ`` leads to, and without what was pulled here when the block ends.

    Raises ``Misused`` where it is on another machine, ``WorldFailed`` where there is none or where this machine has
    less than ``limits``.
    """
    client = image_engine.connected(environ)
    client.api.timeout = _SECONDS
    with contextlib.ExitStack() as stack:
        stack.callback(client.close)
        with failing("say what it is"):
            told = client.info()
        _refuse_far(environ, told)
        _refuse_small(limits, told)
        container_owners.remove_stale(client)
        engine = Engine(client, limits, local, registry, environ, progress)
        stack.callback(_forgotten, engine)
        yield engine


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
        from docker.errors import APIError

        begun = time.monotonic()
        answer, looked = Answer(0, problem="no answer"), begun
        with failing(f"start {self.facts.name}"):
            try:
                self.made.start()
            except APIError as error:
                said = printable(str(error.explanation or error))
                if "exec" not in said:
                    raise
                return Ready(None, State(running=False, exit_code=127, said=said), answer)
        state = self.state()
        while state.running and (left := within - (time.monotonic() - begun)) > 0:
            answer = self._ready(min(_FIRST, left))
            if answer.good:
                return Ready(time.monotonic() - begun, state, answer)
            time.sleep(min(_POLL, max(0.0, left)))
            if time.monotonic() - looked > _LOOK:
                state, looked = self.state(), time.monotonic()
        return Ready(None, self.state(), answer)

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

    def settled(self) -> State:
        """Looked at until it has ended, but not for longer than a second."""
        end = time.monotonic() + 1
        while (state := self.state()).running and time.monotonic() < end:
            time.sleep(_POLL)
        return state

    def memory(self) -> int | None:
        """The engine's own maximum where it has one (cgroup v1), else the kernel's (v2)."""
        with failing(f"measure {self.facts.name}"):
            told = self.client.api.stats(self.made.id, stream=False, one_shot=True).get("memory_stats") or {}
        found = told.get("max_usage") or kernel.peak(self._process(), self.made.id) or told.get("usage")
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
            while (state := self.state()).running and time.monotonic() - begun < within:
                time.sleep(_POLL)
            if state.running:
                with contextlib.suppress(APIError):
                    self.made.kill("SIGKILL")
                self.made.wait(timeout=_SECONDS)
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


def _refuse_far(environ: Mapping[str, str], told: Mapping[str, Any]) -> None:
    """Raises ``Misused`` where the containers' addresses lead nowhere from here."""
    host = environ.get("DOCKER_HOST", "")
    near = not host or host.startswith(("unix:", "tcp://127.", "tcp://localhost", "npipe:"))
    if near and "Docker Desktop" not in str(told.get("OperatingSystem")):
        return
    raise Misused(
        f"the container engine is on another machine ({host or told.get('OperatingSystem')})",
        hint="run this where the engine is, on Linux: containers are reached by their addresses on a closed network",
        code="engine-remote",
    )


def _refuse_small(limits: Limits, told: Mapping[str, Any]) -> None:
    """Raises ``WorldFailed`` where a container cannot get what is declared."""
    processors, memory = int(told.get("NCPU") or 0), int(told.get("MemTotal") or 0)
    lacks = []
    if limits.nano_processors is not None and 0 < processors * NANO < limits.nano_processors:
        lacks.append(f"{processors} processors, and {limits.nano_processors / NANO:g} are declared")
    if limits.memory is not None and 0 < memory < limits.memory:
        lacks.append(f"{memory / 1e6:,.0f} MB of memory, and {limits.memory / 1e6:,.0f} MB are declared")
    if lacks:
        raise WorldFailed(
            f"this machine is too small to run the image as declared: it has {' and '.join(lacks)}",
            hint="run the test on a larger machine, or declare less under serving.resources",
            code="machine-small",
            retry=False,
        )


def _forgotten(engine: Engine) -> None:
    """Remove the images that were pulled for the test."""
    from docker.errors import DockerException

    for name in engine.pulled:
        with contextlib.suppress(DockerException, OSError), undisturbed():
            engine.client.images.remove(name)


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
