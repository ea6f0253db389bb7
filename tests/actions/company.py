"""A company on a fake GitHub: a model repository, an environment repository, and the workflows that ``init`` writes.

A workflow runs as GitHub would run it: the reusable workflow of this checkout, called by the caller that the repository
holds at that commit, under act in host mode and an environment of its own.  What a composite action does not get from
GitHub (``INPUT_…``), it does not get here either.  act models neither permissions nor environments nor concurrency, so
the token of each run is given by the test, as GitHub would have made it.

What a run left is read from files: the outputs of each step of each job, reports, artifacts; and from the two servers.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from workflows import ACT, ROOT, THEIRS, environment, stage, substitute

from fakehub import Hub
from mlops_gitops.manifests.starters import workflows as starters

MODELS, ENVIRONMENTS = "airline/models", "airline/environments"
SECONDS = 180
WORKFLOWS = ROOT / ".github" / "workflows"
OURS = re.compile(r"uses: mlops-gitops/mlops-gitops/[\w./-]+@(\w+)")
_SHELL = """#!/bin/sh
exec /usr/bin/env $(/usr/bin/env | /usr/bin/sed -n 's/^\\(INPUT_[^=]*\\)=.*/-u \\1/p') /bin/bash "$@"
"""
"""act gives composite actions ``INPUT_…``, and GitHub does not: no step sees them here."""
_PREPARE = """\
name: prepare
description: Edited by a person, because here the artifacts are committed.
inputs: {models: {description: Names., required: true}}
runs:
  using: composite
  steps:
    - shell: bash
      run: |
        env >"$COLLECTED/prepared"
        ls "models/$MODELS/model.skops"
        if [ -n "$HOLD" ]; then touch "$HOLD"; sleep 60; fi
      env: {MODELS: "${{ inputs.models }}"}
"""
_WITNESS = {
    "if": "${{ always() }}",
    "env": {"STEPS": "${{ toJSON(steps) }}", "NEEDS": "${{ toJSON(needs) }}", "ENTRY": "${{ toJSON(matrix) }}"},
    "run": (
        'folder=$(mktemp -d "$COLLECTED/job-XXXXXX")\n'
        'printf "%s" "$STEPS" >"$folder/steps.json"; printf "%s" "$NEEDS" >"$folder/needs.json"\n'
        'printf "%s" "$ENTRY" >"$folder/matrix.json"; printf "%s" "$GITHUB_JOB" >"$folder/name"\n'
        'cp "$RUNNER_TEMP"/mlops-gitops-*.json "$folder" || true\n'
        'find . "$RUNNER_TEMP" -name pwned >"$folder/pwned"\n'
    ),
    "shell": "bash",
}


def reusable(folder: Path) -> Path:
    """This checkout as a tag gives it, where each job of a reusable workflow ends by telling what it has seen."""
    product = stage(folder)
    for path in sorted(WORKFLOWS.glob("*-*.yml")):
        text = path.read_text(encoding="utf-8")
        found: dict[Any, Any] = yaml.safe_load(text)
        found["on"] = found.pop(True)
        for job in found["jobs"].values():
            job["steps"].append(_WITNESS)
        target = product / ".github" / "workflows" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.safe_dump(found, sort_keys=False))
    return product


@dataclass(frozen=True)
class Job:
    """One job that ran to its end."""

    name: str
    entry: dict[str, Any]
    steps: dict[str, Any]
    needs: dict[str, Any]
    folder: Path

    def outputs(self, step: str) -> dict[str, str]:
        """What a step left."""
        found: dict[str, str] = self.steps[step]["outputs"]
        return found


@dataclass(frozen=True)
class Ran:
    """What is left of a run."""

    succeeded: bool
    jobs: tuple[Job, ...]
    artifacts: Path
    collected: Path
    said: str
    """What act printed, for a person who looks into a failure; no test reads it."""

    def job(self, name: str) -> Job:
        """The one job of this id."""
        (found,) = [one for one in self.jobs if one.name == name]
        return found

    def names(self) -> list[str]:
        """The ids of the jobs that ran, sorted."""
        return sorted(one.name for one in self.jobs)


@dataclass
class Company:
    """The two repositories, and a way to run their workflows."""

    hub: Hub
    folder: Path
    product: Path
    _numbers: Any = field(default_factory=lambda: count(1))

    def start(self, models: Mapping[str, bytes | str], environments: Mapping[str, bytes | str]) -> None:
        """Create both, with the workflows that ``init workflows`` writes."""
        project = f"apiVersion: mlops-gitops/v1\nkind: Project\nspec: {{environments: {self.url}, review: none}}\n"
        callers = {name: _quick(text) for name, text in starters.files("model").items()}
        called = {**callers, ".github/actions/prepare-model/action.yml": _PREPARE}
        self.hub.create(MODELS, {"mlops-gitops.yaml": project, **called, **models})
        self.hub.create(ENVIRONMENTS, {**starters.files("environments"), **environments})

    @property
    def url(self) -> str:
        """Where git finds the environment repository."""
        return self.hub.git_url(ENVIRONMENTS)

    def run(
        self,
        workflow: str,
        event: str,
        payload: Mapping[str, Any],
        *,
        commit: str,
        repository: str = MODELS,
        token: str,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        attempt: int = 1,
        run: int | None = None,
        cut_off: Callable[[], bool] | None = None,
    ) -> Ran:
        """Run the caller ``.github/workflows/<workflow>.yml`` as it is in a commit, as ``event`` would start it.

        It is cut off, as a runner is whose run is cancelled, when ``cut_off`` says so.
        """
        number = run or next(self._numbers)
        here = self.folder / f"run-{number}-{attempt}"
        checkout, home, collected, artifacts = (here / one for one in ("checkout", "home", "collected", "artifacts"))
        for one in (home, collected, artifacts):
            one.mkdir(parents=True)
        self._check_out(repository, commit, checkout, event)
        (here / "event.json").write_text(json.dumps({"number": 1, **payload}))
        (here / "secrets").write_text("".join(f"{name}={json.dumps(one)}\n" for name, one in (secrets or {}).items()))
        told = {
            "COLLECTED": str(collected), "ARTIFACTS": str(artifacts), "MG_PYTHON": sys.executable,
            "PYTHONDONTWRITEBYTECODE": "1", "MG_CACHE": str(self.folder / "cache"),
            "GITHUB_SERVER_URL": self.hub.url, "GITHUB_API_URL": self.hub.api_url,
            "GITHUB_GRAPHQL_URL": self.hub.graphql_url, "GITHUB_RUN_ID": str(number),
            "GITHUB_RUN_ATTEMPT": str(attempt), "GITHUB_WORKFLOW": workflow,
            "GITHUB_WORKFLOW_REF": f"{repository}/.github/workflows/{workflow}.yml@refs/heads/main",
            **(environ or {}),
        }  # fmt: skip
        words = [
            str(ACT), event, "--workflows", f".github/workflows/{workflow}.yml", "--no-cache-server",
            "--action-offline-mode", "--eventpath", str(here / "event.json"), "--secret-file", str(here / "secrets"),
            *(word for one in self._repositories() for word in ("--local-repository", one)),
            *(word for name, value in (variables or {}).items() for word in ("--var", f"{name}={value}")),
            *(word for name, value in told.items() for word in ("--env", f"{name}={value}")),
            "--secret", f"GITHUB_TOKEN={token}",
        ]  # fmt: skip
        with (here / "said").open("wb") as said:
            process = subprocess.Popen(
                words, cwd=checkout, env=self._environment(home), stdout=said, stderr=subprocess.STDOUT
            )
            code = _ended(process, cut_off)
        told_last = (here / "said").read_text(errors="replace")
        return Ran(code == 0, tuple(map(_job, sorted(collected.glob("job-*")))), artifacts, collected, told_last)

    def _check_out(self, repository: str, commit: str, folder: Path, event: str) -> None:
        """What the runner would fetch; the merge of a pull request, as GitHub makes it."""
        for words in (
            ["clone", "--quiet", "--no-local", str(self.hub.folder_of(repository)), str(folder)],
            ["-C", str(folder), "fetch", "--quiet", str(self.hub.folder_of(repository)), commit],
            ["-C", str(folder), "checkout", "--quiet", "-B", "main", commit],
            ["-C", str(folder), "remote", "set-url", "origin", f"https://github.com/{repository}"],
        ):
            subprocess.run(["git", *words], check=True, capture_output=True, env=_plain())
        if event.startswith("pull_request"):
            who = ["-c", "user.name=GitHub", "-c", "user.email=noreply@github.com"]
            words = ["checkout", "--quiet", "--detach", "origin/main"]
            subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, env=_plain())
            merge = [*who, "merge", "--quiet", "--no-ff", "--message", f"Merge {commit}", commit]
            subprocess.run(["git", "-C", str(folder), *merge], check=True, capture_output=True, env=_plain())

    def _repositories(self) -> list[str]:
        """Where act finds what ``uses:`` names: this checkout, and substitutes for what GitHub brings."""
        texts = [path.read_text(encoding="utf-8") for path in sorted(WORKFLOWS.glob("*-*.yml"))]
        refs = {ref for text in texts for ref in OURS.findall(text)} | {starters.NEWEST}
        ours = {f"mlops-gitops/mlops-gitops@{ref}={self.product}" for ref in refs}
        named = {found for text in texts for found in THEIRS.findall(text) if "/checkout@" not in found}
        return sorted(ours | {f"{one}={substitute(one, self.folder)}" for one in named})

    def _environment(self, home: Path) -> dict[str, str]:
        shells = self.folder / "shells"
        if not shells.exists():
            shells.mkdir(parents=True)
            (shells / "bash").write_text(_SHELL)
            (shells / "bash").chmod(0o755)
        (home / ".config" / "act").mkdir(parents=True)
        platforms = "--platform ubuntu-latest=-self-hosted\n--platform ubuntu-24.04=-self-hosted\n"
        (home / ".config" / "act" / "actrc").write_text(platforms)
        found = environment(home)
        return {**found, "PATH": f"{shells}:{found['PATH']}"}


def _quick(text: str) -> str:
    """A team that does not train again on every change: environments for training take minutes."""
    return (
        text.replace("with: {prepare: true}", "with: {prepare: true, reproduce: false}", 1)
        if "-pull-" in text
        else text
    )


def _ended(process: subprocess.Popen[bytes], cut_off: Callable[[], bool] | None) -> int:
    """The exit code; a run that does not end in time is killed."""
    for _ in range(SECONDS * 20):
        try:
            return process.wait(0.05)
        except subprocess.TimeoutExpired:
            if cut_off is not None and cut_off():
                process.send_signal(signal.SIGINT)
                cut_off = None
    process.kill()
    raise AssertionError(f"the run did not end in {SECONDS} s")


def _plain() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}


def _job(folder: Path) -> Job:
    def read(name: str) -> Any:
        return json.loads((folder / f"{name}.json").read_text() or "null") or {}

    return Job((folder / "name").read_text(), read("matrix"), read("steps"), read("needs"), folder)
