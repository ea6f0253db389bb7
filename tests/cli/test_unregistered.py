"""A model in no registry: training overwrites its artifact, and it can still be compared with and gone back to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import estate
from estate import Estate
from shells import Shell

MODEL = "tumours"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A model repository with the model that ``init`` writes, and dev and prod."""
    gates = [{"evidence": "model-tests"}, {"evidence": "comparison"}]
    policies = {
        "dev": estate.environment("dev", promotion="automatic"),
        "prod": estate.environment("prod", after=["dev"], gates=gates),
    }
    bare = Estate.new(policies).bare(tmp_path)
    folder = tmp_path / "here"
    folder.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    made = Shell(
        folder, bare, {**kept, "MG_ENVIRONMENTS": str(bare), "MG_CACHE": str(tmp_path / "cache"), "USER": "grace"}
    )
    estate.git("init", "--quiet", "--initial-branch=main", cwd=folder)
    assert made("init", "model", MODEL) == 0
    return made


def train(shell: Shell, version: str) -> None:
    """Set the version, commit, and train with the starter's own program, another model each time."""
    folder = shell.folder / "models" / MODEL
    manifest = folder / "model.yaml"
    lines = [
        f'  version: "{version}"' if line.startswith("  version:") else line
        for line in manifest.read_text().splitlines()
    ]
    manifest.write_text("\n".join(lines) + "\n")
    program = folder / "train.py"
    program.write_text(program.read_text() + f"\n# {version}\n")
    estate.git("add", "--all", cwd=shell.folder)
    estate.git("commit", "--quiet", "--message", version, cwd=shell.folder)
    shutil.rmtree(folder / "artifact", ignore_errors=True)
    subprocess.run([sys.executable, "train.py"], cwd=folder, check=True, capture_output=True)


def test_a_second_release_is_compared_with_the_first(shell: Shell) -> None:
    train(shell, "0.1.0")
    assert shell.json("release", MODEL)["result"] == "released", shell.err
    assert shell("promote", "--all") == 0
    assert shell("promote", MODEL, "--to", "prod") == 0, shell.out
    train(shell, "0.2.0")
    told: Any = shell.json("release", MODEL)
    (comparison,) = (one for one in told["reports"] if one["kind"] == "comparison")
    assert "comparison.metric" in {one["id"] for one in comparison["checks"]}, comparison
    assert comparison["verdict"] == "pass", comparison  # trained on the same rows, the starter passes
    shell("promote", "--all")

    # The same version with another content is refused, and nothing is published.
    before = shell.json("status")["commit"]
    program = shell.folder / "models" / MODEL / "train.py"
    program.write_text(program.read_text() + "# again\n")
    estate.git("commit", "--quiet", "--all", "--message", "again", cwd=shell.folder)
    assert shell("release", MODEL) == 1
    assert "0.2.0 was released before" in shell.err
    assert shell.json("status")["commit"] == before

    # Another machine has neither the cache nor the old file: the release is published, and a person has to look.
    train(shell, "0.3.0")
    shell.environ["MG_CACHE"] = str(shell.folder.parent / "elsewhere")
    told = shell.json("release", MODEL)
    (comparison,) = (one for one in told["reports"] if one["kind"] == "comparison")
    assert comparison["verdict"] == "inconclusive"
    assert "cannot be compared with" in comparison["checks"][0]["message"]
    assert told["result"] == "released"
    assert shell("rollback", MODEL, "--in", "dev", "--reason", "x") == 1
    assert "going back to 0.1.0 would not help" in shell.err
