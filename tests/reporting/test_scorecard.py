"""What a person sees on a pull request: golden files, the rules behind them, and nothing that others wrote is obeyed.

``MG_GOLDEN=write pytest tests/reporting`` writes the golden files again; read them before committing.
"""

from __future__ import annotations

import html
import json
import os
import re
import unicodedata
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import outputs
import pages
import scorecard_examples as examples
from mlops_gitops.cli import report_forms
from mlops_gitops.evidence.gates import Answer
from mlops_gitops.reporting.scorecard import charts, inline, layout, markdown, records, sticky, words
from mlops_gitops.reporting.scorecard.records import LeftOut, Remark, Run, Score, Scorecard
from prose import ROOT
from scorecard_examples import ALL, PIECES

GOLDEN = Path(__file__).parent / "golden" / "scorecard"
FORMS = {
    "comment.md": lambda forms: forms.comment,
    "summary.md": lambda forms: forms.summary,
    "annotations.txt": lambda forms: forms.annotations,
    "text": lambda forms: forms.printed("text") + "\n",
    "json": lambda forms: forms.files["report.json"],
    "svg": lambda forms: forms.files.get("metrics-1.svg", ""),
}
every = pytest.mark.parametrize("case", ALL)


def forms(case: str) -> report_forms.Forms:
    return report_forms.made(ALL[case])


LONG = {("many", "summary.md"), ("many", "json")}
"""A hundred kilobytes of the same again."""


@pytest.mark.parametrize(("case", "form"), [(case, form) for case in ALL for form in FORMS if (case, form) not in LONG])
def test_golden(case: str, form: str) -> None:
    written = FORMS[form](forms(case))
    file = GOLDEN / f"{case}.{form}"
    if os.environ.get("MG_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(written, encoding="utf-8", newline="\n")
    assert written.encode() == file.read_bytes()


@pytest.mark.parametrize(
    ("page", "written"),
    [
        ("reference/examples/pull-request-comment.markdown", FORMS["comment.md"](forms("bad"))),
        ("how-to/report-on-a-pull-request.svg", FORMS["svg"](forms("bad"))),
    ],
)
def test_the_documentation_shows_what_is_shown(page: str, written: str) -> None:
    file = ROOT / "docs" / page
    if os.environ.get("MG_GOLDEN") == "write":
        file.write_text(written, encoding="utf-8", newline="\n")
    assert written == file.read_text(encoding="utf-8")


@every
def test_the_document_is_as_its_schema_says(case: str) -> None:
    outputs.check("report", json.loads(forms(case).files["report.json"]))


@pytest.mark.parametrize("documents", [examples.good(), examples.bad(), examples.many(2), examples.hostile()])
def test_the_examples_are_what_verbs_print(documents: dict[str, Any]) -> None:
    for name, document in documents.items():
        outputs.check(name.split("_")[0], document)


def test_the_metrics_are_those_that_can_be_tested_and_their_directions_too() -> None:
    from mlops_gitops.testing.models.metrics import METRICS

    higher = {name for name in METRICS if records.better(name) == "higher"}
    assert higher == {name for name, metric in METRICS.items() if metric.higher_is_better}
    assert set(METRICS) - higher == {name for name in METRICS if records.better(name) == "lower"}


@pytest.mark.parametrize(
    ("metric", "change", "outcome", "arrow"),
    [
        ("roc_auc", 0.02, "better", "▲"), ("roc_auc", -0.02, "worse", "▼"), ("roc_auc", 0.001, "unclear", "▲"),
        ("log_loss", -0.02, "better", "▼"), ("log_loss", 0.02, "worse", "▲"), ("rmse", 0.0, "unclear", "="),
        ("unheard_of", 0.02, "unknown", "▲"),
    ],
)  # fmt: skip
def test_arrows_say_where_the_number_went_and_colours_whether_that_is_good(
    metric: str, change: float, outcome: str, arrow: str
) -> None:
    own, against = examples.metric(metric, 0.5, change)
    found = examples.card({"release": examples.released(*examples.scored([(own, against)]))})
    (score,) = found.cards[0].scores
    assert score.outcome == outcome
    (row,) = [line for line in markdown.render(found, room=layout.COMMENT).splitlines() if f"<b>{arrow}" in line]
    assert ({"better": "🟢", "worse": "🔴", "unclear": "⚪"}.get(outcome, "<code>") in row) is True
    drawn = charts.whisker(score, charts.reach([score]))
    if outcome in {"better", "worse"}:
        assert (drawn.index("●") > len(drawn) // 2) == (outcome == "better")


@pytest.mark.parametrize(
    ("documents", "answer"),
    [
        ({"test": {"verdict": "fail", "reports": [], "written": []}}, Answer.FAIL),
        ({"test": {"verdict": "pass", "reports": [], "written": ["models/a/train.profile.json"]}}, Answer.PENDING),
        ({"validate": {"files": 1, "errors": 3, "warnings": 0, "findings": []}}, Answer.FAIL),
        ({"gate": {**examples.gated("pass"), "result": "fail"}}, Answer.FAIL),
        ({"reproduce": {"verdict": "fail", "reproductions": []}}, Answer.FAIL),
        (
            {"test": examples.tests({**examples.report("data-tests", [examples.check("a", "b", "inconclusive")]),
                                     "verdict": "pass"})},
            Answer.PENDING,
        ),
    ],
)  # fmt: skip
def test_a_document_that_contradicts_itself_or_says_nothing_is_no_yes(
    documents: dict[str, Any], answer: Answer
) -> None:
    assert examples.card(documents).answer is answer


@pytest.mark.parametrize(("number", "head"), [(8, examples.HEAD), (7, "0" * 40)])
def test_a_verdict_on_another_pull_request_or_another_head_is_left_out(number: int, head: str) -> None:
    other = {**examples.gated("pass"), "repository": "airline/models", "number": number, "head": head}
    found = examples.card({"gate": other, "validate": examples.findings()})
    assert found.answer is Answer.PENDING
    assert not found.asked
    assert "another" in found.left_out[0].reason
    same = {**other, "number": 7, "head": examples.HEAD}
    assert examples.card({"gate": same, "validate": examples.findings()}).answer is Answer.PASS


def test_thousands_of_models_fit_into_a_comment_and_a_summary() -> None:
    """The names of what is left out are many, too."""
    reports = [
        examples.report("data-tests", [examples.check("a", "b", "fail")], model=f"model-{number:04}-{'x' * 29}")
        for number in range(2000)
    ]
    forms = report_forms.made(examples.card({"test": examples.tests(*reports)}))
    assert len(forms.comment.encode()) <= layout.COMMENT
    assert len(forms.summary.encode()) <= layout.SUMMARY
    assert "Left out here: " in forms.comment
    assert "2,000 of 2,000 models are not ready" in forms.comment or "2000 of 2,000 models" in forms.comment


def test_what_is_left_out_is_found_in_one_go() -> None:
    """Looking through all blocks once for each that goes would take hours here."""
    blocks = [layout.Block("x" * 10, number % 7, f"block-{number}") for number in range(100_000)]
    text = layout.fitted(blocks, room=2000, whole="All of it is elsewhere.")
    assert len(text) <= 2000
    assert text.count("xxxxxxxxxx") > 80


JUDGED = {"repository": "airline/models", "pullRequest": 7, "head": examples.HEAD, "run": "19000000001.1"}


@pytest.mark.parametrize("kind", ["test", "validate", "error"])
@pytest.mark.parametrize(
    "other",
    [{"repository": "stranger/models"}, {"pullRequest": 8}, {"head": "0" * 40}, {"run": "19000000002.1"}],
    ids=lambda one: next(iter(one)),
)
def test_a_report_about_something_else_is_left_out_and_said(kind: str, other: dict[str, Any]) -> None:
    reports = {
        "test": examples.tests(examples.report("data-tests", [examples.check("a", "b", "fail")])),
        "validate": examples.findings(),
        "error": {"error": {"code": "x", "message": "no", "hint": "do", "retry": False, "exitCode": 5}},
    }
    passed = examples.tests(examples.report("data-tests", [examples.check("a", "b")]))
    found = examples.card(
        {"test_mine": {**passed, "judged": JUDGED}, kind: {**reports[kind], "judged": {**JUDGED, **other}}}
    )
    assert found.answer is Answer.PENDING
    assert [one.kind for one in found.sources] == ["test"]
    assert "another run" in html.unescape(report_forms.made(found).comment)


def test_an_earlier_attempt_of_this_run_and_a_report_that_names_nothing_are_read() -> None:
    passed = examples.tests(examples.report("data-tests", [examples.check("a", "b")]))
    nothing = dict.fromkeys(JUDGED)
    for judged in ({**JUDGED, "run": "19000000001.2"}, nothing):
        assert examples.card({"test": {**passed, "judged": judged}}).answer is Answer.PASS


def test_a_model_of_any_name_is_no_command_in_a_log() -> None:
    report = examples.report("data-tests", [examples.check("a", "b", "fail")], model="::stop-commands::x ##[add-mask]y")
    *_, last = report_forms.made(examples.card({"test": examples.tests(report)})).printed("github").splitlines()
    assert last.startswith("❌ ")
    assert "##[" not in last


def test_numbers_at_the_end_of_all_numbers_are_still_json() -> None:
    found = examples.card({"test": examples.tests(*examples.scored([examples.metric("rmse", 1e308, -1e308)]))})
    (score,) = found.cards[0].scores
    assert score.champion is None
    assert "Infinity" not in report_forms.made(found).files["report.json"]


def test_the_verdict_is_first_and_what_decides_it_comes_in_order() -> None:
    text = forms("bad").comment
    order = [
        "is not ready", "Looked at", "Candidate against champion", "What to do", "slices", "Data drift",
        "When this is merged", "Approvals", "reports read",
    ]  # fmt: skip
    assert sorted(order, key=text.index) == order
    assert text.startswith("### ❌ ")


def test_who_is_missing_is_named_and_not_called() -> None:
    text = forms("bad").comment
    assert "1 more of group <code>risk</code>: <code>github&#58;grace&#45;example</code> or" in text
    assert "@" not in text.replace("&#64;", "")


def failed(*, retry: bool) -> dict[str, Any]:
    return {"error": {"code": "a", "message": "b", "hint": "c", "retry": retry, "exitCode": 5 if retry else 1}}


@pytest.mark.parametrize(
    ("documents", "given", "answer"),
    [
        ({"validate": examples.findings()}, {}, Answer.PASS),
        ({"validate": examples.findings()}, {"left_out": (LeftOut("a.json", "cut"),)}, Answer.PENDING),
        ({"validate": examples.findings()}, {"expected": ("validate", "test")}, Answer.PENDING),
        ({}, {}, Answer.PENDING),
        ({"error": failed(retry=True)}, {}, Answer.PENDING),
        ({"error": failed(retry=False)}, {}, Answer.FAIL),
        ({"promote": examples.planned(("prod", "refused", "veto: no"))}, {}, Answer.PASS),
        ({**examples.good(), "gate": examples.gated("fail")}, {}, Answer.FAIL),
        ({**examples.good(), "test_again": examples.bad()["test"]}, {}, Answer.FAIL),
        ({"validate": examples.findings(("MG302", "warning", "a.yaml", 1, "x", "y"))}, {}, Answer.PASS),
    ],
)  # fmt: skip
def test_the_answer_is_never_better_than_what_is_known(
    documents: dict[str, Any], given: dict[str, Any], answer: Answer
) -> None:
    found = examples.card(documents, **given)
    assert found.answer is answer
    assert words.headline(found, words.plain)


def test_names_that_stand_twice_are_not_put_together() -> None:
    first, second = examples.metric("roc_auc", 0.7, 0.01), examples.metric("roc_auc", 0.8, 0.02)
    found = examples.card({"release": examples.released(*examples.scored([first, second]))})
    assert [one.champion for one in found.cards[0].scores] == [None] * 4


def test_the_same_report_twice_is_shown_once() -> None:
    once = examples.card({"test": examples.bad()["test"]})
    twice = examples.card({"test": examples.bad()["test"], "test_again": examples.bad()["test"]})
    assert once.cards == twice.cards


def test_one_comment_with_its_marker_fits_whatever_github_counts() -> None:
    names = [f"model-{index}" for index in range(500)]
    reports = [one for name in names for one in examples.scored([*examples.BETTER, *examples.SLICES], model=name)]
    made = report_forms.made(examples.card({"test": examples.tests(*reports)}))
    text = sticky.marked(made.comment, key=sticky.key("x"), stamp=sticky.Stamp(10**17, 99), head="a" * 64)
    assert 50_000 < len(text.encode()) <= 65_536
    assert "Left out here: " in text
    assert "[the summary of this run](https://github.com/airline/models/actions/runs/19000000001)" in text
    assert len(made.summary.encode()) <= layout.SUMMARY < 1024**2
    assert closed(text)


def closed(text: str) -> bool:
    """Whether every folded part and every picture that is opened is closed."""
    return text.count("<details") == text.count("</details>") and text.count("```") % 2 == 0


@given(st.lists(st.integers(1, 3000), max_size=30), st.integers(500, 20_000))
def test_blocks_are_left_out_whole_and_the_lightest_first(sizes: list[int], room: int) -> None:
    blocks = [layout.Block(chr(0x100 + index) * size, index) for index, size in enumerate(sizes)]
    text = layout.fitted(blocks, room=room, whole="It is there.")
    assert len(text.encode()) <= room
    kept = [index for index, size in enumerate(sizes) if chr(0x100 + index) * size in text]
    assert kept == list(range(len(sizes) - len(kept), len(sizes)))


class Page(HTMLParser):
    """What a browser would make of it: tags with attributes, and the text that stands outside of code."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.outside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "code" not in self.open:
            self.outside += data


TAGS = {"code", "b", "br", "sub", "details", "summary"}
COMMAND = re.compile(r"^\s*(?:::|##\[)", re.MULTILINE)


def harmless(found: Scorecard) -> None:
    made = report_forms.made(found, boards=())
    for text in (made.comment, made.summary):
        page = Page(text)
        assert (page.tags <= TAGS, page.attributes <= {"open"}, page.open) == (True, True, [])
        for sign in ("@", "${{", "$(", "::", "](javascript", "<img", "<script", "alert(", "evil"):
            assert sign not in page.outside, sign
        assert closed(text)
        assert len(text.encode()) <= layout.SUMMARY
        assert "<!-- mlops-gitops" not in text
        assert no_controls(text)
        for picture in re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL):
            assert all(
                re.fullmatch(r'    (title|x-axis|y-axis|bar|line)[\w.,= +:()?"\[\]>-]*', line)
                for line in picture.splitlines()[2:]
            ), picture
    for line in made.annotations.splitlines():
        assert re.match(r"::(?:error|warning|notice) ", line), line
        body = line.partition(" ")[2]
        assert body.count("::") == 1 or "::" not in body.partition("::")[0]
        place = re.search(r"file=([^,:]*)", body.partition("::")[0])
        assert place is None or not place[1].startswith(("/", "..")), line
    assert no_controls(made.annotations)
    assert no_controls(made.printed("text"))
    assert not COMMAND.search(made.printed("text"))
    outputs.check("report", json.loads(made.files["report.json"]))
    for name, text in (made.pictures or {}).items():
        assert re.fullmatch(r"metrics-\d+\.svg", name)
        for one in ET.fromstring(text).iter():  # noqa: S314 - it is our own
            assert one.tag.rpartition("}")[2] in pages.PICTURES | {"svg", "title", "desc", "style", "text"}
            assert not any(key.startswith("on") or "href" in key for key in one.attrib)


def no_controls(text: str) -> bool:
    return all(char == "\n" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for char in text)


@pytest.mark.parametrize("piece", PIECES)
def test_words_of_others_are_shown_inert_and_cut(piece: str) -> None:
    harmless(examples.card(examples.hostile(PIECES[piece]), left_out=[LeftOut(PIECES[piece], PIECES[piece])]))


@pytest.mark.parametrize("piece", PIECES)
def test_behind_a_few_letters_too(piece: str) -> None:
    harmless(examples.card(examples.hostile(f"ok {PIECES[piece]}")))


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters() | st.sampled_from("<>&`|@#:%$\n\r\x1b\u202e\u0301[](){}\"'\\*_~-"), max_size=60))
def test_any_words_at_all(text: str) -> None:
    harmless(examples.card(examples.hostile(text)))


def test_a_tower_of_marks_is_cut_to_two() -> None:
    assert words.plain(PIECES["tower"]) == "a\u0301\u0301"


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "https://a.example/) [x](y", "https://a.example/?q=<b>", "//a"]
)
def test_what_is_plainly_no_address_is_no_link(link: str) -> None:
    text = report_forms.made(replace(ALL["good"], run=replace(examples.RUN, link=link))).comment
    assert "](" not in text.rpartition("<sub>")[2]


def remarks(errors: int, warnings: int) -> list[Remark]:
    found = [Remark("data.range", True, "x", "m", file="a.yaml", line=index + 1) for index in range(errors)]
    return found + [Remark("data.range", False, "x", "m", file="b.yaml", line=index + 1) for index in range(warnings)]


@pytest.mark.parametrize(
    ("errors", "warnings", "shown", "hidden"), [(3, 2, 5, 0), (12, 0, 10, 2), (12, 15, 20, 7), (0, 11, 10, 1)]
)
def test_annotations_keep_within_the_caps_of_github(errors: int, warnings: int, shown: int, hidden: int) -> None:
    lines = inline.render(remarks(errors, warnings)).splitlines()
    assert len([line for line in lines if not line.startswith("::notice")]) == shown
    assert (f"and {hidden} more in the summary" in lines[-1]) == (hidden > 0)
    assert lines[0].startswith("::error file=a.yaml,line=1,") or errors == 0


def test_an_annotation_stands_on_its_line() -> None:
    first = forms("bad").annotations.splitlines()[0]
    assert first.startswith(
        "::error file=models/flight-delays/model.yaml,line=5,col=12,endColumn=16,title=MG012::1.10 is"
    )


@pytest.mark.parametrize("file", ["/etc/passwd", "../x", "a/../../x", "a\nb", "a\\b", ""])
def test_a_path_that_leaves_the_repository_has_no_line(file: str) -> None:
    assert "file=" not in inline.render([Remark("x", True, "", "m", file=file, line=3)])


def test_columns_count_only_where_it_stays_in_one_line() -> None:
    one = Remark("x", True, "", "m", file="a", line=3, column=4, end_line=5, end_column=2)
    assert inline.render([one]).startswith("::error file=a,line=3,title=x::")


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-12, 1e12, -1e300, 1.7e308, 5e-324, 123456.789])
def test_numbers_of_any_size_stay_short(value: float) -> None:
    score = Score("rmse", None, records.Verdict.PASS, value, (value, value), value, (-abs(value), abs(value)), value)
    assert len(words.value(value)) <= 12
    assert len(words.amount(value)) <= 12
    assert len(charts.whisker(score, charts.reach([score]))) == 19
    charts.forest([score], title="x")
    text = charts.bars("x", ["a", "b"], [abs(value), abs(value) / 3])
    assert max(map(len, text.splitlines())) < 700
    assert "nan" not in text


def test_bars_are_not_drawn_where_they_would_mislead() -> None:
    assert not charts.bars("x", ["a", "b"], [0.2, -0.1])  # all begin at the lowest number, and not at zero
    one = records.Reading("data.drift", "distance", records.Verdict.FAIL, 0.2, 0.1)
    assert not charts.drift([one])  # one limit makes no line
    assert "line [0.1, 0.1]" in charts.drift([one, replace(one, subject="hour")])


def test_names_in_bars_keep_their_letters_whatever_the_script() -> None:
    assert '"Größe=東京, زبائن??"' in charts.bars("x", ['Größe=東京, زبائن]"', "b"], [1.0, 2.0])


@given(
    st.text(max_size=40),
    st.integers(1, 10**18 - 1),
    st.integers(1, 999_999),
    st.text(st.characters(exclude_characters="\r"), max_size=200),
)
def test_a_marker_is_read_back_and_no_change_of_it_is_believed(name: str, run: int, attempt: int, body: str) -> None:
    key, stamp = sticky.key(name), sticky.Stamp(run, attempt)
    text = sticky.marked(body, key=key, stamp=stamp, head="ab")
    said = sticky.Said(1, text, ours=True)
    assert sticky.stamp_of(said, key=key) == stamp
    for other in (text.rstrip(), text + "\n", text.replace("\n", "\r\n")):
        assert sticky.stamp_of(replace(said, body=other), key=key) == stamp
        assert not sticky.step([replace(said, body=other)], text, key=key, stamp=stamp).rewrite
    assert sticky.stamp_of(replace(said, ours=False), key=key) is None
    assert sticky.stamp_of(said, key=sticky.key(name + "x")) is None
    assert sticky.stamp_of(replace(said, edited=True), key=key) == sticky.Stamp(0, 0)
    assert sticky.stamp_of(replace(said, body=text + "\nx"), key=key) == sticky.Stamp(0, 0)


def test_without_a_run_or_a_head_nothing_is_made_up() -> None:
    assert "run " not in report_forms.made(examples.card(examples.good(), run=Run())).comment.rpartition("<sub>")[2]


def test_a_candidate_against_the_champions_of_two_environments() -> None:
    own, against = examples.metric("roc_auc", 0.75, 0.01)
    other = {**against, "observed": 0.03, "interval": [0.02, 0.04]}
    reports = [
        examples.report("model-tests", [own]),
        examples.report("comparison", [against], champion=examples.CHAMPION),
        examples.report("comparison", [other], champion=examples.RELEASE),
    ]
    found = examples.card({"release": examples.released(*reports)})
    assert [(one.against, round(one.champion or 0, 6)) for one in found.cards[0].scores] == [
        (examples.CHAMPION, 0.74),
        (examples.RELEASE, 0.72),
    ]
    text = markdown.render(found, room=layout.COMMENT)
    assert text.count("Candidate against champion (release") == 2
