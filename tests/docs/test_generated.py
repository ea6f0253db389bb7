"""What is made from the code is current, and would be seen if it were not."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from mlops_gitops.cli import endings
from mlops_gitops.cli import pages as verbs
from mlops_gitops.evidence.score import pages as score
from mlops_gitops.evidence.score.rubric import MEANINGS, TESTS
from mlops_gitops.manifests import pages as formats
from mlops_gitops.testing.models.metrics import pages as metrics
from prose import ROOT

SOURCE = ROOT / "src" / "mlops_gitops"
HINT = "not current: run `./dev docs`"


def test_pages_of_verbs_are_current() -> None:
    for page, wanted in verbs.current(ROOT / "README.md", ROOT / "docs" / "reference" / "cli").items():
        assert page.read_text(encoding="utf-8") == wanted, f"{page.name} is {HINT}"


def test_the_page_of_error_codes_is_current() -> None:
    page = ROOT / "docs" / "reference" / "errors.md"
    assert page.read_text(encoding="utf-8") == endings.page(SOURCE), HINT


def test_the_page_of_formats_is_current() -> None:
    page = ROOT / "docs" / "reference" / "formats.md"
    text = page.read_text(encoding="utf-8")
    assert text == formats.current(text, page.parent / "examples"), HINT
    assert text.count("| field | | what it is | such as |") == len(list((ROOT / "schemas").glob("*.schema.json")))


def test_the_page_of_the_ml_test_score_is_current() -> None:
    text = (ROOT / "docs" / "explanation" / "ml-test-score.md").read_text(encoding="utf-8")
    assert text == score.current(text), HINT
    assert all(f"| `{one.id}` |" in text for one in TESTS)
    assert all(f"| {words} |" in text for _, words in MEANINGS)
    with pytest.raises(ValueError, match="needs the lines"):
        score.current("# A page\n")


def test_the_page_of_metrics_is_current() -> None:
    page = ROOT / "docs" / "reference" / "metrics.md"
    assert page.read_text(encoding="utf-8") == metrics.page(), HINT


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        verbs.between("# A page\n", "made")


def test_what_stands_between_the_marks_is_replaced() -> None:
    page = f"before\n{verbs.BEGIN}\nold\n{verbs.END}\nafter\n"
    assert verbs.between(page, "new") == f"before\n{verbs.BEGIN}\nnew\n{verbs.END}\nafter\n"


def test_every_place_that_ends_a_command_is_found(tmp_path: Path) -> None:
    calls = {
        (path, node.lineno)
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"Refused", "Misused", "NotYet", "WorldFailed"}
    }
    assert all(_has_code(path, line) for path, line in calls), "every failure has a code that the page can show"
    codes = {one.code for one in endings.endings(SOURCE)}
    assert {"no-key", "mlflow-denied", "data-unreadable", "invalid-document", "contention"} <= codes
    (tmp_path / "one.py").write_text('raise Refused(f"no {x}", hint="a" "b", code="new-one")\n', encoding="utf-8")
    assert endings.endings(tmp_path)[0][:1] == ("new-one",)
    assert "| `new-one` | no … | ab |" in endings.page(tmp_path)


def test_no_code_is_left_out() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    written = {
        word.value.value
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "code" and isinstance(word.value, ast.Constant)
    }
    assert {code for code in written if f"`{code}`" not in page} == set()


def test_a_code_that_cannot_be_seen_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text('raise Refused("no", hint="", code=made_up())\n', encoding="utf-8")
    with pytest.raises(ValueError, match="written out"):
        endings.endings(tmp_path)


def test_every_environment_variable_is_documented_and_no_other() -> None:
    files = [*SOURCE.rglob("*.py"), *ROOT.glob("actions/*/action.yml"), *ROOT.glob("actions/_runtime/*")]
    read = {name for file in files if file.is_file() for name in _variables(file.read_text(encoding="utf-8"))}
    page = (ROOT / "docs" / "reference" / "environment-variables.md").read_text(encoding="utf-8")
    assert read == _variables(page)


def test_every_problem_that_verify_finds_is_documented_and_no_other() -> None:
    trees = [
        ast.parse((SOURCE / "promotion" / name).read_bytes())
        for name in ("verify.py", "verify_past.py", "verify_seals.py", "verify_looks.py")
    ]
    found = {
        node.args[0].value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"Problem", "problem"}
        and isinstance(node.args[0], ast.Constant)
    }
    page = (ROOT / "docs" / "reference" / "environment-repository.md").read_text(encoding="utf-8")
    table = page.split("## What `verify` checks")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == found


def test_every_extra_is_in_the_readme() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    install = (ROOT / "README.md").read_text(encoding="utf-8").split("## Install")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z]+)` \|", install, re.MULTILINE)) == set(project["optional-dependencies"])
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert project["version"] in changes


def _variables(text: str) -> set[str]:
    """Those that somebody may set; the inputs of an Action stand in its own README."""
    return set(re.findall(r"\bMG_(?!INPUT_)[A-Z][A-Z_]*[A-Z]\b", text))


def _has_code(path: Path, line: int) -> bool:
    return any(
        node.lineno == line and any(word.arg == "code" for word in node.keywords)
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call)
    )
