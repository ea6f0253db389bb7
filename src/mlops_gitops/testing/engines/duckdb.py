"""DuckDB as the engine that reads data: one generated statement per file, whatever the number of checks.

A data file is untrusted.  Every connection is opened in memory, may read exactly the files it was opened for, and
nothing else on disk or network; then its configuration is locked, so that no text that reaches it can open more.
Values and paths are bound as parameters; column names, which cannot be, are quoted.  Extensions are neither installed
nor loaded.  What cannot be read ends in ``Refused`` with DuckDB's first line, never in a traceback.
"""

from __future__ import annotations

import math
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from mlops_gitops.errors import Refused
from mlops_gitops.testing.data.profile import CATEGORIES, DECADES, NUMERIC, Category, Column, Histogram, Profile
from mlops_gitops.testing.data.scans import UNREADABLE, Format, Scan, Source, Wanted, watched_text

MOST_COLUMNS = 4096
"""A file with more columns is refused before it is read: no table of features has them, and a hostile header may."""

SECONDS = 1200.0
"""How long a connection may be at work before it is interrupted."""

MOST_BLOCKS = 1024
"""Entities beyond that share a block, which makes the blocks fewer and larger and no less independent."""

_READERS: dict[Format, str] = {
    "parquet": "read_parquet(?, hive_partitioning=false)",
    "csv": "read_csv(?, header=true, sample_size=-1, hive_partitioning=false)",
    "json": "read_json(?, format='newline_delimited', sample_size=-1, hive_partitioning=false)",
}
_TYPES = {
    "BOOLEAN": "boolean",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT"), "integer"),
    **dict.fromkeys(("BIGINT", "UINTEGER"), "long"),
    "FLOAT": "float",
    **dict.fromkeys(("DOUBLE", "DECIMAL"), "double"),
    **dict.fromkeys(("VARCHAR", "ENUM", "UUID"), "string"),
    "BLOB": "binary",
    **dict.fromkeys(("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"), "datetime"),
    **dict.fromkeys(("TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"), "datetime"),
}


@contextmanager
def opened(*sources: Source, written: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that may read these files, write the one at ``written``, and do nothing else outside itself."""
    for one in sources:
        if not one.path.is_file():
            raise Refused(f"{one.path} does not exist", hint="produce the file, or correct its uri", code=UNREADABLE)
    with tempfile.TemporaryDirectory(prefix="mlops-gitops-") as spill:
        connection = duckdb.connect(
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
                "temp_directory": spill,
            }
        )
        try:
            paths = [one.path for one in sources] + ([written] if written is not None else [])
            allowed = ", ".join(_text(str(path)) for path in paths)
            connection.execute(f"SET allowed_paths = [{allowed}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            with _limited(connection):
                yield connection
        except duckdb.InterruptException as error:
            raise Refused(
                f"{', '.join(one.path.name for one in sources)} took more than {SECONDS:,} seconds to read",
                hint="test fewer rows at a time, or simplify the rules",
                code="data-slow",
            ) from error
        except duckdb.Error as error:
            names = ", ".join(one.path.name for one in sources)
            raise Refused(
                f"{names} cannot be read: {str(error).splitlines()[0]}",
                hint="write the file again; it is damaged, or not of the format that its name says",
                code=UNREADABLE,
            ) from error
        finally:
            connection.close()


@contextmanager
def _limited(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupts what runs too long: a rule may be cheap for one row and there may be very many."""
    timer = threading.Timer(SECONDS, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def reader(one: Source) -> str:
    """What stands after ``FROM`` to read the file; its path is bound as the one parameter in it."""
    return _READERS[one.format]


def stored_types(connection: duckdb.DuckDBPyConnection, one: Source) -> dict[str, str]:
    """Name and type of each column as the file has them, in order."""
    rows = connection.execute(f"DESCRIBE SELECT * FROM {_READERS[one.format]}", [str(one.path)]).fetchall()  # noqa: S608
    if len(rows) > MOST_COLUMNS:
        raise Refused(
            f"{one.path.name} has {len(rows)} columns; more than {MOST_COLUMNS} are not read",
            hint="keep the columns that the model and its tests name",
            code="data-columns",
        )
    return {str(row[0]): str(row[1]) for row in rows}


def scan(one: Source, wanted: Wanted) -> Scan:
    """Read the file once and count everything.  ``Refused`` when it cannot be read."""
    with opened(one) as connection:
        stored = stored_types(connection, one)
        statement = _Statement()
        parts = [_ColumnPart(name, _type(kind), statement, wanted) for name, kind in stored.items()]
        keys = [key for key in wanted.keys if set(key) <= set(stored)]
        for key in keys:
            statement.add(f"count(DISTINCT ROW({', '.join(map(quoted, key))}))")
        if wanted.distinct_rows:
            keys.append(())
            statement.add(f"count(DISTINCT ROW({', '.join(map(quoted, stored))}))")
        asked = {name: text for ask in wanted.asks for name, text in ask(stored).items()}
        for text in asked.values():
            statement.add(f"count(*) FILTER ({text})")
        answer = statement.run(connection, one)
        rows = answer.take()
        columns = tuple(part.read(answer) for part in parts)
        distinct = {key: int(answer.take()) for key in keys}
        counts = {name: int(answer.take()) for name in asked}
        return Scan(Profile(rows, columns), stored, distinct, counts)


def quantiles(one: Source, *, bins: int) -> dict[str, tuple[float, ...]]:
    """Edges of each numeric column that part its finite values into ``bins`` of as equal size as its values allow.

    A value that fills a bin has an edge below it too: what moves from it to a smaller one is seen.
    """
    with opened(one) as connection:
        kinds = stored_types(connection, one)
        names = [name for name, kind in kinds.items() if _type(kind) in NUMERIC]
        if not names:
            return {}
        shares = [step / bins for step in range(1, bins)]
        asked = ", ".join(f"quantile_disc({_real(name)}, {shares}) FILTER (isfinite({_real(name)}))" for name in names)
        found = connection.execute(f"SELECT {asked} FROM {_READERS[one.format]}", [str(one.path)]).fetchall()[0]  # noqa: S608
        return {name: _parted(edges or ()) for name, edges in zip(names, found, strict=True)}


def _parted(quantiles: Sequence[float]) -> tuple[float, ...]:
    counted = Counter(map(float, quantiles))
    below = {math.nextafter(value, -math.inf) for value, count in counted.items() if count > 1}
    return tuple(sorted({*counted, *filter(math.isfinite, below)}))


def blocks(
    one: Source,
    *,
    by: str,
    days: bool,
    edges: Mapping[str, tuple[float, ...]],
    categories: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, list[tuple[int, ...]]]:
    """The histogram of each numeric column in each block of rows, on ``edges``, and the rows of each of ``categories``.

    The last number is that of the rows above all edges, or of all other categories.  A block is a day of the column
    ``by``, or one of at most ``MOST_BLOCKS`` groups of whole entities.
    """
    with opened(one) as connection:
        kinds = stored_types(connection, one)
        asked: dict[str, str] = {}
        places: dict[str, tuple[float | str, ...]] = {}
        for name, found in edges.items():
            if _type(kinds.get(name, "")) in NUMERIC:
                grid = f"{list(found)}::DOUBLE[]"
                asked[name] = f"histogram({_real(name)}, {grid}) FILTER (isfinite({_real(name)}))"
                places[name] = (*found, float("inf"))
        parameters: list[object] = []
        for name, known in (categories or {}).items():
            if name in kinds:
                text = f"CAST({quoted(name)} AS VARCHAR)"
                counted = f"CASE WHEN list_contains(CAST(? AS VARCHAR[]), {text}) THEN 'c' || {text} ELSE 'other' END"
                asked[name] = f"histogram({counted}) FILTER ({text} IS NOT NULL)"
                places[name] = (*(f"c{value}" for value in known), "other")
                parameters.append(list(known))
        if by not in kinds or not asked:
            return {}
        text = f"CAST({quoted(by)} AS VARCHAR)"
        block = f"CAST(TRY_CAST({text} AS TIMESTAMP) AS DATE)" if days else f"md5_number_lower({text}) % {MOST_BLOCKS}"
        answers = connection.execute(
            f"SELECT {', '.join(asked.values())} FROM {_READERS[one.format]} GROUP BY {block}",  # noqa: S608 - quoted
            [*parameters, str(one.path)],
        ).fetchall()
    return {
        name: [tuple(int((row[at] or {}).get(place, 0)) for place in places[name]) for row in answers]
        for at, name in enumerate(asked)
    }


def _real(name: str) -> str:
    return f"CAST({quoted(name)} AS DOUBLE)"


def overlap(train: Source, test: Source, key: Sequence[str]) -> int:
    """How many rows of ``test`` have a key that some row of ``train`` has; a key with a null in it matches none."""
    columns = ", ".join(map(quoted, key))
    with opened(train, test) as connection:
        found = connection.execute(
            f"SELECT count(*) FROM {_READERS[test.format]} "  # noqa: S608 - names are quoted, the rest is bound
            f"SEMI JOIN (SELECT DISTINCT {columns} FROM {_READERS[train.format]}) USING ({columns})",
            [str(test.path), str(train.path)],
        ).fetchall()
        return int(found[0][0])


def arrays(one: Source, expressions: Mapping[str, str]) -> dict[str, Any]:
    """Each expression as a numpy array in the order of the file's rows; masked where it has nulls.

    The expressions are this program's own, made with ``quoted``; nothing a user wrote is among them.
    """
    wanted = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in expressions.items())
    with opened(one) as connection:
        found = connection.execute(f"SELECT {wanted} FROM {_READERS[one.format]}", [str(one.path)])  # noqa: S608
        return dict(found.fetchnumpy())


def derive(one: Source, target: Path, expressions: Mapping[str, str], *, rows: int) -> None:
    """Write a Parquet file of the first ``rows`` rows with these columns; the expressions are those of ``arrays``."""
    wanted = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in expressions.items())
    with opened(one, written=target) as connection:
        connection.execute(
            f"COPY (SELECT {wanted} FROM {_READERS[one.format]} LIMIT {int(rows)}) "  # noqa: S608 - as in ``arrays``
            f"TO {_text(str(target))} (FORMAT parquet)",
            [str(one.path)],
        )


def joined(parts: Sequence[tuple[Source, Mapping[str, str]]], target: Path) -> None:
    """Write a Parquet file of all rows of all ``parts``, in order; each has expressions for the same columns.

    ``{row}`` in an expression is the number of the row in its part, from 0.
    """
    chosen, values = [], []
    for one, expressions in parts:
        wanted = ", ".join(
            f"{text.replace('{row}', '(row_number() OVER () - 1)')} AS {quoted(name)}"
            for name, text in expressions.items()
        )
        chosen.append(f"SELECT {wanted} FROM {_READERS[one.format]}")  # noqa: S608 - as in ``arrays``
        values.append(str(one.path))
    with opened(*(one for one, _ in parts), written=target) as connection:
        connection.execute(f"COPY ({' UNION ALL '.join(chosen)}) TO {_text(str(target))} (FORMAT parquet)", values)


def columns(one: Source) -> dict[str, str]:
    """The columns of the file with their types in the manifest's words."""
    with opened(one) as connection:
        return {name: _type(kind) for name, kind in stored_types(connection, one).items()}


def quoted(name: str) -> str:
    """A column name as SQL writes it, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _type(stored: str) -> str:
    return _TYPES.get(stored.split("(", 1)[0].strip(), "other")


class _Answer:
    """The single row that came back, read from left to right."""

    def __init__(self, row: Sequence[Any]) -> None:
        self._row = iter(row)

    def take(self) -> Any:
        return next(self._row)


class _Statement:
    """The one statement: aggregates and their parameters, in the order in which the answers are read."""

    def __init__(self) -> None:
        self._aggregates = ["count(*)"]
        self._parameters: list[object] = []

    def add(self, aggregate: str, *parameters: object) -> None:
        self._aggregates.append(aggregate)
        self._parameters.extend(parameters)

    def run(self, connection: duckdb.DuckDBPyConnection, one: Source) -> _Answer:
        text = f"SELECT {', '.join(self._aggregates)} FROM {_READERS[one.format]}"  # noqa: S608 - names are quoted
        return _Answer(connection.execute(text, [*self._parameters, str(one.path)]).fetchall()[0])


class _ColumnPart:
    """The aggregates of one column, and how to read their answers back; ``__init__`` and ``read`` go in step."""

    def __init__(self, name: str, type_: str, statement: _Statement, wanted: Wanted) -> None:
        self.name, self.type, self.column = name, type_, quoted(name)
        self.edges = wanted.edges.get(name, DECADES)
        self.watched = tuple(dict.fromkeys(watched_text(value) for value in wanted.watched.get(name, ())))
        statement.add(f"count(*) - count({self.column})")
        if type_ in NUMERIC:
            self._ask_numbers(statement)
        elif type_ == "datetime":
            for extreme in ("min", "max"):
                statement.add(f"epoch_us({extreme}({self.column}) FILTER (isfinite({self.column})))")
        elif type_ == "string":
            self._ask_categories(statement)
        if self.watched:
            self._ask_watched(statement)

    def _ask_numbers(self, statement: _Statement) -> None:
        real = f"CAST({self.column} AS DOUBLE)"
        statement.add(f"count(*) FILTER (isnan({real}))")
        statement.add(f"count(*) FILTER (isinf({real}))")
        value = self.column if self.type in {"integer", "long"} else real
        for extreme in ("min", "max"):
            statement.add(f"{extreme}({value}) FILTER (isfinite({real}))")
        edges = ", ".join(f"CAST({edge!r} AS DOUBLE)" for edge in self.edges)
        statement.add(f"histogram({real}, [{edges}]) FILTER (isfinite({real}))")

    def _ask_categories(self, statement: _Statement) -> None:
        text = f"CAST({self.column} AS VARCHAR)"
        entries = f"map_entries(histogram({text}))"
        hashed = f"list_transform({entries}, lambda e: {{'h': md5_number_lower(e.key), 'k': e.key, 'n': e.value}})"
        statement.add(f"list_slice(list_sort({hashed}), 1, {CATEGORIES})")
        statement.add(f"count({self.column})")

    def _ask_watched(self, statement: _Statement) -> None:
        if self.type in NUMERIC:
            numbers = [number for number in map(_number, self.watched) if number is not None]
            value = f"CAST({self.column} AS DOUBLE)"
            statement.add(f"histogram({value}) FILTER (list_contains(CAST(? AS DOUBLE[]), {value}))", numbers)
        else:
            value = f"CAST({self.column} AS VARCHAR)"
            statement.add(
                f"histogram({value}) FILTER (list_contains(CAST(? AS VARCHAR[]), {value}))", list(self.watched)
            )

    def read(self, answer: _Answer) -> Column:
        found = Column(self.name, self.type, nulls=int(answer.take()))
        if self.type in NUMERIC:
            nans, infinities, low, high, bins = (answer.take() for _ in range(5))
            counts = [int((bins or {}).get(edge, 0)) for edge in (*self.edges, float("inf"))]
            histogram = Histogram(self.edges, tuple(counts))
            found = Column(self.name, self.type, found.nulls, nans, infinities, low, high, histogram)
        elif self.type == "datetime":
            low, high = answer.take(), answer.take()
            found = Column(self.name, self.type, found.nulls, minimum=low, maximum=high)
        elif self.type == "string":
            kept = tuple(Category(entry["h"], entry["k"], entry["n"]) for entry in answer.take() or ())
            others = int(answer.take()) - sum(category.count for category in kept)
            found = Column(self.name, self.type, found.nulls, categories=kept, others=others)
        if not self.watched:
            return found
        counted = {watched_text(value): int(count) for value, count in (answer.take() or {}).items()}
        return replace(found, watched=tuple((value, counted.get(value, 0)) for value in self.watched))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
