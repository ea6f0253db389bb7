"""Keys across tables and what keeps training and test data apart, on real rows and on spoilt ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from cancer import FEATURES, NOW, Project, find, one
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.testing.data.suite import run_data_tests

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]


def report(project: Project) -> Report:
    return run_data_tests(project.model, folder=project.folder, locate=project.locate, now=NOW)


def referring(**more: Any) -> Callable[[dict[str, Any]], None]:
    def change(spec: dict[str, Any]) -> None:
        spec["data"].append({"name": "sites", "role": "reference", "uri": "data/sites.csv"})
        spec["tests"] = {"data": {}}
        spec["tests"]["data"]["references"] = [{"columns": ["site"], "dataset": "sites", "key": ["code"], **more}]

    return change


@pytest.mark.parametrize(
    ("sites", "verdict", "words"),
    [
        ("code\nnorth\nsouth\nwest\n", Verdict.PASS, "is not in sites in 0 of 284 rows"),
        ("code\nnorth\nsouth\n", Verdict.FAIL, "is not in sites in 29 of 284 rows"),
        ("place\nnorth\n", Verdict.FAIL, "code is not in sites"),
        ("code\n", Verdict.FAIL, "is not in sites in 284 of 284 rows (100 %)"),
    ],
)
def test_keys_must_stand_in_the_other_table(project: Make, sites: str, verdict: Verdict, words: str) -> None:
    made = project(referring())
    (made.folder / "data" / "sites.csv").write_text(sites)
    found = one(report(made), "data.reference-key", "train.site")
    assert found.verdict is verdict
    assert words in found.message
    assert made.line(found.location) == "- columns:"


def test_a_null_refers_to_nothing_and_a_budget_allows_some(project: Make, records: Records) -> None:
    train = records[0].copy()
    train["site"] = [None] * 10 + ["nowhere"] * 2 + ["north"] * 272
    made = project(referring(maxViolationRate=0.01), train=train)
    (made.folder / "data" / "sites.csv").write_text("code\nnorth\nsouth\nwest\n")
    found = one(report(made), "data.reference-key", "train.site")
    assert found.verdict is Verdict.PASS
    assert "2 of 274 rows" in found.message


def test_a_table_that_is_not_there_is_a_finding(project: Make) -> None:
    found = one(report(project(referring())), "data.reference-key")
    assert found.verdict is Verdict.FAIL
    assert "does not exist" in found.message


def parted(**split: Any) -> Callable[[dict[str, Any]], None]:
    def change(spec: dict[str, Any]) -> None:
        spec["tests"] = {"data": {"split": split, "unique": [["id"]]}}
        for dataset in spec["data"]:
            dataset |= {"timeColumn": "seen", "entityColumn": "site"}

    return change


def test_rows_alike_in_everything_but_their_number_are_found(project: Make, records: Records) -> None:
    train, test = records
    copied = pd.concat([test, train.head(7).assign(id=range(1000, 1007))])
    found = one(report(project(parted(maxSameRows=0), test=copied)), "data.same-rows")
    assert found.verdict is Verdict.FAIL
    assert found.message.startswith("7 of 292 rows (2.4 %) of test are in train too, alike in all 33 columns")
    assert one(report(project(parted(maxSameRows=0))), "data.same-rows").verdict is Verdict.PASS


def test_a_missing_value_is_like_a_missing_value(project: Make, records: Records) -> None:
    train, test = records[0].copy(), records[1]
    train.loc[train.index[:3], "mean area"] = None
    copied = pd.concat([test, train.head(3).assign(id=range(1000, 1003))])
    found = one(report(project(parted(maxSameRows=0), train=train, test=copied)), "data.same-rows")
    assert found.message.startswith("3 of 288 rows")


def test_entities_of_both_sides_are_found(project: Make, records: Records) -> None:
    found = one(report(project(parted(maxSameEntities=0.5))), "data.same-entities")
    assert found.verdict is Verdict.FAIL
    assert "285 of 285 rows (100 %)" in found.message
    apart = records[1].assign(site="east")
    assert one(report(project(parted(maxSameEntities=0), test=apart)), "data.same-entities").verdict is Verdict.PASS


def test_training_must_end_before_the_test_begins(project: Make, records: Records) -> None:
    train, test = records
    assert one(report(project(parted(inTimeOrder=True))), "data.time-order").verdict is Verdict.FAIL
    later = test.assign(seen=test["seen"] + pd.Timedelta(days=100))
    found = one(report(project(parted(inTimeOrder=True), test=later)), "data.time-order")
    assert found.verdict is Verdict.PASS
    assert "train ends" in found.message
    assert "before test begins" in found.message
    text = report(project(parted(inTimeOrder=True), test=test.assign(seen="once"), train=train))
    assert "when their rows are from is not said" in one(text, "data.time-order").message


def test_a_column_of_another_type_is_a_finding(project: Make, records: Records) -> None:
    odd = records[1].assign(site=[[1]] * 285)
    found = one(report(project(parted(maxSameEntities=0), test=odd)), "data.same-entities")
    assert found.verdict is Verdict.FAIL
    assert not find(report(project(parted(maxSameEntities=0), test=odd)), "data.readable")


@pytest.mark.parametrize(
    ("train", "test", "verdict", "words"),
    [
        ([None, "a"], [None, "b"], Verdict.PASS, "0 of 142 rows (0 %)"),
        ([None, "a"], [None, "a"], Verdict.FAIL, "142 of 142 rows (100 %)"),
        (["b", "a"], [None, "a"], Verdict.FAIL, "142 of 142 rows (100 %)"),
        ([None, "a"], [None, None], Verdict.INCONCLUSIVE, "no row of the test says whose it is"),
    ],
)
def test_rows_of_nobody_are_not_of_one_and_the_same(
    project: Make, train: list[str | None], test: list[str | None], verdict: Verdict, words: str
) -> None:
    def change(spec: dict[str, Any]) -> None:
        parted(maxSameEntities=0.1)(spec)
        for one_ in spec["data"]:
            one_["entityColumn"] = "whose"

    def whose(names: list[str | None], start: int) -> pd.DataFrame:
        rows = range(start, start + 284)
        frame = pd.DataFrame({"id": rows, "whose": names * 142, "benign": True, "seen": pd.Timestamp("2020-01-01")})
        return frame.assign(**dict.fromkeys(FEATURES, 1.0))

    found = report(project(change, train=whose(train, 0), test=whose(test, 1000)))
    check = one(found, "data.same-entities")
    assert (check.verdict, words in check.message) == (verdict, True), check.message


def test_a_key_without_a_value_says_nothing(project: Make, records: Records) -> None:
    made = project(referring(), test=records[1].assign(site=None))
    (made.folder / "data" / "sites.csv").write_text("code\nnorth\nsouth\nwest\n")
    check = one(report(made), "data.reference-key", "test.site")
    assert check.verdict is Verdict.INCONCLUSIVE
