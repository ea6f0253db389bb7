from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import outputs
from cancer import FEATURES, manifest
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World
from mlops_gitops.manifests import schema

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model whose training data lie in four files, and whose test data in one."""
    found = tmp_path / "models" / "cancer"
    (found / "data" / "train").mkdir(parents=True)
    chance = np.random.default_rng(1)
    rows = 4000
    columns: dict[str, Any] = {name: chance.normal(20, 3, rows) for name in FEATURES}
    table = pa.table({**columns, "benign": chance.random(rows) < 0.5, "site": ["north"] * rows, "id": range(rows)})
    for at in range(4):
        pq.write_table(table.slice(at * 500, 500), found / "data" / "train" / f"part-{at}.parquet")
    pq.write_table(table.slice(2000), found / "data" / "test.parquet")
    value = manifest()
    value["spec"]["data"][0]["uri"] = "data/train"
    value["spec"]["tests"]["data"] = {
        "rows": {"min": 100},
        "unique": [["id"]],
        "columns": [{"name": "mean texture", "type": "double", "range": {"min": 0, "max": 60}}],
        "drift": {"of": "train", "in": ["test"], "max": 0.3, "weights": {"id": 0}},
    }
    value["spec"]["tests"].pop("leakage", None)
    (found / "model.yaml").write_text(yaml.safe_dump(value, sort_keys=False))
    return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        world = World({"HOME": str(tmp_path)}, lambda: datetime(2026, 11, 21, tzinfo=UTC), tmp_path, out, err)
        code = main(["test", "data", "cancer", *words], world)
        if outputs.asked_for(words):
            outputs.checked(["test", *words], code, out.getvalue())
        return code, out.getvalue(), err.getvalue()

    return call


def checks(text: str) -> list[dict[str, Any]]:
    return [check for report in json.loads(text)["reports"] for check in report["checks"]]


def test_jobs_that_count_and_one_that_merges_judge_as_one_command_does(folder: Path, run: Run) -> None:
    assert run("--write-reference")[0] == 0
    code, alone, _ = run("--format", "json")
    assert code == 0
    assert run("--processes", "2", "--format", "json")[:2] == (code, alone)
    for job in ("1/3", "2/3", "3/3"):
        assert run("--shard", job, "--partial", f"counts/{job[0]}")[0] == 0
    shutil.rmtree(folder / "data")
    code, merged, _ = run("--merge", "counts", "--format", "json")
    assert (code, merged) == (0, alone)


def test_a_job_that_is_missing_is_no_pass(folder: Path, run: Run) -> None:  # noqa: ARG001 - it must be there
    run("--write-reference")
    assert run("--shard", "1/2", "--partial", "counts")[0] == 0
    code, _, err = run("--merge", "counts")
    assert code == 1
    assert "was not counted" in err
    assert run("--merge", "nowhere")[0] == 1


def test_counts_for_other_tests_are_not_used(folder: Path, run: Run) -> None:
    run("--write-reference")
    assert run("--shard", "1/1", "--partial", "counts")[0] == 0
    text = (folder / "model.yaml").read_text()
    (folder / "model.yaml").write_text(text.replace("max: 60", "max: 50"))
    code, out, _ = run("--merge", "counts")
    assert code == 1
    assert "was counted for other tests than these" in out


def test_a_profile_is_printed_as_its_schema_says(folder: Path, run: Run) -> None:  # noqa: ARG001 - it must be there
    code, out, _ = run("--profile", "--format", "json")
    assert code == 0
    train, test = json.loads(out)["profiles"]
    for one in (train, test):
        assert schema.check("profile")(one)
    assert (train["dataset"], train["rows"]) == ("train", 2000)
    texture = next(one for one in train["columns"] if one["name"] == "mean texture")
    assert texture["moments"]["mean"] == pytest.approx(20, abs=0.5)
    assert texture["aboutDistinct"] == pytest.approx(2000, rel=0.1)
    assert len(train["rowDigests"]["ordered"]) == 32


def test_a_profile_that_is_written_has_sums_that_are_checked_when_it_is_read(folder: Path, run: Run) -> None:
    assert run("--write-reference")[0] == 0
    path = folder / "train.profile.json"
    text = path.read_text()
    assert len(text) < 40_000
    path.write_text(text.replace('"mean":', '"mean":1', 1))
    code, out, _ = run()
    assert code == 1
    assert "is not that of its sums" in out


@pytest.mark.parametrize(
    "words",
    [
        ("--shard", "1/2"),
        ("--partial", "counts"),
        ("--shard", "3/2", "--partial", "x"),
        ("--shard", "0/2", "--partial", "x"),
        ("--shard", "1/2", "--partial", "x", "--merge", "y"),
        ("--profile", "--merge", "x"),
        ("--processes", "0"),
        ("--processes", "2", "--spark", "local"),
        ("--memory", "1Ki"),
        ("--memory", "much"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(folder: Path, run: Run, words: Sequence[str]) -> None:
    assert folder.is_dir()
    assert run(*words)[0] == 2


def test_counting_within_a_bound_of_memory_judges_as_without(folder: Path, run: Run) -> None:
    assert folder.is_dir()
    assert run("--memory", "256Mi") == run()
