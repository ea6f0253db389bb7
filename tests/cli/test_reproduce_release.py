"""``reproduce --release --publish``: the verdict becomes signed evidence that a gate can demand."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import estate
from estate import Estate
from retrainings import ENVIRONMENT, LEARNERS, repository
from shells import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A released model, in a repository of its own, over an environment repository."""
    place = repository(tmp_path, "sklearn-pickle")
    place.train()
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    bare = Estate.new().bare(tmp_path)
    environ = {**kept, "MG_ENVIRONMENTS": str(bare), "MG_CACHE": str(tmp_path / "cache"), "USER": "grace"}
    made = Shell(place.root, bare, environ)
    made("release", "cancer")
    assert "cancer 1.0.0 released" in made.out, made.out + made.err
    return made


def evidence(shell: Shell) -> list[str]:
    words = ["git", "ls-tree", "-r", "--name-only", "main", "evidence"]
    done = subprocess.run(words, cwd=shell.bare, check=True, capture_output=True, text=True)
    return [one for one in done.stdout.splitlines() if "/reproduction-" in one]


def test_the_verdict_is_signed_once_and_says_at_which_level(shell: Shell) -> None:
    words = ("reproduce", "cancer", "--release", "1.0.0", "--publish", "--environment", str(ENVIRONMENT))
    assert shell(*words) == 0, shell.out + shell.err
    (path,) = evidence(shell)
    shown = subprocess.run(["git", "show", f"main:{path}"], cwd=shell.bare, check=True, capture_output=True, text=True)
    statement = _payload(shown.stdout)
    (claim,) = (value for key, value in statement["predicate"].items() if key.endswith("/claim/v1"))
    levels = [check for check in claim["details"]["checks"] if check["id"] == "reproduction.level"]
    assert [one["observed"] for one in levels] == ["bitwise"]
    assert claim["details"]["provenance"]["buildDefinition"]["externalParameters"]["model"] == "cancer"
    assert shell(*words) == 0
    assert evidence(shell) == [path]
    assert shell("verify") == 0, shell.out


def test_a_manifest_that_is_not_the_released_one_is_refused(shell: Shell) -> None:
    manifest = shell.folder / "models/cancer/model.yaml"
    manifest.write_text(manifest.read_text().replace("1.0.0", "1.0.1"))
    assert shell("reproduce", "cancer", "--release", "1.0.0", "--environment", str(ENVIRONMENT)) == 1
    assert "is not the manifest of release" in shell.err


def test_a_later_commit_is_not_what_is_trained(shell: Shell) -> None:
    """The revision of the release counts, whatever the work tree holds by now, and the provenance says so."""
    text, _ = LEARNERS["sklearn-pickle"]
    released = estate.git("rev-parse", "HEAD", cwd=shell.folder).strip()
    (shell.folder / "models/cancer/train.py").write_text(text.format(seed=8))
    estate.git("commit", "--all", "--quiet", "--message", "Another seed", cwd=shell.folder)
    words = ("reproduce", "cancer", "--release", "1.0.0", "--environment", str(ENVIRONMENT), "--report", "report")
    assert shell(*words) == 0, shell.out
    made = json.loads((shell.folder / "report/cancer/provenance.intoto.json").read_text())
    (source, *_) = made["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert source["digest"] == {"gitCommit": released}


def _payload(text: str) -> Any:

    return json.loads(base64.b64decode(json.loads(text)["payload"]))
