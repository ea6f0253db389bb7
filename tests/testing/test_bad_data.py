"""Bad data with every demand at once: each ends in checks that name the column and the count, never in an exception."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from cancer import NOW, Project
from mlops_gitops import canonical
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.testing.data.inference import section
from mlops_gitops.testing.data.references import made
from mlops_gitops.testing.data.suite import run_data_tests

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]
ROWS = 120


def demanding(uri: str) -> Callable[[dict[str, Any]], None]:
    """Everything that can be demanded, of a table with the columns x, s, t, y and id."""

    def change(spec: dict[str, Any]) -> None:
        places = {"timeColumn": "t", "entityColumn": "s"}
        spec["data"] = [
            {"name": "train", "role": "training", "uri": "data/good.parquet", **places},
            {"name": "test", "role": "test", "uri": uri, **places},
        ]
        inputs = [{"name": "x", "type": "double"}, {"name": "s", "type": "string"}]
        spec["interface"]["inputs"] = inputs
        spec["interface"]["target"] = {"column": "y", "type": "boolean", "positive": True}
        spec["tests"] = {
            "data": {
                "columns": [
                    {"name": "x", "type": "double", "range": {"min": -9, "max": 9}, "maxNullRate": 0.01},
                    {"name": "s", "type": "string", "domain": ["a", "b"], "maxViolationRate": 0.01},
                ],
                "rows": {"min": 10},
                "unique": [["id"]],
                "maxDuplicateRate": 0,
                "overlap": {"key": ["id"], "max": 0},
                "split": {"maxSameRows": 0, "maxSameEntities": 1, "inTimeOrder": True},
                "rules": [{"name": "small", "expression": "abs(x) < 10 and s <> 'z'"}],
                "references": [{"columns": ["s"], "dataset": "train"}],
                "freshness": {"maxAge": "P9000D", "maxEmptyDays": 9000},
                "pii": {},
                "labels": {"maxMissingRate": 0, "minClassShare": 0.1, "maxContradictionRate": 0},
                "drift": {"of": "train", "in": ["test"], "weights": {"id": 0}, "volume": {"min": 0.5}},
            },
            "leakage": {"maxSingleFeaturePower": 0.9, "knownAt": {"x": "t"}},
        }

    return change


def good(start: int = 0, day: str = "2020-01-01") -> pd.DataFrame:
    chance = np.random.default_rng(start)
    return pd.DataFrame(
        {
            "x": chance.normal(0, 1, ROWS),
            "s": chance.choice(["a", "b"], ROWS),
            "t": pd.Timestamp(day) + pd.to_timedelta(np.arange(ROWS), unit="h"),
            "y": chance.random(ROWS) < 0.5,
            "id": np.arange(ROWS) + start,
        }
    )


def report(project: Make, uri: str, write: Callable[[Path], object]) -> Report:
    made_ = project(demanding(uri))
    good().to_parquet(made_.folder / "data" / "good.parquet")
    (made_.folder / "train.profile.json").write_text(
        made(made_.model, "train", folder=made_.folder, root=made_.folder).text()
    )
    write(made_.folder / uri)
    found = run_data_tests(made_.model, folder=made_.folder, locate=made_.locate, now=NOW)
    for check in found.checks:
        assert canonical.encode(check.document())
        assert check.verdict is Verdict.PASS or check.fix
    return found


def failures(found: Report) -> dict[str, Check]:
    return {f"{one.id} {one.subject}": one for one in found.checks if one.verdict is Verdict.FAIL}


def test_good_data_fail_nowhere(project: Make) -> None:
    found = report(project, "data/test.parquet", lambda path: good(1000, "2020-02-01").to_parquet(path))
    assert failures(found) == {}


def frame(**columns: Any) -> Callable[[Path], object]:
    """The good table with some columns replaced, as Parquet."""
    return lambda path: good(1000, "2020-02-01").assign(**columns).to_parquet(path)


def lines(*rows: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(b"\n".join([b"x,s,t,y,id", *rows]) + b"\n")


def typed(kind: str, value: str, time: str = "2020-02-01") -> Callable[[Path], object]:
    """Columns of types and values that pandas cannot write."""
    columns = f"{value}::{kind} AS x, 'a' AS s, TIMESTAMP '{time}' AS t, range % 2 = 0 AS y, range AS id"
    text = f"COPY (SELECT {columns} FROM range(60)) TO"  # noqa: S608 - the test's own
    return lambda path: duckdb.connect().execute(f"{text} '{path}' (FORMAT parquet)")


HOSTILE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "infinities": ("p", frame(x=[np.inf, -np.inf] * 60), "data.finite test.x"),
    "the smallest numbers": ("p", frame(x=[5e-324, -0.0] * 60), "data.labels-contradict test.y"),
    "all null": ("p", frame(x=[None] * 120), "data.null test.x"),
    "all null labels": ("p", frame(y=[None] * 120), "data.labels-classes test.y"),
    "all null times": ("p", frame(t=[pd.NaT] * 120), "data.freshness test.t"),
    "one class": ("p", frame(y=True), "data.labels-classes test.y"),
    "text for numbers": ("p", frame(x="1.5"), "data.type test.x"),
    "whole numbers too large": ("p", frame(x=[2**63 - 1] * 120), "data.type test.x"),
    "lists": ("p", frame(s=[[1, 2]] * 120), "data.type test.s"),
    "bytes": ("p", frame(s=[b"\xff\xfe"] * 120), "data.type test.s"),
    "odd letters": ("p", frame(s=["\u202e\0\ud7ff\U0001f600"] * 120), "data.domain test.s"),
    "very long text": ("p", frame(s=["x" * 100_000] * 120), "data.domain test.s"),
    "times with a zone": (
        "p",
        frame(t=pd.date_range("2031-01-01", periods=120, tz="Asia/Kathmandu")),
        "data.future test.t",
    ),
    "a time of the year 290000": ("p", typed("DOUBLE", "0.5", "290000-01-01"), "data.freshness test.t"),
    "an infinite time": ("p", typed("DOUBLE", "0.5", "infinity"), "data.freshness test.t"),
    "a decimal": ("p", typed("DECIMAL(38, 0)", "1e37"), "data.range test.x"),
    "a huge integer": ("p", typed("HUGEINT", "1e37"), "data.range test.x"),
    "an interval": ("p", typed("INTERVAL", "'3 days'"), "data.type test.x"),
    "no rows": ("p", lambda path: good().head(0).to_parquet(path), "data.rows test"),
    "one row": ("p", lambda path: good(1000).head(1).to_parquet(path), "data.rows test"),
    "no columns that count": ("p", lambda path: pd.DataFrame({"q": range(120)}).to_parquet(path), "data.column test.x"),
    "Latin-1": ("c", lines(*[b"1.5,caf\xe9,2020-02-01,true,%d" % n for n in range(60)]), "data.readable test"),
    "UTF-16": ("c", lambda path: path.write_text("x,s,t,y,id\n1,a,2020-02-01,true,1\n", encoding="utf-16"), ""),
    "zero bytes": ("c", lines(b"1.5,a\0b,2020-02-01,true,1"), ""),
    "nothing at all": ("c", lambda path: path.write_bytes(b""), ""),
    "digits without end": ("c", lines(b"9" * 5000 + b",a,2020-02-01,true,1"), "data.type test.x"),
    "numbers of all sorts": (
        "c",
        lines(*[b"%s,a,2020-02-01,true,1" % one for one in (b"nan", b"inf", b"-0.0", b"1e400", b"0x1F", b"1_000")]),
        "",
    ),
    "zones of all sorts": (
        "c",
        lines(*[b"1,a,%s,true,1" % one for one in (b"2020-01-01T00:00:00Z", b"2020-01-01 00:00+05:45", b"01/02/2020")]),
        "",
    ),
    "uneven lines": ("c", lines(b"1,a", b"1,a,2020-02-01,true,1,more,and,more"), ""),
    "quotes that never end": ("c", lines(b'1,"a,2020-02-01,true,1', b"2,b,2020-02-01,true,2"), ""),
    "two columns of one name": ("c", lambda path: path.write_bytes(b"x,x,s,t,y,id\n1,2,a,2020-02-01,true,1\n"), ""),
}  # fmt: skip


@pytest.mark.parametrize(("sort", "write", "expected"), HOSTILE.values(), ids=HOSTILE.keys())
def test_bad_data_end_in_checks(project: Make, sort: str, write: Callable[[Path], object], expected: str) -> None:
    found = failures(report(project, "data/odd.parquet" if sort == "p" else "data/odd.csv", write))
    assert found
    if expected:
        assert expected in found, sorted(found)


@pytest.mark.parametrize("name", ["all null", "lists", "odd letters", "infinities", "a huge integer", "one row"])
def test_what_cannot_be_inferred_is_refused_or_left_out(project: Make, name: str) -> None:
    made_ = project(demanding("data/test.parquet"))
    HOSTILE[name][1](made_.folder / "data" / "good.parquet")
    found = section(made_.model, folder=made_.folder, root=made_.folder)
    assert canonical.encode(found)
    assert {one["name"] for one in found["columns"]} == {"x", "s", "t", "y", "id"}


def test_nothing_is_inferred_from_no_rows(project: Make) -> None:
    made_ = project(demanding("data/test.parquet"))
    HOSTILE["no rows"][1](made_.folder / "data" / "good.parquet")
    with pytest.raises(Refused, match="there are no rows"):
        section(made_.model, folder=made_.folder, root=made_.folder)
