"""Files that want to be counted as what they are not, or to be read where nothing is to be read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cancer import NOW, Project, find, one
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.testing.data.discretion import shown
from mlops_gitops.testing.data.scans import Source, Wanted, source
from mlops_gitops.testing.data.suite import run_data_tests
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines import guards, joins
from mlops_gitops.testing.texts import LONGEST, as_texts

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]
LARGE = 0x1122334455667788


def report(project: Project) -> Report:
    return run_data_tests(project.model, folder=project.folder, locate=project.locate, now=NOW)


def forged(path: Path, table: pa.Table, old: bytes, new: bytes) -> Source:
    """A Parquet file whose footer says ``new`` where it ought to say ``old``; its pages are as they were."""
    pq.write_table(table, path, compression=None, use_dictionary=False)
    data = bytearray(path.read_bytes())
    at = start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    assert old in data[start:]
    while (at := data.find(old, at)) >= 0:
        data[at : at + len(old)] = new
    path.write_bytes(data)
    return source(path)


def word(value: int) -> bytes:
    return value.to_bytes(8, "little")


def test_a_forged_maximum_hides_no_row(tmp_path: Path) -> None:
    """A reader that believes it skips every row: nothing would overlap, and no key would be missing."""
    table = pa.table({"k": pa.array([0, 1, 2, LARGE] * 30)})
    test = forged(tmp_path / "test.parquet", table, word(LARGE), word(2))
    pq.write_table(pa.table({"k": pa.array([LARGE])}), tmp_path / "train.parquet")
    train = source(tmp_path / "train.parquet")
    with duckdb.connect() as plain:
        believed = plain.execute("SELECT count(*) FROM read_parquet(?) WHERE k > 2", [str(test.path)]).fetchone()
    assert believed == (0,)
    assert engine.overlap(train, test, ["k"]) == 30
    assert joins.shared(train, test, [("k", "k")]) == 30
    assert joins.orphans(test, ["k"], train, ["k"]) == (90, 120)


def test_a_footer_that_contradicts_itself_is_not_asked(tmp_path: Path) -> None:
    """8,191 nulls, which Thrift writes as FE 7F, become -8,191; the column is counted."""
    table = pa.table({"n": pa.array([None] * 8191 + [1] * 1809, pa.int64())})
    one = forged(tmp_path / "n.parquet", table, b"\xfe\x7f", b"\xfd\x7f")
    scan = engine.scan(one, Wanted(only=frozenset()))
    assert [column.nulls for column in scan.profile.columns] == [8191]


@pytest.mark.parametrize("place", ["test.parquet", "test.csv", "test.dataset.json", "shards/a.parquet"])
def test_a_pipe_holds_nobody_up(project: Make, place: str) -> None:
    uri = f"data/{place.split('/', maxsplit=1)[0]}"
    made = project(lambda spec: spec["data"][1].update(uri=uri))
    path = made.folder / "data" / place
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    assert one(report(made), "data.readable").verdict is Verdict.FAIL


def taken(spec: dict[str, Any]) -> None:
    spec["tests"]["data"]["drift"] = {"of": "train", "in": ["test"]}
    spec["tests"]["data"]["imported"] = [{"format": "evidently", "file": "result.json", "dataset": "test"}]


@pytest.mark.parametrize(
    ("lay", "words"),
    [
        (os.mkfifo, "not a regular file"),
        (lambda path: path.mkdir(), "not a regular file"),
        (lambda path: path.symlink_to(path), "leads to itself"),
        (lambda path: path.symlink_to("/dev/zero"), "leads out of the repository"),
    ],
    ids=["pipe", "folder", "loop", "device"],
)
def test_what_lies_beside_a_manifest_is_a_plain_file_or_a_finding(
    project: Make, lay: Callable[[Path], object], words: str
) -> None:
    made = project(taken)
    for name in ("train.profile.json", "result.json"):
        lay(made.folder / name)
    found = report(made)
    assert words in one(found, "data.reference").message
    assert words in one(found, "data.imported").message


def test_a_link_to_itself_is_a_finding(project: Make) -> None:
    made = project()
    path = made.folder / "data" / "test.parquet"
    path.unlink()
    path.symlink_to(path)
    assert "leads to itself" in one(report(made), "data.readable").message


def lines(path: Path, rows: list[dict[str, object]]) -> Source:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return source(path)


def test_each_name_in_json_lines_is_a_column(tmp_path: Path) -> None:
    """However many there are of one type, and in however few lines each stands."""
    many = lines(tmp_path / "many.jsonl", [{f"c{i}": i for i in range(300)}] * 3)
    assert len(engine.columns(many)) == 300
    rare = lines(tmp_path / "rare.jsonl", [{"a": 1, f"k{i % 40}": 1.5} for i in range(400)])
    assert len(engine.columns(rare)) == 41


def test_names_without_end_are_refused_before_an_engine_merges_them(tmp_path: Path) -> None:
    """Twenty thousand take two seconds and 400 MB, a million would take hours."""
    deep = lines(tmp_path / "deep.jsonl", [{"x": {f"c{i}": "a" if i % 2 else 1}} for i in range(guards.MOST_NAMES + 1)])
    with pytest.raises(Refused, match="different names of fields"):
        engine.columns(deep)
    quoted = lines(tmp_path / "quoted.jsonl", [{"x": f'{{"c{i}": "b"}}'} for i in range(guards.MOST_NAMES + 1)])
    assert engine.columns(quoted) == {"x": "string"}


def test_one_long_text_makes_no_other_long() -> None:
    """As numpy's texts, these would take 40 TB."""
    values = np.array(["a", "b" * 10_000_000, None] * 300_000, dtype=object)[: 3 + 899_997]
    found = as_texts(values)
    assert found.dtype == object
    assert (found[0], found[2], len(found)) == ("a", "None", 900_000)
    assert as_texts(np.array(["a", "b" * LONGEST], dtype=object)).dtype.kind == "U"


def test_a_long_text_is_judged_like_any_other(project: Make, records: Records) -> None:
    """A text of ten million letters among the categories of an input."""

    def change(spec: dict[str, Any]) -> None:
        spec["interface"]["inputs"].append({"name": "site", "type": "string"})
        spec["tests"]["data"]["labels"] = {"maxImplausibleRate": 0.9}

    train = records[0].assign(site=["x" * 10_000_000, *records[0]["site"][1:]])
    found = report(project(change, train=train))
    assert one(found, "leakage.power", "site").verdict is Verdict.PASS
    assert one(found, "data.labels-implausible", "train.benign").verdict is Verdict.PASS


@pytest.mark.parametrize("time", ["DATE '5881580-07-10'", "DATE '-infinity'", "TIMESTAMP_S '294247-01-10 04:00:54'"])
def test_a_time_beyond_all_times_spoils_no_other_check(project: Make, records: Records, time: str) -> None:
    def change(spec: dict[str, Any]) -> None:
        spec["data"][1]["timeColumn"] = "late"
        spec["tests"]["data"]["freshness"] = {"maxAge": "P9000D", "in": ["test"]}
        spec["tests"]["leakage"]["knownAt"] = {"mean texture": "late"}

    made = project(change)
    path = made.folder / "data" / "test.parquet"
    with duckdb.connect() as connection:
        connection.register("rows", records[1])
        connection.execute(f"COPY (SELECT *, {time} AS late FROM rows) TO '{path}' (FORMAT parquet)")  # noqa: S608
    found = report(made)
    assert not find(found, "data.readable")
    assert any(check.id.startswith(("data.freshness", "data.future")) for check in found.checks)
    assert one(found, "leakage.known-at").verdict is not Verdict.PASS or "infinity" not in time


@pytest.mark.parametrize(
    ("column", "value", "there"),
    [
        ("site", "wset", True),
        ("site", "2020-01-01", True),
        ("site", "ada@example.com", False),
        ("site", "+49 170 1234567", False),
        ("site", "192.168.1.77", False),
        ("surname", "Example", False),
        ("customerName", "Example", False),
    ],
)
def test_a_value_that_may_be_somebodys_is_not_an_example(column: str, value: str, there: bool) -> None:  # noqa: FBT001
    assert (value in shown(column, value)) is there


def test_no_message_shows_what_may_be_somebodys(project: Make, records: Records) -> None:
    def change(spec: dict[str, Any]) -> None:
        tests = spec["tests"]["data"]
        tests["columns"] = [
            {"name": "site", "domain": ["north"]},
            {"name": "phone", "type": "long", "range": {"max": 5}},
        ]
        tests["overlap"] = {"key": ["site"], "max": 0}
        tests["references"] = [{"columns": ["site"], "dataset": "train", "key": ["id"]}]

    test = records[1].assign(site="ada@example.com", phone=491701234567)
    found = report(project(change, train=records[0].assign(phone=1), test=test))
    told = json.dumps([check.document() for check in found.checks])
    assert "ada@example.com" not in told
    assert "491701234567" not in told.replace(",", "")
    assert one(found, "data.domain", "test.site").verdict is Verdict.FAIL
    assert one(found, "data.range", "test.phone").verdict is Verdict.FAIL
    assert one(found, "data.reference-key", "test.site").verdict is Verdict.FAIL


def test_shards_of_text_with_their_columns_in_another_order_are_refused(tmp_path: Path) -> None:
    """The engine would take the ages of the second for its weights."""
    (tmp_path / "0.csv").write_text("age,weight\n1,100\n")
    (tmp_path / "1.csv").write_text('"age","weight"\r\n2,101\r\n')
    files = (tmp_path / "0.csv", tmp_path / "1.csv")
    assert engine.scan(Source(tmp_path, "csv", files), Wanted()).profile.rows == 2
    (tmp_path / "1.csv").write_text("weight,age\n101,2\n")
    with pytest.raises(Refused, match=r"1.csv has not the columns of 0.csv"):
        engine.scan(Source(tmp_path, "csv", files), Wanted())


def test_an_arrow_file_that_points_out_of_itself_is_refused(tmp_path: Path) -> None:
    """Whoever follows the index of a dictionary without a look dies of it."""
    path = tmp_path / "a.arrow"
    codes = pa.array(np.zeros(120, np.int32))
    with pa.OSFile(str(path), "wb") as out:
        table = pa.table({"s": pa.DictionaryArray.from_arrays(codes, ["a", "b"])})
        with pa.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table)
    assert engine.columns(source(path)) == {"s": "string"}
    data = bytearray(path.read_bytes())
    at = data.rindex(bytes(400))
    data[at : at + 4] = (10**6).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(Refused, match=r"a.arrow cannot be read"):
        engine.scan(source(path), Wanted())


def test_a_wide_table_is_counted_in_several_statements_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wide.parquet"
    pq.write_table(pa.table({f"c{i}": pa.array([i, None, 0.5, "a"][i % 4 :][:1] * 3) for i in range(20)}), path)
    wanted = Wanted(distinct_rows=True, keys=(("c0",),), asks=(lambda _: {f"q{i}": f"c{4 * i} > 0" for i in range(5)},))
    whole = engine.scan(source(path), wanted)
    monkeypatch.setattr(engine, "AT_ONCE", 3)
    assert engine.scan(source(path), wanted) == whole
    assert dict(whole.counts) == {"q0": 0, "q1": 3, "q2": 3, "q3": 3, "q4": 3}


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        (b"1,2\n", "some line has more or fewer values", "as many values in each line"),
        (b"1,caf\xe9,3\n", "on Line: 152", "as UTF-8"),
        (b'1,"' + b"a" * 3_000_000 + b'",3\n', "on Line: 1", "every quote is closed"),
    ],
    ids=["ragged", "Latin-1", "endless"],
)
def test_a_line_that_cannot_be_read_is_told_with_what_to_do(
    tmp_path: Path, line: bytes, message: str, hint: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x,s,n\n" + b"1.5,a,3\n" * 150 + line)
    with pytest.raises(Refused) as caught:
        engine.columns(source(path))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_name_with_a_comma_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"weight, kg"\n1.5\n2.5\n')
    assert engine.columns(source(path)) == {"weight, kg": "double"}
