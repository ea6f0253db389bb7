"""Data sets of ``s3://`` by the command line: what is not there is a finding, and who is not reached is none."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import outputs
from cancer import FEATURES, manifest
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World
from servers.object_store import SECRET, closed, resetting, serve


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    """A store with the data of the model, and the environment of somebody who may read them."""
    frame = pd.DataFrame({name: [float(at) for at in range(200)] for name in FEATURES}).assign(
        benign=True, id=range(200)
    )
    with serve("airline", {"train.parquet": frame.to_parquet(index=False)}) as (_, environ):
        yield environ


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "models" / "cancer"
    found.mkdir(parents=True)
    value = manifest()
    value["spec"]["data"] = [{"name": "train", "role": "training", "uri": "s3://airline/train.parquet"}]
    value["spec"]["metrics"][0]["dataset"] = "train"
    value["spec"]["tests"] = {"data": {"rows": {"min": 100}}}
    (found / "model.yaml").write_text(yaml.safe_dump(value, sort_keys=False))
    return found


def run(folder: Path, environ: dict[str, str], *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what is told to programs."""
    out, err = io.StringIO(), io.StringIO()
    root = folder.parents[1]
    world = World({"HOME": str(root), **environ}, lambda: datetime(2026, 11, 21, tzinfo=UTC), root, out, err)
    asked = ["test", "data", "cancer", *words, "--format", "json"]
    code = main(asked, world)
    outputs.checked(asked, code, out.getvalue())
    told: dict[str, Any] = json.loads(out.getvalue())
    return code, told


def test_what_is_there_is_tested_and_what_is_not_is_a_finding(folder: Path, store: dict[str, str]) -> None:
    assert run(folder, store)[0] == 0
    text = (folder / "model.yaml").read_text()
    (folder / "model.yaml").write_text(text.replace("train.parquet", "absent.parquet"))
    code, told = run(folder, store)
    (check,) = (one for one in told["reports"][0]["checks"] if one["id"] == "data.readable")
    assert (code, check["verdict"]) == (1, "fail")
    assert "it does not exist (HTTP 404 NoSuchKey from 127.0.0.1" in check["message"]


@pytest.mark.parametrize("words", [(), ("--shard", "1/2", "--partial", "counts"), ("--profile",)])
def test_a_store_that_is_not_reached_is_no_answer_about_data(
    folder: Path, store: dict[str, str], words: tuple[str, ...]
) -> None:
    code, told = run(folder, {**store, "AWS_ENDPOINT_URL_S3": closed()}, *words)
    error = told["error"]
    assert (code, error["exitCode"], error["code"], error["retry"]) == (5, 5, "data-store-unreachable", True)
    assert "for s3://airline/train.parquet, with the key of AWS_ACCESS_KEY_ID: Connection refused" in error["message"]
    assert "run the same command again" in error["hint"]


def test_a_store_that_resets_the_connection_is_no_answer_about_data(folder: Path, store: dict[str, str]) -> None:
    with resetting(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nPAR1") as url:
        code, told = run(folder, {**store, "AWS_ENDPOINT_URL_S3": url})
    assert (code, told["error"]["code"]) == (5, "data-store-unreachable")
    assert "cut off after" in told["error"]["message"]


def test_credentials_that_do_not_do_are_not_worth_another_try(folder: Path, store: dict[str, str]) -> None:
    code, told = run(folder, {**store, SECRET: "wrong"})
    assert (code, told["error"]["code"], told["error"]["retry"]) == (5, "data-store-auth", False)
