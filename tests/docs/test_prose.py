"""What the pages promise of themselves: decisions are complete, tests that are named exist, words are our own."""

import ast
import re
from pathlib import Path

import pytest

from prose import PAGES, ROOT, named, plain

RECORDS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
STRANGERS = re.compile(
    r"/work\b|/root\b|/tmp/|\bsessions?\b|\bhelpers?\b|pypi\.org|registry\.npmjs|files\.pythonhosted|FIXME|XXX"
)
"""What has no place in the documentation: this machine, how the project was made, where packages come from."""


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_pages_speak_of_the_project_only(page: Path) -> None:
    assert STRANGERS.findall(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", [page for page in PAGES if "rules" not in page.parts], ids=named)
def test_prose_fits_a_screen(page: Path) -> None:
    lines = plain(page.read_text(encoding="utf-8")).splitlines()
    assert [line for line in lines if len(line) > 120 and not line.lstrip().startswith(("|", "* [", "<!--"))] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_page_has_one_title(page: Path) -> None:
    text = plain(page.read_text(encoding="utf-8"))
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_a_decision_has_its_reasons(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert text.startswith(f"# {record.name[:4]} ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Rejected"]
    assert re.search(r"^Status: (accepted|replaced by \[\d{4}\])", text, re.MULTILINE)


def test_decisions_are_numbered_and_listed() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))
    index = (ROOT / "docs" / "adr" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", index) == [record.name for record in RECORDS]


def test_every_test_that_the_threat_model_names_exists() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    claims = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(claims) > 20
    for file, test in claims:
        tree = ast.parse((ROOT / file).read_bytes())
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{test}"
