"""What it costs to profile data and to hold them against a committed profile, as ratios within one run.

1. One million rows of 30 columns in a Parquet file: counts on the edges of a committed profile and drift against it,
   and the whole profile with exact moments, distinct values and digests, each of a plain decode by the same engine.
2. The same in 20 shards: processes, and Spark after its session has started, where PySpark is found (``.spark``, or
   where ``MG_SPARK`` says); the digests must agree.  Both start their workers within what is timed, but Spark may keep
   the Python ones of the session.  Of so few rows, most is what Spark takes for each shard, whatever is in it.
3. With ``--rows 20000000``: the memory of a process that profiles so many rows in 20 shards and counts a key that is
   different in each of them, and its time against that of a quarter of the shards; and processes and Spark as above.
   Goal: Spark at most 1.3 times the processes.

    .venv/bin/python benchmarks/profiles.py [--rows 20000000] [--short] [--write]

The data are made at the first run and kept in ``.venv/benchmarks/``, or where ``MG_BENCHMARKS`` says: 4.2 GB for 20
million rows.  The hashes of their keys take half a gigabyte in the folder for temporary files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from grounds.timing import ROOT, Line, Report, best, options
from mlops_gitops.testing.data.reference import BINS, Reference
from mlops_gitops.testing.data.scans import EVERY, Source, Wanted
from mlops_gitops.testing.data.shifts import Incomparable, Sample, of_values, shares
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines import shards
from mlops_gitops.testing.engines.connections import Limits, within

SHARDS = 20
SPARK = Path(os.environ.get("MG_SPARK") or ROOT / ".spark")
EVERYTHING = frozenset({EVERY})
WHOLE = Wanted(moments=EVERYTHING, distinct=EVERYTHING, digests=True)
WITH_KEY = replace(WHOLE, keys=(("id",),))


def made(folder: Path, rows: int, parts: int = SHARDS) -> Source:
    """Thirty columns of every kind in shards, the same at every run."""
    place = folder / f"profile-{rows}-{parts}"
    if not (place / "done").is_file():
        place.mkdir(parents=True, exist_ok=True)
        for at in range(parts):
            pq.write_table(table(np.random.default_rng(at), rows // parts, at), place / f"{at:02d}.parquet")
        (place / "done").touch()
    return Source(place, "parquet", tuple(sorted(place.glob("*.parquet"))))


def table(chance: np.random.Generator, rows: int, shard: int) -> pa.Table:
    columns: dict[str, object] = {f"x{i}": chance.standard_normal(rows) * 10.0 ** (i % 5 - 1) for i in range(20)}
    columns |= {f"n{i}": chance.integers(0, 10 ** (i + 2), rows) for i in range(5)}
    columns |= {f"c{i}": chance.choice(np.array([f"v{j}" for j in range(4 ** (i + 1))]), rows) for i in range(3)}
    return pa.table(columns | {"b": chance.random(rows) < 0.3, "id": np.arange(rows) + shard * rows})


def timed(work: Callable[[], object], times: int) -> float:
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return best(found)


def decoded(source: Source) -> None:
    """Read every value: the least that any work on all of them takes."""
    names = engine.columns(source)
    asked = ", ".join(f"max({name})" if kind == "string" else f"sum({name}::DOUBLE)" for name, kind in names.items())
    duckdb.connect().execute(f"SELECT {asked} FROM read_parquet(?)", [source.argument]).fetchall()  # noqa: S608


def drifted(source: Source, reference: Reference) -> int:
    """Count on the reference's edges, and judge every column; how many were judged."""
    profile = engine.scan(source, reference.wanted()).profile
    judged = 0
    for name, errors in shares([one.name for one in reference.profile.columns], {}, error=0.05).items():
        before, column = reference.sample(name), profile.column(name)
        assert before is not None
        assert column is not None
        try:
            of_values(before, Sample(column, profile.rows, 1.0), errors=errors)
        except Incomparable:
            continue
        judged += 1
    return judged


def one_file(report: Report, source: Source, times: int) -> None:
    edges = engine.quantiles(source, bins=BINS)
    watched = {"b": (False, True)}
    reference = Reference("train", "0" * 64, engine.scan(source, Wanted(edges, watched)).profile)
    assert drifted(source, reference) > 20
    decode = timed(lambda: decoded(source), times)
    against = timed(lambda: drifted(source, reference), times)
    whole = timed(lambda: engine.scan(source, WHOLE), times)
    report.time("profile on committed edges and drift of every column", against)
    report.ratio("that, of a plain decode", against / decode)
    report.time("the whole profile", whole)
    report.ratio("that, of a plain decode", whole / decode)
    report.add(Line("the committed profile", f"{len(reference.text()) / 1000:.0f} kB"))


def on_spark(source: Source, times: int) -> tuple[float, str]:
    """Seconds on two cores of Spark after its session has started, and the digest; in a process of its own."""
    environ = {**os.environ, "PYTHONPATH": str(SPARK), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    words = [sys.executable, __file__, "--on-spark", str(source.path), str(times)]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=True)
    seconds, digest = json.loads(done.stdout.splitlines()[-1])
    return float(seconds), str(digest)


def as_spark(folder: Path, times: int) -> None:
    from mlops_gitops.adapters.spark import Cluster

    source = Source(folder, "parquet", tuple(sorted(folder.glob("*.parquet"))))
    shards.scanned("d", Source(folder, "parquet", source.files[:2]), WHOLE, Cluster("local[2]"))
    print(json.dumps(scheduled(source, Cluster("local[2]"), times)))


def scheduled(source: Source, schedule: shards.Schedule, times: int) -> tuple[float, str]:
    """Seconds of the whole profile by a schedule, and the digest."""
    digests: set[str] = set()
    seconds = timed(lambda: digests.add(shards.scanned("d", source, WHOLE, schedule).profile.digest()), times)
    (digest,) = digests
    return seconds, digest


def in_shards(report: Report, source: Source, rows: int, times: int, *, spark: bool, at_most: float | None) -> str:
    """Two processes, and Spark on two cores; the digest."""
    together, digest = scheduled(source, shards.Processes(2), times)
    report.time(f"{rows:,} rows in {len(source.files)} shards in two processes", together)
    if spark and (SPARK / "pyspark").is_dir():
        seconds, theirs = on_spark(source, times)
        assert theirs == digest
        said = f"{rows:,} rows on two cores of Spark, of the two processes, the same digest"
        report.ratio(said, seconds / together, at_most=at_most)
    return digest


def as_child(folder: Path, count: int) -> None:
    files = tuple(sorted(folder.glob("*.parquet"))[:count])
    start = time.perf_counter()
    with within(Limits(memory=4 * 2**30)):
        found = shards.scanned("d", Source(folder, "parquet", files), WITH_KEY, shards.here)
    assert found.distinct[("id",)] == found.profile.rows
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps([time.perf_counter() - start, int(peak.split()[1]) / 2**20]))


def large(report: Report, source: Source, rows: int) -> None:
    found = []
    parts = len(source.files)
    for count in (parts // 4, parts):
        words = [sys.executable, __file__, "--child", str(source.path), str(count)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    (quarter, _), (seconds, peak) = found
    report.time(f"{rows:,} rows in {parts} shards, one after the other", seconds)
    report.ratio("that, of four times a quarter of the shards", seconds / (4 * quarter), at_most=1.2)
    report.add(Line("most memory of that process", f"{peak:.2f} GiB", "at most 6 GiB", peak <= 6))


def main() -> int:
    parser = options(__doc__ or "")
    parser.add_argument("--rows", type=int, default=0, help="also profile so many rows in shards")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--on-spark", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        as_child(Path(arguments.child[0]), int(arguments.child[1]))
        return 0
    if arguments.on_spark:
        as_spark(Path(arguments.on_spark[0]), int(arguments.on_spark[1]))
        return 0
    folder = Path(os.environ.get("MG_BENCHMARKS") or ROOT / ".venv" / "benchmarks")
    report = Report("profiles", ".venv/bin/python benchmarks/profiles.py --rows 20000000")
    times = 1 if arguments.short else 3
    parts = 4 if arguments.short else SHARDS
    few = 20_000 if arguments.short else 1_000_000
    source = made(folder, few, parts)
    one_file(report, source, times)
    digest = in_shards(report, source, few, times, spark=not arguments.short, at_most=None)
    assert digest == engine.scan(source, WHOLE).profile.digest()
    rows = 8_000 if arguments.short else arguments.rows
    if rows:
        source = made(folder, rows, parts)
        large(report, source, rows)
        in_shards(report, source, rows, 1, spark=not arguments.short, at_most=1.3)
    return report.end(arguments)


if __name__ == "__main__":
    sys.exit(main())
