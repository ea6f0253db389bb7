"""NATS JetStream as a source of records and a place for predictions.

A durable pull consumer keeps the place in the input: a record is acknowledged when its prediction is stored, and comes
again where that did not happen.  A prediction carries the message id ``STREAM:SEQUENCE`` of its record, so that the
server stores it once, however often it is sent within the duplicate window of the output's stream; that window has to
be longer than the time a killed server takes to come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nats
from nats.errors import Error
from nats.js.api import AckPolicy, ConsumerConfig

from mlops_gitops.serving.records import Gone, Record

_WAIT = 1.0
_ACKNOWLEDGE = "30"


class Source:
    """One input subject, one output subject, and one for what was set aside."""

    def __init__(self, environ: Mapping[str, str], *, name: str) -> None:
        self.url = environ.get("MG_NATS_URL", "nats://127.0.0.1:4222")
        self.input, self.output = environ["MG_STREAM_INPUT"], environ["MG_STREAM_OUTPUT"]
        self.rejected = environ.get("MG_STREAM_REJECTED", f"{self.output}.rejected")
        self.name = environ.get("MG_STREAM_CONSUMER", name)
        self.acknowledge = float(environ.get("MG_STREAM_ACKNOWLEDGE", _ACKNOWLEDGE))
        self.client: Any = None
        self.jetstream: Any = None
        self.consumer: Any = None

    async def open(self) -> None:
        """Connect, and take up the place where this consumer was."""
        subject = self.input
        try:
            self.client = await nats.connect(self.url, name=self.name, max_reconnect_attempts=-1)
            self.jetstream = self.client.jetstream()
            for subject in (self.output, self.rejected):
                await self.jetstream.find_stream_name_by_subject(subject)
            subject = self.input
            config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, ack_wait=self.acknowledge)
            self.consumer = await self.jetstream.pull_subscribe(subject, durable=self.name, config=config)
        except (OSError, Error) as error:
            raise Gone(f"{subject} at {_shown(self.url)}: {type(error).__name__}: {error}") from error

    async def fetch(self, most: int) -> list[Record]:
        """The next records, at most so many; none where there are none for a while."""
        try:
            messages = await self.consumer.fetch(most, timeout=_WAIT)
        except TimeoutError:  # that of NATS is one too, and which of the two comes depends on the client's version
            return []
        except Error as error:
            raise Gone(f"{self.input}: {type(error).__name__}: {error}") from error
        return [Record(one.data, f"{one.metadata.stream}:{one.metadata.sequence.stream}", one.ack) for one in messages]

    async def put(self, data: bytes, *, key: str, aside: bool) -> None:
        """Store a prediction, or a record that was set aside; the second of the same key is not stored."""
        subject = self.rejected if aside else self.output
        headers = {"Nats-Msg-Id": f"{key}:aside" if aside else key}
        try:
            await self.jetstream.publish(subject, data, headers=headers)
        except (TimeoutError, Error) as error:
            raise Gone(f"{subject}: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Let go of the connection."""
        if self.client is not None:
            await self.client.close()


def _shown(url: str) -> str:
    """The address without user and password."""
    return url.rpartition("@")[2]
