from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cancer import FEATURES, NOW, Project, bad, find, one
from mlops_gitops import canonical
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.testing.data.columns import fits
from mlops_gitops.testing.data.profile import Column
from mlops_gitops.testing.data.suite import run_data_tests

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]


def report(project: Project) -> Report:
    return run_data_tests(project.model, folder=project.folder, locate=project.locate, now=NOW)


def test_good_data_pass_and_say_what_was_seen(project: Make) -> None:
    made = project()
    found = report(made)
    assert bad(found) == {}
    assert found.verdict is Verdict.PASS
    assert found.kind == "data-tests"
    assert dict(found.materials).keys() == {"data/train", "data/test"}
    assert found.summary == f"cancer 1.0.0: {len(found.checks)} of {len(found.checks)} checks passed"
    rows = one(found, "data.rows", "test")
    assert rows.message == "test holds 285 rows"
    assert made.line(rows.location) == "rows:"
    for check in found.checks:
        assert canonical.encode(check.document())


def broken(train: pd.DataFrame, column: str, rows: int, value: object) -> pd.DataFrame:
    frame = train.copy()
    values = frame[column].tolist()
    frame[column] = [value] * rows + values[rows:]
    return frame


@pytest.mark.parametrize(
    ("spoil", "id_", "subject", "words", "line"),
    [
        (
            lambda f: broken(f, "mean texture", 3, -1.5),
            "data.range",
            "train.mean texture",
            f"train.mean texture is below 0 in 3 rows (the extreme is {chr(0x2212)}1.5)",
            "min: 0",
        ),
        (
            lambda f: broken(f, "mean texture", 1, np.inf),
            "data.finite",
            "train.mean texture",
            "train.mean texture is infinite in 1 of 284 rows (0.352 %)",
            "- name: mean texture",
        ),
        (
            lambda f: broken(f, "mean texture", 2, None),
            "data.null",
            "train.mean texture",
            "train.mean texture is missing in 2 of 284 rows (0.704 %); at most 0 % may be",
            "maxNullRate: 0.0",
        ),
        (
            lambda f: broken(f, "mean texture", 284, None),
            "data.null",
            "train.mean texture",
            "train.mean texture holds no value in 284 rows",
            "- name: mean texture",
        ),
        (
            lambda f: broken(f, "site", 4, "nowhere"),
            "data.domain",
            "train.site",
            "train.site is none of the 3 values allowed in 4 of 284 rows (1.41 %), such as 'nowhere'",
            "domain:",
        ),
        (
            lambda f: f.drop(columns="site"),
            "data.column",
            "train.site",
            "train.site is demanded and is not in the data",
            "- name: site",
        ),
        (
            lambda f: f.drop(columns=FEATURES[1]),
            "data.column",
            "train.mean smoothness",
            "train.mean smoothness is demanded and is not in the data",
            "- name: mean smoothness",
        ),
        (
            lambda f: f.assign(**{"mean texture": f["mean texture"].astype(str)}),
            "data.type",
            "train.mean texture",
            "train.mean texture is of type string (VARCHAR in the file); double is demanded",
            "type: double",
        ),
        (
            lambda f: broken(f, "mean symmetry", 5, np.inf),
            "data.finite",
            "train.mean symmetry",
            "train.mean symmetry is infinite in 5 of 284 rows (1.76 %)",
            "- name: mean symmetry",
        ),
        (
            lambda f: f.head(40),
            "data.rows",
            "train",
            "train holds 40 rows; at least 100 rows are demanded",
            "rows:",
        ),
        (lambda f: f.head(0), "data.rows", "train", "train holds no row", "rows:"),
        (
            lambda f: broken(f, "id", 3, 7),
            "data.unique",
            "train.id",
            "train.id repeats in 3 of 284 rows (1.06 %); each row must have its own",
            "- - id",
        ),
        (
            lambda f: pd.concat([f, f.head(71)]),
            "data.duplicates",
            "train",
            "train repeats earlier rows in 71 of 355 rows (20 %); at most 0 % may be",
            "maxDuplicateRate: 0.0",
        ),
    ],
)
def test_each_fault_is_named_with_its_number_and_its_line(  # noqa: PLR0917 - one for each part of a fault
    project: Make, records: Records, spoil: Any, id_: str, subject: str, words: str, line: str
) -> None:
    made = project(train=spoil(records[0]))
    found = report(made)
    failed = [check for check in find(found, id_, subject) if check.verdict is Verdict.FAIL]
    assert found.verdict is Verdict.FAIL
    assert failed, bad(found)
    assert failed[0].message == words
    assert made.line(failed[0].location) == line
    assert failed[0].fix
    for check in found.checks:
        assert canonical.encode(check.document())


def test_rows_in_training_and_test_are_counted(project: Make, records: Records) -> None:
    train, test = records
    made = project(test=pd.concat([test, train.head(15)]))
    check = one(report(made), "data.overlap")
    assert check.verdict is Verdict.FAIL
    assert check.message == "test ∩ train shares its id with a training row in 15 of 300 rows (5 %); at most 0 % may"
    assert made.line(check.location) == "overlap:"


def test_a_key_that_is_not_there_or_unlike_fails(project: Make, records: Records) -> None:
    _, test = records
    found = report(project(test=test.drop(columns="id")))
    assert one(found, "data.overlap").verdict is Verdict.FAIL
    assert "id is not in the data" in one(found, "data.unique", "test.id").message
    unlike = report(project(test=test.assign(id=test["id"].astype(str) + "x")))
    assert one(unlike, "data.overlap").verdict is Verdict.FAIL


def test_a_near_miss_of_a_name_is_offered(project: Make, records: Records) -> None:
    made = project(train=records[0].rename(columns={"mean symmetry": "mean_symmetry"}))
    check = one(report(made), "data.column")
    assert "did the data mean 'mean_symmetry'?" in check.fix


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda _: b"", lambda _: b"\0" * 5000])
def test_a_damaged_file_fails_and_the_other_is_still_tested(project: Make, damage: Callable[[bytes], bytes]) -> None:
    made = project()
    path = made.folder / "data" / "train.parquet"
    path.write_bytes(damage(path.read_bytes()))
    found = report(made)
    check = one(found, "data.readable")
    assert check.verdict is Verdict.FAIL
    assert check.message.startswith("train: train.parquet cannot be read: ")
    assert "\n" not in check.message
    assert made.line(check.location) == "uri: data/train.parquet"
    assert one(found, "data.rows", "test").verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("data/gone.parquet", "does not exist"),
        ("../../../etc/passwd", "leads out of the repository"),
        ("s3://bucket/train.parquet", "is not a file here"),
        ("data/train.xlsx", "does not exist"),
        ("model.yaml", "no format that can be tested"),
    ],
)
def test_what_cannot_be_opened_fails(project: Make, uri: str, words: str) -> None:
    made = project(lambda spec: spec["data"][0].update(uri=uri))
    (made.folder / "model.yaml").write_text("x")
    check = one(report(made), "data.readable")
    assert check.verdict is Verdict.FAIL
    assert words in check.message


def test_a_link_that_leads_out_is_not_followed(project: Make, records: Records, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.parquet"
    records[0].to_parquet(outside)
    made = project()
    link = made.folder / "data" / "train.parquet"
    link.unlink()
    link.symlink_to(outside)
    assert "leads out of the repository" in one(report(made), "data.readable").message


def test_another_file_than_the_manifest_names_fails(project: Make) -> None:
    made = project(lambda spec: spec["data"][1].update(digest={"sha256": "0" * 64}))
    check = one(report(made), "data.digest")
    assert check.verdict is Verdict.FAIL
    assert made.line(check.location) == f"sha256: '{'0' * 64}'"
    again = project(lambda spec: spec["data"][1].update(digest={"sha256": check.observed}))
    assert one(report(again), "data.digest").verdict is Verdict.PASS


def test_a_manifest_that_demands_nothing_is_inconclusive(project: Make) -> None:
    found = report(project(lambda spec: spec["tests"].pop("data")))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert bad(found) == {"data.declared cancer": Verdict.INCONCLUSIVE}


@pytest.mark.parametrize(
    ("wanted", "column", "typed", "expected"),
    [
        ("double", Column("x", "long", 0), True, False),
        ("double", Column("x", "long", 0), False, True),
        ("double", Column("x", "integer", 0), True, True),
        ("double", Column("x", "float", 0), True, True),
        ("float", Column("x", "double", 0), True, False),
        ("long", Column("x", "integer", 0), True, True),
        ("integer", Column("x", "long", 0, minimum=0, maximum=9), True, False),
        ("integer", Column("x", "long", 0, minimum=0, maximum=9), False, True),
        ("integer", Column("x", "long", 0, minimum=0, maximum=2**31), False, False),
        ("string", Column("x", "long", 0), False, True),
        ("string", Column("x", "long", 0), True, False),
        ("datetime", Column("x", "string", 0), False, False),
        ("boolean", Column("x", "boolean", 0), True, True),
    ],
)
def test_what_may_stand_for_a_type(wanted: str, column: Column, *, typed: bool, expected: bool) -> None:
    assert fits(wanted, column, typed=typed) is expected


def test_an_optional_input_may_be_empty_or_missing(project: Make, records: Records) -> None:
    train, test = records
    optional = lambda spec: spec["interface"]["inputs"][1].update(required=False)  # noqa: E731
    empty = report(project(optional, train=train.assign(**{FEATURES[1]: np.nan}), test=test.drop(columns=FEATURES[1])))
    assert not [name for name in bad(empty) if name.startswith("data.")]


@pytest.mark.parametrize(("dtype", "words"), [("uint64", "UBIGINT"), ("datetime64[s]", "datetime"), ("str", "string")])
def test_a_range_of_what_is_not_counted_as_a_number_names_what_it_is(project: Make, dtype: str, words: str) -> None:
    def ranged(spec: dict[str, Any]) -> None:
        spec["tests"] = {"data": {"columns": [{"name": "odd", "range": {"min": 0}}]}}

    frame = pd.DataFrame({"odd": pd.Series(range(50)).astype(dtype), "benign": [True, False] * 25})
    made = project(ranged, train=frame, test=frame)
    found = run_data_tests(made.model, folder=made.folder, locate=made.locate, now=NOW).checks
    ranges = [one for one in found if one.id == "data.range"]
    assert [one.message for one in ranges] == [
        f"{name}.odd has a range, and {words} is not counted as a number" for name in ("train", "test")
    ]
