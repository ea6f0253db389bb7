"""The image of a stream beside a real broker, killed and started as a test wants it: a ``Stream``.

Server and broker share one loopback interface and have no other, so that "no network but the broker" is how they are
run and not something that has to be watched; what is tried all the same is counted by the kernel.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_gitops.adapters import brokers, serving_containers
from mlops_gitops.adapters import serving_kernel as kernel
from mlops_gitops.adapters.brokers import Broker
from mlops_gitops.adapters.image_engine import failing
from mlops_gitops.adapters.serving_containers import Container
from mlops_gitops.adapters.serving_engines import Engine
from mlops_gitops.testing.infra.server import Attempts, State, Stopped
from mlops_gitops.testing.infra.streams import Stored

_SETTINGS = {"MG_STREAM_ACKNOWLEDGE": "2", "MG_STREAM_BATCH": "16"}
"""A record of a killed server comes again soon, and batches are small, so that there is a middle to be killed in."""


@dataclass
class StreamContainer:
    """A ``Stream``: the server's container, and the broker that it shares a network with."""

    container: Container
    broker: Broker
    before: Attempts | None = None

    def put(self, records: Sequence[bytes]) -> None:
        """Into the broker."""
        self.broker.put(records)

    def start(self) -> State:
        """Start the container."""
        self.before = kernel.attempts(*self.broker.process) if self.before is None else self.before
        return self.container.launched() or self.container.state()

    def wait(self, answers: int, *, seconds: float, settled: bool = False) -> int:
        """As the broker counts them."""
        return self.broker.wait(answers, seconds=seconds, settled=settled)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        with failing(f"kill {self.container.facts.name}"):
            if self.container.state().running:
                self.container.made.kill("SIGKILL")
                self.container.made.wait(timeout=60)

    def stop(self, *, within: float) -> Stopped:
        """SIGTERM, and SIGKILL when it is time."""
        return self.container.stop(within=within)

    def state(self) -> State:
        """As the engine has it."""
        return self.container.state()

    def stored(self) -> Sequence[Stored]:
        """As the broker has it."""
        return [Stored(one.id, one.data, one.aside) for one in self.broker.stored()]

    def memory(self) -> int | None:
        """The most that it used since it was started."""
        return self.container.memory()

    @property
    def alone(self) -> bool:
        """Whether there is nobody but the broker in its network."""
        return self.broker.ours

    def attempts(self) -> Attempts | None:
        """What was tried in the shared network since the server's first start."""
        now = self.container.attempts()
        if now is None or self.before is None:
            return now
        return Attempts(
            now.datagrams - self.before.datagrams,
            now.unanswered - self.before.unanswered,
            now.refused - self.before.refused,
            now.unroutable - self.before.unroutable,
        )

    def user(self) -> str | None:
        """The id of process 1."""
        return self.container.user()


@contextlib.contextmanager
def served(engine: Engine, image: str, broker: str) -> Iterator[StreamContainer]:
    """A container of ``image`` that is not started yet, beside a broker: that of an image by digest, or at a URL.

    Nothing of either is left when the block ends.  Raises ``Refused`` where one is gone or cannot be spoken through.
    """
    facts, identity = engine.facts(image), str(engine.image(image).id)
    with contextlib.ExitStack() as stack:
        beside = broker if brokers.is_url(broker) else str(engine.image(broker).id)
        python = _python(engine.image(image).attrs.get("Config") or {})
        running = stack.enter_context(brokers.running(engine.client, beside, identity, python=python))
        settings: dict[str, Any] = serving_containers.settings(engine.limits)
        for name in ("hostname", "dns"):  # which a container in another's network may not have
            del settings[name]
        environment = {**running.environment, **_SETTINGS}
        with failing(f"make a container of {facts.name}"), serving_containers.undisturbed():
            made = engine.client.containers.create(
                identity, network_mode=running.network, environment=environment, **settings
            )
            stack.callback(serving_containers.removed, made, force=True, v=True)
        yield StreamContainer(Container(engine.client, made, "", facts), running)


def _python(config: Mapping[str, Any]) -> str:
    """The Python that the image starts its server with, else the one on its path."""
    entry = str((config.get("Entrypoint") or ["python3"])[0])
    return entry if "python" in entry.rpartition("/")[2] else "python3"
