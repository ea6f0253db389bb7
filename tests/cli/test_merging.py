from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import sharded
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World

Run = Callable[..., tuple[int, str, str]]
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(params=[True, False], ids=["customers", "days"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return sharded.write(tmp_path, entity=request.param)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*words: str, now: datetime = NOW) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        world = World({"HOME": str(tmp_path)}, lambda: now, tmp_path, out, err)
        code = main(["test", "data", "cancer", *words, "--format", "json"], world)
        return code, out.getvalue(), err.getvalue()

    return call


def test_counts_are_judged_as_the_rows_are(folder: Path, run: Run) -> None:
    code, out, _ = run("--write-reference")
    assert code == 0, out
    code, alone, _ = run()
    verdicts = Counter((one["id"], one["verdict"]) for one in checks(alone))
    found = {id_ for id_, verdict in verdicts if verdict == "fail"}
    assert found >= {"data.rule", "data.overlap", "data.reference-key", "data.pii", "data.unique", "data.duplicates"}
    assert found >= {"data.labels-missing", "data.labels-contradict", "data.labels-domain", "data.same-rows"}
    assert checks(run("--processes", "2")[1]) == checks(alone)
    for job in ("2/2", "1/2"):
        assert run("--shard", job, "--partial", f"counts/{job[0]}")[0] == 0
    shutil.rmtree(folder / "data")
    merged = run("--merge", "counts")
    for one, other in zip(checks(alone), checks(merged[1]), strict=True):
        assert one == other
    assert merged[:2] == (code, alone)


def checks(text: str) -> list[dict[str, Any]]:
    return [check for report in json.loads(text)["reports"] for check in report["checks"]]
