"""Our own workflow: it fetches exactly the commit under test, and then runs what everybody runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml
from workflows import ROOT

from servers.git_http import serve

TOKEN = "t0ken-of-the-job"


def steps() -> list[dict[str, Any]]:
    found = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    listed: list[dict[str, Any]] = found["jobs"]["test"]["steps"]
    return listed


def test_the_commit_under_test_is_fetched_and_no_token_stays_behind(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    with serve(tmp_path / "served", tokens={TOKEN: "read"}) as server:
        server.create("models", {"marker.txt": "first\n"})
        commit = server.tip("models")
        server.write("models", {"marker.txt": "second\n"})
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "MG_SERVER": server.url,
            "MG_REPOSITORY": "models.git",
            "MG_COMMIT": commit,
            "MG_TOKEN": TOKEN,
        }
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps()[0]["run"]]
        done = subprocess.run(shell, cwd=workspace, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (workspace / "marker.txt").read_text() == "first\n"
    shown = {request.headers["Authorization"].split()[1] for request in server.requests}
    for path in workspace.rglob("*"):
        assert not path.is_file() or not [text for text in (TOKEN, *shown) if text.encode() in path.read_bytes()]


def test_then_it_runs_what_everybody_runs() -> None:
    assert [step["run"] for step in steps()[1:]] == [".ci/run"]
