"""``--format json``: one document, whatever happens, and as its schema says."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import estate
import outputs
from estate import MODEL, Estate
from mlops_gitops.cli import schema, status
from mlops_gitops.cli.main import VERBS, main, parser_of
from mlops_gitops.cli.world import World
from mlops_gitops.demo.story import Story
from mlops_gitops.manifests.schema import folder
from shells import Shell
from verbs import said

UNTIL = "2026-12-01T00:00:00Z"
STEPS = [
    ("init model mine", 0),
    ("init key ada", 0),
    ("init workflows", 0),
    ("init environments there", 0),
    ("validate models", 0),
    ("validate broken", 1),
    ("plan --all", 0),
    ("test data tumours", 0),
    ("test", 1),
    (f"reproduce tumours --twice --allow-dirty --environment {Path(sys.executable).parents[1]}", 0),
    ("release tumours --dry-run", 0),
    ("release tumours", 0),
    ("release tumours", 0),
    (f"promote {MODEL} --to prod", 4),
    (f"promote {MODEL} --to dev --dry-run", 0),
    ("promote --all", 0),
    ("promote --all", 0),
    (f"promote {MODEL} --to staging", 0),
    (f"approve {MODEL} --to prod", 0),
    (f"approve {MODEL} --to prod", 0),
    (f"approve {MODEL} --to prod --reject", 0),
    (f"promote {MODEL} --to prod", 1),
    (f"control hold {MODEL} --in dev --reason audit", 0),
    (f"control hold {MODEL} --in dev --reason audit", 0),
    (f"control veto {MODEL} --in dev --release 1.0.0 --reason audit", 0),
    (f"control freeze {MODEL} --in dev --reason audit --until {UNTIL}", 0),
    (f"control waive {MODEL} --in prod --release 1.0.0 --gate model-tests --reason audit --until {UNTIL}", 0),
    ("status", 0),
    ("reconcile --dry-run", 0),
    (f"history {MODEL}", 0),
    (f"history {MODEL} --in prod", 0),
    (f"explain {MODEL} dev", 0),
    (f"policy input {MODEL} dev", 0),
    ("policy test --directory there", 0),
    (f"explain {MODEL} prod", 0),
    ("drift", 0),
    ("verify", 0),
    (f"rollback {MODEL} --in dev --to 1.0.0 --reason late", 0),
    (f"rollback {MODEL} --in staging --reason late", 1),
    ("doctor", 0),
    (f"score {MODEL}", 0),
    ("report broken", 4),
    ("gate --pull-request 7", 2),
    (f"build {MODEL}", 2),
    ("schema model", 0),
    ("schema output/promote", 0),
    ("demo demonstration", 0),
]
"""What is asked, one after the other, and the exit code; ``rollback`` to another release is in ``test_release``."""

ELSEWHERE = {"build", "gate"}
"""Verbs that want images or pull requests; their own tests hold their answers against the schema."""


def actions(parser: ArgumentParser) -> list[Any]:
    return parser._actions


def test_every_verb_has_a_schema_and_every_schema_a_verb() -> None:
    verbs = {
        name
        for name in VERBS
        if any("--format" in one.option_strings and "json" in one.choices for one in actions(parser_of(name)))
    }
    files = {one.name.removesuffix(".schema.json") for one in Path(folder(), "output").iterdir()}
    assert files == verbs - {"schema"} | {"error"}
    assert set(schema.OUTPUTS) == {f"output/{name}" for name in files}
    assert {words.split()[0] for words, _ in STEPS} == verbs


def test_every_verb_prints_what_its_schema_says(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Story, "steps", lambda _: ())  # each is a verb, and tests of their own take them
    shell.environ["HOME"] = str(shell.folder)
    trained(shell)
    own: set[str] = set()
    for words, code in STEPS:
        asked = (*words.split(), "--format", "json")
        key = "grace" if asked[0] == "approve" or asked[1] == "waive" else "ci"
        assert shell(*asked, key=key) == code, (words, shell.out, shell.err)
        document = outputs.checked(asked, code, shell.out)
        if set(document) != {"error"}:
            own.add(asked[0])
    assert own == set(VERBS) - ELSEWHERE


def test_a_waiver_has_its_control_again_after_it_was_lifted(shell: Shell) -> None:
    words = (
        "waive",
        MODEL,
        "--in",
        "prod",
        "--release",
        "1.0.0",
        "--gate",
        "model-tests",
        "--reason",
        "x",
        "--until",
        UNTIL,
    )
    told = shell.json("control", *words, key="grace")
    assert shell.json("control", "lift", told["control"], MODEL, "--in", "prod")["result"] == "lifted"
    assert shell.json("control", *words, key="grace")["result"] == "written"
    assert shell.json("control", *words, key="grace")["result"] == "nothing-to-do"


def trained(shell: Shell) -> None:
    """A model repository with one model, trained, and a file that does not pass ``validate``."""
    assert shell("init", "model", "tumours") == 0
    (shell.folder / "broken").mkdir()
    (shell.folder / "broken" / "model.yaml").write_text("kind: Model\n")
    (shell.folder / ".gitignore").write_text("/*\n!/models/\n/models/*/artifact/\n/models/mine/\n")
    estate.git("init", "--quiet", cwd=shell.folder)
    estate.git("add", "--all", cwd=shell.folder)
    estate.git("commit", "--quiet", "--message", "A model", cwd=shell.folder)
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "GIT_PYTHON_REFRESH": "quiet"}
    subprocess.run(
        [sys.executable, "train.py"], cwd=shell.folder / "models" / "tumours", env={**os.environ, **quiet}, check=True,
        capture_output=True,
    )  # fmt: skip


@pytest.mark.parametrize("words", [(), ("--release", "9.9.9"), ("--nonsense",), ("--key", "env:MISSING")])
@pytest.mark.parametrize("path", ["trust/signers.yaml", "environments/staging/environment.yaml", "mlops-gitops.yaml"])
def test_a_promotion_that_fails_prints_one_document(
    shell_of: Callable[[Estate], Shell], words: tuple[str, ...], path: str
) -> None:
    shell = shell_of(Estate.new().with_release(estate.release()).with_files({path: b"a: ["}))
    shell.json("promote", MODEL, "--to", "staging", *words)
    assert shell.json("promote", "--all", *words)


@pytest.mark.parametrize("form", [("--format", "json"), ("--format=json",), ("--format", "text", "--format", "json")])
@pytest.mark.parametrize("name", [*VERBS, "no-such-verb"])
def test_with_nothing_around_it_every_verb_prints_one_document(
    tmp_path: Path, name: str, form: tuple[str, ...]
) -> None:
    given = {"schema": ("nothing",), "demo": ("a", "b")}.get(name, ())
    code, out, _ = said(tmp_path, name, *given, *form)
    document = outputs.checked([name, *form], code, out)
    assert (code == 0) == (set(document) != {"error"}) or name == "doctor"


@pytest.mark.parametrize("words", [("--format", "json"), ("--format", "json", "status"), ("-x", "--format=json")])
def test_a_command_without_a_verb_prints_one_document(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, out, err = said(tmp_path, *words)
    assert (code, err) == (2, "")
    assert json.loads(out)["error"]["code"] == "usage"


@pytest.mark.parametrize(
    "words", [("status", "--format", "json", "--format", "text"), ("status", "--", "--format", "json")]
)
def test_words_are_for_whom_they_were_asked(tmp_path: Path, words: tuple[str, ...]) -> None:
    """The last ``--format`` counts, and behind ``--`` there are no options: failures know that as the parser does."""
    out, err = io.StringIO(), io.StringIO()
    code = main(words, World(environ={}, now=lambda: estate.NOW, folder=tmp_path, out=out, err=err))
    assert (code, out.getvalue()) == (2, "")
    assert "what to do" in err.getvalue()


@pytest.mark.parametrize(
    ("raised", "code", "name"), [(ZeroDivisionError("x"), 70, "bug"), (KeyboardInterrupt(), 130, "interrupted")]
)
def test_a_bug_and_an_interruption_print_one_document_too(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, name: str
) -> None:
    def fails(*_: object) -> int:
        raise raised

    monkeypatch.setattr(status, "run", fails)
    assert shell("status", "--format", "json") == code
    assert json.loads(shell.out)["error"]["code"] == name
    assert ("ZeroDivisionError" in shell.err) == (code == 70)
    assert shell("status") == code
    assert shell.out == ""


def test_a_process_prints_nothing_else(shell: Shell) -> None:
    """As a script sees it, with a registry that is made at its first use and says so."""
    (shell.folder / "mlflow.db").touch()
    environ = {**shell.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{shell.folder}/mlflow.db"}
    for words, code in ((["drift"], 0), (["promote", MODEL, "--to", "dev"], 2), (["status"], 0)):
        line = [sys.executable, "-m", "mlops_gitops", *words, "--format", "json"]
        done = subprocess.run(line, cwd=shell.folder, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        outputs.checked(words, code, done.stdout)


@pytest.mark.parametrize("change", [{"extra": 1}, {"commit": 5}, {"slots": [{}]}, {"slots": None}])
def test_what_does_not_fit_is_noticed(shell: Shell, change: dict[str, Any]) -> None:
    document = {**shell.json("status"), **change}
    with pytest.raises(AssertionError):
        outputs.checked(["status"], 0, json.dumps(document))
    for text in ("", "{} {}", '{"a": NaN}'):
        with pytest.raises((AssertionError, ValueError)):
            outputs.checked(["status"], 0, text)
