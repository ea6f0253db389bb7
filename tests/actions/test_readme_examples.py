"""The example at the top of each Action's README, run as it stands there; those about models and environments are run
beside the other tests of these."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from airline import airline
from workflows import example, example_step, run

from mlops_gitops.actions.run import ACTIONS
from servers.git_http import serve

TOKEN = "t0ken-of-the-app"


@pytest.mark.parametrize("name", ACTIONS)
def test_it_is_a_short_workflow(tmp_path: Path, name: str) -> None:
    (tmp_path / "example.yml").write_text(example(name))
    assert len(example(name).splitlines()) <= 8
    program = Path(sys.executable).parent / "check-jsonschema"
    words = [str(program), "--builtin-schema", "vendor.github-workflows", str(tmp_path / "example.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_validate(product: Path, tmp_path: Path) -> None:
    files = {"models/x/model.yaml": "apiVersion: mlops-gitops/v1\nkind: Model\n"}
    payload = {"after": "1" * 40}
    ran = run(example_step("validate"), product=product, folder=tmp_path, event="push", payload=payload, files=files)
    assert ran.outputs("validate")["result"] == "failed"


def test_promote(product: Path, tmp_path: Path) -> None:
    made = airline()
    with serve(tmp_path / "served", tokens={TOKEN: "write"}) as server:
        server.create("environments", made.files)
        ran = run(
            example_step("promote"),
            product=product,
            folder=tmp_path / "run",
            event="push",
            payload={"after": "1" * 40},
            variables={"ENVIRONMENTS_URL": server.url_of("environments")},
            secrets={"ENVIRONMENTS_TOKEN": TOKEN, "PROMOTION_KEY": made.pem},
        )
        assert ran.succeeded
        assert ran.outputs("promote")["result"] == "promoted"
        assert ran.outputs("promote")["commit"] == server.tip("environments")
