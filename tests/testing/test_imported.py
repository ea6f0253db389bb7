"""Results that the tools themselves made (``foreign/make.py``), and what somebody might make of them."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cancer import NOW, Project
from mlops_gitops import canonical
from mlops_gitops.cli import results
from mlops_gitops.evidence import statements
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.reporting.results import page
from mlops_gitops.reporting.results.records import Results
from mlops_gitops.testing.data import suite
from mlops_gitops.testing.data.files import DataFile, data_files
from mlops_gitops.testing.data.imported import checks as imports
from mlops_gitops.testing.data.imported import outcomes, pandera
from mlops_gitops.testing.data.imported.outcomes import Unknown
from mlops_gitops.testing.data.relations import Rows
from mlops_gitops.testing.data.scans import source
from pages import harmless

FOREIGN = Path(__file__).parent / "foreign"
MADE = {
    "great-expectations": "great-expectations-1.24.0.json",
    "evidently": "evidently-0.7.23.json",
    "pointblank": "pointblank-1.1.1.json",
    "deepchecks": "deepchecks-0.19.1.json",
}
P, F, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def taken(tool: str, change: Callable[[Any], object] | None = None, name: str = "") -> outcomes.Results:
    value = json.loads((FOREIGN / (name or MADE[tool])).read_bytes())
    if change is not None:
        change(value)
    return imports.TOOLS[tool](value)


@pytest.mark.parametrize(
    ("tool", "rows", "verdicts"),
    [
        ("great-expectations", 120, {P: 3, F: 2}),
        ("evidently", 120, {P: 4, F: 2}),
        ("pointblank", 120, {P: 3, OPEN: 1}),
        ("deepchecks", None, {P: 6, F: 1}),
    ],
)
def test_what_a_tool_found_is_what_is_taken(tool: str, rows: int | None, verdicts: dict[Verdict, int]) -> None:
    found = taken(tool)
    assert (found.rows, found.digests) == (rows, ())
    assert Counter(one.verdict for one in found.outcomes) == verdicts


def test_a_checkpoint_says_what_its_validation_says() -> None:
    alone, whole = (
        taken("great-expectations"),
        taken("great-expectations", name="great-expectations-1.24.0-checkpoint.json"),
    )
    assert sorted((one.subject, one.verdict.value) for one in whole.outcomes) == sorted(
        (one.subject, one.verdict.value) for one in alone.outcomes
    )
    assert whole.rows == 120


def test_the_row_that_is_wrong_is_named_by_every_tool_that_saw_it() -> None:
    assert "hour" in {one.subject for one in taken("great-expectations").outcomes if one.verdict is F}
    (hour,) = [one for one in taken("pointblank").outcomes if one.subject == "hour"]
    assert hour.message == "col_vals_between([0, 23]): 1 of 120 units failed"
    assert [one.subject for one in taken("evidently").outcomes if one.verdict is F] == ["distance", "table"]


def version(text: str) -> Callable[[Any], object]:
    return lambda value: value["meta"].update(great_expectations_version=text)


@pytest.mark.parametrize(
    ("tool", "change"),
    [
        ("great-expectations", version("0.18.2")),
        ("great-expectations", version("2.0.0")),
        ("great-expectations", lambda value: value.pop("meta")),
        ("great-expectations", lambda value: value["results"][0].update(success="yes")),
        ("great-expectations", lambda value: value["results"][1]["result"].update(element_count=7)),
        ("evidently", lambda value: value["metrics"][0]["config"].update(type="evidently:metric_v3:X")),
        ("evidently", lambda value: value["tests"][0].update(status="SPLENDID")),
        ("evidently", lambda value: value.pop("tests")),
        ("pointblank", lambda value: value[0].pop("all_passed")),
        ("pointblank", lambda value: value[0].update(n=7)),
        ("pointblank", lambda value: value[0].update(n_failed=5)),
        ("deepchecks", lambda value: value.update(type="CheckResult")),
        ("deepchecks", lambda value: value["results"][0].update(type="Other")),
        ("deepchecks", lambda value: value["results"][0]["conditions_results"][0].update(Status="GREAT")),
    ],
)
def test_a_shape_that_is_not_known_is_refused(tool: str, change: Callable[[Any], object]) -> None:
    with pytest.raises(Unknown):
        taken(tool, change)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[" * 100_000, b'{"a":1,"a":2}', b"9" * 100, b"\xff", b" " * (outcomes.LARGEST + 1)]
)
def test_what_is_no_bounded_json_is_refused(data: bytes) -> None:
    with pytest.raises(Unknown):
        outcomes.parsed(data)


def test_a_step_that_raised_does_not_hold_whatever_it_says() -> None:
    found = taken("pointblank", lambda value: value[0].update(eval_error=True)).outcomes
    assert Counter(one.verdict for one in found) == {P: 2, OPEN: 1, F: 1}


def test_an_expectation_that_raised_does_not_hold_whatever_it_says() -> None:
    raised = {"exception_info": {"('a', 'b')": {"raised_exception": True, "exception_message": "no such column"}}}

    def raising(value: Any) -> None:
        value["results"][0].update(raised, success=True)

    first = taken("great-expectations", raising).outcomes[0]
    assert (first.verdict, first.message.endswith("it raised an exception")) == (F, True)


def test_rows_that_are_no_whole_number_are_not_counted() -> None:
    assert [outcomes.count(one) for one in (120.5, 120.0, float("nan"), float("inf"), True, -1)] == [
        None, 120, None, None, None, None,
    ]  # fmt: skip


HOSTILE = (
    "<script>alert(1)</script>", "\ud800", "a\u202eb\x1b[2J\r\n::error::x", "x" * 100_000, "]]>", "| a | `b` |\n# c"
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_names_in_a_result_are_shown_and_obeyed_by_nothing(project: Callable[..., Project], name: str) -> None:
    """Whatever a name holds, the report can be signed and every form of it can be written."""
    made = project(importing("great-expectations"))
    digest = data_files(made.model, folder=made.folder, root=made.folder)[1].digest
    value = json.loads((FOREIGN / MADE["great-expectations"]).read_bytes())
    value["meta"]["run"] = f"sha256:{digest}"
    value["results"][0]["expectation_config"]["kwargs"]["column"] = name
    value["results"][1]["expectation_config"]["type"] = name
    (made.folder / "result.json").write_text(json.dumps(value))
    report = suite.run_data_tests(made.model, folder=made.folder, locate=made.locate, now=NOW)
    assert len([one for one in report.checks if one.id == "data.imported"]) == 5
    claim = statements.of_report(report, release="0" * 64, issued_at=NOW)
    assert len(canonical.encode(statements.statement(claim, model="cancer"))) < 100_000
    found = Results((("cancer", report),))
    harmless(page.page(found, generated="now"))
    for text in (results.rendered(found.reports, style) for style in results.FORMATS):
        assert "\x1b" not in text
        assert "\n::error::x" not in text
        assert text.encode()
    ET.fromstring(results.rendered(found.reports, "junit"))  # noqa: S314 - our own document


def test_more_tests_than_anybody_reads_are_refused(project: Callable[..., Project]) -> None:
    made = project(importing("deepchecks"))
    value = json.loads((FOREIGN / MADE["deepchecks"]).read_bytes())
    one = next(each for each in value["results"] if each.get("conditions_results"))
    one["conditions_results"] = [one["conditions_results"][0]] * outcomes.MOST
    value["results"] = [one, one]
    (made.folder / "result.json").write_text(json.dumps(value))
    (found,) = taken_by(made)
    assert (found.verdict, "10,000 tests" in found.message) == (F, True), found.message


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(value=ANY, at=st.integers(0, 400), tool=st.sampled_from(sorted(MADE)))
def test_nothing_in_a_result_raises_anything_but_unknown(value: Any, at: int, tool: str) -> None:
    whole = json.loads((FOREIGN / MADE[tool]).read_bytes())
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            places.append((node, key))
            walk(node[key])

    walk(whole)
    node, key = places[at % len(places)]
    node[key] = value
    for one in (whole, value):
        with contextlib.suppress(Unknown):
            imports.TOOLS[tool](one)


def taken_by(made: Project) -> list[Check]:
    report = suite.run_data_tests(made.model, folder=made.folder, locate=made.locate, now=NOW)
    return [one for one in report.checks if one.id.startswith("data.imported")]


def importing(tool: str, file: str = "result.json") -> Callable[[dict[str, Any]], object]:
    entry = {"format": tool, "file": file, "dataset": "test"}
    return lambda spec: spec["tests"]["data"].update(imported=[entry])


@pytest.fixture
def rows(records: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    return records[1].head(120)


def test_a_result_on_as_many_rows_counts(project: Callable[..., Project], rows: pd.DataFrame) -> None:
    made = project(importing("great-expectations"), test=rows)
    (made.folder / "result.json").write_bytes((FOREIGN / MADE["great-expectations"]).read_bytes())
    origin, *found = taken_by(made)
    assert (origin.id, origin.verdict) == ("data.imported-origin", P)
    assert Counter(one.verdict for one in found) == {P: 3, F: 2}
    assert found[2].location
    assert made.line(found[2].location).endswith("file: result.json")
    report = suite.run_data_tests(made.model, folder=made.folder, locate=made.locate, now=NOW)
    assert "imported/result.json" in dict(report.materials)


def test_a_result_on_other_rows_is_stale_and_nothing_of_it_counts(project: Callable[..., Project]) -> None:
    made = project(importing("great-expectations"))
    (made.folder / "result.json").write_bytes((FOREIGN / MADE["great-expectations"]).read_bytes())
    (origin,) = taken_by(made)
    assert origin.verdict is F
    assert "stale" in origin.message


@pytest.mark.parametrize(("right", "verdict"), [(True, P), (False, F)])
def test_a_digest_in_a_name_binds_a_result(project: Callable[..., Project], right: bool, verdict: Verdict) -> None:  # noqa: FBT001
    made = project(importing("deepchecks"))
    digest = data_files(made.model, folder=made.folder, root=made.folder)[1].digest if right else "0b" * 32
    value = json.loads((FOREIGN / MADE["deepchecks"]).read_bytes()) | {"name": f"flights sha256:{digest}"}
    (made.folder / "result.json").write_text(json.dumps(value))
    origin, *found = taken_by(made)
    assert origin.verdict is verdict
    assert len(found) == (7 if right else 0)


def test_a_result_that_says_nothing_of_its_data_is_inconclusive(project: Callable[..., Project]) -> None:
    made = project(importing("deepchecks"))
    (made.folder / "result.json").write_bytes((FOREIGN / MADE["deepchecks"]).read_bytes())
    origin = taken_by(made)[0]
    assert origin.verdict is OPEN
    assert "sha256:" in origin.fix


@pytest.mark.parametrize("file", ["absent.json", "../../../etc/passwd", "data"])
def test_a_file_that_cannot_be_read_is_a_failed_check(project: Callable[..., Project], file: str) -> None:
    (found,) = taken_by(project(importing("evidently", file)))
    assert found.verdict is F
    assert "cannot be taken" in found.message


def frame() -> pd.DataFrame:
    spec = importlib.util.spec_from_file_location("make", FOREIGN / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: pd.DataFrame = module.frame()
    return found


def by_schema(project: Callable[..., Project], data: pd.DataFrame, text: bytes) -> dict[str, Verdict]:
    made = project(importing("pandera", "schema.yaml"))
    (made.folder / "schema.yaml").write_bytes(text)
    path = made.folder / "data" / "flights.parquet"
    data.to_parquet(path, index=False)
    file = DataFile(made.model.data[1], 1, source(path), "0b" * 32)
    rows, where = {"test": len(data)}, {"folder": made.folder, "root": made.folder}
    found = imports.checks(made.model, [file], rows, Rows(), **where, locate=lambda _: Location("x"))
    return {f"{one.id}({one.subject})": one.verdict for one in found}


@pytest.mark.parametrize("name", ["pandera-0.35.0.yaml", "pandera-0.35.0.json"])
def test_a_pandera_schema_is_run_by_our_engine(project: Callable[..., Project], name: str) -> None:
    found = by_schema(project, frame(), (FOREIGN / name).read_bytes())
    assert {what for what, verdict in found.items() if verdict is not P} == {"data.range(test.hour)"}
    assert {"data.domain(test.origin)", "data.type(test.late)", "data.null(test.distance)"} <= set(found)
    assert any(what.startswith("data.unique") for what in found)
    good = frame().assign(hour=5)
    good["distance"] = range(len(good))
    good["distance"] = good["distance"].astype(float)
    assert set(by_schema_again(found, good)) == {P}


def by_schema_again(found: dict[str, Verdict], good: pd.DataFrame) -> list[Verdict]:
    test = pandera.schema("s", (FOREIGN / "pandera-0.35.0.yaml").read_bytes()).tests
    (hour,) = [one for one in test.columns if one.name == "hour"]
    assert hour.range is not None
    assert good["hour"].between(hour.range.min or 0, hour.range.max or 0).all()
    return [verdict for what, verdict in found.items() if "hour" not in what]


SCHEMA = "schema_type: dataframe\ncolumns:\n  hour: {{dtype: int64, {0}}}\n"


@pytest.mark.parametrize(
    ("check", "low", "high"),
    [
        ("greater_than: 3", 4, None),
        ("less_than: 3", None, 2),
        ("ge: 3", 3, None),
        ("equal_to: {value: 3}", None, None),
        ("in_range: {min_value: 0, max_value: 9, include_min: false, include_max: false}", 1, 8),
        ("greater_than: 3, less_than_or_equal_to: 5", 4, 5),
    ],
)
def test_open_bounds_are_closed_exactly(check: str, low: float | None, high: float | None) -> None:
    (column,) = pandera.schema("s", SCHEMA.format(check).encode()).tests.columns
    found = (None, None) if column.range is None else (column.range.min, column.range.max)
    assert found == ((3, 3) if check.startswith("equal_to") else (low, high))
    assert column.max_null_rate == 0


def test_what_is_not_run_is_told() -> None:
    text = SCHEMA.format("str_matches: '^a', nullable: true") + "  when: {dtype: 'timedelta64[ns]'}\nstrict: true\n"
    read = pandera.schema("s", text.encode())
    assert read.left_out == ("`str_matches` of hour", "the type timedelta64[ns] of when", "`strict` of the frame")
    assert read.tests.columns[0].max_null_rate is None


NO_SCHEMAS = (
    "",
    "a: [",
    "schema_type: series\ncolumns: {a: {}}",
    "schema_type: dataframe",
    "schema_type: dataframe\ncolumns: {}",
    "schema_type: dataframe\ncolumns: {a: 1}",
    SCHEMA.format("greater_than: soon"),
    SCHEMA.format("isin: [[1]]"),
    SCHEMA.format("greater_than: .nan"),
    SCHEMA.format(f"ge: {10**400}"),
    "schema_type: dataframe\ncolumns:\n" + "".join(f"  c{at}: {{}}\n" for at in range(outcomes.MOST + 1)),
)


@pytest.mark.parametrize("text", NO_SCHEMAS)
def test_a_schema_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(Unknown):
        pandera.schema("s", text.encode())


def test_a_bomb_of_anchors_is_refused() -> None:
    text = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(8)
    )
    with pytest.raises(Unknown):
        pandera.schema("s", text.encode())


def test_a_schema_of_a_file_that_cannot_be_scanned_is_a_failed_check(project: Callable[..., Project]) -> None:
    made = project(importing("pandera", "schema.yaml"))
    (made.folder / "schema.yaml").write_text(SCHEMA.format("ge: 0"))
    report = suite.run_data_tests(made.model, folder=made.folder, locate=made.locate, now=NOW)
    assert replace(report, checks=()).kind == "data-tests"
    assert [one.id for one in report.checks if one.subject == "test.hour"] == ["data.column"]
