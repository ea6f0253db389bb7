"""Predictions of a stream of records: each record is answered once, also where this process is killed in the middle.

A record is a JSON object with the model's inputs; a prediction is the object of its outputs with the record's key.  The
order is the safety: ask the model, store the answers under keys that come from the records, then acknowledge them.  A
record that cannot be answered is stored with the reason on another subject, and acknowledged like the others.

A source is a module with a class ``Source`` that has ``open``, ``fetch``, ``put`` and ``close``; ``nats`` is one.
``MG_STREAM_SOURCE`` names another that the image's own code brings.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mlops_gitops.serving import description as descriptions
from mlops_gitops.serving import predictor
from mlops_gitops.serving.description import Description
from mlops_gitops.serving.rows import answered

BATCH = 256
NUMBERS = {"integer", "long", "float", "double"}


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


@dataclass
class Counts:
    """What was done since the start."""

    predicted: int = 0
    rejected: int = 0


async def serve(source: Source, described: Description, predict: predictor.Predictor, stop: asyncio.Event) -> Counts:
    """Answer records until ``stop`` is set; a batch that was begun is ended."""
    counts = Counts()
    while not stop.is_set():
        records = await source.fetch(BATCH)
        if records:
            await _answer(records, source, described, predict, counts)
    return counts


async def _answer(
    records: list[Record], source: Source, described: Description, predict: predictor.Predictor, counts: Counts
) -> None:
    import pandas as pd

    rows, sound, bad = [], [], {}
    for record in records:
        try:
            rows.append(_row(record.data, described))
            sound.append(record)
        except ValueError as error:
            bad[record.key] = str(error)
    if rows:
        frame = pd.DataFrame(rows, columns=described.names)
        found = await asyncio.to_thread(answered, frame, described, predict)
        bad.update({sound[place].key: reason for place, reason in found.bad.items()})
        for place, answer in zip(found.good, json.loads(_records(found.answers)), strict=True):
            await source.put(_text({"key": sound[place].key, **answer}), key=sound[place].key, aside=False)
            counts.predicted += 1
    for record in records:
        if record.key in bad:
            text = record.data.decode("utf-8", "replace")
            await source.put(
                _text({"key": record.key, "reason": bad[record.key], "record": text}), key=record.key, aside=True
            )
            counts.rejected += 1
        await record.acknowledge()


def _records(answers: Any) -> str:
    return "[]" if answers is None else str(answers.to_json(orient="records", double_precision=15))


def _row(data: bytes, described: Description) -> dict[str, Any]:
    """The inputs of a record.  Raises ``ValueError`` for what is none."""
    try:
        value = json.loads(data)
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ValueError(f"it is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - what a record is, is no type of ours
    for one in described.inputs:
        name, found = one["name"], value.get(one["name"])
        if (
            found is not None
            and one["type"] in NUMBERS
            and (isinstance(found, bool) or not isinstance(found, int | float))
        ):
            raise ValueError(f"{name} is no number")
    return {name: value.get(name) for name in described.names}


def _text(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


async def _main() -> None:
    described = descriptions.read(Path(os.environ.get("MG_DESCRIPTION", str(descriptions.PLACE))))
    predict = predictor.opened(described, Path(os.environ.get("MG_MODEL", str(descriptions.MODEL))))
    module = importlib.import_module(os.environ.get("MG_STREAM_SOURCE", "mlops_gitops.serving.nats"))
    source: Source = module.Source(os.environ, name=described.name)
    stop = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    try:
        await source.open()
        print("stream: ready", file=sys.stderr, flush=True)
        counts = await serve(source, described, predict, stop)
    finally:
        await source.close()
    print(json.dumps({"predicted": counts.predicted, "rejected": counts.rejected}), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
