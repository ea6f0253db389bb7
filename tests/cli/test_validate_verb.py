from __future__ import annotations

import html
import json
import os
import re
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
    assert said(started, "validate", "--strict") == (0, "6 files, no findings\n", "")


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
        ("models/delays/model.yaml", "MG012"),
        ("models/delays/model.yaml", "MG101"),
        ("models/delays/model.yaml", "MG503"),
    ]


@pytest.mark.parametrize("value", ["manual", "[a]", "{a: b}", "", '"x"', "&a [1]", "|\n    text"])
def test_an_unknown_key_is_shown_as_the_key_whatever_its_value_is(started: Path, value: str) -> None:
    policy = started / "environments/dev/environment.yaml"
    text = policy.read_text()
    wrong = re.sub(r"^  promotion:.*$", lambda _: f"  promotoin: {value}", text, flags=re.MULTILINE)
    policy.write_text(wrong)
    line = next(number for number, one in enumerate(wrong.splitlines(), 1) if one.startswith("  promotoin:"))
    code, out, _ = said(started, "validate", "environments/dev")
    assert code == 1
    assert f"environments/dev/environment.yaml:{line}:3: error MG101" in out
    shown = out.splitlines()
    marked, mark = shown[1], shown[2]
    assert marked[mark.index("^") : mark.rindex("^") + 1] == "promotoin"
    annotation = said(started, "validate", "environments/dev", "--format", "github")[1]
    assert f"line={line},col=3,endColumn=12,title=MG101" in annotation
    sarif = json.loads(said(started, "validate", "environments/dev", "--format", "sarif")[1])
    (found,) = (one for one in sarif["runs"][0]["results"] if one["ruleId"] == "MG101")
    region = found["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": line, "startColumn": 3, "endLine": line, "endColumn": 12}


def test_an_unknown_key_in_a_list_of_mappings_is_shown_as_the_key(started: Path) -> None:
    model = started / "models/delays/model.yaml"
    model.write_text(model.read_text().replace("mediaType: text/csv", "mediaTpye: text/csv", 1))
    _, out, _ = said(started, "validate", "models", "--format", "json")
    (found,) = json.loads(out)["findings"]
    line = model.read_text().splitlines()[found["line"] - 1]
    assert line[found["column"] - 1 : found["endColumn"] - 1] == "mediaTpye"


def test_a_misspelt_key_is_one_finding_and_not_a_missing_one_too(started: Path) -> None:
    policy = started / "environments/dev/environment.yaml"
    policy.write_text(policy.read_text().replace("promotion:", "promotoin:").replace("kind: Environment\n", ""))
    found = json.loads(said(started, "validate", "environments", "--format", "json")[1])["findings"]
    assert [(one["rule"], one["message"]) for one in found] == [
        ("MG102", "the key `kind` is missing"),
        ("MG101", "there is no key `promotoin` here; did you mean `promotion`?"),
    ]


def test_a_whole_number_is_suggested_where_rows_are_counted(started: Path) -> None:
    model = started / "models/delays/model.yaml"
    model.write_text(model.read_text().replace("rows: {min: 50}", "rows: {min: many}"))
    (found,) = json.loads(said(started, "validate", "models", "--format", "json")[1])["findings"]
    assert (found["rule"], found["fix"]) == ("MG103", "write a whole number such as 1000")


def test_one_is_not_many(started: Path) -> None:
    model = started / "models/delays/model.yaml"
    model.write_text(model.read_text().replace("name: Ada Example", 'name: ""'))
    found = json.loads(said(started, "validate", "models", "--format", "json")[1])["findings"]
    (found,) = (one for one in found if one["rule"] == "MG107")
    assert found["message"].endswith("has 0 characters; it must have at least 1 character")


def test_a_kind_that_does_not_exist_is_said_once(started: Path) -> None:
    key = json.loads(said(started, "init", "key", "ci", "--directory", "keys", "--format", "json")[1])["key"]
    signs = [{"kinds": ["data-tests", "model-tests"], "environments": ["*"]}]
    signer = {"name": "ci", "type": "machine", "keys": [key], "signs": signs}
    trust = {"apiVersion": "mlops-gitops/v1", "kind": "Trust", "spec": {"signers": [signer]}}
    (started / "trust/signers.yaml").write_text(json.dumps(trust))
    policy = started / "environments/dev/environment.yaml"
    policy.write_text(policy.read_text().replace("evidence: data-tests", "evidence: data-test"))
    words = ("validate", "trust", "environments/dev", "--format", "json")
    assert [one["rule"] for one in json.loads(said(started, *words)[1])["findings"]] == ["MG104"]


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
    assert "run it in a folder with models/ or environments/, name a path, or start with `mlops-gitops init`" in err


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


@pytest.mark.parametrize("through", ["file", "folder", "models"])
def test_what_lies_outside_is_not_read_through_a_link(
    started: Path, tmp_path_factory: pytest.TempPathFactory, through: str
) -> None:
    """A manifest may be a link, but what is wrong with it is shown to everybody."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "model.yaml").write_text("password: correct-horse\n")
    (started / ".git").mkdir(exist_ok=True)
    if through == "file":
        (started / "models/other").mkdir()
        (started / "models/other/model.yaml").symlink_to(outside / "model.yaml")
    else:
        (started / "models").rename(started / "before")
        (started / ("models" if through == "models" else "linked")).symlink_to(outside)
    asked = ["linked/model.yaml"] if through == "folder" else []
    for form in ("text", "json", "github", "sarif", "markdown"):
        code, out, _ = said(started, "validate", "--format", form, *asked)
        assert code == 1
        assert "leads out of the repository" in html.unescape(out)
        assert "password" not in out
        assert "correct-horse" not in out


def test_a_link_within_the_repository_is_followed(started: Path) -> None:
    (started / ".git").mkdir(exist_ok=True)
    path = next(iter((started / "models").glob("*/model.yaml")))
    path.rename(started / "shared.yaml")
    path.symlink_to(started / "shared.yaml")
    assert said(started, "validate")[0] == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("models/other/model.yaml", ("test", "other")),
        ("models/other/model.yaml", ("reproduce", "other", "--twice")),
        ("models/other/model.yaml", ("build", "other")),
        ("models/other/model.yaml", ("reproduce", "other")),
        ("mlops-gitops.yaml", ("promote", "other", "--to", "dev")),
    ],
)
def test_nor_by_a_verb_that_holds_secrets(
    started: Path, tmp_path_factory: pytest.TempPathFactory, name: str, words: tuple[str, ...]
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "outside.yaml"
    outside.write_text("password: correct-horse\n")
    (started / ".git").mkdir(exist_ok=True)
    (started / "models/other").mkdir()
    (started / name).unlink(missing_ok=True)
    (started / name).symlink_to(outside)
    code, out, err = said(started, *words)
    assert code == 1
    assert "leads out of the repository" in err
    assert "password" not in out + err


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
