"""The workflow of the guide to large data: a matrix of jobs that count and one that merges, run by act."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workflows import ACT, ROOT, SECONDS, commit, environment, substitute

import sharded
from mlops_gitops.cli.main import main
from mlops_gitops.cli.test import _opened as opened
from mlops_gitops.cli.world import World
from mlops_gitops.testing import sharding
from mlops_gitops.testing.data import references
from mlops_gitops.testing.data.files import data_files
from mlops_gitops.testing.engines import duckdb as engine
from prose import fences

INSTALL, MERGE = "pip install 'mlops-gitops[data]'", "test data cancer --merge counts"


def workflow() -> str:
    """That of the guide, about the model that there is here and with the package that is tested."""
    text = (ROOT / "docs" / "how-to" / "test-large-data.md").read_text(encoding="utf-8")
    (found,) = (one for one in fences(text, "yaml") if "--merge" in one)
    found = found.replace("flight-delays", "cancer")
    assert found.count(INSTALL) == 2
    assert found.count(MERGE) == 1
    found = found.replace(INSTALL, f'echo "{Path(sys.executable).parent}" >>"$GITHUB_PATH"')
    return found.replace(MERGE, f'{MERGE} --format json >"$COLLECTED/merged.json"')


def alone(root: Path, *words: str) -> tuple[int, str]:
    out = io.StringIO()
    code = main(
        ["test", "data", "cancer", "--format", "json", *words],
        World({"HOME": str(root)}, lambda: datetime.now(UTC), root, out, io.StringIO()),
    )
    return code, out.getvalue()


def checks(text: str) -> list[dict[str, Any]]:
    """Without the age of the newest row, which is another at every moment."""
    value = json.loads(text)
    assert "reports" in value, text
    found = [check for report in value["reports"] for check in report["checks"]]
    return [one for one in found if one["id"] != "data.freshness"]


def test_a_matrix_counts_and_a_job_merges_to_the_profile_of_one_process(tmp_path: Path) -> None:
    root, home, collected, artifacts = (tmp_path / one for one in ("models", "home", "collected", "artifacts"))
    for one in (root, home, collected, artifacts):
        one.mkdir()
    folder = sharded.write(root, entity=True)
    assert alone(root, "--write-reference")[0] == 0
    (root / ".github" / "workflows").mkdir(parents=True)
    (root / ".github" / "workflows" / "data.yml").write_text(workflow())
    commit(root, home)
    told = {"COLLECTED": str(collected), "ARTIFACTS": str(artifacts), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [
            str(ACT), "pull_request", "--platform", "ubuntu-latest=-self-hosted", "--no-cache-server",
            "--action-offline-mode", "--workflows", ".github/workflows/data.yml",
            *(word for name in ("upload-artifact", "download-artifact")
              for word in ("--local-repository", f"actions/{name}@v4={substitute(f'actions/{name}@v4', tmp_path)}")),
            *(word for name, value in told.items() for word in ("--env", f"{name}={value}")),
        ],
        cwd=root, env=environment(home), capture_output=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert sorted(one.name for one in artifacts.iterdir()) == [f"counts-{job}" for job in range(1, 5)], (
        done.stdout.decode() + done.stderr.decode()
    )
    code, text = alone(root)
    assert checks((collected / "merged.json").read_text()) == checks(text)
    assert (code, done.returncode) == (1, 1)  # its data have faults, and the job that merges says so

    merged = sharding.merged([artifacts / f"counts-{job}" for job in range(1, 5)])
    model, document = opened(folder)
    places = {"folder": folder, "root": root}
    compared = list(references.wanted_by(model, **places, locate=document.location))
    for file in data_files(model, **places):
        wanted = sharding.asked(model, file, compared, datetime.now(UTC))
        alone_ = engine.scan(file.opened, wanted).profile
        assert alone_.digest() == merged[file.dataset.name].part.profile.digest()
        assert alone_.rows == {"train": 1200, "test": 1200}[file.dataset.name]
