"""The launcher on its own, as GitHub calls it: with ``MG_INPUT_…`` and without any ``INPUT_…``."""

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


def test_no_file_of_the_workspace_chooses_the_python(product: Path, tmp_path: Path) -> None:
    """A shim on the ``PATH`` reads `.python-version` where it stands, and may be led to a program of the workspace."""
    tools, workspace = tmp_path / "bin", tmp_path / "workspace"
    (workspace / "evil" / "bin").mkdir(parents=True)
    (workspace / ".python-version").write_text(f"{workspace}/evil\n")
    evil = workspace / "evil" / "bin" / "python3"
    evil.write_text(f"#!/bin/sh\ntouch {workspace}/pwned\n")
    evil.chmod(0o755)
    tools.mkdir()
    shim = tools / "python3"
    shim.write_text(
        f'#!/bin/sh\nif [ -f .python-version ]; then exec "$(cat .python-version)/bin/python3" "$@"; fi\n'
        f'exec {sys.executable} "$@"\n'
    )
    shim.chmod(0o755)
    blocked = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_CACHE_DIR": str(tmp_path / "empty")}
    blocked |= {"UV_HTTP_RETRIES": "0", "RUNNER_TOOL_CACHE": str(tmp_path / "tools"), "MG_PYTHON": ""}
    path = f"{tools}:{Path(sys.executable).parent}:/usr/bin:/bin"
    done = launch(product, tmp_path, "validate", **blocked, PATH=path)
    assert not (workspace / "pwned").exists()
    assert "title=mlops-gitops set-up" in done.stdout, "the real Python was found, and came as far as it can here"


def test_what_configures_tools_in_the_workspace_is_not_read(product: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    for name in ("uv.toml", "pyproject.toml", "pip.conf", "setup.cfg", ".python-version", ".tool-versions", ".env"):
        (workspace / name).write_text("required-version = ]broken[\n")
    done = launch(product, tmp_path, "promote", **bare(tmp_path))
    assert done.returncode == 2, done.stdout
    assert "the Action must know what to promote" in done.stdout


def test_without_any_python_it_says_so_and_leaves_a_result(product: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "sh"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")  # as an older one answers
    (tools / "python3").chmod(0o755)
    done = launch(product, tmp_path, "promote", PATH=str(tools), MG_PYTHON="")
    assert done.returncode == 5
    assert "::error" in done.stdout
    assert "no Python 3.11" in done.stdout
    assert (tmp_path / "output").read_text() == "result=error\n"


def test_who_is_killed_without_a_word_leaves_a_result(product: Path, tmp_path: Path) -> None:
    """As the system does where memory is short, and a runner whose time is over."""
    killed = tmp_path / "python"
    killed.write_text('#!/bin/sh\nkill -KILL "$$"\n')
    killed.chmod(0o755)
    assert launch(product, tmp_path, "validate", MG_PYTHON=str(killed)).returncode != 0
    assert outputs(tmp_path / "output") == {"result": "error"}
    (tmp_path / "output").unlink()
    (tmp_path / "workspace" / "models" / "x").mkdir(parents=True)
    (tmp_path / "workspace" / "models" / "x" / "model.yaml").write_text("kind: Model\n")
    assert launch(product, tmp_path, "validate").returncode == 1
    assert outputs(tmp_path / "output")["result"] == "failed", "of two words the last counts"


def test_a_bare_runner_gets_its_packages_once(product: Path, tmp_path: Path) -> None:
    environ, tools = bare(tmp_path), tmp_path / "tools"

    first = launch(product, tmp_path, "promote", **environ)
    assert first.returncode == 2, first.stdout + first.stderr
    (python,) = tools.glob("mlops-gitops/*/bin/python")
    listed = [str(python), "-I", "-c", "import yaml, jsonschema, importlib.util as u; print(u.find_spec('mlflow'))"]
    assert subprocess.run(listed, capture_output=True, text=True, check=True).stdout == "None\n"

    second = launch(product, tmp_path, "promote", **environ, UV_OFFLINE="1")
    assert second.returncode == 2
    assert "stop-commands" not in second.stdout, "nothing was installed again"
    without = {**environ, "PATH": str(_shell_alone(tmp_path))}
    assert launch(product, tmp_path, "promote", **without).returncode == 2, "no Python is looked for any more"
    assert launch(product, tmp_path, "promote", **without, MG_INPUT_MLFLOW="true").returncode == 5, "it has no MLflow"
    assert launch(product, tmp_path, "verify", **without).returncode == 5, "another Action may need more"
    other = tmp_path / "other"
    shutil.copytree(product, other)
    with (other / "uv.lock").open("a") as lock:
        lock.write("# another\n")
    assert launch(other, tmp_path, "promote", **without).returncode == 5, "nor are packages of another lock taken"


def bare(folder: Path) -> dict[str, str]:
    """A runner without packages, which may use what this machine has fetched before."""
    uv = shutil.which("uv")
    cache = (
        subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip() if uv else ""
    )
    names = ("UV_CACHE_DIR", "UV_DEFAULT_INDEX", "PIP_INDEX_URL", "SSL_CERT_FILE")
    given = {
        **({"UV_CACHE_DIR": cache} if cache else {}),
        **{name: os.environ[name] for name in names if name in os.environ},
    }
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**given, "RUNNER_TOOL_CACHE": str(folder / "tools"), "MG_PYTHON": "", "PATH": path}


def _shell_alone(folder: Path) -> Path:
    tools = folder / "bin"
    tools.mkdir()
    for tool in ("bash", "sh", "cmp"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    return tools


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
    assert "http://127.0.0.1:9" in done.stdout
    assert done.stderr == "", "a runner reads two streams in no order, and would obey on one what the other has stopped"
    assert (tmp_path / "output").read_text() == "result=error\n"
