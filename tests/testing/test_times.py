"""How new the rows are: with a clock that is passed in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from cancer import Project, find, one
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.testing.data.suite import run_data_tests

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]
NOW = datetime(2020, 2, 1, tzinfo=UTC)  # the last row is of 24 January 2020, 16:00


def report(project: Project, now: datetime = NOW) -> Report:
    return run_data_tests(project.model, folder=project.folder, locate=project.locate, now=now)


def fresh(**freshness: Any) -> Callable[[dict[str, Any]], None]:
    def change(spec: dict[str, Any]) -> None:
        spec["tests"] = {"data": {"freshness": freshness}}
        for dataset in spec["data"]:
            dataset["timeColumn"] = "seen"

    return change


@pytest.mark.parametrize(("age", "verdict"), [("P8D", Verdict.PASS), ("P7D", Verdict.FAIL)])
def test_the_newest_row_must_be_new_enough(project: Make, records: Records, age: str, verdict: Verdict) -> None:
    train = records[0].copy()
    train["seen"] = pd.date_range("2020-01-01", "2020-01-24 16:00", periods=len(train))
    made = project(fresh(maxAge=age), train=train)
    found = one(report(made), "data.freshness", "train.seen")
    assert found.verdict is verdict
    assert found.message.startswith("the newest row by train.seen is of 2020-01-24 16:00 UTC, 7 days ago")
    assert made.line(found.location).startswith("maxAge:")


def test_the_clock_alone_makes_data_old(project: Make) -> None:
    made = project(fresh(maxAge="P90D"))
    assert one(report(made), "data.freshness", "train.seen").verdict is Verdict.PASS
    later = datetime(2021, 2, 1, tzinfo=UTC)
    assert one(report(made, later), "data.freshness", "train.seen").verdict is Verdict.FAIL


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_rows_of_the_future_are_counted(project: Make, records: Records, zone: str | None) -> None:
    train = records[0].copy()
    seen = train["seen"].tolist()
    train["seen"] = pd.Series([pd.Timestamp("2031-01-01")] * 4 + seen[4:], index=train.index).dt.tz_localize(zone)
    found = one(report(project(fresh(maxAge="P90D"), train=train)), "data.future", "train.seen")
    assert found.verdict is Verdict.FAIL
    assert found.message == "4 of 284 rows (1.41 %) by train.seen lie in the future"


def test_a_wall_clock_ahead_of_utc_is_no_future(project: Make, records: Records) -> None:
    """Rows written at noon in Auckland are of 'tomorrow' as UTC reads them."""
    train = records[0].assign(seen=pd.Timestamp("2020-02-01 13:00"))
    assert one(report(project(fresh(maxAge="P90D"), train=train)), "data.future", "train.seen").verdict is Verdict.PASS


def test_days_without_a_row_are_counted(project: Make, records: Records) -> None:
    train = records[0].copy()
    train = train[~train["seen"].dt.day.isin([5, 6])]
    found = one(report(project(fresh(maxEmptyDays=1), train=train)), "data.gaps", "train.seen")
    assert found.verdict is Verdict.FAIL
    assert found.message == "2 of 24 days by train.seen have no row; at most 1 may be"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f.assign(seen="yesterday"), "is no time"),
        (lambda f: f.drop(columns="seen"), "is not in the data"),
        (lambda f: f.assign(seen=pd.NaT), "holds no time"),
    ],
)
def test_times_that_are_none_are_a_finding(project: Make, records: Records, spoil: Any, words: str) -> None:
    found = one(report(project(fresh(maxAge="P90D"), train=spoil(records[0]))), "data.freshness", "train.seen")
    assert found.verdict is Verdict.FAIL
    assert words in found.message


def test_a_data_set_that_is_named_needs_a_time_column(project: Make) -> None:
    def change(spec: dict[str, Any]) -> None:
        spec["tests"] = {"data": {}}
        spec["tests"]["data"]["freshness"] = {"maxAge": "P1D", "in": ["test"]}

    found = find(report(project(change)), "data.freshness")
    assert [check.message for check in found] == ["how old test is cannot be told"]
