"""Statements that look at two files, or at one by groups of its rows: what no single pass can count.

Column names are quoted and paths bound, as everywhere (``testing/engines/duckdb.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_gitops.testing.data.scans import Source
from mlops_gitops.testing.engines.connections import opened, quoted, reader


def orphans(one: Source, columns: Sequence[str], other: Source, key: Sequence[str]) -> tuple[int, int]:
    """Rows of ``one`` whose ``columns`` are in no ``key`` of ``other``, and all that have no null in them."""
    whole = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns)
    pairs = " AND ".join(f"l.{quoted(a)} = r.{quoted(b)}" for a, b in zip(columns, key, strict=True))
    names = ", ".join(map(quoted, dict.fromkeys(columns)))
    others = ", ".join(map(quoted, dict.fromkeys(key)))
    with opened(one, other) as connection:
        found = connection.execute(
            f"WITH l AS (SELECT {names} FROM {reader(one)} WHERE {whole}), "  # noqa: S608 - names are quoted
            f"r AS (SELECT DISTINCT {others} FROM {reader(other)}) "
            f"SELECT (SELECT count(*) FROM l ANTI JOIN r ON {pairs}), (SELECT count(*) FROM l)",
            [one.argument, other.argument],
        ).fetchall()[0]
        return int(found[0]), int(found[1])


def shared(train: Source, test: Source, columns: Sequence[tuple[str, str]]) -> int:
    """How many rows of ``test`` have a row in ``train`` that is alike in all pairs of columns; nulls are alike."""
    pairs = " AND ".join(f"l.{quoted(a)} IS NOT DISTINCT FROM r.{quoted(b)}" for b, a in columns)
    with opened(train, test) as connection:
        found = connection.execute(
            f"SELECT count(*) FROM (FROM {reader(test)}) l SEMI JOIN (FROM {reader(train)}) r ON {pairs}",  # noqa: S608
            [test.argument, train.argument],
        ).fetchall()
        return int(found[0][0])


def empty_days(one: Source, column: str) -> tuple[int, int]:
    """Days without a row between the first day and the last of a column of times, and all days from first to last."""
    day = f"CAST({quoted(column)} AS DATE)"
    with opened(one) as connection:
        found = connection.execute(
            f"SELECT count(DISTINCT {day}), date_diff('day', min({day}), max({day})) + 1 "  # noqa: S608 - quoted
            f"FROM {reader(one)} WHERE isfinite({quoted(column)})",
            [one.argument],
        ).fetchall()[0]
        days = int(found[1] or 0)
        return days - int(found[0]), days


def classes(one: Source, column: str, *, most: int) -> dict[str, int]:
    """The values of a column as text, the most frequent first, with their rows; nulls and NaN are left out."""
    text = f"CAST({quoted(column)} AS VARCHAR)"
    with opened(one) as connection:
        found = connection.execute(
            f"SELECT {text} AS value, count(*) AS n FROM {reader(one)} "  # noqa: S608 - names are quoted
            f"WHERE {text} IS NOT NULL AND {text} <> 'nan' GROUP BY value ORDER BY n DESC, value LIMIT {int(most)}",
            [one.argument],
        ).fetchall()
        return {str(value): int(count) for value, count in found}


def contradicted(one: Source, inputs: Sequence[str], label: str) -> int:
    """Rows that are alike in every input with a row that has another label; rows without a label do not count."""
    names = ", ".join(map(quoted, inputs))
    with opened(one) as connection:
        found = connection.execute(
            f"SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n, count(DISTINCT {quoted(label)}) AS k "  # noqa: S608
            f"FROM {reader(one)} WHERE {quoted(label)} IS NOT NULL GROUP BY {names}) WHERE k > 1",
            [one.argument],
        ).fetchall()
        return int(found[0][0])


def quantiles_of(one: Source, shares: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, ...]]:
    """The values at some shares of each column's finite numbers, for columns that are numbers."""
    if not shares:
        return {}
    asked = []
    for name, wanted in shares.items():
        real = f"CAST({quoted(name)} AS DOUBLE)"
        asked.append(f"quantile_disc({real}, {list(wanted)}) FILTER (isfinite({real}))")
    with opened(one) as connection:
        found = connection.execute(f"SELECT {', '.join(asked)} FROM {reader(one)}", [one.argument]).fetchall()[0]  # noqa: S608
        return {name: tuple(map(float, values or ())) for name, values in zip(shares, found, strict=True)}


def rows(one: Source) -> int:
    """How many rows the file has."""
    with opened(one) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {reader(one)}", [one.argument]).fetchall()[0][0])  # noqa: S608
