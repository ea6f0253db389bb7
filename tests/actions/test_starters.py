"""The workflows that ``init workflows`` writes, and those that they call: what linters and GitHub demand of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from launcher import load
from workflows import ROOT

from mlops_gitops.manifests.starters import workflows as starters
from prose import fences
from verbs import said

COMMIT = "9a1e0c55d2f34b6788aa0b1c2d3e4f5061728394"
REUSABLE = sorted(path.name for path in (ROOT / ".github" / "workflows").glob("*-*.yml"))
KINDS: tuple[starters.Kind, ...] = ("model", "environments")


def read(text: str) -> dict[str, Any]:
    """A workflow; ``on`` is the boolean true to a YAML 1.1 reader."""
    found: dict[Any, Any] = yaml.safe_load(text)
    return {**found, "on": found.get(True)}


def reusable(name: str) -> dict[str, Any]:
    return read((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


def callers() -> dict[str, dict[str, Any]]:
    """Every caller by the name of what it calls."""
    found = {}
    for kind in KINDS:
        for path, text in starters.files(kind).items():
            if path.startswith(".github/workflows/"):
                (job,) = read(text)["jobs"].values()
                found[job["uses"].rpartition("/")[2].partition("@")[0]] = job
    return found


def test_each_reusable_workflow_has_a_caller() -> None:
    assert sorted(callers()) == REUSABLE


@pytest.mark.parametrize("name", REUSABLE)
def test_a_caller_gives_what_is_declared_and_grants_what_is_asked_for(name: str) -> None:
    """GitHub starts no job of a called workflow whose job asks for more than the caller grants."""
    called, caller = reusable(name), callers()[name]
    declared = called["on"]["workflow_call"]
    assert set(caller.get("with", {})) <= set(declared.get("inputs", {}))
    assert set(caller.get("secrets", {})) <= set(declared.get("secrets", {}))
    assert all(value == f"${{{{ secrets.{key} }}}}" for key, value in caller.get("secrets", {}).items())
    wanted: dict[str, str] = {}
    for job in called["jobs"].values():
        for scope, level in job["permissions"].items():
            wanted[scope] = "write" if "write" in {level, wanted.get(scope)} else level
    assert caller["permissions"] == wanted


def test_a_caller_has_ten_lines_at_most() -> None:
    for kind in KINDS:
        for path, text in starters.files(kind).items():
            lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
            assert len(lines) <= 10 or not path.startswith(".github/workflows/"), path
            assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("name", REUSABLE)
def test_every_job_has_its_permissions_a_limit_and_pins(name: str) -> None:
    called, text = reusable(name), (ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8")
    assert called["permissions"] == {}
    for job in called["jobs"].values():
        assert "permissions" in job
        assert "timeout-minutes" in job
    for line in text.splitlines():
        if re.search(r"^ +[a-z-]+: (read|write)\b", line):
            assert " # " in line, f"a permission without its reason: {line}"
        if "uses:" in line and "./" not in line:
            assert re.search(r"@[0-9a-f]{40} # v[0-9.]+$", line), line
    assert "pull_request_target" not in text


def test_code_of_a_pull_request_meets_no_secret_and_only_reads() -> None:
    called = reusable("model-pull-request.yml")
    shown = {name: re.findall(r"secrets\.\w+", str(job)) for name, job in called["jobs"].items()}
    assert {name: one for name, one in shown.items() if one} == {"champion": ["secrets.ENVIRONMENTS_READ_TOKEN"]}
    (checkout, links, fetch, compare, keep) = called["jobs"]["champion"]["steps"]
    (same,) = [
        one for one in reusable("model-release.yml")["jobs"]["release"]["steps"] if one.get("name") == links["name"]
    ]
    assert (same, links["if"]) == (links, fetch["if"]), "before what is unpacked over the checkout"
    named = [one["uses"].partition("@")[0].rpartition("/")[2] for one in (checkout, fetch, compare, keep)]
    assert named == ["checkout", "download-artifact", "release", "upload-artifact"], "nothing that runs its code"
    assert compare["with"]["dry-run"] is True
    assert "signing-key" not in compare["with"]
    assert "head.repo.full_name == github.repository" in called["jobs"]["champion"]["if"], "and never of a fork"
    writing = [name for name, job in called["jobs"].items() if "write" in job["permissions"].values()]
    assert writing == ["report"]
    steps = [step.get("uses", "") for step in called["jobs"]["report"]["steps"]]
    assert not [one for one in steps if "checkout" in one or one.startswith("./")]
    prepare = reusable("model-release.yml")["jobs"]["prepare"]
    assert prepare["permissions"] == {"contents": "read"}
    assert "secrets" not in str(prepare)


@pytest.mark.parametrize("name", [one for one in REUSABLE if "gate" in reusable(one)["jobs"]])
def test_the_gate_always_runs_and_hears_all_but_the_report(name: str) -> None:
    jobs = reusable(name)["jobs"]
    assert jobs["gate"]["if"] == "${{ always() }}"
    assert [step["if"] for step in jobs["gate"]["steps"]] == ["${{ always() }}"]
    assert set(jobs["gate"]["needs"]) == set(jobs) - {"gate", "report"}


def test_only_runs_of_pull_requests_are_cut_off() -> None:
    for name in REUSABLE:
        found = reusable(name)
        for one in (found, *found["jobs"].values()):
            cut = str(one.get("concurrency", {}).get("cancel-in-progress", False))
            assert cut == "False" or set(re.findall(r"'(\w+)'", cut)) <= {"pull_request", "pull_request_review"}


def test_our_actions_are_pinned_at_one_commit(tmp_path: Path) -> None:
    pins = load(ROOT / "actions" / "_runtime" / "pins.py")
    assert len(pins.pins(ROOT)) == 1
    assert {path.name for path in pins.files(ROOT)} == set(REUSABLE)

    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(tmp_path)]
    workflow = tmp_path / ".github" / "workflows" / "model-release.yml"
    for path in (workflow, tmp_path / "actions" / "plan" / "action.yml"):
        path.parent.mkdir(parents=True)
        path.write_text((ROOT / path.relative_to(tmp_path)).read_text())
    for name in ("src", "schemas", "pyproject.toml", "uv.lock"):
        (tmp_path / name).write_text("")

    def commit() -> str:
        for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "One more"]):
            subprocess.run([*git, *words], check=True, capture_output=True)
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    code = commit()
    assert pins.main(["--published"], tmp_path) == 1
    assert pins.main([code, "v1.2.3"], tmp_path) == 0
    commit()
    assert pins.pins(tmp_path) == {(code, "v1.2.3")}
    assert pins.main(["--published"], tmp_path) == 0
    (tmp_path / "src").write_text("changed\n")
    commit()
    assert pins.main(["--published"], tmp_path) == 1
    assert pins.main(["--copy", "platform/mlops"], tmp_path) == 0
    assert pins.pins(tmp_path) == {(code, "v1.2.3")}, "a copy has the same commits"
    ours = re.findall(r"uses: (\S+/actions/\w+)@", workflow.read_text())
    assert set(ours) == {f"platform/mlops/actions/{one}" for one in ("build", "plan", "release")}
    assert "uses: actions/checkout@" in workflow.read_text()
    for wrong in ([], [code], [code[:12], "v1.2.3"], [code, "newest"], ["--copy", "../x"], ["--copy", "x"]):
        assert pins.main(wrong, tmp_path) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_passes_every_linter(tmp_path: Path, kind: starters.Kind) -> None:
    code, _, _ = said(tmp_path, "init", "workflows", "--for", kind, "--ref", COMMIT)
    assert code == 0
    words = ["--offline", "--no-progress", "--quiet", "--persona", "auditor", str(tmp_path / ".github")]
    found = subprocess.run([_program("zizmor"), *words], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
    listed = [str(path) for path in (tmp_path / ".github" / "workflows").glob("*.yml")]
    words = ["--builtin-schema", "vendor.github-workflows", *listed]
    found = subprocess.run([_program("check-jsonschema"), *words], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def shape(text: str) -> dict[str, Any]:
    """What a workflow does, without what only people read."""
    found = read(text)
    (job,) = found["jobs"].values()
    on = found["on"] if isinstance(found["on"], dict) else dict.fromkeys(found["on"])
    return {"on": on, **{key: job.get(key) for key in ("uses", "with", "permissions", "secrets")}}


def test_guides_show_what_is_written() -> None:
    shown = []
    for page in ("use-the-actions", "run-reconcile"):
        blocks = fences((ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8"), "yaml")
        shown += [shape(one) for one in blocks if "/.github/workflows/" in one]
    written = [
        shape(text) for kind in KINDS for path, text in starters.files(kind).items() if path.startswith(".github/work")
    ]
    assert len(shown) >= 3
    assert [one for one in shown if one not in written] == []
