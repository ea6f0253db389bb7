"""Rows of a shard by what makes them alike, as a file; and what such files of all shards answer together.

Each file holds 128-bit hashes of the values that make rows alike, sorted, with how many rows have them, and nothing of
the values themselves; but a group of ``texts`` holds the values as they are.  Equal rows of different shards meet where
one range of hashes is read of all files at once, so that memory is bounded whatever the number of rows.  Two different
values with one hash would be taken for one: among 10**9 of them with a chance of 10**-21.  Whoever chooses values can
make such a pair, MD5 being what it is, and gains a failed check by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from mlops_gitops.testing.data.scans import Group, Source
from mlops_gitops.testing.engines.connections import opened, quoted, reader, text

_MOST_RANGES = 1024
"""A foreign count may claim any number of rows; beyond eight billion, a range holds more."""
AT_ONCE = 8_000_000
"""Rows whose hashes are held against one another at a time."""
_WITHIN = "high BETWEEN ? AND ?"


def write(one: Source, group: Group, stored: Mapping[str, str], path: Path) -> None:
    """Write the groups of one shard, whose columns are ``stored``."""
    columns = group.columns or tuple(stored)
    if group.of == "texts":
        value = f"CAST({quoted(columns[0])} AS VARCHAR)"
        query = f"SELECT {value} AS value, count(*) AS rows FROM {reader(one)} WHERE value IS NOT NULL GROUP BY value"  # noqa: S608
    else:
        query = _hashed(reader(one), columns, group.of)
    with opened(one, written=path) as connection:
        connection.execute(f"COPY ({query} ORDER BY 1, 2) TO {text(str(path))} (FORMAT parquet)", [one.argument])


def _hashed(source: str, columns: Sequence[str], of: str) -> str:
    """A group's hash in the two halves that a Parquet file can hold, and its rows; beside them the hash of a label."""
    by, beside, where = [_spelled(name) for name in columns], "", ""
    if of == "present":
        where = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns)
    elif of == "days":
        by, where = [f"CAST(CAST({quoted(columns[0])} AS DATE) AS VARCHAR)"], f"isfinite({quoted(columns[0])})"
    elif of == "labelled":
        *by, label = by
        beside, where = f", md5_number_lower({label}) AS label", f"{quoted(columns[-1])} IS NOT NULL"
    rows = f"SELECT md5_number(CAST(to_json([{', '.join(by)}]) AS VARCHAR)) AS h{beside} FROM {source}"  # noqa: S608
    rows += f" WHERE {where}" if where else ""
    halves = "CAST(h >> 64 AS UBIGINT) AS high, CAST(h & 18446744073709551615 AS UBIGINT) AS low"
    label = ", label" if beside else ""
    return f"SELECT {halves}{label}, count(*) AS rows FROM ({rows}) GROUP BY h{label}"  # noqa: S608 - names are quoted


def _spelled(name: str) -> str:
    """A value as text that no other value of its column has; of the two zeros of a real number, one."""
    value = f"CAST({quoted(name)} AS VARCHAR)"
    return f"CASE {value} WHEN '-0.0' THEN '0.0' ELSE {value} END"


def distinct(files: Sequence[Path], *, rows: int) -> int:
    """How many different groups there are; ``rows`` is about how many rows the files were made from."""
    source = _source(files)
    query = f"SELECT count(*) FROM (SELECT DISTINCT high, low FROM {reader(source)} WHERE {_WITHIN})"  # noqa: S608
    with opened(source, own=True) as connection:
        return sum(_number(connection, query, [source.argument, *one]) for one in _ranges(rows))


def rows(files: Sequence[Path]) -> int:
    """How many rows the groups have together."""
    source = _source(files)
    with opened(source, own=True) as connection:
        return _number(connection, f"SELECT coalesce(sum(rows), 0) FROM {reader(source)}", [source.argument])  # noqa: S608


def shared(train: Sequence[Path], test: Sequence[Path], *, rows: int) -> int:
    """The rows of ``test`` whose group ``train`` has, too."""
    left, right = _source(train), _source(test)
    query = (
        f"SELECT coalesce(sum(rows), 0) FROM (SELECT high, low, rows FROM {reader(right)} WHERE {_WITHIN}) "  # noqa: S608
        f"SEMI JOIN (SELECT high, low FROM {reader(left)} WHERE {_WITHIN}) USING (high, low)"
    )
    with opened(left, right, own=True) as connection:
        return sum(_number(connection, query, [right.argument, *one, left.argument, *one]) for one in _ranges(rows))


def texts(files: Sequence[Path], *, most: int) -> dict[str, int]:
    """The values, the most frequent first, with their rows; NaN is left out."""
    source = _source(files)
    with opened(source, own=True) as connection:
        found = connection.execute(
            f"SELECT value, sum(rows) AS n FROM {reader(source)} WHERE value <> 'nan' "  # noqa: S608 - bound
            f"GROUP BY value ORDER BY n DESC, value LIMIT {int(most)}",
            [source.argument],
        ).fetchall()
        return {str(value): int(count) for value, count in found}


def contradicted(files: Sequence[Path], *, rows: int) -> int:
    """The rows of groups with more than one label."""
    source = _source(files)
    groups = (
        f"SELECT sum(rows) AS n, count(DISTINCT label) AS k FROM {reader(source)} WHERE {_WITHIN} GROUP BY high, low"  # noqa: S608
    )
    query = f"SELECT coalesce(sum(n), 0) FROM ({groups}) WHERE k > 1"  # noqa: S608 - as above
    with opened(source, own=True) as connection:
        return sum(_number(connection, query, [source.argument, *one]) for one in _ranges(rows))


def _source(files: Sequence[Path]) -> Source:
    return Source(files[0].parent, "parquet", tuple(files))


def _ranges(rows: int) -> Iterator[tuple[int, int]]:
    """Ranges of the first half of a hash, from and to, so many that one holds about ``AT_ONCE`` rows."""
    ranges = min(rows // AT_ONCE + 1, _MOST_RANGES)
    for at in range(ranges):
        yield 2**64 * at // ranges, 2**64 * (at + 1) // ranges - 1


def _number(connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object]) -> int:
    return int(connection.execute(query, values).fetchall()[0][0] or 0)
