"""Predictions of a stream of records: each record is answered once, also where this process is killed in the middle.

A record is a JSON object with the model's inputs; a prediction is the object of its outputs with the record's key.  The
order is the safety: ask the model, store the answers under keys that come from the records, then acknowledge them.  A
record that cannot be answered is stored with the reason on another subject, and acknowledged like the others.

``MG_STREAM_SOURCE`` names the module of the source (``records``), which the image's own code may bring.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
import json
import math
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_gitops.serving import description as descriptions
from mlops_gitops.serving import predictor
from mlops_gitops.serving.description import Description
from mlops_gitops.serving.records import Gone, Record, Source
from mlops_gitops.serving.rows import WHOLE, answered

BATCH = 256
_RANGES = {"integer": 1 << 31, "long": 1 << 63}
_DTYPES = {**WHOLE, "float": "float32", "double": "float64", "boolean": "bool"}
_FAILED = 5


@dataclass
class Counts:
    """What was done since the start."""

    predicted: int = 0
    rejected: int = 0


async def serve(
    source: Source, described: Description, predict: predictor.Predictor, stop: asyncio.Event, *, most: int = BATCH
) -> Counts:
    """Answer records, at most ``most`` together, until ``stop`` is set; a batch that was begun is ended."""
    counts = Counts()
    while not stop.is_set():
        records = await source.fetch(most)
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
        frame = typed(pd.DataFrame(rows, columns=described.names, dtype=object), described)
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
        value = json.loads(data, parse_constant=_refused)
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ValueError(f"it is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - what a record is, is no type of ours
    for one in described.inputs:
        problem = _unlike(value.get(one["name"]), one["type"])
        if problem:
            raise ValueError(f"{one['name']} {problem}")
    return {name: value.get(name) for name in described.names}


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no value")


def _unlike(value: Any, kind: str) -> str:
    """What is wrong with a value of a record, by the type that the signature declares."""
    if value is None:
        return ""
    if kind in {"integer", "long", "float", "double"}:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "is no number"
        if isinstance(value, float) and not math.isfinite(value):
            return "is no finite number"
        if kind in _RANGES and (value != int(value) or not -_RANGES[kind] <= value < _RANGES[kind]):
            return f"is no {kind}"
        return ""
    if kind == "boolean":
        return "" if isinstance(value, bool) else "is neither true nor false"
    if not isinstance(value, str):
        return "is no text"
    return "" if kind != "datetime" or _is_time(value) else "is no time as ISO 8601 has it"


def _is_time(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def typed(frame: Any, described: Description) -> Any:
    """The columns as a table of the declared types has them.

    JSON has one sort of number, and a column of a few records may hold none at all: without this, what the model is
    asked depends on which records happen to come together.
    """
    import pandas as pd

    for one in described.inputs:
        name, kind = one["name"], one["type"]
        if kind == "datetime":
            frame[name] = pd.to_datetime(frame[name], format="ISO8601")
        elif kind in _DTYPES:
            whole = kind not in {"float", "double"}
            gaps = whole and bool(frame[name].isna().any())
            dtype = "object" if gaps and kind == "boolean" else "float64" if gaps else _DTYPES[kind]
            frame[name] = frame[name].astype(dtype)
    return frame


def _text(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


async def _main() -> int:
    """Run until SIGTERM, and return the exit code: 0 told to end, 5 the broker failed; nothing is lost by either."""
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
        counts = await serve(source, described, predict, stop, most=int(os.environ.get("MG_STREAM_BATCH", BATCH)))
    except Gone as gone:
        print(f"stream: {gone}", file=sys.stderr, flush=True)
        return _FAILED
    finally:
        await source.close()
    print(json.dumps({"predicted": counts.predicted, "rejected": counts.rejected}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
