"""The border between a stream's server and a broker: records, how answers are stored, and what is said when it is gone.

A source is a module with a class ``Source`` that fits the ``Protocol`` here; ``nats`` is one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol


class Gone(Exception):
    """The broker does not answer any more, or refuses; the text says what was asked of it."""


@dataclass(frozen=True)
class Record:
    """What came in, its key, and how it is acknowledged."""

    data: bytes
    key: str
    acknowledge: Callable[[], Awaitable[Any]]


class Source(Protocol):
    """Where records come from and predictions go."""

    async def open(self) -> None:
        """Connect."""

    async def fetch(self, most: int) -> list[Record]:
        """The next records; none where there are none for a while."""

    async def put(self, data: bytes, *, key: str, aside: bool) -> None:
        """Store one answer, and only the first with its key."""

    async def close(self) -> None:
        """Let go."""
