from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from cancer import FEATURES, manifest
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World

Run = Callable[..., tuple[int, str, str]]
NOW = datetime(2026, 11, 21, tzinfo=UTC)
ROWS = 3000


def table(chance: np.random.Generator, *, faults: bool) -> pa.Table:
    """Rows of forty days and two hundred customers; with ``faults``, something that every test finds."""
    rows = np.arange(ROWS)
    values: dict[str, Any] = {name: chance.normal(20, 3, ROWS).round(1) for name in FEATURES}
    days = np.datetime64("2026-10-01") + (rows * 40 // ROWS).astype("timedelta64[D]")
    seen = days.astype("datetime64[us]")
    known = seen - np.timedelta64(1, "h")
    benign: list[bool | None] = (chance.random(ROWS) < 0.5).tolist()
    number: list[int | None] = [*map(int, rows)]
    site = [f"s{one}" for one in chance.integers(0, 300, ROWS)]
    mail = ["nobody"] * ROWS
    if faults:
        for name in FEATURES:
            values[name][2990:] = values[name][:10]
            values[name][7:9] = 0.0, -0.0
            values[name][2995] = np.nan
        seen[(seen > np.datetime64("2026-10-10")) & (seen < np.datetime64("2026-10-14"))] = np.datetime64("2026-10-09")
        seen[11], known[20:60] = np.datetime64("2031-01-01"), np.datetime64("2026-11-20")
        benign[5], number[9], number[2000], site[3] = None, 4, None, "elsewhere"
        benign[2990:] = [not one for one in benign[:10]]
        mail[17] = "ada@example.com"
    return pa.table(
        {**values, "benign": benign, "seen": seen, "known": known, "number": number, "site": site, "mail": mail}
        | {"customer": [f"k{one}" for one in chance.integers(0, 200, ROWS)]}
    )


TESTS: dict[str, Any] = {
    "unique": [["number"], ["customer", "seen"]],
    "maxDuplicateRate": 0.0,
    "rules": [
        {"name": "texture", "expression": '"mean texture" > 11', "maxViolationRate": 0.001},
        {"name": "named", "expression": "site LIKE 's%'", "nulls": "fail"},
        {"name": "unknown", "expression": "nowhere > 1"},
    ],
    "overlap": {"key": ["site", "number"], "max": 0.0},
    "references": [{"columns": ["site"], "dataset": "sites", "key": ["site"], "maxViolationRate": 0.0}],
    "freshness": {"maxAge": "P60D", "maxEmptyDays": 2},
    "split": {"maxSameRows": 0.0, "maxSameEntities": 0.1, "inTimeOrder": True},
    "pii": {},
    "labels": {
        "maxMissingRate": 0.0, "minClassShare": 0.4, "maxContradictionRate": 0.0, "domain": [True], 
    },
    "drift": {"of": "train", "in": ["test"], "max": 0.2, "confidence": 0.95, "weights": {"mail": 0}},
}  # fmt: skip


@pytest.fixture(params=["customer", "seen", None])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A model whose training and test data lie in files of different size, and a data set that keys refer to."""
    found = tmp_path / "models" / "cancer"
    chance, training = np.random.default_rng(1), pa.table({})
    for name, faults in (("train", False), ("test", True)):
        (found / "data" / name).mkdir(parents=True)
        whole = table(chance, faults=faults)
        if faults:  # a row of its own again, and some that training has seen
            whole = pa.concat_tables([whole.slice(0, ROWS - 4), whole.slice(0, 1), training.slice(100, 3)])
        training = whole
        for at, (low, high) in enumerate(((0, 10), (10, 1200), (1200, ROWS))):
            pq.write_table(whole.slice(low, high - low), found / "data" / name / f"{at}.parquet")
    sites = [f"s{one}" for one in range(299)]
    pq.write_table(pa.table({"site": sites}), found / "data" / "sites.parquet")
    value = manifest()
    parts = {} if request.param is None else {"timeColumn": "seen"}
    parts |= {"entityColumn": "customer"} if request.param == "customer" else {}
    train, test = (one | parts | {"uri": f"data/{one['name']}"} for one in value["spec"]["data"])
    value["spec"]["data"] = [train, test, {"name": "sites", "role": "reference", "uri": "data/sites.parquet"}]
    value["spec"]["tests"]["data"] = TESTS
    value["spec"]["tests"]["leakage"] = {"knownAt": {"mean texture": "known"}}
    (found / "model.yaml").write_text(yaml.safe_dump(value, sort_keys=False))
    return found


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
