"""What tests of data cost: one Parquet file of 1,000,000 rows and 30 columns, beside the tools that teams use.

46 rules: a type and a null rate for each of ten columns, a range for sixteen numbers, a domain for eight texts, a key,
and a number of rows.  Each tool gets the same 46 in its own words, and of the file the columns that these name, as it
reads them best; loading counts.

1. All rules against the plain decode of the file by the same engine, and of 20 shards of it.  Goal: at most 3 times.
2. All rules against Pandera, Pointblank and Great Expectations.  Goal: faster than each.
3. Drift against a committed profile: against Evidently's preset (goal: 100 times as fast) and NannyML (5 times).
4. The extra ``[data]``: at most 150 MB installed.  ``test data`` on 1,000 rows: at most 1 s, start to end.

    .venv/bin/python benchmarks/data_tests.py [--short] [--write]

Peers run in environments of their own, made at the first run and kept in ``.venv/benchmarks/``, with the pins that let
them start at all.  A peer that cannot be installed or fails is told as such, and its goal counts as missed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from grounds.timing import OURS, ROOT, Line, Report, best, parsed, seconds
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data import suite
from mlops_gitops.testing.data.scans import Source
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines.connections import opened, quoted

WORK = Path(os.environ.get("MG_BENCHMARKS", ROOT / ".venv" / "benchmarks"))
PEERS = Path(__file__).parent / "peers"
NUMBERS, TEXTS = 22, 8
RANGED, TYPED = 16, 10
SHARDS = 20
TOWNS = ["EWR", "JFK", "LGA", "BOS", "ORD"]
PINS = {
    "pandera": ("pandera[polars]==0.35.0",),
    "pointblank": ("pointblank[pl]==1.1.1", "pandas", "pyarrow", "polars"),
    "great_expectations": ("great_expectations==1.24.0", "pyarrow"),
    "evidently": ("evidently==0.7.23", "pandas<3", "numpy<2.4", "pyarrow"),
    "nannyml": ("nannyml==0.13.1", "statsmodels<0.15", "pandas<3", "numpy<2", "pyarrow<20"),
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MEGABYTE = 1_000_000


def table(rows: int, *, seed: int, shift: float = 0.0) -> pa.Table:
    """Thirty columns: a key, numbers of several shapes, texts of five values."""
    chance = np.random.default_rng(seed)
    columns: dict[str, object] = {"id": np.arange(rows) + seed * 10_000_000}
    for index in range(1, NUMBERS):
        values = chance.normal(100 + shift, 15, rows)
        columns[f"n{index:02}"] = np.clip(values, 0, 200) if index % 2 else np.clip(values, 0, 200).astype(np.int64)
    for index in range(TEXTS):
        columns[f"t{index}"] = np.array(TOWNS)[chance.integers(0, len(TOWNS), rows)]
    return pa.table(columns)


def manifest(rows: int) -> dict[str, object]:
    """46 rules: ten types, ten null rates, sixteen ranges, eight domains, a key and a number of rows."""
    columns: list[dict[str, object]] = []
    for index in range(1, RANGED + 1):
        one: dict[str, object] = {"name": f"n{index:02}", "range": {"min": 0, "max": 200}}
        if index <= TYPED:
            one |= {"type": "double" if index % 2 else "long", "maxNullRate": 0}
        columns.append(one)
    columns += [{"name": f"t{index}", "domain": TOWNS} for index in range(TEXTS)]
    drift = {"of": "train", "in": ["test"], "weights": {"id": 0}}
    data = {"columns": columns, "rows": {"min": rows}, "unique": [["id"]]}
    return {
        "apiVersion": "mlops-gitops/v1",
        "kind": "Model",
        "metadata": {
            "name": "wide",
            "version": "1.0.0",
            "description": "Thirty columns.",
            "owners": [{"name": "Ada Example", "email": "ada@example.com", "role": "owner"}],
            "license": "Apache-2.0",
            "riskTier": "minimal",
        },
        "spec": {
            "training": {"entrypoint": ["python", "train.py"]},
            "dependencies": {"lock": "requirements.lock"},
            "data": [
                {"name": "train", "role": "reference", "uri": "train.parquet"},
                {"name": "test", "role": "test", "uri": "test.parquet"},
            ],
            "artifact": {"format": "skops", "path": "model.skops"},
            "interface": {"inputs": [{"name": "n01", "type": "double"}], "outputs": [{"name": "y", "type": "double"}]},
            "task": "regression",
            "metrics": [{"name": "rmse", "dataset": "test", "threshold": {"max": 1}}],
            "tests": {"data": data},
            "serving": {"pattern": "batch"},
            "x-drift": drift,
        },
    }


def rules(value: dict[str, object]) -> int:
    """How many rules a manifest has."""
    data = value["spec"]["tests"]["data"]  # type: ignore[index]
    demanded = ("type", "maxNullRate", "range", "domain")
    return sum(name in one for one in data["columns"] for name in demanded) + len(data["unique"]) + ("rows" in data)


def written(folder: Path, rows: int) -> tuple[dict[str, object], Path]:
    """The model repository: manifest and both files."""
    model = folder / "models" / "wide"
    model.mkdir(parents=True, exist_ok=True)
    for name, seed, shift in (("train", 1, 0.0), ("test", 2, 1.0)):
        if not (model / f"{name}.parquet").is_file():
            pq.write_table(table(rows, seed=seed, shift=shift), model / f"{name}.parquet")
    value = manifest(rows)
    (model / "model.yaml").write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")
    return value, model


def tested(value: dict[str, object], folder: Path) -> float:
    """How long all tests take, in a program that runs."""
    model = Model.from_value(value)
    start = time.perf_counter()
    report = suite.run_data_tests(model, folder=folder, locate=lambda _: Location("model.yaml"), now=NOW)
    taken = time.perf_counter() - start
    wrong = [check.message for check in report.checks if check.verdict.value != "pass"]
    assert not wrong, wrong[:3]
    return taken


def decoded(one: Source) -> float:
    """How long the same engine takes to decode every value of the files, and nothing else."""
    with opened(one) as connection:
        kinds = engine.stored_types(connection, one)
        # no footer knows a sum, so every value is decoded; adding costs next to nothing beyond that
        asked = ", ".join(
            f"sum(strlen({quoted(name)}))" if kind == "VARCHAR" else f"sum({quoted(name)})"
            for name, kind in kinds.items()
        )
        start = time.perf_counter()
        connection.execute(f"SELECT {asked} FROM read_parquet(?)", [one.argument]).fetchall()  # noqa: S608 - our names
        return time.perf_counter() - start


def compared(value: dict[str, object], folder: Path, one: Source, times: int) -> tuple[float, float]:
    """The best times of all tests and of the plain decode, in turn, so that neither has the quieter minute."""
    plain, ours = [], []
    for _ in range(times):
        plain.append(decoded(one))
        ours.append(tested(value, folder))
    return best(ours), best(plain)


def sharded(value: dict[str, object], folder: Path) -> tuple[dict[str, object], Source]:
    """The same manifest and data, in ``SHARDS`` files."""
    place = folder / "shards"
    if not place.is_dir():
        place.mkdir()
        whole = pq.read_table(folder / "test.parquet")
        for at in range(SHARDS):
            first, last = (len(whole) * step // SHARDS for step in (at, at + 1))
            pq.write_table(whole.slice(first, last - first), place / f"{at:02}.parquet")
    found = json.loads(json.dumps(value))
    found["spec"]["data"][1]["uri"] = place.name
    return found, Source(place, "parquet", tuple(sorted(place.iterdir())))


def peer(name: str, report: Report, *words: str, times: int) -> float | None:
    """The best time that a peer tells of itself; ``None`` where it cannot be had, with the reason in the report."""
    python = WORK / name / "bin" / "python"
    try:
        if not python.is_file():
            uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
            subprocess.run([uv, "venv", "--quiet", "--python", "3.11", str(WORK / name)], check=True)
            subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *PINS[name]], check=True)
        found = []
        for _ in range(times):
            done = subprocess.run(
                [str(python), str(PEERS / f"{name}.py"), *words],
                capture_output=True, text=True, check=False, timeout=1800,
                env={**os.environ, "NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"},
            )  # fmt: skip
            if done.returncode:
                why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
                report.add(Line(name, f"failed: {why[:160]}", "to run", met=False))
                return None
            found.append(float(json.loads(done.stdout.strip().splitlines()[-1])["seconds"]))
        return best(found)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        report.add(Line(f"{name}", f"failed: {str(error)[:160]}", "to run", met=False))
        return None


def drifted(folder: Path) -> float:
    """Profile of the current data and comparison with the reference that lies beside the manifest."""
    value = manifest(0)
    spec = value["spec"]
    spec["tests"] = {"data": {"drift": spec["x-drift"]}}  # type: ignore[index]
    model = Model.from_value(value)
    reference = folder / "train.profile.json"
    if not reference.is_file():
        from mlops_gitops.testing.data import references

        reference.write_text(references.made(model, "train", folder=folder, root=folder).text(), encoding="utf-8")
    (folder / "train.parquet").rename(folder / "away.parquet")  # the reference data are not needed
    try:
        start = time.perf_counter()
        report = suite.run_data_tests(model, folder=folder, locate=lambda _: Location("model.yaml"), now=NOW)
        taken = time.perf_counter() - start
    finally:
        (folder / "away.parquet").rename(folder / "train.parquet")
    judged = [check for check in report.checks if check.id == "data.drift"]
    assert len(judged) == NUMBERS + TEXTS - 1, [check.message for check in report.checks][:5]
    return taken


def installed(report: Report) -> None:
    """The size of a fresh installation with the extra ``data``."""
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "v" / "bin" / "python"
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(Path(folder) / "v")], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), f"{ROOT}[data]"], check=True)
        size = sum(one.stat().st_size for one in Path(folder).rglob("*") if one.is_file() and not one.is_symlink())
    found = size / MEGABYTE
    report.add(Line("installed with the extra `data`", f"{found:.0f} MB", "at most 150 MB", found <= 150))


def small(folder: Path, times: int) -> float:
    """``test data`` on 1,000 rows, from its start to its end."""
    written(folder, 1000)
    return best(seconds([OURS, "test", "data", "wide"], cwd=folder) for _ in range(times))


def main() -> int:
    """Measure, tell, and say whether every goal was met."""
    arguments = parsed(__doc__ or "")
    rows, times = (20_000, 1) if arguments.short else (1_000_000, 3)
    report = Report("data-tests", ".venv/bin/python benchmarks/data_tests.py")
    ground = WORK / f"data-tests-{rows}"
    value, folder = written(ground, rows)
    assert rules(value) == 46, rules(value)
    path = str(folder / "test.parquet")
    ours, plain = compared(value, folder, Source(folder / "test.parquet", "parquet"), times + 4)
    report.ratio("46 rules, of the time of decoding the file", ours / plain, at_most=3)
    report.time("46 rules", ours)
    many, several = sharded(value, folder)
    shards, plain = compared(many, folder, several, times + 4)
    report.ratio(f"46 rules on {SHARDS} shards, of the time of decoding them", shards / plain, at_most=3)
    names = {"pandera": "Pandera", "pointblank": "Pointblank", "great_expectations": "Great Expectations"}
    for name, words in names.items():
        found = peer(name, report, path, str(rows), times=times)
        if found is not None:
            report.ratio(f"46 rules, as fast as {words}", found / ours, at_least=1)
    moved = best(drifted(folder) for _ in range(times))
    report.time("drift of 29 columns against a committed profile", moved)
    for name, words, goal in (("evidently", "Evidently's preset", 100), ("nannyml", "NannyML", 5)):
        found = peer(name, report, str(folder / "train.parquet"), path, times=1)
        if found is not None:
            report.ratio(f"drift, as fast as {words}", found / moved, at_least=goal)
    with tempfile.TemporaryDirectory() as other:
        report.time("`test data` on 1,000 rows, start to end", small(Path(other), times + 2), at_most=1)
    if not arguments.short:
        installed(report)
    return report.end(arguments)


if __name__ == "__main__":
    sys.exit(main())
