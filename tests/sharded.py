"""A model whose data lie in several files, with a fault for every test of data that looks at rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from cancer import FEATURES, manifest

ROWS = 1200
CUTS = ((0, 10), (10, 700), (700, 700), (700, ROWS))


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
            values[name][-10:] = values[name][:10]
            values[name][7:9] = 0.0, -0.0
            values[name][-5] = np.nan
        seen[(seen > np.datetime64("2026-10-10")) & (seen < np.datetime64("2026-10-14"))] = np.datetime64("2026-10-09")
        seen[11], known[20:60] = np.datetime64("2031-01-01"), np.datetime64("2026-11-20")
        benign[5], number[9], number[1000], site[3] = None, 4, None, "elsewhere"
        benign[-10:] = [not one for one in benign[:10]]
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


def write(root: Path, *, entity: bool) -> Path:
    """Write the model's folder below ``root``; its rows are of days, and with ``entity`` of customers."""
    folder, chance, training = root / "models" / "cancer", np.random.default_rng(1), pa.table({})
    for name, faults in (("train", False), ("test", True)):
        (folder / "data" / name).mkdir(parents=True)
        whole = table(chance, faults=faults)
        if faults:  # a row of its own again, and some that training has seen
            whole = pa.concat_tables([whole.slice(0, ROWS - 4), whole.slice(0, 1), training.slice(100, 3)])
        training = whole
        for at, (low, high) in enumerate(CUTS):
            pq.write_table(whole.slice(low, high - low), folder / "data" / name / f"{at}.parquet")
    pq.write_table(pa.table({"site": [f"s{one}" for one in range(299)]}), folder / "data" / "sites.parquet")
    value = manifest()
    parts = {"timeColumn": "seen", **({"entityColumn": "customer"} if entity else {})}
    train, test = (one | parts | {"uri": f"data/{one['name']}"} for one in value["spec"]["data"])
    value["spec"]["data"] = [train, test, {"name": "sites", "role": "reference", "uri": "data/sites.parquet"}]
    value["spec"]["tests"]["data"] = TESTS
    value["spec"]["tests"]["leakage"] = {"knownAt": {"mean texture": "known"}}
    (folder / "model.yaml").write_text(yaml.safe_dump(value, sort_keys=False))
    return folder
