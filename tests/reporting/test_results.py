"""Tests in every form: golden files, the schemas of others, and nothing that a file says is obeyed.

``MG_GOLDEN=write pytest tests/reporting`` writes the golden files again; read them before committing.
"""

from __future__ import annotations

import html
import json
import os
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest

import outputs
import pages
import results_examples as examples
from mlops_gitops.cli.results import FORMATS, document, rendered
from mlops_gitops.evidence.figures import Point
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.reporting.page.axes import Axis, around, fitted, short, ticks, told_apart, width_of
from mlops_gitops.reporting.page.dots import chosen
from mlops_gitops.reporting.results import page, statements
from mlops_gitops.reporting.results.records import Results

GOLDEN = Path(__file__).parent / "golden" / "results"
MADE = "2026-11-24T06:01:00Z"
NOW = datetime(2026, 11, 24, 6, 1, tzinfo=UTC)
CASES = {"whole": examples.WHOLE, "passed": examples.PASSED, "nothing": examples.NOTHING}


def shown(results: Results, form: str) -> str:
    return page.page(results, generated=MADE) if form == "html" else rendered(results.reports, form)


@pytest.mark.parametrize("form", [*FORMATS, "html"])
@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, form: str) -> None:
    written = shown(CASES[case], form) + "\n"
    file = GOLDEN / f"{case}.{form}"
    if os.environ.get("MG_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(written, encoding="utf-8")
    assert written == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", [*CASES, "hostile"])
def test_the_page_is_whole_and_fetches_nothing(case: str) -> None:
    read = pages.harmless(shown({**CASES, "hostile": examples.HOSTILE}[case], "html"))
    drawn = [given for tag, given in read.seen if tag == "svg"]
    assert all(given["role"] == "img" for given in drawn)
    assert read.words.count("The numbers") >= len(drawn)


def test_every_figure_is_drawn_with_its_name_and_its_table() -> None:
    text = shown(examples.WHOLE, "html")
    assert text.count("<svg") == text.count("<desc>") == text.count("The numbers</summary>") == 8
    assert "nothing here that can be drawn" not in text


def test_what_did_not_pass_comes_first_and_what_passed_is_not_a_trouble() -> None:
    words = pages.Reader(shown(examples.WHOLE, "html")).words
    assert words.index("have moved by D 0.180") < words.index("about 9,000 rows would decide")
    assert "What to look at" not in pages.Reader(shown(examples.PASSED, "html")).words


def test_json_is_as_its_schema_says_also_where_numbers_are_none() -> None:
    for results in (*CASES.values(), examples.HOSTILE):
        outputs.check("test", json.loads(document(results).replace("NaN", "null")))


def test_junit_counts_what_failed_and_what_is_open() -> None:
    root = ET.fromstring(rendered(examples.WHOLE.reports, "junit"))  # noqa: S314 - our own document
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("skipped")) == ("testsuites", "6", "1", "1")
    assert [len(suite.findall("testcase")) for suite in root] == [4, 1, 1]
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.get("message") == "the values of test.distance have moved by D 0.180"


def test_sarif_has_a_result_on_the_line_that_demanded_it() -> None:
    (run,) = json.loads(rendered(examples.WHOLE.reports, "sarif"))["runs"]
    assert [one["level"] for one in run["results"]] == ["error", "warning"]
    (place,) = run["results"][0]["locations"]
    assert place["physicalLocation"]["region"]["startLine"] == 81
    assert len({one["partialFingerprints"]["check/v1"] for one in run["results"]}) == 2


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_words_stay_words(form: str) -> None:
    written = rendered(examples.HOSTILE.reports, form)
    assert "\x1b" not in written
    assert "<script" not in written.replace("\\u003c", "") or form in {"text", "json", "sarif", "github"}
    assert not [line for line in written.splitlines() if line.lstrip().startswith("::error::x")]
    written.encode()
    if form == "junit":
        ET.fromstring(written)  # noqa: S314 - our own document
    if form == "markdown":
        assert "@ada" not in written


def test_statements_name_what_was_read_and_say_what_was_found() -> None:
    found = statements.files(examples.WHOLE, issued_at=NOW)
    assert set(found) == {"data-tests.intoto.json", "model-tests.intoto.json", "comparison.intoto.json"}
    said = json.loads(found["data-tests.intoto.json"])
    assert said["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert said["subject"] == [{"name": "data/test", "digest": {"sha256": "5e77" * 16}}]
    assert said["predicate"]["result"] == "FAILED"
    assert said["predicate"]["failedTests"] == ["data.drift(test.distance)"]
    assert not statements.files(examples.NOTHING, issued_at=NOW)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.7, 12), (1e-9, 2e-9), (1010, 1030), (-1e308, 1e307)])
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 1 <= len(found) <= 5
    assert all(low <= one <= high for one in found)


def test_marks_of_an_axis_are_told_apart_however_near_and_small() -> None:
    assert ticks(-1e-15, 3e-15)[0] < 0 < ticks(-1e-15, 3e-15)[-1]
    for low, high in ((1e6, 1e6 + 4), (1 - 4e-9, 1.0), (-3e-17, 3e-17), (0.0, 1.7e308), (9990.0, 10010.0)):
        words = told_apart(ticks(low, high))
        assert len(set(words)) == len(words) > 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (9999.9, "10k"),
        (999_999, "1M"),
        (999_600, "1000k"),
        (-123_456, "\N{MINUS SIGN}123k"),
        (0.1234567, "0.1235"),
        (1e15, "1e+15"),
    ],
)
def test_numbers_under_an_axis_are_short(value: float, words: str) -> None:
    assert short(value) == words


def test_names_are_cut_in_their_middle_and_only_where_they_do_not_fit() -> None:
    assert fitted("a_long_name_of_last_30_days", 100) == "a_long…_days"
    assert fitted("<b>", 100) == "&lt;b&gt;"
    for words in ("a_long_name_of_last_30_days", "東京都千代田区丸の内", "W" * 40, "i" * 90):
        assert width_of(html.unescape(fitted(words, 80))) <= 80
        assert html.unescape(fitted(words, 900)) == words


def test_the_rows_of_all_data_are_drawn_however_many_slices_failed() -> None:
    failed = tuple(Point(f"carrier = {i}", 0.5, verdict=Verdict.FAIL) for i in range(200))
    drawn = chosen((Point("all rows", 0.7, verdict=Verdict.PASS), *failed))
    assert (len(drawn), drawn[0].label) == (40, "all rows")


def test_an_axis_holds_its_values_and_refuses_what_has_no_end() -> None:
    axis = around([1.0, None, 3.0, float("nan")], start=0, end=100)
    assert axis is not None
    assert 0 < axis.at(1.0) < axis.at(3.0) < 100
    assert Axis(0, 1, 0, 100).at(7) == 100
    assert around([None, float("inf")], start=0, end=1) is None
    assert around([-1.7e308, 1.7e308], start=0, end=1) is None


def test_the_worst_check_is_the_verdict() -> None:
    assert examples.WHOLE.verdict is Verdict.FAIL
    assert examples.NOTHING.verdict is Verdict.INCONCLUSIVE
