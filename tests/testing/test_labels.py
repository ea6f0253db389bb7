"""The quality of labels, on real ones and on spoilt ones."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cancer import NOW, Project, find, one
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.testing.data.suite import run_data_tests

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]


def report(project: Project) -> Report:
    return run_data_tests(project.model, folder=project.folder, locate=project.locate, now=NOW)


def labelled(**labels: Any) -> Callable[[dict[str, Any]], None]:
    return lambda spec: spec.update(tests={"data": {"labels": labels}})


def test_labels_that_are_missing_are_counted(project: Make, records: Records) -> None:
    train = records[0].copy()
    train["benign"] = pd.Series([None] * 6 + train["benign"].tolist()[6:], index=train.index, dtype="boolean")
    made = project(labelled(maxMissingRate=0.01), train=train)
    found = one(report(made), "data.labels-missing", "train.benign")
    assert found.verdict is Verdict.FAIL
    assert found.message == "6 of 284 rows (2.11 %) of train have no label; at most 1 % may have none"
    assert made.line(found.location) == "maxMissingRate: 0.01"


def test_a_label_that_is_no_number_is_missing(project: Make) -> None:
    made = project(labelled(maxMissingRate=0.01))
    path = made.folder / "data" / "train.parquet"
    rows = pq.read_table(path)
    labels = pa.array([math.nan] * 6 + [1.0] * (len(rows) - 6))
    pq.write_table(rows.set_column(rows.schema.get_field_index("benign"), "benign", labels), path)
    found = one(report(made), "data.labels-missing", "train.benign")
    assert (found.verdict, found.observed) == (Verdict.FAIL, 6 / 284)


def test_one_class_alone_and_none_at_all_are_findings(project: Make, records: Records) -> None:
    for value, classes in ((True, 1), (None, 0)):
        train = records[0].assign(benign=pd.Series([value] * 284, dtype="boolean").to_numpy())
        found = one(report(project(labelled(minClassShare=0.1), train=train)), "data.labels-classes", "train.benign")
        assert found.verdict is Verdict.FAIL
        assert found.observed == classes


def test_a_class_that_is_too_rare_is_named(project: Make) -> None:
    made = project(labelled(minClassShare=0.4))
    found = one(report(made), "data.labels-balance", "train.benign")
    assert found.verdict is Verdict.FAIL
    assert found.message.startswith("the rarest of 2 classes of train.benign is 'false' with 106 of 284 rows (37.3 %)")
    assert (
        one(report(project(labelled(minClassShare=0.3))), "data.labels-balance", "train.benign").verdict is Verdict.PASS
    )


def test_labels_outside_their_domain_are_counted(project: Make, records: Records) -> None:
    def change(spec: dict[str, Any]) -> None:
        labelled(domain=["yes", "no"])(spec)
        spec["interface"]["target"] = {"column": "benign", "type": "string", "positive": "yes"}

    words = ["yes", "no", "y"] + ["yes", "no"] * 141
    found = one(
        report(project(change, train=records[0].assign(benign=words[:284]))), "data.labels-domain", "train.benign"
    )
    assert found.verdict is Verdict.FAIL
    assert "in 1 of 284 rows" in found.message


def test_alike_rows_with_other_labels_are_counted(project: Make, records: Records) -> None:
    train = records[0]
    twice = pd.concat([train, train.head(5).assign(benign=~train.head(5)["benign"], id=range(900, 905))])
    found = one(
        report(project(labelled(maxContradictionRate=0), train=twice)), "data.labels-contradict", "train.benign"
    )
    assert found.verdict is Verdict.FAIL
    assert found.message.startswith("10 of 289 rows")
    same = pd.concat([train, train.head(5).assign(id=range(900, 905))])
    found = one(report(project(labelled(maxContradictionRate=0), train=same)), "data.labels-contradict", "train.benign")
    assert found.verdict is Verdict.PASS


def test_flipped_labels_are_implausible(project: Make, records: Records) -> None:
    """A sixth of the labels is turned over; the share that is found rises by about as much."""

    def change(spec: dict[str, Any]) -> None:
        labelled(maxImplausibleRate=0.1)(spec)
        spec["interface"]["inputs"] += [
            {"name": name, "type": "double"} for name in ("mean radius", "mean concave points", "worst area")
        ]

    train = records[0]
    flip = np.random.default_rng(0).random(len(train)) < 1 / 6
    spoilt = train.assign(benign=train["benign"] ^ flip)
    clean = one(report(project(change)), "data.labels-implausible", "train.benign")
    assert clean.verdict is Verdict.PASS, clean.message
    found = one(report(project(change, train=spoilt)), "data.labels-implausible", "train.benign")
    assert found.verdict is Verdict.FAIL
    assert float(found.observed or 0) > float(clean.observed or 0) + 0.08


def test_too_few_rows_and_no_learner_are_inconclusive(
    project: Make, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = project(labelled(maxImplausibleRate=0.1), train=records[0].head(60))
    found = one(report(few), "data.labels-implausible", "train.benign")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "there are 60" in found.message
    monkeypatch.setitem(sys.modules, "sklearn", None)
    found = one(report(few), "data.labels-implausible", "train.benign")
    assert "scikit-learn is not installed" in found.message


@pytest.mark.parametrize("first", [[], [1.0]])
def test_an_input_without_a_value_says_nothing_of_a_label(project: Make, records: Records, first: list[float]) -> None:
    """Neither does one whose only value lies in the rows that a model is not taught."""
    train = records[0].assign(**{"mean texture": [*first, *[math.nan] * 284][:284]})
    made = project(labelled(maxImplausibleRate=0.5), train=train)
    assert one(report(made), "data.labels-implausible", "train.benign").verdict is Verdict.PASS


def test_a_data_set_without_labels_says_so(project: Make, records: Records) -> None:
    found = find(report(project(labelled(maxMissingRate=0), train=records[0].drop(columns="benign"))), "data.labels")
    assert [check.message for check in found] == ["train has no labels: the column benign is not there"]


def test_all_of_it_on_good_data_passes(project: Make) -> None:
    limits = {"maxMissingRate": 0, "minClassShare": 0.3, "maxContradictionRate": 0, "domain": [True, False]}
    found = [one for one in report(project(labelled(**limits))).checks if one.id.startswith("data.labels")]
    assert len(found) == 2 * 4
    assert {check.verdict for check in found} == {Verdict.PASS}


def test_a_label_that_is_written_as_a_real_number_is_the_whole_one(project: Make, records: Records) -> None:
    """As pandas writes it where some are missing."""

    def change(spec: dict[str, Any]) -> None:
        labelled(domain=[0, 1])(spec)
        spec["interface"]["target"] = {"column": "benign", "type": "double", "positive": 1}

    train = records[0].assign(benign=[1.0, 0.0, None, *([0.0, 1.0] * 141)][:284])
    made = project(change, train=train, test=train.assign(benign=[2.0, *train["benign"][1:]]))
    assert one(report(made), "data.labels-domain", "train.benign").verdict is Verdict.PASS
    assert one(report(made), "data.labels-domain", "test.benign").observed == 1
