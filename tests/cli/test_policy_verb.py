"""``policy input`` and ``policy test``, and what other verbs say about gates in CEL."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.manifests import schema
from shells import Shell
from verbs import said

LARGE = {"name": "small-enough", "expression": "release.artifact.size < 1", "message": "too large\n::error::x"}


def policies(*gates: object) -> dict[str, dict[str, object]]:
    return {**estate.environments(), "dev": estate.environment("dev", gates=[*gates])}


def test_the_input_is_what_the_gates_see(shell: Shell) -> None:
    assert shell("promote", MODEL, "--to", "dev") == 0
    document = shell.json("policy", "input", MODEL, "staging")
    assert document["release"]["id"] == estate.release().id
    assert document["previous"] is None
    assert [one["kind"] for one in document["evidence"]] == ["comparison", "data-tests", "model-tests"]
    assert document["environment"] == {
        "name": "staging",
        "policy": Estate.new().policy("staging").policy_digest,
        "after": ["dev"],
        "since": None,
    }
    assert shell("policy", "input", MODEL, "staging") == 0
    assert json.loads(shell.out)["release"] == document["release"], "it is JSON in either format"
    running = shell.json("policy", "input", MODEL, "dev")
    assert running["previous"] == running["release"]
    assert running["environment"]["since"] is not None


def test_the_input_as_it_was(shell: Shell) -> None:
    shell.time = NOW + timedelta(hours=1)
    assert shell("promote", MODEL, "--to", "dev") == 0
    assert shell("policy", "input", MODEL, "dev", "--at", "yesterday") == 2
    before = shell.time + timedelta(days=1)
    at = before.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert shell.json("policy", "input", MODEL, "dev", "--at", at)["now"] == at


def test_what_cannot_be_shown_is_refused(shell: Shell) -> None:
    assert shell("policy", "input", "nobody", "dev") == 2
    assert shell("policy", "input", MODEL, "nowhere") == 2
    assert shell("policy", "input", MODEL, "dev", "--release", "9.9.9") == 2


def test_explain_names_the_expression_and_shows_its_words_inert(shell_of: Callable[[Estate], Shell]) -> None:
    shell = shell_of(Estate.new(policies(LARGE)).with_release(estate.release()))
    assert shell("promote", MODEL, "--to", "dev") == 1
    assert "\n::error::" not in shell.out
    assert shell("explain", MODEL, "dev") == 0
    assert f"mlops-gitops policy input {MODEL} dev" in shell.out
    assert "control waive" not in shell.out, "nobody may sign a waiver for dev"


def test_an_expression_can_be_waived_by_name(shell_of: Callable[[Estate], Shell]) -> None:
    there = estate.environments()
    there["staging"]["spec"]["gates"].append(LARGE)  # type: ignore[index]
    shell = shell_of(Estate.new(there).with_release(estate.release()))
    assert shell("promote", MODEL, "--to", "dev") == 0
    assert shell("promote", MODEL, "--to", "staging") == 1
    words = ["control", "waive", MODEL, "--in", "staging", "--release", "1.0.0", "--reason", "agreed"]
    words += ["--until", "2026-12-01T00:00:00Z", "--gate"]
    assert shell(*words, "small", key="grace") == 2, "there is no such gate"
    assert shell(*words, "small-enough", key="ada") == 0
    assert shell("promote", MODEL, "--to", "staging") == 1, "the author's waiver opens nothing"
    assert shell(*words, "small-enough", key="grace") == 0
    assert shell("promote", MODEL, "--to", "staging") == 0
    assert "waived by grace" in shell.out
    assert shell("verify") == 0


TESTS = """\
apiVersion: mlops-gitops/v1
kind: PolicyTests
spec:
  now: "2026-11-21T12:00:00Z"
  base: {release.artifact.size: 1000}
  cases:
    - name: a small model passes
      expect: {small-enough: pass, overall: pass}
    - name: a large model is refused
      set: {release.artifact.size: 900000000}
      expect:
        small-enough: {answer: fail, reason: larger than}
"""
GATE = {"name": "small-enough", "expression": "release.artifact.size < 200000000", "message": "larger than 200 MB"}


def checkout(folder: Path, tests: str, *gates: object) -> Path:
    files = Estate.new(policies(*(gates or (GATE,)))).with_release(estate.release()).files
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    (folder / "environments/dev/policy_tests.yaml").write_text(tests, encoding="utf-8")
    return folder


def test_tests_that_come_out_as_expected(tmp_path: Path) -> None:
    here = checkout(tmp_path, TESTS)
    assert said(here, "policy", "test") == (0, "✓ 2 cases came out as expected, in 1 environment\n", "")
    assert said(here, "policy", "test", "dev")[0] == 0
    assert said(tmp_path.parent, "policy", "test", "--directory", tmp_path.name)[0] == 0
    code, out, _ = said(here, "policy", "test", "--format", "json")
    assert (code, json.loads(out)["result"], len(json.loads(out)["cases"])) == (0, "pass", 2)


def test_a_case_that_comes_out_otherwise_says_where_what_and_why(tmp_path: Path) -> None:
    here = checkout(tmp_path, TESTS.replace("size: 900000000", "size: 9"))
    code, out, _ = said(here, "policy", "test")
    assert code == 1
    assert out == (
        "✗ environments/dev/policy_tests.yaml:12:9: a large model is refused: small-enough\n"
        "    expected fail: …larger than…\n"
        "    got      pass: the expression is true\n"
        "1 of 2 cases did not come out as expected, in 1 environment\n"
    )
    document = json.loads(said(here, "policy", "test", "--format", "json")[1])
    (failure,) = document["cases"][1]["failures"]
    assert (document["result"], failure["line"], failure["column"]) == ("fail", 12, 9)


CASES = {
    "set: {release.artefact.size: 9}": "there is nothing at 'release.artefact.size'",
    "set: {release.artifact.size: many}": "input.release.artifact.size is 'many'",
    "set: {release.artifact.files: 7}": "input.release.artifact.files is 7",
    "set: {release.artifact: {size: 9}}": "input.release.artifact.format is None",
    "set: {release.artifact.size: 9, previous: {id: x, colour: red}}": "has no field 'colour'",
    "set: {evidence.7: {}}": "there is nothing at 'evidence.7'",
    "set: {now: yesterday}": "'yesterday' is not a time",
    f"release: {MODEL}/{'0' * 64}": "it is missing",
    f"release: nobody/{'0' * 64}": "it is missing",
}


@pytest.mark.parametrize("line", CASES)
def test_an_input_that_cannot_be_is_a_failing_case(tmp_path: Path, line: str) -> None:
    here = checkout(tmp_path, TESTS.replace("set: {release.artifact.size: 900000000}", line))
    code, out, err = said(here, "policy", "test")
    assert (code, err) == (1, "")
    assert CASES[line] in out


def test_inputs_are_put_together_from_their_parts(tmp_path: Path) -> None:
    gate = {
        "name": "parts",
        "expression": "previous == null && evidence.size() == 2 && evidence[1].kind == 'scan' && approvals == [] && "
        "environment.name == 'dev' && now == timestamp('2026-11-21T12:00:00Z') && evidence[0].verdict == 'fail'",
    }
    scan = (
        "{digest: x, kind: scan, verdict: pass, summary: s, issuedAt: '2026-11-21T11:00:00Z', expiresAt: null, "
        "signer: ci, environment: null, champion: null, checks: null}"
    )
    line = f"set: {{previous: null, approvals: [], evidence.0.verdict: fail, evidence.1: {scan}}}"
    tests = (
        TESTS.split("  cases:", maxsplit=1)[0]
        + f"  cases:\n    - name: parts\n      {line}\n      expect: {{parts: pass}}\n"
    )
    code, out, _ = said(checkout(tmp_path, tests, gate), "policy", "test")
    assert code == 0, out


def test_a_case_can_begin_with_a_release_of_the_repository(tmp_path: Path) -> None:
    gate = {"name": "real", "expression": "release.artifact.size == 1 && evidence.size() == 3"}
    named = f"release: {MODEL}/{estate.release().id}"
    case = f"  cases:\n    - name: as it is\n      {named}\n      expect: {{real: pass}}\n"
    tests = TESTS.split("  base:", maxsplit=1)[0] + case
    here = checkout(tmp_path, tests, gate)
    code, out, _ = said(here, "policy", "test")
    assert code == 0, out
    assert said(here, "validate")[0] == 0


def test_nothing_to_test_is_wrong_usage(tmp_path: Path) -> None:
    assert said(tmp_path, "policy", "test")[0] == 2
    here = checkout(tmp_path / "there", TESTS)
    assert said(here, "policy", "test", "prod")[0] == 2
    assert said(here, "policy", "test", "../dev")[0] == 2
    assert said(here, "policy", "test", "nowhere")[0] == 2


def test_links_in_a_checkout_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text(TESTS.replace("a small model passes", "hunter2"), encoding="utf-8")
    here = checkout(tmp_path / "there", TESTS)
    file = here / "environments/dev/policy_tests.yaml"
    file.unlink()
    file.symlink_to(secret)
    assert said(here, "policy", "test")[0] == 2


def test_a_policy_without_expressions_never_imports_them(tmp_path: Path, shell: Shell) -> None:
    checkout(tmp_path / "there", TESTS)
    program = (
        "import sys\nfrom mlops_gitops.cli.main import main\nfrom mlops_gitops.cli.world import World\n"
        "for words in (['--help'], ['policy', '--help'], ['status'], ['explain', 'flight-delays', 'dev']):\n"
        "    assert main(words, World.of_process()) == 0\n"
        "assert not [one for one in sys.modules if one.startswith('mlops_gitops.expressions')], 'imported'\n"
    )
    environ = {**shell.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=shell.folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_schema_is_printed(tmp_path: Path) -> None:
    code, out, _ = said(tmp_path, "schema", "policy-input")
    assert (code, json.loads(out)) == (0, schema.document("policy-input"))
