"""The example at the top of each Action's README, run as it stands there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from airline import airline
from workflows import ROOT, run

from mlops_gitops.actions.run import ACTIONS
from servers.git_http import serve

TOKEN = "t0ken-of-the-app"


def example(name: str) -> str:
    found = re.search(
        r"```yaml\n(.*?)```", (ROOT / "actions" / name / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    assert found is not None
    return found[1]


def step(name: str) -> dict[str, Any]:
    """The last step of the example, with an id so that its outputs can be read."""

    (job,) = yaml.safe_load(example(name))["jobs"].values()
    checkout, last = job["steps"]
    assert checkout["uses"].startswith("actions/checkout@")
    assert last["uses"] == f"mlops-gitops/mlops-gitops/actions/{name}@v1"
    return {"id": name, **last}


@pytest.mark.parametrize("name", ACTIONS)
def test_it_is_a_workflow(tmp_path: Path, name: str) -> None:
    (tmp_path / "example.yml").write_text(example(name))
    program = Path(sys.executable).parent / "check-jsonschema"
    words = [str(program), "--builtin-schema", "vendor.github-workflows", str(tmp_path / "example.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_validate(product: Path, tmp_path: Path) -> None:
    files = {"models/x/model.yaml": "apiVersion: mlops-gitops/v1\nkind: Model\n"}
    payload = {"after": "1" * 40}
    ran = run(
        f"- {json.dumps(step('validate'))}",
        product=product,
        folder=tmp_path,
        event="push",
        payload=payload,
        files=files,
    )
    assert ran.outputs("validate")["result"] == "failed"


def test_promote(product: Path, tmp_path: Path) -> None:
    made = airline()
    with serve(tmp_path / "served", tokens={TOKEN: "write"}) as server:
        server.create("environments", made.files)
        text = json.dumps(step("promote")).replace(
            "https://git.example.com/airline/environments.git", server.url_of("environments")
        )
        ran = run(
            f"- {text}",
            product=product,
            folder=tmp_path / "run",
            event="push",
            payload={"after": "1" * 40},
            secrets={"ENVIRONMENTS_TOKEN": TOKEN, "PROMOTION_KEY": made.pem},
        )
        assert ran.succeeded
        assert ran.outputs("promote")["result"] == "promoted"
        assert ran.outputs("promote")["commit"] == server.tip("environments")
