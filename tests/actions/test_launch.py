"""The launcher on its own, as GitHub calls it: with ``MG_…`` and without any ``INPUT_…``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from launcher import launch, outputs

TOUCH = "import pathlib; pathlib.Path('pwned').touch()\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [("promote", "the Action must know what to promote"), ("validate", "there is nothing to validate")],
)
def test_no_variable_that_only_act_sets_is_needed(product: Path, tmp_path: Path, name: str, said: str) -> None:
    done = launch(product, tmp_path, name)
    assert done.returncode == 2
    assert said in done.stdout
    assert outputs(tmp_path / "output")["result"] == "error"
    assert "What to do" in (tmp_path / "summary.md").read_text()


def test_no_file_of_the_workspace_is_imported(product: Path, tmp_path: Path) -> None:
    (tmp_path / "workspace" / "mlops_gitops").mkdir(parents=True)
    for planted in ("json.py", "yaml.py", "provision.py", "sitecustomize.py", "mlops_gitops/__init__.py"):
        (tmp_path / "workspace" / planted).write_text(TOUCH)
    workspace = str(tmp_path / "workspace")
    done = launch(product, tmp_path, "promote", PYTHONPATH=workspace, PYTHONSTARTUP=f"{workspace}/json.py")
    assert done.returncode == 2
    assert not (tmp_path / "workspace" / "pwned").exists()


def test_without_any_python_it_says_so_and_leaves_a_result(product: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "sh", "dirname"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")  # as an older one answers
    (tools / "python3").chmod(0o755)
    done = launch(product, tmp_path, "promote", PATH=str(tools), MG_PYTHON="")
    assert done.returncode == 5
    assert "::error" in done.stdout
    assert "no Python 3.11" in done.stdout
    assert (tmp_path / "output").read_text() == "result=error\n"


def test_a_bare_runner_gets_its_packages_once(product: Path, tmp_path: Path) -> None:
    uv = shutil.which("uv")
    cache = (
        subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip() if uv else ""
    )
    tools = tmp_path / "tools"
    names = ("UV_CACHE_DIR", "UV_DEFAULT_INDEX", "PIP_INDEX_URL", "SSL_CERT_FILE")
    given = {
        **({"UV_CACHE_DIR": cache} if cache else {}),
        **{name: os.environ[name] for name in names if name in os.environ},
    }
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {**given, "RUNNER_TOOL_CACHE": str(tools), "MG_PYTHON": "", "PATH": path}

    first = launch(product, tmp_path, "promote", **environ)
    assert first.returncode == 2, first.stdout + first.stderr
    (python,) = tools.glob("mlops-gitops/*/bin/python")
    listed = [str(python), "-I", "-c", "import yaml, jsonschema, importlib.util as u; print(u.find_spec('mlflow'))"]
    assert subprocess.run(listed, capture_output=True, text=True, check=True).stdout == "None\n"

    second = launch(product, tmp_path, "promote", **environ, UV_OFFLINE="1")
    assert second.returncode == 2
    assert "stop-commands" not in second.stdout, "nothing was installed again"


def test_a_lock_file_that_nothing_serves(product: Path, tmp_path: Path) -> None:
    environ = {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
        "UV_CACHE_DIR": str(tmp_path / "empty"),
        "UV_HTTP_RETRIES": "0",
        "RUNNER_TOOL_CACHE": str(tmp_path / "tools"),
        "MG_PYTHON": "",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = launch(product, tmp_path, "promote", **environ)
    assert done.returncode == 5
    assert "the package index was not reached" in done.stdout
    assert (tmp_path / "output").read_text() == "result=error\n"
