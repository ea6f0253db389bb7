"""The container engine on this machine as a place to serve images: what they are, and that they are gone afterwards.

Promises: an image is the one of its digest; the network of each is one of its own and internal.  What was made or
pulled for a test is removed when its block ends, also on Ctrl-C; what a killed process of ours left goes at the next
run on this machine.  Pulling has an end.

The container is reached by its address, so the engine has to be on this machine.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_gitops.adapters import container_owners, image_engine, registry_credentials
from mlops_gitops.adapters.image_engine import failing
from mlops_gitops.adapters.predictions import printable
from mlops_gitops.adapters.serving_containers import (
    SECONDS,
    Container,
    Limits,
    removed,
    settings,
    undisturbed,
)
from mlops_gitops.errors import Misused, Refused, WorldFailed
from mlops_gitops.manifests.quantities import NANO
from mlops_gitops.packaging.image import references
from mlops_gitops.testing.infra.server import Facts

_HTTP = 8080
_PULL = 1800.0
"""Seconds that an image may be on its way."""


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
                self._pull(image)
                return self.client.images.get(image)
            except NotFound as error:
                raise Refused(
                    f"the image {image} is neither in the engine nor in its registry",
                    hint="push it again: `mlops-gitops build MODEL --push REGISTRY`",
                    code="image-gone",
                ) from error
            except APIError as error:
                raise _not_pulled(image, printable(str(error.explanation or error), most=300)) from error

    def _pull(self, image: str) -> None:
        """Raises docker's errors, and ``WorldFailed`` where it takes for ever."""
        end = time.monotonic() + _PULL
        said = self.client.api.pull(image, auth_config=self._auth(image), stream=True, decode=True)
        with contextlib.closing(said):
            for one in said:
                if "error" in one or time.monotonic() > end:
                    told = printable(str(one.get("error") or f"it was not there after {_PULL:g} s"), most=300)
                    raise _not_pulled(image, told)

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
    client.api.timeout = SECONDS
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


def _not_pulled(image: str, said: str) -> Refused | WorldFailed:
    """What it means that an image cannot be pulled."""
    if "manifest unknown" in said or "not found" in said:
        return Refused(
            f"the image {image} is not in its registry: {said}",
            hint="push it again: `mlops-gitops build MODEL --push REGISTRY`",
            code="image-gone",
        )
    return WorldFailed(
        f"the image {image} cannot be pulled: {said}",
        hint="look whether the registry answers, and log in to it: `docker login`",
        code="image-pull",
    )
