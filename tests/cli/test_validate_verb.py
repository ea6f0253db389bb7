from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from mlops_gitops.manifests import schema
from verbs import said


@pytest.fixture
def started(tmp_path: Path) -> Path:
    for words in (["init", "model", "delays"], ["init", "environments", "."]):
        assert said(tmp_path, *words)[0] == 0
    return tmp_path


def test_all_is_well(started: Path) -> None:
    assert said(started, "validate", "--strict") == (0, "5 files, no findings\n", "")


def test_every_problem_of_every_file_in_one_run(started: Path) -> None:
    model = started / "models/delays/model.yaml"
    model.write_text(
        model.read_text().replace('"0.1.0"', "1.10").replace("riskTier", "risktier").replace("min: 0.8", "min: 80")
    )
    (started / "environments/dev/environment.yaml").write_bytes(b"\xff")
    (started / "environments/prod/environment.yaml").write_text("a: [\n")
    code, out, _ = said(started, "validate", "--format", "json")
    found = [(one["file"], one["rule"]) for one in json.loads(out)["findings"]]
    assert code == 1
    assert found == [
        ("environments/dev/environment.yaml", "MG002"),
        ("environments/prod/environment.yaml", "MG001"),
        ("models/delays/model.yaml", "MG102"),
        ("models/delays/model.yaml", "MG012"),
        ("models/delays/model.yaml", "MG101"),
        ("models/delays/model.yaml", "MG503"),
    ]


def test_warnings_fail_only_when_asked(started: Path) -> None:
    model = started / "models/delays/model.yaml"
    model.write_text(model.read_text().replace("Apache-2.0", "Apache 2"))
    assert said(started, "validate")[0] == 0
    assert said(started, "validate", "--strict")[0] == 1


@pytest.mark.parametrize("role", ["[]", "{}", "[training]"])
def test_a_list_where_a_word_belongs_is_a_finding_and_no_bug(started: Path, role: str) -> None:
    model = started / "models/delays/model.yaml"
    model.write_text(model.read_text().replace("role: test", f"role: {role}"))
    assert said(started, "validate")[0] == 1


@pytest.mark.parametrize("words", [["nowhere"], ["models", "nowhere"]])
def test_a_path_that_is_not_there_is_wrong_usage(started: Path, words: list[str]) -> None:
    assert said(started, "validate", *words)[0] == 2


def test_nothing_to_validate_is_wrong_usage(tmp_path: Path) -> None:
    code, _, err = said(tmp_path, "validate")
    assert code == 2
    assert "mlops-gitops init" in err


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif", "markdown"])
def test_every_format_says_which_rule(started: Path, form: str) -> None:
    (started / "environments/dev/environment.yaml").write_text("")
    code, out, _ = said(started, "validate", "--format", form)
    assert code == 1
    assert "MG019" in out


def test_many_files_are_shared_out_and_none_is_lost(tmp_path: Path) -> None:
    for number in range(130):
        (tmp_path / f"models/m{number:03}").mkdir(parents=True)
        (tmp_path / f"models/m{number:03}/model.yaml").write_text("kind: Model\nmetadata: {name: same}\n")
    code, out, _ = said(tmp_path, "validate", "--format", "json")
    found = json.loads(out)
    assert code == 1
    assert found["files"] == 130
    rules = [one["rule"] for one in found["findings"]]
    assert (rules.count("MG201"), rules.count("MG901")) == (130, 129)


def test_a_link_out_of_the_repository_is_seen(started: Path) -> None:
    (started / ".git").mkdir()
    lock = started / "models/delays/requirements.lock"
    lock.unlink()
    lock.symlink_to("/etc/hostname")
    code, out, _ = said(started, "validate")
    assert code == 1
    assert "MG401: 'requirements.lock' leads out of the repository through a symbolic link" in out


def test_folders_that_are_links_are_not_followed(started: Path) -> None:
    (started / "models/round").symlink_to(started / "models")
    assert said(started, "validate")[0] == 0


def test_hidden_text_in_names_is_shown_inert(started: Path) -> None:
    folder = started / "models/\x1b[31m\nx"
    folder.mkdir()
    (folder / "model.yaml").write_text("kind: Model\n")
    _, out, _ = said(started, "validate")
    assert "\x1b" not in out


def test_nothing_heavy_is_imported(started: Path) -> None:
    program = (
        "import sys; sys.argv = ['mlops-gitops', 'validate', 'models'];"
        "from mlops_gitops.__main__ import run\n"
        "try: run()\n"
        "except SystemExit as done: assert done.code == 0, done.code\n"
        "print(sorted({one.split('.')[0] for one in sys.modules}))"
    )
    environ = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=started, env=environ, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.splitlines()[-1]
    for heavy in (
        "github",
        "mlflow",
        "docker",
        "requests",
        "numpy",
        "duckdb",
        "jsonschema",
        "dataclasses",
        "securesystemslib",
    ):
        assert f"'{heavy}'" not in loaded, heavy


@pytest.mark.parametrize("kind", schema.KINDS.values())
def test_schema_prints_the_schema(tmp_path: Path, kind: str) -> None:
    code, out, _ = said(tmp_path, "schema", kind)
    assert code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(out))


def test_schema_of_nothing_known_is_wrong_usage(tmp_path: Path) -> None:
    assert said(tmp_path, "schema", "modell")[0] == 2
