"""The stream server against a real NATS server: killed in the middle, it loses nothing and gives nothing twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import nats
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_gitops.serving import stream
from mlops_gitops.serving.description import Description
from servers import nats_servers

ROWS = 3000
NAMES = ["height", "weight"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with nats_servers.serve(tmp_path / "nats") as url:
        yield url


@pytest.fixture
def model(tmp_path: Path) -> Path:
    rows = pd.DataFrame({"height": [index / 100 for index in range(100)], "weight": [0.5] * 100})
    fitted = LogisticRegression().fit(rows, [index > 50 for index in range(100)])
    folder = tmp_path / "model" / "artifact"
    folder.mkdir(parents=True)
    joblib.dump(fitted, folder / "model.pkl")
    described = {
        "name": "people",
        "version": "1.0.0",
        "format": "sklearn-pickle",
        "task": "binary-classification",
        "positive": "true",
        "inputs": [{"name": name, "type": "double", "required": True} for name in NAMES],
        "outputs": [{"name": "probability", "type": "double"}],
        "artifact": "artifact",
    }
    (tmp_path / "model.json").write_text(json.dumps(described))
    return tmp_path


def started(url: str, folder: Path) -> subprocess.Popen[bytes]:
    """The server, when it is ready."""
    settings = {
        "MG_NATS_URL": url,
        "MG_STREAM_INPUT": "people.in",
        "MG_STREAM_OUTPUT": "people.out",
        "MG_DESCRIPTION": str(folder / "model.json"),
        "MG_MODEL": str(folder / "model"),
        "MG_STREAM_ACKNOWLEDGE": "2",
    }
    argv = [sys.executable, "-m", "mlops_gitops.serving.stream"]
    process = subprocess.Popen(argv, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line == b"stream: ready\n", line + process.stderr.read()
    return process


async def prepared(url: str, records: list[bytes]) -> None:
    client = await nats.connect(url)
    jetstream = client.jetstream()
    await jetstream.add_stream(name="IN", subjects=["people.in"])
    await jetstream.add_stream(name="OUT", subjects=["people.out", "people.out.rejected"])
    for record in records:
        await jetstream.publish("people.in", record)
    await client.close()


async def stored(url: str) -> int:
    client = await nats.connect(url)
    found = (await client.jetstream().stream_info("OUT")).state.messages
    await client.close()
    return int(found)


async def everything(url: str, count: int) -> list[tuple[str, dict[str, Any]]]:
    client = await nats.connect(url)
    jetstream = client.jetstream()
    found = []
    for sequence in range(1, count + 1):
        message = await jetstream.get_msg("OUT", sequence)
        found.append((str(message.subject), json.loads(message.data or b"")))
    await client.close()
    return found


def until(url: str, count: int, seconds: float = 60) -> int:
    """How many answers are stored, when there are so many or the time is over."""
    end = time.monotonic() + seconds
    while (found := asyncio.run(stored(url))) < count and time.monotonic() < end:
        time.sleep(0.1)
    return found


def test_killed_in_the_middle_it_loses_nothing_and_gives_nothing_twice(server: str, model: Path) -> None:
    records = [json.dumps({"height": index / ROWS, "weight": 0.5}).encode() for index in range(ROWS)]
    records[7] = b"{no json"
    records[8] = b'{"height": "tall", "weight": 1}'
    records[2000] = b'{"height": null, "weight": 1}'
    asyncio.run(prepared(server, records))
    kills = 0
    for share in (0.1, 0.4, 0.7):
        process = started(server, model)
        until(server, int(ROWS * share))
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += asyncio.run(stored(server)) < ROWS
    assert kills >= 2, "it was too quick to be killed in the middle"
    process = started(server, model)
    assert until(server, ROWS) == ROWS
    time.sleep(4)  # what was not acknowledged comes again, and must not be stored again
    assert asyncio.run(stored(server)) == ROWS
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert set(json.loads(out)) == {"predicted", "rejected"}
    found = asyncio.run(everything(server, ROWS))
    keys = [answer["key"] for _, answer in found]
    assert sorted(keys) == sorted(f"IN:{sequence}" for sequence in range(1, ROWS + 1))
    aside = {answer["key"]: answer["reason"] for subject, answer in found if subject.endswith("rejected")}
    assert set(aside) == {"IN:8", "IN:9", "IN:2001"}
    assert aside["IN:9"] == "height is no number"
    assert aside["IN:2001"] == "height is missing"
    fitted = joblib.load(model / "model" / "artifact" / "model.pkl")
    good = {answer["key"]: answer["probability"] for subject, answer in found if not subject.endswith("rejected")}
    rows = pd.DataFrame({"height": [index / ROWS for index in range(ROWS)], "weight": [0.5] * ROWS})
    want = fitted.predict_proba(rows)[:, 1]
    for index in (0, 1, 1234, ROWS - 1):
        assert good[f"IN:{index + 1}"] == pytest.approx(want[index], abs=1e-12)


def test_without_a_stream_for_the_answers_it_ends_at_once(server: str, model: Path) -> None:
    with pytest.raises(AssertionError, match=r"stream: people.out at .*NotFound") as told:
        started(server, model)
    assert "Traceback" not in str(told.value)


def test_nothing_to_read_for_a_while_is_no_end(server: str, model: Path) -> None:
    """What a fetch without records raises depends on the version of the client."""
    asyncio.run(prepared(server, []))
    process = started(server, model)
    time.sleep(3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, json.loads(out)) == (0, {"predicted": 0, "rejected": 0}), err


KINDS = {
    "i": ("integer", "int32", 3),
    "l": ("long", "int64", 4),
    "f": ("float", "float32", 1),
    "d": ("double", "float64", 2),
    "b": ("boolean", "bool", True),
    "s": ("string", "object", "a"),
    "t": ("datetime", "datetime64[ns]", "2026-01-02T03:04:05"),
}


def kinds(*, required: bool) -> Description:
    columns = tuple({"name": name, "type": kind, "required": required} for name, (kind, _, _) in KINDS.items())
    return Description("m", "1", "test", "regression", None, columns, (), "")


def test_a_record_is_asked_about_with_the_types_that_are_declared() -> None:
    described = kinds(required=False)
    row = stream._row(json.dumps({name: value for name, (_, _, value) in KINDS.items()}).encode(), described)
    frame = stream.typed(pd.DataFrame([row], dtype=object), described)
    seen = {name: str(frame[name].dtype).replace("[us]", "[ns]") for name in KINDS}
    assert seen == {name: dtype for name, (_, dtype, _) in KINDS.items()}
    empty = stream.typed(pd.DataFrame([dict.fromkeys(KINDS)], dtype=object), described)
    assert empty.isna().all(axis=None)
    assert [str(empty[name].dtype) for name in "ilfd"] == ["float64", "float64", "float32", "float64"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("i", "2147483648", "i is no integer"),
        ("l", "1.5", "l is no long"),
        ("d", "true", "d is no number"),
        ("d", "NaN", "it is no JSON: NaN is no value"),
        ("d", "1e999", "d is no finite number"),
        ("b", "1", "b is neither true nor false"),
        ("s", "1", "s is no text"),
        ("t", '"yesterday"', "t is no time as ISO 8601 has it"),
    ],
)
def test_a_value_of_another_type_is_set_aside_with_words(name: str, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        stream._row(f'{{"{name}": {text}}}'.encode(), kinds(required=False))
