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

ROOT = Path(__file__).resolve().parents[2]


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
    said, known = declared(name), action(name).INPUTS
    assert list(said["inputs"]) == [entry.name for entry in known]
    assert said["runs"]["steps"][0]["env"] == {entry.variable: f"${{{{ inputs.{entry.name} }}}}" for entry in known}
    for entry in known:
        assert re.fullmatch("[a-z]+(-[a-z]+)*", entry.name)
        default = said["inputs"][entry.name]["default"]
        assert isinstance(default, str), "GitHub hands every input over as text"
        assert default in ({"true", "false"} if entry.kind is Kind.FLAG else {"", ".", *entry.choices[:1]})
        assert said["inputs"][entry.name]["description"].endswith(".")


@pytest.mark.parametrize("name", ACTIONS)
def test_outputs_agree(name: str) -> None:
    said = declared(name)["outputs"]
    assert tuple(said) == action(name).OUTPUTS
    for output, entry in said.items():
        assert entry["value"] == f"${{{{ steps.{name}.outputs.{output} }}}}"
        assert entry["description"].endswith(".")


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
