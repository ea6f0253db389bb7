"""What a container of the image says and does, and the border to whoever runs it.

Nothing here runs anything.  ``adapters/serving_containers.py`` has the real ``Host`` and ``Server``.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlops_gitops.testing.infra.load import Load, Samples

if TYPE_CHECKING:
    from mlops_gitops.testing.infra.bad_requests import BadRequest

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one request; ``status`` is 0 where nothing did, and ``problem`` then says why."""

    status: int
    body: bytes = b""
    problem: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether the request was answered as it was asked."""
        return 200 <= self.status < 300  # noqa: PLR2004 - what HTTP calls a success

    @property
    def refused(self) -> bool:
        """Whether the server says that the request was wrong."""
        return 400 <= self.status < 500  # noqa: PLR2004 - what HTTP calls an error of the client

    @property
    def words(self) -> str:
        """As a message tells it."""
        return self.problem or f"status {self.status}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an image before it runs: its digest, user, size unpacked in bytes, and declared volumes."""

    name: str
    digest: str
    user: str
    size: int
    volumes: tuple[str, ...] = ()
    port: int = 8080


@dataclass(frozen=True, slots=True)
class State:
    """How a container is; ``said`` is the last line of its log, harmless to print."""

    running: bool
    exit_code: int | None = None
    out_of_memory: bool = False
    said: str = ""

    @property
    def words(self) -> str:
        """How it ended, in words."""
        if self.running:
            return "it still runs"
        how = "it ran out of memory" if self.out_of_memory else f"it ended with code {self.exit_code}"
        return f"{how}: {self.said}" if self.said else how


@dataclass(frozen=True, slots=True)
class Ready:
    """How a start went: ``seconds`` until it was ready, ``None`` where it never was."""

    seconds: float | None
    state: State
    answer: Answer


@dataclass(frozen=True, slots=True)
class Stopped:
    """How SIGTERM went: the exit code and the time; ``killed`` where it had not ended by then."""

    exit_code: int
    seconds: float
    killed: bool


@dataclass(frozen=True, slots=True)
class Attempts:
    """What a container tried to send of its own accord, as the kernel counts it; what failed at once counts too."""

    datagrams: int
    unanswered: int
    refused: int
    unroutable: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.datagrams + self.unanswered + self.refused + self.unroutable


class Server(Protocol):
    """One container.  Every method ends in time; ``WorldFailed`` is raised where the engine fails."""

    @property
    def url(self) -> str:
        """Where it listens, without a path; changes when it is started again."""

    def start(self, *, within: float) -> Ready:
        """Start it, also again, and wait until it is ready, not longer than ``within`` seconds."""

    def ask(self, path: str, body: bytes | None = None, *, content_type: str = JSON_TYPE, most: float = 30.0) -> Answer:
        """One request, ended after ``most`` seconds whatever comes."""

    def wrong(self, request: BadRequest) -> Answer:
        """A request that no client should send."""

    def load(self, path: str, body: bytes, load: Load) -> Samples:
        """The request under load."""

    def state(self) -> State:
        """How it is now."""

    def settled(self) -> State:
        """How it is once the engine has noticed an end that is not a second old."""

    def memory(self) -> int | None:
        """The most memory that it has used since it was started, in bytes."""

    def attempts(self) -> Attempts | None:
        """What it tried to send since it was started; ``None`` where that cannot be seen."""

    def user(self) -> str | None:
        """The id of the user as whom it runs; ``None`` where that cannot be seen."""

    def stop(self, *, within: float) -> Stopped:
        """End it as an orchestrator does: SIGTERM, and SIGKILL after ``within`` seconds."""


class Host(Protocol):
    """Where containers run."""

    def facts(self, image: str) -> Facts:
        """What an image says of itself.  Raises ``Refused`` where it is gone, ``WorldFailed`` where it may not be."""

    def serve(self, image: str) -> AbstractContextManager[Server]:
        """A container of it that is not started yet; nothing of it is left when the block ends."""
