"""Runs a workflow for real, with act in host mode, and gives back what its steps left: never what a log says.

act runs under an empty environment of our own, in a folder of its own, so that neither this machine's settings nor the
tools on its ``PATH`` leak into a job.  The Actions come from a copy of this checkout, as a tag of ours would give them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import outputs

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("actions", "src", "schemas", "pyproject.toml", "uv.lock", "README.md", "LICENSE")
ACT = Path(sys.executable).parent / "act"
REPOSITORY = "airline/models"
SECONDS = 240
SUBSTITUTES = Path(__file__).parent / "substitutes"
THEIRS = re.compile(r"(?<![\w./-])actions/[\w-]+@\w+\b")
"""GitHub's own actions as a step names them."""

COLLECT = """
      - if: always()
        env:
          STEPS: ${{ toJSON(steps) }}
        run: |
          printf '%s' "$STEPS" >"$COLLECTED/steps.json"
          cp "$GITHUB_STEP_SUMMARY" "$COLLECTED/summary.md" || true
          cp -r "$RUNNER_TEMP"/mlops-gitops-* "$COLLECTED" || true
          pwd >"$COLLECTED/workspace.txt"
          find . "$RUNNER_TEMP" -name pwned >"$COLLECTED/pwned.txt"
"""
"""The last step of every workflow here."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What is left of a run."""

    succeeded: bool
    steps: dict[str, Any]
    collected: Path
    pwned: tuple[str, ...]

    def outputs(self, step: str) -> dict[str, str]:
        """The outputs of one step."""
        found: dict[str, str] = self.steps[step]["outputs"]
        return found

    def failures(self) -> dict[str, Any]:
        """What the steps that failed say of it: the failure in the report, or the whole of a report without one."""
        failed = [name for name, one in self.steps.items() if one["outcome"] == "failure"]
        return {name: self._told(self.outputs(name)) for name in failed}

    def _told(self, left: dict[str, str]) -> Any:
        path = self.collected / Path(left.get("report-path", "")).name
        report = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else left
        return report.get("error", report)

    def document(self, step: str, output: str) -> Any:
        """The JSON file that an output names, as the last step kept it."""
        name = Path(self.outputs(step)[output]).name
        assert name, f"the step {step} left no {output}"
        found = json.loads((self.collected / name).read_text(encoding="utf-8"))
        if output == "report-path":
            outputs.check("error" if set(found) <= {"error", "judged"} else step.partition("_")[0], found)
        return found


def stage(folder: Path) -> Path:
    """A copy of what a tag of this project holds, without what was built here."""
    for name in PRODUCT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


def environment(home: Path) -> dict[str, str]:
    """The whole environment of act: nothing of this machine but where programs are and which certificates it trusts."""
    kept = {name: os.environ[name] for name in ("SSL_CERT_FILE",) if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", **kept}


def run(
    steps: str,
    *,
    product: Path,
    folder: Path,
    event: str,
    payload: Mapping[str, Any],
    files: Mapping[str, str | bytes] | None = None,
    environ: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    clone: Path | None = None,
) -> Ran:
    """Run one job of ``steps`` in a repository that holds ``files``, or in ``clone``, as ``event`` would start it.

    A step is named by its Action, or by it, ``_`` and a word where there are several.  GitHub's own actions are
    substitutes.  ``variables`` are those of the repository, which a workflow reads as ``vars``.
    """
    repository, home, collected = clone or folder / "repository", folder / "home", folder / "collected"
    for path in (repository, home, collected):
        path.mkdir(parents=True, exist_ok=path == clone)
    steps = "- uses: actions/checkout@v5\n" + steps.strip("\n")  # act copies the repository in its place
    indented = "".join(f"      {line}\n" if line else "\n" for line in steps.splitlines())
    workflow = (
        f"on: [{event}]\npermissions: {{}}\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n{indented}{COLLECT}"
    )
    (folder / "run.yml").write_text(workflow)
    (home / ".config" / "act").mkdir(parents=True)
    (home / ".config" / "act" / "actrc").write_text("--platform ubuntu-latest=-self-hosted\n")
    if clone is None:
        for name, content in {"README.md": "# Models\n", **(files or {})}.items():
            target = repository / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        commit(repository, home)
    (folder / "event.json").write_text(json.dumps({"number": 1, **payload}))
    (folder / "secrets").write_text("".join(f"{name}={json.dumps(value)}\n" for name, value in (secrets or {}).items()))
    told = {
        "COLLECTED": str(collected),
        "MG_PYTHON": sys.executable,
        "PYTHONDONTWRITEBYTECODE": "1",
        **(environ or {}),
    }
    theirs = {f"{one}={substitute(one, folder)}" for one in THEIRS.findall(steps) if "/checkout@" not in one}
    done = subprocess.run(
        [
            str(ACT), event, "--platform", "ubuntu-latest=-self-hosted", "--no-cache-server", "--action-offline-mode",
            "--workflows", str(folder / "run.yml"),
            "--local-repository", f"mlops-gitops/mlops-gitops@v1={product}",
            "--eventpath", str(folder / "event.json"), "--secret-file", str(folder / "secrets"),
            *(word for one in sorted(theirs) for word in ("--local-repository", one)),
            *(word for name, value in (variables or {}).items() for word in ("--var", f"{name}={value}")),
            *(word for name, value in told.items() if value for word in ("--env", f"{name}={value}")),
        ],
        cwd=repository, env=environment(home), capture_output=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    if not (collected / "steps.json").exists():
        raise AssertionError(
            f"act did not reach the last step:\n{done.stdout.decode()[-4000:]}{done.stderr.decode()[-2000:]}"
        )
    ran = Ran(
        succeeded=done.returncode == 0,
        steps=json.loads((collected / "steps.json").read_text()),
        collected=collected,
        pwned=tuple((collected / "pwned.txt").read_text().split()),
    )
    for name, told in ran.failures().items():
        print(f"{name} failed: {json.dumps(told, indent=1)[:4000]}")  # pytest shows it of a test that fails
    return ran


def substitute(named: str, folder: Path) -> Path:
    """Where act finds what stands in the place of ``actions/NAME@REF``: a folder whose root is the action."""
    name = named.partition("@")[0].rpartition("/")[2]
    target = folder / "substitutes" / name
    if not target.exists():
        shutil.copytree(SUBSTITUTES / name, target)
        shutil.copy(SUBSTITUTES / "keep.py", target)
        text = (target / "action.yml").read_text().replace("/../keep.py", "/keep.py")
        (target / "action.yml").write_text(text)
    return target


def pull_request(*, title: str = "A change", branch: str = "change", fork: bool = False) -> dict[str, Any]:
    """The part of GitHub's payload of a pull request that anything here reads."""
    head = {"full_name": "stranger/models" if fork else REPOSITORY}
    return {
        "action": "opened",
        "pull_request": {
            "number": 1,
            "title": title,
            "head": {"ref": branch, "sha": "1" * 40, "repo": head},
            "base": {"ref": "main", "sha": "2" * 40, "repo": {"full_name": REPOSITORY}},
        },
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
    }


def step(name: str, *, ident: str = "", tolerant: bool = False, **given: str) -> str:
    """One step that uses an Action, its inputs with ``_`` for ``-``; what fails does not end a ``tolerant`` one."""
    entry = {
        "id": ident or name,
        "uses": f"mlops-gitops/mlops-gitops/actions/{name}@v1",
        **({"continue-on-error": True} if tolerant else {}),
        "with": {key.rstrip("_").replace("_", "-"): value for key, value in given.items()},
    }
    return f"- {json.dumps(entry)}\n"


def example(name: str) -> str:
    """The workflow at the top of an Action's README."""
    text = (ROOT / "actions" / name / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    assert found is not None
    return found[1]


def example_step(name: str, **replaced: str) -> str:
    """The steps of the example after the checkout, the last with an id so that its outputs can be read.

    ``replaced`` stands for inputs of the last: names of models, and places that only a test knows.
    """
    (job,) = yaml.safe_load(example(name))["jobs"].values()
    *before, last = (one for one in job["steps"] if not one["uses"].startswith("actions/checkout@"))
    assert last["uses"] == f"mlops-gitops/mlops-gitops/actions/{name}@v1"
    given = {**last.get("with", {}), **{key.replace("_", "-"): value for key, value in replaced.items()}}
    return "".join(f"- {json.dumps(one)}\n" for one in [*before, {"id": name, **last, "with": given}])


def commit(repository: Path, home: Path) -> None:
    """The first commit of a repository that is not one yet."""
    who = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.com"]
    for words in (
        ["init", "--quiet", "--initial-branch=main"],
        ["remote", "add", "origin", f"https://github.com/{REPOSITORY}"],
        ["add", "--all"],
        [*who, "commit", "--quiet", "--message", "First commit"],
    ):
        subprocess.run(["git", *words], cwd=repository, env=environment(home), check=True, capture_output=True)
