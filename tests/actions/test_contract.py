"""Each ``action.yml``, its README and the Python behind them say the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from launcher import load

from mlops_gitops.actions.inputs import Kind
from mlops_gitops.actions.run import ACTIONS, action
from mlops_gitops.cli.main import parser_of
from mlops_gitops.manifests import schema

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {"count", "findings", "checks", "failed", "changes", "problems", "approvals", "errors"}
READ_BY_THE_ACTION = {"token", "signing-key", "key", "allow-pending", "mlflow", "working-directory", "dry-run"}


def declared(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "actions" / name / "action.yml").read_text(encoding="utf-8"))
    return found


def test_every_folder_is_an_action() -> None:
    assert {path.parent.name for path in (ROOT / "actions").glob("*/action.yml")} == set(ACTIONS)


@pytest.mark.parametrize("name", ACTIONS)
def test_one_step_that_calls_the_one_shell(name: str) -> None:
    (step,) = declared(name)["runs"]["steps"]
    assert step["run"] == f'"$GITHUB_ACTION_PATH/../_runtime/launch" {name}'
    assert "${{" not in step["run"]
    assert set(step) == {"id", "shell", "run", "env"}


@pytest.mark.parametrize("name", ACTIONS)
def test_inputs_agree(name: str) -> None:
    said, known = declared(name), action(name).inputs
    assert list(said["inputs"]) == [entry.name for entry in known]
    handed = {entry.variable: f"${{{{ inputs.{entry.name} }}}}" for entry in known}
    token = {"GITHUB_TOKEN": "${{ github.token }}"} if action(name).shows_token else {}
    assert said["runs"]["steps"][0]["env"] == {**handed, **token}
    for entry in known:
        assert re.fullmatch("[a-z]+(-[a-z]+)*", entry.name)
        default = said["inputs"][entry.name]["default"]
        assert isinstance(default, str), "GitHub hands every input over as text"
        assert default in ({"true", "false"} if entry.kind is Kind.FLAG else {"", ".", "256", *entry.choices[:1]})
        assert said["inputs"][entry.name]["description"].endswith(".")
        assert said["inputs"][entry.name]["required"] is False, "GitHub does not hold it; the Action says what it needs"


@pytest.mark.parametrize("name", ACTIONS)
def test_outputs_agree(name: str) -> None:
    said = declared(name)["outputs"]
    assert list(said) == [one.name for one in action(name).outputs]
    for output, entry in said.items():
        assert entry["value"] == f"${{{{ steps.{name}.outputs.{output} }}}}"
        assert entry["description"].endswith(".")


@pytest.mark.parametrize("name", ACTIONS)
def test_every_input_is_an_option_of_the_verb_or_read_by_the_action(name: str) -> None:
    """What is handed to the command line is something that it takes, as a flag where it is a flag."""
    options = {word: one for one in parser_of(name)._actions for word in one.option_strings}
    positional = [one for one in parser_of(name)._actions if not one.option_strings]
    for entry in action(name).inputs:
        if entry.argument:
            assert (options[entry.argument].nargs == 0) is (entry.kind is Kind.FLAG), entry.name
        elif entry.argument == "":
            (only,) = positional
            assert (only.nargs == "*") is (entry.kind is Kind.LINES), entry.name
    read = {one.name for one in action(name).inputs if one.argument is None}
    assert read <= READ_BY_THE_ACTION | {"kind", "models", "fail-on", "comment", "reports"}


@pytest.mark.parametrize("name", ACTIONS)
def test_every_output_is_there_in_the_answer_of_the_verb(name: str) -> None:
    """A path into the answer is one that the published schema has."""
    properties = schema.document(f"output/{name}")["properties"]
    assert action(name).answers in properties or action(name).judge is not None
    for one in action(name).outputs:
        assert not one.path or one.path in properties, one
    said = properties.get(action(name).answers, {}).get("enum", [])
    described = declared(name)["outputs"]["result"]["description"]
    for word in set(said) - {"failed", None} if action(name).judge is None else set():
        assert f"`{action(name).results.get(word, word)}`" in described


@pytest.mark.parametrize("name", ACTIONS)
def test_what_every_action_has(name: str) -> None:
    outputs, inputs = [one.name for one in action(name).outputs], {one.name: one for one in action(name).inputs}
    assert (outputs[0], *outputs[-2:]) == ("result", "sarif-path", "report-path")
    assert set(outputs) & COUNTS, "how many there are, of whatever it is about"
    assert "working-directory" in inputs
    writes = action(name).needs_secrets or any(one.changes for one in inputs.values())
    assert writes is ("dry-run" in inputs), "whatever changes something can be tried without"
    assert ("token" in inputs) is ("environments" in inputs)
    secret = {one.name for one in inputs.values() if one.secret}
    assert secret == {one for one in ("token", "signing-key") if one in inputs}


@pytest.mark.parametrize("name", ACTIONS)
def test_when_it_fails_names_every_cause_that_can_apply(name: str) -> None:
    readme = (ROOT / "actions" / name / "README.md").read_text(encoding="utf-8")
    _, _, told = readme.partition("## When it fails\n\n| what it says | cause | what to do |\n|---|---|---|\n")
    rows = [line.strip("| ").split(" | ") for line in told.strip().split("\n")]
    assert all(len(row) == 3 for row in rows), rows
    given = {one.name for one in action(name).inputs}
    causes = {"fork": True, "a GitHub Enterprise Server (GHES)": True}
    causes["the App is not installed"] = "token" in given
    causes["the branch is protected"] = "signing-key" in given
    causes["`pull-requests: write`"] = name in {"report", "promote", "reconcile"}
    causes["`GITHUB_TOKEN` cannot read teams"] = name in {"gate", "promote", "reconcile"}
    missing = [cause for cause, applies in causes.items() if applies and not any(cause in row[1] for row in rows)]
    assert missing == []


def test_the_tables_of_every_readme_are_current() -> None:
    assert load(ROOT / "actions" / "_runtime" / "readme.py").main(["--check"]) == 0


def test_a_readme_that_is_not_current_is_seen() -> None:
    readme = load(ROOT / "actions" / "_runtime" / "readme.py")
    text = (ROOT / "actions" / "validate" / "README.md").read_text(encoding="utf-8")
    assert readme.renewed(text, declared("validate")) == text
    assert readme.renewed(text.replace("| `paths` |", "| `path` |"), declared("validate")) == text
    with pytest.raises(ValueError, match="needs the lines"):
        readme.renewed("# No marks\n", declared("validate"))


@pytest.mark.parametrize("name", ["zizmor", "action schema", "workflow schema"])
def test_the_linters_of_actions_have_nothing_to_say(name: str) -> None:
    words = load(ROOT / "dev").LINTS[name]
    program = Path(sys.executable).parent / words[0]
    done = subprocess.run([str(program), *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linters_would_see_an_expression_in_a_script(tmp_path: Path) -> None:
    text = (ROOT / "actions" / "validate" / "action.yml").read_text(encoding="utf-8")
    (tmp_path / "action.yml").write_text(text.replace("/launch\" validate'", "/launch\" ${{ inputs.paths }}'"))
    program = Path(sys.executable).parent / "zizmor"
    words = [str(program), "--offline", "--no-progress", "--quiet", "--persona", "auditor", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "template-injection" in done.stdout
    assert done.returncode != 0
