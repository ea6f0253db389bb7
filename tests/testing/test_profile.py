from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_gitops import canonical
from mlops_gitops.errors import Refused
from mlops_gitops.testing.data.profile import CATEGORIES, DECADES, EMPTY, Histogram, Profile, edges_of_range, merge
from mlops_gitops.testing.data.scans import EVERY, Wanted, source
from mlops_gitops.testing.engines import duckdb as engine

SCHEMA = pa.schema({"x": pa.float64(), "n": pa.int64(), "c": pa.string(), "b": pa.bool_(), "t": pa.timestamp("us")})
EVERYTHING = frozenset({EVERY})
WANTED = Wanted(
    edges={"x": edges_of_range(-1.0, 1.0)},
    watched={"c": ("a", "b"), "n": (0, 3), "b": (True,)},
    moments=EVERYTHING,
    distinct=EVERYTHING,
    digests=True,
)

rows = st.fixed_dictionaries(
    {
        "x": st.none() | st.floats(width=64),
        "n": st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 4),
        "c": st.none() | st.sampled_from(["a", "b", "c", "", "é", "'", '"', "\U0001f600"]),
        "b": st.none() | st.booleans(),
        "t": st.none() | st.datetimes(),
    }
)


def profile_of(records: list[dict[str, Any]], folder: Path, name: str, *, shard: int = 0) -> Profile:
    path = folder / f"{name}.parquet"
    pq.write_table(pa.Table.from_pylist(records, schema=SCHEMA), path)
    return engine.scan(source(path), WANTED, shard=shard).profile


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(rows, max_size=12), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_profile_of_the_whole_is_the_merge_of_the_parts_in_any_order(shards: list[list[Any]], random: Any) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        parts = [profile_of(shard, folder, str(i), shard=i) for i, shard in enumerate(shards)]
        whole = profile_of([row for shard in shards for row in shard], folder, "whole")
    random.shuffle(parts)
    together = merge(*parts)
    assert together.columns == whole.columns
    assert merge(parts[0], merge(*parts[1:]), EMPTY) == together
    assert canonical.encode(together.document()) == canonical.encode(whole.document())
    assert len(canonical.encode(whole.document())) > 2


def test_more_categories_than_are_kept_merge_exactly(tmp_path: Path) -> None:
    records = [{"c": f"v{i * 7919 % 400}"} for i in range(3000)]
    whole = profile_of(records, tmp_path, "whole")
    parts = [profile_of(records[i::3], tmp_path, str(i), shard=i) for i in range(3)]
    records.sort(key=lambda record: record["c"])
    apart = [profile_of(records[i * 750 : i * 750 + 750], tmp_path, str(i), shard=i) for i in range(4)]
    assert merge(*apart).columns == whole.columns
    column = whole.column("c")
    assert column is not None
    assert merge(*parts).columns == whole.columns
    assert len(column.categories) == CATEGORIES
    assert sum(c.count for c in column.categories) + column.others == 3000
    assert column.distinct is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-10, 10), max_size=50), st.floats(-5, 0), st.floats(0.5, 5))
def test_edges_count_exactly_what_is_outside_a_range(values: list[float], low: float, high: float) -> None:
    for bounds in ((low, high), (low, None), (None, high)):
        edges = edges_of_range(*bounds)
        assert list(edges) == sorted(set(edges))
        counts = [0] * (len(edges) + 1)
        for value in values:
            counts[next((i for i, edge in enumerate(edges) if value <= edge), len(edges))] += 1
        histogram = Histogram(edges, tuple(counts))
        if bounds[0] is not None:
            assert histogram.below(low) == sum(value < low for value in values)
        if bounds[1] is not None:
            assert histogram.above(high) == sum(value > high for value in values)


def test_the_engine_fills_the_bins_as_the_record_says(tmp_path: Path) -> None:
    values = [-1.0, math.nextafter(-1.0, -2), 1.0, math.nextafter(1.0, 2), 0.0, -0.0, math.nan, math.inf, None]
    profile = profile_of([{"x": value} for value in values], tmp_path, "x")
    column = profile.column("x")
    assert column is not None
    assert column.histogram is not None
    assert (column.histogram.below(-1.0), column.histogram.above(1.0)) == (1, 1)
    assert (column.nulls, column.nans, column.infinities) == (1, 1, 1)
    assert sum(column.histogram.counts) == 6
    assert column.maximum == math.nextafter(1.0, 2)


def test_decades_are_sorted() -> None:
    assert list(DECADES) == sorted(set(DECADES))


def test_profiles_of_different_tables_do_not_merge(tmp_path: Path) -> None:
    one = profile_of([{"x": 1.0}], tmp_path, "one")
    path = tmp_path / "two.parquet"
    pq.write_table(pa.table({"y": [1]}), path)
    with pytest.raises(ValueError, match="the same columns"):
        merge(one, engine.scan(source(path), WANTED).profile)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_formats_agree(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    records = [{"n": i, "c": "xy"[i % 2], "x": i / 4} for i in range(20)] + [{"n": None, "c": None, "x": None}]
    if suffix == "csv":
        lines = [",".join("" if value is None else str(value) for value in record.values()) for record in records]
        path.write_text("n,c,x\n" + "\n".join(lines) + "\n")
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    else:
        pq.write_table(pa.Table.from_pylist(records), path)
    found = engine.scan(source(path), Wanted(keys=(("n",), ("c",)), distinct_rows=True))
    assert [(c.name, c.type, c.nulls) for c in found.profile.columns] == [
        ("n", "long", 1),
        ("c", "string", 1),
        ("x", "double", 1),
    ]
    assert found.distinct == {("n",): 21, ("c",): 3, (): 21}


HOSTILE = ['a"b', "a'b", "x\") FROM read_text('/etc/passwd') --", "?", "select", "a b", "é\u202e", "$1", "{}", "a\\b"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_column_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "it's; drop.parquet"
    pq.write_table(pa.table({name: ["a", "b", None], "other": [1, 2, 3]}), path)
    wanted = Wanted(watched={name: ("a", "'; --")}, keys=((name, "other"),), distinct_rows=True)
    found = engine.scan(source(path), wanted)
    assert found.profile.columns[0].name == name
    assert found.profile.columns[0].watched == (("a", 1), ("'; --", 0))
    assert found.distinct[(name, "other")] == 3
    assert engine.overlap(source(path), source(path), (name,)) == 2


def test_the_connection_reads_its_file_and_nothing_else(tmp_path: Path) -> None:
    path, secret = tmp_path / "it's.parquet", tmp_path / "secret.csv"
    pq.write_table(pa.table({"a": [1]}), path)
    secret.write_text("a\n1\n")
    attempts = [
        f"SELECT * FROM read_csv('{secret}')",  # noqa: S608
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/other.db'",
        "SET enable_external_access = true",
        "SET allowed_paths = ['/etc/passwd']",
        "INSTALL httpfs",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    ]
    for attempt in attempts:
        with pytest.raises(Refused), engine.opened(source(path)) as connection:
            connection.execute(attempt)
    with engine.opened(source(path)) as connection, pytest.raises(duckdb.Error):
        connection.execute("SELECT * FROM glob('/etc/*')").fetchall()
    assert {file.name for file in tmp_path.iterdir()} == {"it's.parquet", "secret.csv"}


def test_a_path_with_a_wildcard_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="wildcard"):
        source(tmp_path / "*.parquet")


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no format"):
        source(tmp_path / "data.pkl")
    assert source(tmp_path / "data.bin", media_type="text/csv").format == "csv"
    assert source(tmp_path / "data.csv.gz").format == "csv"


@pytest.mark.parametrize("damage", ["truncated", "empty", "text"])
def test_a_damaged_file_is_refused_in_words(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"a": list(range(1000))}), path)
    whole = path.read_bytes()
    path.write_bytes({"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"a,b\n1,2\n"}[damage])
    with pytest.raises(Refused, match=r"data.parquet cannot be read"):
        engine.scan(source(path), Wanted())


def test_a_header_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{i}" for i in range(5000)) + "\n" + ",".join("1" for _ in range(5000)) + "\n")
    with pytest.raises(Refused, match="5000 columns"):
        engine.scan(source(path), Wanted())


@pytest.mark.parametrize("change", ["lost", "doubled", "changed", "moved", "same"])
def test_digests_of_rows_see_what_happened_to_a_row(tmp_path: Path, change: str) -> None:
    records = [{"x": i / 8, "n": i, "c": f"v{i}", "b": None} for i in range(50)]
    before = profile_of(records, tmp_path, "before").digests
    records[7]["x"] = {"changed": 99.0}.get(change, records[7]["x"])
    if change == "lost":
        records.pop(7)
    elif change == "doubled":
        records.append(records[7])
    elif change == "moved":
        records[7], records[30] = records[30], records[7]
    after = profile_of(records, tmp_path, "after").digests
    assert before is not None
    assert after is not None
    assert (before.unordered == after.unordered) == (change in {"moved", "same"})
    assert (before.ordered == after.ordered) == (change == "same")


def test_minus_zero_is_zero(tmp_path: Path) -> None:
    plus, minus = (profile_of([{"x": zero}, {"x": 1.0}], tmp_path, f"p{zero}") for zero in (0.0, -0.0))
    assert canonical.encode(plus.document()) == canonical.encode(minus.document())
    assert plus.digest() == minus.digest()


def test_a_time_is_read_in_utc_whatever_the_machine_thinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "times.parquet"
    pq.write_table(pa.table({"t": pa.array([0, 10**6], pa.timestamp("us", "Asia/Tokyo"))}), path)
    found = []
    for zone in ("America/New_York", "UTC"):
        monkeypatch.setenv("TZ", zone)
        with engine.opened(source(path)) as connection:
            found.append(connection.execute("SELECT CAST(t AS VARCHAR) FROM read_parquet(?)", [str(path)]).fetchall())
    assert found[0] == found[1]
    assert found[0][0] == ("1970-01-01 00:00:00+00",)


def without_pages(path: Path) -> None:
    """Overwrite everything but the footer, so that whoever reads a page fails."""
    data = bytearray(path.read_bytes())
    footer = int.from_bytes(data[-8:-4], "little") + 8
    data[4:-footer] = b"\xff" * (len(data) - footer - 4)
    path.write_bytes(data)


def test_the_footer_answers_what_needs_no_value(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"n": [1, None, 3], "c": ["a", "b", None], "x": [0.5, None, 1.5]}), path, row_group_size=2)
    without_pages(path)
    found = engine.scan(source(path), Wanted(only=frozenset()))
    assert found.profile.rows == 3
    assert [(one.name, one.type, one.nulls) for one in found.profile.columns] == [
        ("n", "long", 1),
        ("c", "string", 1),
        ("x", "double", 1),
    ]
    with pytest.raises(Refused, match="cannot be read"):
        engine.scan(source(path), Wanted(only=frozenset({"x"})))


def test_a_column_that_nobody_looks_at_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"n": [1, None, 3], "x": [0.5, math.nan, 1.5]}), path)
    found = engine.scan(source(path), Wanted(only=frozenset({"x"})))
    assert [(one.nulls, one.nans, one.maximum) for one in found.profile.columns] == [(1, 0, None), (0, 1, 1.5)]


@settings(max_examples=10, deadline=None)
@given(st.lists(rows, max_size=12))
def test_a_test_run_counts_what_its_checks_ask_as_the_whole_profile_does(records: list[Any]) -> None:
    wanted = Wanted({"x": (-1.0, 1.0)}, {"c": ("a", "é", "z"), "n": (0, 3)}, keys=(("n",), ("c", "b")))
    with TemporaryDirectory() as name:
        path = Path(name) / "data.parquet"
        pq.write_table(pa.Table.from_pylist(records, schema=SCHEMA), path)
        whole, lean = (engine.scan(source(path), replace(wanted, only=only)) for only in (None, frozenset("xnc")))
    expected = {one.name: one for one in whole.profile.columns}
    assert lean.profile.column("x") == expected["x"]
    assert lean.profile.column("c") == expected["c"]
    assert lean.profile.column("n") == replace(expected["n"], histogram=None)
    assert expected["c"].watched == tuple((one, sum(row["c"] == one for row in records)) for one in ("a", "é", "z"))
    assert expected["n"].watched == tuple((str(one), sum(row["n"] == one for row in records)) for one in (0, 3))
    assert lean.distinct == whole.distinct
    assert lean.distinct[("c", "b")] == len({(row["c"], row["b"]) for row in records})


def test_a_test_run_counts_nothing_that_no_check_asks(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"x": [0.5, math.inf, None], "c": ["a", "b", None], "n": [1, 2, 3]}), path)
    found = engine.scan(source(path), Wanted(only=frozenset("xcn"))).profile
    assert [(one.histogram, one.categories, one.watched) for one in found.columns] == [(None, (), ())] * 3
    assert [(one.nulls, one.infinities, one.maximum) for one in found.columns] == [(1, 1, 0.5), (1, 0, None), (0, 0, 3)]


LEAST = -(2**63)


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (list(range(100, 200)), pa.int64()),
        ([*range(100, 200), 150, 150], pa.int32()),
        ([*range(5), None, None], pa.uint32()),
        ([LEAST, LEAST + 5, LEAST + 5, None], pa.int64()),
        ([0, 2**62], pa.int64()),
        ([7, 7, 7], pa.int8()),
        ([None, None], pa.int64()),
        ([], pa.int64()),
    ],
)
def test_a_key_of_whole_numbers_is_counted_exactly(
    tmp_path: Path, values: list[int | None], type_: pa.DataType
) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"id": pa.array(values, type_)}), path, row_group_size=40)
    wanted = Wanted(keys=(("id",),))
    counted = [engine.scan(source(path), replace(wanted, only=only)).distinct for only in (None, frozenset())]
    assert counted == [{("id",): len(set(values))}] * 2


def test_a_footer_that_lies_about_a_key_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"id": list(range(1000, 2000))}), path)
    data = path.read_bytes()
    footer = len(data) - int.from_bytes(data[-8:-4], "little") - 8
    told, lie = (value.to_bytes(8, "little") for value in (1999, 1500))
    assert told in data[footer:]
    path.write_bytes(data[:footer] + data[footer:].replace(told, lie))
    with pytest.raises(Refused, match=r"data.parquet cannot be read: .*outside"):
        engine.scan(source(path), Wanted(keys=(("id",),), only=frozenset()))


@pytest.mark.parametrize("suffix", ["arrow", "feather"])
def test_arrow_files_are_read_as_parquet_is(tmp_path: Path, suffix: str) -> None:
    table = pa.table({"n": [1, 2, None], "c": ["x", "y", None], "x": [0.5, -0.0, math.nan]})
    with pa.OSFile(str(tmp_path / f"data.{suffix}"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    pq.write_table(table, tmp_path / "data.parquet")
    wanted = Wanted(keys=(("n", "c"),), moments=EVERYTHING, digests=True)
    found, beside = (engine.scan(source(tmp_path / f"data.{one}"), wanted) for one in (suffix, "parquet"))
    assert found == beside
    (tmp_path / f"data.{suffix}").write_bytes(b"ARROW1 and then nothing")
    with pytest.raises(Refused, match="cannot be read"):
        engine.scan(source(tmp_path / f"data.{suffix}"), wanted)


def test_a_column_may_have_the_name_of_the_number_of_a_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"file_row_number": [7, 5]}), tmp_path / "data.parquet")
    pq.write_table(pa.table({"n": [7, 5]}), tmp_path / "other.parquet")
    found, other = (engine.scan(source(tmp_path / f"{one}.parquet"), WANTED).profile for one in ("data", "other"))
    assert found.columns[0].maximum == 7
    assert found.digests == other.digests
