"""A reproduction in every form: golden files, the schema, and nothing that a training wrote is obeyed.

``MG_GOLDEN=write pytest tests/reporting`` writes the golden files again; read them before committing.
"""

from __future__ import annotations

import html
import json
import os
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

import outputs
import pages
import reproduction_examples as examples
from mlops_gitops.evidence.verdicts import combined
from mlops_gitops.reporting import reproduction, reproduction_page
from mlops_gitops.reproduction import checks
from mlops_gitops.reproduction.levels import Level, TensorComparison
from mlops_gitops.reproduction.reproductions import Reproduction

GOLDEN = Path(__file__).parent / "golden" / "reproduction"
MADE = "2026-11-24T06:01:00Z"


def page(found: Reproduction) -> str:
    return reproduction_page.page(found, generated=MADE)


FORMS = {
    "text": reproduction.text,
    "json": lambda found: json.dumps(reproduction.document(found), indent=2, ensure_ascii=False, allow_nan=False),
    "md": reproduction.markdown,
    "html": page,
    "svg": reproduction_page.svg,
}
CASES = [name for name in examples.ALL if name != "hostile"]
every = pytest.mark.parametrize("case", examples.ALL)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, form: str) -> None:
    written = FORMS[form](examples.ALL[case]) + "\n"
    file = GOLDEN / f"{case}.{form}"
    if os.environ.get("MG_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(written, encoding="utf-8")
    assert written == file.read_text(encoding="utf-8")


def test_the_document_is_as_its_schema_says() -> None:
    verdict = combined(checks.verdict(one) for one in examples.ALL.values())
    whole = {
        "verdict": verdict.value,
        "reproductions": [reproduction.document(one) for one in examples.ALL.values()],
    }
    outputs.check("reproduce", json.loads(json.dumps(whole, allow_nan=False)))


@every
def test_the_verdict_is_in_the_first_line(case: str) -> None:
    found = examples.ALL[case]
    mark = {"pass": "✓", "fail": "✗", "inconclusive": "?"}[checks.verdict(found).value]
    assert reproduction.text(found).startswith(f"{mark} ")
    assert len(reproduction.text(found).splitlines()) <= 30


@every
def test_a_comment_stays_short(case: str) -> None:
    assert len(reproduction.markdown(examples.ALL[case]).encode()) < 4000


def test_what_is_better_than_promised_suggests_promising_more() -> None:
    words = "class: canonical is promised, bitwise was reached: promise more with spec.reproducibility.class: bitwise"
    for form in (reproduction.text, reproduction.markdown, page):
        assert words in html.unescape(form(examples.BITWISE))
        assert "promise more" not in form(examples.CANONICAL)
        assert "promise more" not in form(replace(examples.BITWISE, problems=examples.CRASHED.problems[1:]))


def test_a_problem_fails_whatever_the_level() -> None:
    spoiled = replace(examples.BITWISE, problems=examples.CRASHED.problems[1:])
    first = reproduction.text(spoiled).splitlines()[0]
    assert first == "✗ flight-delays 1.2.0 agrees (bitwise), but the training asked for example.com:443"


@every
def test_the_page_is_well_formed_and_fetches_nothing(case: str) -> None:
    assert "a" not in {tag for tag, _ in pages.harmless(page(examples.ALL[case])).seen}


@every
def test_the_picture_is_xml_that_fetches_nothing(case: str) -> None:
    root = ET.fromstring(reproduction_page.svg(examples.ALL[case]))  # noqa: S314 - our own picture
    kinds = {one.tag.rpartition("}")[2] for one in root.iter()}
    assert kinds <= pages.PICTURES | {"svg", "title", "desc", "style", "text", "g"}
    assert not {name for one in root.iter() for name in one.attrib} & {"href", "onload", "onclick"}


@pytest.mark.parametrize("form", ["text", "md", "html", "svg"])
def test_hostile_words_stay_words(form: str) -> None:
    written = FORMS[form](examples.HOSTILES)
    assert all(one.isprintable() or one == "\n" for one in written)
    assert not [line for line in written.splitlines() if line.lstrip().startswith("::")]
    if form != "text":
        assert "<script" not in written
        assert written.count("</title>") == written.count("<title>")
    if form == "md":
        assert "@ada" not in written
        assert not re.search(r"<(?!/?(code|details|summary)>)", written)


def test_the_page_shows_the_same_elements_whatever_the_words() -> None:
    tame = replace(examples.HOSTILES, model="m", version="1", revision="abc", release="1")
    shapes = [[tag for tag, _ in pages.Reader(page(one)).seen] for one in (tame, examples.HOSTILES)]
    assert shapes[0] == shapes[1]


def test_long_tables_are_cut_and_counted() -> None:
    words = pages.Reader(page(examples.HOSTILES)).words
    assert "and 100 more files" in words
    assert "and 100 more tensors" in words


def test_the_largest_difference_comes_first() -> None:
    many = tuple(
        TensorComparison(f"t{i:03}", "m", "float64", (1,), 1, 1, float(i), within=i % 2 == 0) for i in range(300)
    )
    agreement = examples.NUMERIC.agreement
    assert agreement is not None
    shown = pages.Reader(page(replace(examples.NUMERIC, agreement=replace(agreement, tensors=many)))).words
    assert re.findall(r"\bt\d{3}", shown)[:2] == ["t299", "t297"]
    assert len(re.findall(r"\bt\d{3}", shown)) == 200


def test_a_page_of_each_level_names_what_is_promised() -> None:
    for level in Level:
        words = pages.Reader(page(replace(examples.CANONICAL, demanded=level))).words
        assert re.search(rf"{level.value}(✓ holds|✗ broken|\? not known) promised", words)
