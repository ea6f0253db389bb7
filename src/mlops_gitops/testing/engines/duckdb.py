"""DuckDB as the engine that reads data: one generated statement per file, whatever the number of checks.

A data file is untrusted.  Every connection is opened in memory, may read exactly the files it was opened for, and
nothing else on disk or network; then its configuration is locked, so that no text that reaches it can open more.
Values and paths are bound as parameters; column names, which cannot be, are quoted.  Extensions are neither installed
nor loaded.  What cannot be read ends in ``Refused`` with DuckDB's first line, never in a traceback.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from mlops_gitops.errors import Refused
from mlops_gitops.testing.data.blocks import Blocks, categories, places
from mlops_gitops.testing.data.digests import Digests
from mlops_gitops.testing.data.profile import NUMERIC, Column, Profile
from mlops_gitops.testing.data.scans import By, Scan, Source, Wanted
from mlops_gitops.testing.engines import footers, guards
from mlops_gitops.testing.engines.connections import opened, quoted, reader, text
from mlops_gitops.testing.engines.counting import ColumnPart, RowsPart, hashing, type_of
from mlops_gitops.testing.engines.statements import Statement

__all__ = [
    "arrays",
    "blocks",
    "columns",
    "derive",
    "joined",
    "opened",
    "overlap",
    "quantiles",
    "quoted",
    "scan",
]

AT_ONCE = 256
"""Columns, and conditions, of one statement: what it takes to plan one grows with the square of its length."""
MOST_BLOCKS = 1024
"""Entities beyond that share a block, which makes the blocks fewer and larger and no less independent."""


def stored_types(connection: duckdb.DuckDBPyConnection, one: Source) -> dict[str, str]:
    """Name and type of each column as the file has them, in order; every shard has to have the same.

    Only Parquet files say so themselves; of the others the engine finds out while it reads.
    """
    found = _described(connection, one)
    for path in one.files[1:] if one.format == "parquet" else ():
        if _described(connection, Source(path, one.format)) != found:
            raise Refused(
                f"{path.name} has not the columns and types of {one.files[0].name}",
                hint="write all shards with the same columns, in the same order",
                code="shards-differ",
            )
    return found


def _described(connection: duckdb.DuckDBPyConnection, one: Source) -> dict[str, str]:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {reader(one)}", [one.argument]).fetchall()  # noqa: S608
    if len(rows) > guards.MOST_COLUMNS:
        raise guards.too_many(one.path, len(rows))
    if one.format == "csv" and len(rows) == 1:
        guards.check_parted(one, str(rows[0][0]))
    return {str(row[0]): str(row[1]) for row in rows}


def scan(one: Source, wanted: Wanted, *, shard: int = 0) -> Scan:
    """Read the file once and count everything.  ``Refused`` when it cannot be read.

    ``shard`` is the place of the file among those of its data set.
    """
    try:
        return _scan(one, wanted, shard=shard)
    except Refused as refusal:
        if not wanted.asks or not isinstance(
            refusal.__cause__, duckdb.ConversionException | duckdb.OutOfRangeException
        ):
            raise
    # two rules have a part in common that cannot be computed for a row, and the engine did so outside of both
    return _scan(one, wanted, shard=shard, apart=True)


def _scan(one: Source, wanted: Wanted, *, shard: int, apart: bool = False) -> Scan:
    with opened(one, apart=apart) as connection:
        stored = stored_types(connection, one)
        told = footers.read(connection, one, stored, wanted)
        columns: dict[str, Column | None] = {name: told.column(name, kind, wanted) for name, kind in stored.items()}
        if all(columns.values()) and not (wanted.keys or wanted.distinct_rows or wanted.digests or wanted.asks):
            return Scan(Profile(told.rows, tuple(one for one in columns.values() if one)), stored, {})
        statement = Statement(one)
        left = [name for name in stored if not columns[name]]
        parts = [ColumnPart(name, type_of(stored[name]), statement, wanted) for name in left[:AT_ONCE]]
        keys = {key: statement.distinct(key, told.dense(key)) for key in wanted.keys if set(key) <= set(stored)}
        if wanted.distinct_rows:
            keys[()] = statement.distinct(list(stored))
        asked = {name: condition for ask in wanted.asks for name, condition in ask(stored).items()}
        first = dict([*asked.items()][:AT_ONCE])
        for condition in first.values():
            statement.add(f"count(*) FILTER ({condition})")
        run = RowsPart(list(stored), statement) if wanted.digests else None
        answer = statement.run(connection)
        rows = answer.rows
        columns |= {part.name: part.read(answer) for part in parts}
        distinct = {key: read(answer) for key, read in keys.items()}
        counts = {name: int(answer.take()) for name in first}
        digests = Digests(hashing(connection), (run.read(answer, shard=shard, rows=rows),)) if run else None
        for at in range(AT_ONCE, len(left), AT_ONCE):
            statement = Statement(one)
            more = [ColumnPart(name, type_of(stored[name]), statement, wanted) for name in left[at : at + AT_ONCE]]
            answer = statement.run(connection)
            columns |= {part.name: part.read(answer) for part in more}
            parts += more
        counts |= _conditions(connection, one, dict([*asked.items()][AT_ONCE:]))
        columns |= {part.name: part.added_again(columns[part.name], connection, one) for part in parts}
        return Scan(Profile(rows, tuple(one for one in columns.values() if one), digests), stored, distinct, counts)


def _conditions(connection: duckdb.DuckDBPyConnection, one: Source, asked: Mapping[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for at in range(0, len(asked), AT_ONCE):
        some = dict([*asked.items()][at : at + AT_ONCE])
        statement = Statement(one)
        for condition in some.values():
            statement.add(f"count(*) FILTER ({condition})")
        answer = statement.run(connection)
        found |= {name: int(answer.take()) for name in some}
    return found


def quantiles(one: Source, *, bins: int) -> dict[str, tuple[float, ...]]:
    """Edges of each numeric column that part its finite values into ``bins`` of as equal size as its values allow.

    A value that fills a bin has an edge below it too: what moves from it to a smaller one is seen.
    """
    with opened(one) as connection:
        kinds = stored_types(connection, one)
        names = [name for name, kind in kinds.items() if type_of(kind) in NUMERIC]
        if not names:
            return {}
        shares = [step / bins for step in range(1, bins)]
        asked = ", ".join(f"quantile_disc({_real(name)}, {shares}) FILTER (isfinite({_real(name)}))" for name in names)
        found = connection.execute(f"SELECT {asked} FROM {reader(one)}", [one.argument]).fetchall()[0]  # noqa: S608
        return {name: parted(edges or ()) for name, edges in zip(names, found, strict=True)}


def parted(quantiles: Sequence[float]) -> tuple[float, ...]:
    """Quantiles as the edges of bins."""
    counted = Counter(map(float, quantiles))
    below = {math.nextafter(value, -math.inf) for value, count in counted.items() if count > 1}
    return tuple(sorted({*counted, *filter(math.isfinite, below)}))


def blocks(one: Source, by: By, profile: Profile) -> Blocks:
    """The rows of each column of ``profile`` by block, on its edges and in its categories.

    A block is a day of a column, or one of at most ``MOST_BLOCKS`` groups of whole entities.
    """
    with opened(one) as connection:
        kinds = stored_types(connection, one)
        asked: dict[str, str] = {}
        named: dict[str, Mapping[Any, str]] = {}
        parameters: list[object] = []
        for column in profile.columns if by.column in kinds else ():
            name, known = column.name, places(column)
            if column.histogram is not None:
                grid = f"{list(column.histogram.edges)}::DOUBLE[]"
                asked[name] = f"histogram({_real(name)}, {grid}) FILTER (isfinite({_real(name)}))"
                named[name] = dict(zip((*column.histogram.edges, float("inf")), known, strict=True))
            elif known:
                words = f"CAST({quoted(name)} AS VARCHAR)"
                counted = f"CASE WHEN list_contains(CAST(? AS VARCHAR[]), {words}) THEN 'c' || {words} ELSE 'other' END"
                asked[name] = f"histogram({counted}) FILTER ({words} IS NOT NULL)"
                named[name] = {place: place for place in known}
                parameters.append(list(categories(column)))
        if not asked:
            return Blocks(by, {})
        answers = connection.execute(
            f"SELECT {block(by.column, days=by.days)}, {', '.join(asked.values())} FROM {reader(one)} GROUP BY 1",  # noqa: S608 - quoted
            [*parameters, one.argument],
        ).fetchall()
    return Blocks(
        by,
        {
            name: {
                None if row[0] is None else str(row[0]): {
                    named[name][place]: int(count) for place, count in (row[at] or {}).items() if count
                }
                for row in answers
            }
            for at, name in enumerate(asked, 1)
        },
    )


def block(by: str, *, days: bool) -> str:
    """The expression for the block of a row: its day by the column ``by``, or a group of whole entities."""
    text = f"CAST({quoted(by)} AS VARCHAR)"
    return f"CAST(TRY_CAST({text} AS TIMESTAMP) AS DATE)" if days else f"md5_number_lower({text}) % {MOST_BLOCKS}"


def _real(name: str) -> str:
    return f"CAST({quoted(name)} AS DOUBLE)"


def overlap(train: Source, test: Source, key: Sequence[str]) -> int:
    """How many rows of ``test`` have a key that some row of ``train`` has; a key with a null in it matches none."""
    columns = ", ".join(map(quoted, key))
    with opened(train, test) as connection:
        found = connection.execute(
            f"SELECT count(*) FROM {reader(test)} "  # noqa: S608 - names are quoted, the rest is bound
            f"SEMI JOIN (SELECT DISTINCT {columns} FROM {reader(train)}) USING ({columns})",
            [test.argument, train.argument],
        ).fetchall()
        return int(found[0][0])


def arrays(one: Source, expressions: Mapping[str, str]) -> dict[str, Any]:
    """Each expression as a numpy array in the order of the file's rows; masked where it has nulls.

    The expressions are this program's own, made with ``quoted``; nothing a user wrote is among them.
    """
    wanted = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in expressions.items())
    with opened(one) as connection:
        found = connection.execute(f"SELECT {wanted} FROM {reader(one)}", [one.argument])  # noqa: S608
        return dict(found.fetchnumpy())


def derive(one: Source, target: Path, expressions: Mapping[str, str], *, rows: int) -> None:
    """Write a Parquet file of the first ``rows`` rows with these columns; the expressions are those of ``arrays``."""
    wanted = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in expressions.items())
    with opened(one, written=target) as connection:
        connection.execute(
            f"COPY (SELECT {wanted} FROM {reader(one)} LIMIT {int(rows)}) "  # noqa: S608 - as in ``arrays``
            f"TO {text(str(target))} (FORMAT parquet)",
            [one.argument],
        )


def joined(parts: Sequence[tuple[Source, Mapping[str, str]]], target: Path) -> None:
    """Write a Parquet file of all rows of all ``parts``, in order; each has expressions for the same columns.

    ``{row}`` in an expression is the number of the row in its part, from 0.
    """
    chosen, values = [], []
    for one, expressions in parts:
        wanted = ", ".join(
            f"{one_text.replace('{row}', '(row_number() OVER () - 1)')} AS {quoted(name)}"
            for name, one_text in expressions.items()
        )
        chosen.append(f"SELECT {wanted} FROM {reader(one)}")  # noqa: S608 - as in ``arrays``
        values.append(one.argument)
    with opened(*(one for one, _ in parts), written=target) as connection:
        connection.execute(f"COPY ({' UNION ALL '.join(chosen)}) TO {text(str(target))} (FORMAT parquet)", values)


def columns(one: Source) -> dict[str, str]:
    """The columns of the file with their types in the manifest's words."""
    with opened(one) as connection:
        return {name: type_of(kind) for name, kind in stored_types(connection, one).items()}
