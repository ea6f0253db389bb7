from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_gitops.adapters.spark import Cluster
from mlops_gitops.errors import WorldFailed
from mlops_gitops.manifests.row_tests import RowRule
from mlops_gitops.testing.data.row_rules import Rules
from mlops_gitops.testing.data.scans import EVERY, Source, Wanted
from mlops_gitops.testing.engines import duckdb as engine
from spark_folder import spark_folder

EVERYTHING = frozenset({EVERY})
WANTED = Wanted(
    keys=(("id",),),
    distinct_rows=True,
    moments=EVERYTHING,
    distinct=EVERYTHING,
    digests=True,
    watched={"c": ("a",)},
    asks=(Rules((RowRule("small", "x < 1"),)),),
)
ON_SPARK = """
import json, sys
from pathlib import Path
from mlops_gitops.adapters.spark import Cluster
from mlops_gitops.errors import Refused
from mlops_gitops.manifests.row_tests import RowRule
from mlops_gitops.testing.data.row_rules import Rules
from mlops_gitops.testing.data.scans import EVERY, Source, Wanted
from mlops_gitops.testing.engines import shards

everything = frozenset({EVERY})
wanted = Wanted(keys=(("id",),), distinct_rows=True, moments=everything, distinct=everything, digests=True,
                watched={"c": ("a",)}, asks=(Rules((RowRule("small", "x < 1"),)),))
for folder in sys.argv[1:]:
    parts = Source(Path(folder), "parquet", tuple(sorted(Path(folder).iterdir())))
    try:
        found = shards.scanned("d", parts, wanted, Cluster("local[2]"))
        print(json.dumps([found.profile.digest(), sorted(found.distinct.values()), found.counts]))
    except Refused as refusal:
        print(json.dumps([refusal.code, refusal.message]))
"""


def parts(folder: Path) -> Source:
    folder.mkdir()
    chance = np.random.default_rng(2)
    table = pa.table(
        {"id": np.arange(4000) % 3999, "x": chance.lognormal(0, 20, 4000), "c": [f"v{i % 500}" for i in range(4000)]}
    )
    for at, cut in enumerate((0, 100, 2500)):
        pq.write_table(table.slice(cut, [100, 2400, 1500][at]), folder / f"{at}.parquet")
    return Source(folder, "parquet", tuple(sorted(folder.iterdir())))


def test_spark_counts_what_one_process_counts_and_refuses_what_it_refuses(tmp_path: Path) -> None:
    spark = spark_folder()
    whole = parts(tmp_path / "parts")
    parts(tmp_path / "broken")
    (tmp_path / "broken" / "1.parquet").write_bytes(b"PAR1 and nothing more")
    here = engine.scan(whole, WANTED)
    environ = {**os.environ, "PYTHONPATH": str(spark), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    words = [sys.executable, "-c", ON_SPARK, str(tmp_path / "parts"), str(tmp_path / "broken")]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    same, broken = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    assert same == [here.profile.digest(), [3999, 4000], dict(here.counts)]
    assert 1000 < here.counts["rule small broken"] < 3000
    assert sorted(here.distinct.values()) == [3999, 4000]
    assert broken[0] == "data-unreadable"
    assert "1.parquet cannot be read" in broken[1]


def test_without_pyspark_the_reason_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorldFailed, match="PySpark is not installed"):
        list(Cluster("local[1]")([], tmp_path))
