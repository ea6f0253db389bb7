"""Data files that are damaged, hostile or merely odd: refused in words, or counted as what they are."""

from __future__ import annotations

import gzip
import json
import math
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.testing.data.profile import Column
from mlops_gitops.testing.data.scans import EVERY, Source, Wanted, source
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines import headers
from mlops_gitops.testing.engines.connections import Limits, within

ALL = frozenset({EVERY})
WHOLE = Wanted(moments=ALL, distinct=ALL, digests=True)


def counted(path: Path) -> dict[str, Column]:
    return {one.name: one for one in engine.scan(source(path), WHOLE).profile.columns}


def test_a_header_of_a_million_columns_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{i}" for i in range(200_000)) + "\n1\n")
    with pytest.raises(Refused, match="200000 columns"):
        counted(path)
    path.write_text("c" * (headers.LONGEST_LINE + 10))
    with pytest.raises(Refused, match="no end within 2 MiB"):
        counted(path)


def test_a_file_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb") as stream:
        stream.write(b"a,b\n")
        for _ in range(80):
            stream.write(b"0,0\n" * (1 << 18))
    with pytest.raises(Refused, match="400 times its size"):
        counted(path)


def test_a_page_that_unpacks_to_more_than_memory_keeps_to_the_bound(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    table = pa.table({"s": pa.array(["x" * 30_000_000] * 3)})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 200_000
    with within(Limits(memory=64 * 2**20, threads=1)), pytest.raises((Refused, WorldFailed), match=r"bomb.parquet"):
        counted(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("utf16", "a,b\n1,ü\n".encode("utf-16")),
        ("latin", "a,b\n1,ü\n".encode("latin-1")),
        ("gz", b"\x1f\x8b\x08 and no more"),
    ],
)
def test_text_that_is_no_utf8_is_refused_in_words(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / (f"{name}.csv.gz" if name == "gz" else f"{name}.csv")
    path.write_bytes(data)
    with pytest.raises(Refused, match=f"{path.name} cannot be read"):
        counted(path)


def test_a_mark_of_byte_order_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "bom.csv"
    path.write_bytes("\ufeffa,b\n1,ü\n2,ö\n".encode())
    assert list(counted(path)) == ["a", "b"]


def test_odd_numbers_are_counted_as_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    table = pa.table(
        {
            "x": [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7e308],
            "n": pa.array([2**53 + 1, -(2**63), 2**63 - 1, 0, None, 1], pa.int64()),
            "u": pa.array([2**64 - 1, 0, 1, 2, 3, None], pa.uint64()),
            "d": pa.array([Decimal("0.1"), Decimal(10) ** 20, None, None, None, None], pa.decimal128(38, 2)),
            "s": ["a\0b", "", None, "\U0001f600", "a\0c", ""],
            "none": pa.array([None] * 6, pa.float64()),
            "null": pa.nulls(6),
        }
    )
    pq.write_table(table, path)
    found = counted(path)
    assert (found["x"].nans, found["x"].infinities, found["x"].minimum) == (1, 2, 0.0)
    assert (found["n"].minimum, found["n"].maximum) == (-(2**63), 2**63 - 1)
    assert found["n"].moments is not None
    assert found["n"].moments.sum.fraction == 2**53 + 1
    assert (found["u"].type, found["u"].nulls) == ("other", 1)
    assert (found["d"].type, found["d"].maximum) == ("double", 1e20)
    assert {one.value for one in found["s"].categories} == {"a\0b", "", "\U0001f600", "a\0c"}
    assert (found["none"].nulls, found["none"].moments and found["none"].moments.mean) == (6, None)
    assert found["null"].nulls == 6


def _written(path: Path, names: list[str]) -> None:
    """A file of one row with these columns."""
    table = pa.table([pa.array([at]) for at in range(len(names))], names=names)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(path, table.schema) as stream:
            stream.write(table)
    elif path.suffix == ".csv":
        path.write_text(",".join(names) + "\n" + ",".join(map(str, range(len(names)))))
    else:
        path.write_text("\n".join(json.dumps({name: 1}) for name in names))


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv", ".jsonl"])
def test_columns_that_are_one_to_sql_are_refused_and_not_renamed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"names{suffix}"
    _written(path, ["case", "x", "Case"])
    with pytest.raises(Refused, match=r"has the columns '[cC]ase' and '[cC]ase', which are one to SQL"):
        counted(path)
    _written(path, ["É", "x", "é"])  # the engine tells these apart
    assert {*counted(path)} == {"É", "x", "é"}


def test_two_columns_of_one_name_are_refused_and_the_fields_in_columns_are_none(tmp_path: Path) -> None:
    path = tmp_path / "names.parquet"
    _written(path, ["a", "a"])
    with pytest.raises(Refused, match="has two columns 'a'"):
        counted(path)
    inner = pa.array([{"a": 1, "b": [{"b": 2}]}])
    pq.write_table(
        pa.table({"b": inner, "a": [1], "c": pa.array([[("c", 1)]], pa.map_(pa.string(), pa.int64()))}), path
    )
    assert [*counted(path)] == ["b", "a", "c"]
    text = tmp_path / "names.csv"
    text.write_text('"a;b";c;"C "\n1;2;3\n')
    with pytest.raises(Refused, match="the columns 'c' and 'C'"):
        counted(text)


def test_names_of_json_lines_are_those_of_all_shards(tmp_path: Path) -> None:
    shards = tuple(tmp_path / f"{at}.jsonl" for at in range(2))
    for path, name in zip(shards, ["a", "A"], strict=True):
        _written(path, [name])
    with pytest.raises(Refused, match="the columns 'A' and 'a'"):
        engine.scan(Source(tmp_path, "json", shards), WHOLE)


def test_a_table_without_rows_has_a_profile(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": pa.array([], pa.float64()), "s": pa.array([], pa.string())}), tmp_path / "e.parquet")
    found = engine.scan(source(tmp_path / "e.parquet"), WHOLE).profile
    assert (found.rows, [one.nulls for one in found.columns]) == (0, [0, 0])
    assert found.digests is not None
    assert found.digests.ordered == "0" * 32
