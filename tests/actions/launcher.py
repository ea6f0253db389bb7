"""Runs the one step of an Action as a runner does: its ``run:`` line under bash, with what GitHub sets and no more."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import yaml
from workflows import pull_request


def load(path: Path) -> ModuleType:
    name = f"loaded_{path.stem}"
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def outputs(path: Path) -> dict[str, str]:
    """As a runner reads them: in both forms, and of two with one name the last."""
    either = re.compile(r"([a-z-]+)(?:=([^\n]*)|<<(\S+)\n(.*?)\n\3)\n", flags=re.DOTALL)
    return {one[1]: one[2] if one[3] is None else one[4] for one in either.finditer(path.read_text())}


def launch(product: Path, folder: Path, name: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The ``run:`` line of ``action.yml`` with the defaults of its inputs, under bash as a runner starts it."""
    declared = yaml.safe_load((product / "actions" / name / "action.yml").read_text(encoding="utf-8"))
    (step,) = declared["runs"]["steps"]
    defaults = {
        "MG_INPUT_" + key.upper().replace("-", "_"): entry["default"] for key, entry in declared["inputs"].items()
    }
    workspace = folder / "workspace"
    workspace.mkdir(exist_ok=True)
    (folder / "event.json").write_text(json.dumps(pull_request()))
    whole = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "GITHUB_ACTION_PATH": str(product / "actions" / name),
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_WORKSPACE": str(workspace),
        "RUNNER_TEMP": str(folder),
        "MG_PYTHON": sys.executable,
        "PYTHONDONTWRITEBYTECODE": "1",
        **defaults,
        **environ,
    }
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    whole = {key: value for key, value in whole.items() if value or key in defaults}
    return subprocess.run(shell, cwd=workspace, env=whole, capture_output=True, text=True, timeout=300, check=False)
