"""The one statement: everything that is wanted of a file as aggregates of one pass, and their answers as records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import duckdb

from mlops_gitops.canonical import sha256
from mlops_gitops.testing.data.digests import Run
from mlops_gitops.testing.data.profile import CATEGORIES, DECADES, NUMERIC, Category, Column, Histogram
from mlops_gitops.testing.data.scans import EVERY, Source, Wanted, watched_text
from mlops_gitops.testing.engines import numbers
from mlops_gitops.testing.engines.connections import quoted, reader

SMALL = 64 * 1024 * 1024
"""Bytes of a text file below which its categories are counted in memory, in the same pass."""
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
_PROBES = "hash(1, 'a', 0.5, NULL), hash('mlops-gitops'), hash(TIMESTAMP '2026-01-01', true)"


def type_of(stored: str) -> str:
    """The manifest's word for a type of the engine."""
    return _TYPES.get(stored.split("(", 1)[0].strip(), "other")


class Answer:
    """The single row that came back, read from left to right."""

    def __init__(self, row: Sequence[Any]) -> None:
        self._row = iter(row)

    def take(self) -> Any:
        """The next value."""
        return next(self._row)

    def __iter__(self) -> Answer:
        return self

    def __next__(self) -> Any:
        return next(self._row)


class Statement:
    """Aggregates and their parameters, in the order in which the answers are read."""

    def __init__(self, one: Source) -> None:
        self._one = one
        self._aggregates = ["count(*)"]
        self._parameters: list[object] = []
        self.layers: list[list[dict[str, str]]] = []
        self.numbered: Literal["by file", "as they come"] | None = None

    @property
    def spills(self) -> bool:
        """Whether groups are better counted apart, where the engine can write them to disk: it costs a second read."""
        return self._one.format == "parquet" or sum(path.stat().st_size for path in self._one.files) > SMALL

    def add(self, aggregate: str, *parameters: object) -> None:
        """One more aggregate of all rows."""
        self._aggregates.append(aggregate)
        self._parameters.extend(parameters)

    def apart(self, query: Callable[[str], str]) -> None:
        """One more answer, from a query of its own over the file, which it is given as SQL names it."""
        self.add(f"({query(reader(self._one))})", self._one.argument)

    def number(self, names: Sequence[str]) -> None:
        """Rows have numbers; ``names`` are those of the columns, one of which may have the name of the file's own."""
        own = self._one.format == "parquet" and not self._one.shards
        taken = "file_row_number" in map(str.lower, names)
        self.numbered = "by file" if own and not taken else "as they come"

    def run(self, connection: duckdb.DuckDBPyConnection) -> Answer:
        """Ask, and return the answers."""
        source = numbers.layered(self._numbered() if self.numbered else reader(self._one), self.layers)
        text = f"SELECT {', '.join(self._aggregates)} FROM {source}"  # noqa: S608 - made here
        return Answer(connection.execute(text, [*self._parameters, self._one.argument]).fetchall()[0])

    def _numbered(self) -> str:
        """The file with a column for the number of each row, which a Parquet file has; counting them takes one core."""
        if self.numbered == "by file":
            found = "read_parquet(?, hive_partitioning=false, file_row_number=true)"
            return f"(SELECT * EXCLUDE file_row_number, file_row_number AS {ROW} FROM {found})"  # noqa: S608
        return f"(SELECT *, row_number() OVER () - 1 AS {ROW} FROM {reader(self._one)})"  # noqa: S608 - made here


ROW = '"number of the row"'
FEW = 4
"""Up to so many edges, each is a count of its own."""


def hashing(connection: duckdb.DuckDBPyConnection) -> str:
    """The name of the engine's hash, made from what it gives for known values: another hash has another name."""
    found = connection.execute(f"SELECT {_PROBES}").fetchall()[0]
    return f"duckdb-{sha256(repr(found).encode())[:12]}"


class RowsPart:
    """The digests of the rows."""

    def __init__(self, names: Sequence[str], statement: Statement) -> None:
        statement.number(names)
        hashed = f"hash({', '.join(map(quoted, names))})"
        row = f"CAST({ROW} AS UBIGINT)"
        for value in (hashed, f"{row} * ({hashed} & 4294967295)", f"{row} * ({hashed} >> 32)"):
            statement.add(f"sum({value})")

    @staticmethod
    def read(answer: Answer, *, shard: int, rows: int) -> Run:
        """The run of rows that the file is."""
        total, low, high = (int(answer.take() or 0) for _ in range(3))
        return Run(shard, shard + 1, rows, total, low + (high << 32))


class ColumnPart:
    """The aggregates of one column, and how to read their answers back; ``__init__`` and ``read`` go in step."""

    def __init__(self, name: str, type_: str, statement: Statement, wanted: Wanted) -> None:
        self.name, self.type, self.column = name, type_, quoted(name)
        self.edges = wanted.edges.get(name, DECADES)
        self.watched = tuple(dict.fromkeys(watched_text(value) for value in wanted.watched.get(name, ())))
        self.moments = type_ in NUMERIC and bool({name, EVERY} & wanted.moments)
        self.sketched = type_ not in {"binary", "other"} and bool({name, EVERY} & wanted.distinct)
        self.sums = numbers.Sums(f"CAST({self.column} AS DOUBLE)", f"exact {name} ")
        self.unfitting: int | None = None
        """The count of finite numbers, where the first pass could not add them all."""
        statement.add(f"count(*) - count({self.column})")
        if type_ in NUMERIC:
            self._ask_numbers(statement)
        elif type_ == "datetime":
            value = f"CASE WHEN isfinite({self.column}) THEN {self.column} END"
            for extreme in ("min", "max"):
                statement.add(f"epoch_us({extreme}({value}))")
        elif type_ == "string":
            self._ask_categories(statement)
        if self.watched:
            self._ask_watched(statement)
        if self.moments:
            self._ask_moments(statement)
        if self.sketched:
            statement.add(f"CAST({numbers.sketch(self.column)} AS BLOB)")

    def _ask_numbers(self, statement: Statement) -> None:
        """A condition on the value itself: a FILTER costs several times as much."""
        real = f"CAST({self.column} AS DOUBLE)"
        statement.add(f"count(CASE WHEN isnan({real}) THEN 1 END)")
        statement.add(f"count(CASE WHEN isinf({real}) THEN 1 END)")
        value = self.column if self.type in {"integer", "long"} else f"{real} + 0.0::DOUBLE"  # -0.0 becomes 0.0
        for extreme in ("min", "max"):
            statement.add(f"{extreme}(CASE WHEN isfinite({real}) THEN {value} END)")
        if len(self.edges) <= FEW:  # a comparison costs a tenth of an entry in a histogram
            for edge in (*self.edges, "'infinity'"):
                statement.add(f"count(CASE WHEN isfinite({real}) AND {real} <= CAST({edge} AS DOUBLE) THEN 1 END)")
            return
        edges = ", ".join(f"CAST({edge!r} AS DOUBLE)" for edge in self.edges)
        statement.add(f"histogram(CASE WHEN isfinite({real}) THEN {real} END, [{edges}])")

    def _ask_moments(self, statement: Statement) -> None:
        if self.type in {"integer", "long"}:
            asked = numbers.whole_sums(self.column)
        else:
            statement.layers.append(self.sums.layers)
            asked = self.sums.aggregates()
        for aggregate in asked:
            statement.add(aggregate)

    def _ask_categories(self, statement: Statement) -> None:
        value = f"CAST({self.column} AS VARCHAR)"
        if statement.spills:
            statement.apart(lambda source: self._groups(value, source))
        else:
            entries = f"map_entries(histogram({value}))"
            hashed = f"list_transform({entries}, lambda e: {{'h': md5_number_lower(e.key), 'k': e.key, 'n': e.value}})"
            statement.add(f"list_slice(list_sort({hashed}), 1, {CATEGORIES})")
        statement.add(f"count({self.column})")

    def _groups(self, value: str, source: str) -> str:
        groups = f"SELECT {value} AS k, count(*) AS n FROM {source} WHERE {self.column} IS NOT NULL GROUP BY k"  # noqa: S608
        hashed = f"SELECT md5_number_lower(k) AS h, k, n FROM ({groups}) ORDER BY h, k LIMIT {CATEGORIES}"  # noqa: S608
        return f"SELECT list({{'h': h, 'k': k, 'n': n}}) FROM ({hashed})"  # noqa: S608 - names are quoted

    def _ask_watched(self, statement: Statement) -> None:
        if self.type in NUMERIC:
            kind = "DOUBLE"
            values: list[Any] = [number for number in map(_number, self.watched) if number is not None]
        else:
            kind, values = "VARCHAR", list(self.watched)
        value = f"CAST({self.column} AS {kind})"
        if kind == "DOUBLE":
            value = f"({value} + 0.0::DOUBLE)"
        statement.add(f"histogram(CASE WHEN list_contains(CAST(? AS {kind}[]), {value}) THEN {value} END)", values)

    def read(self, answer: Answer) -> Column:
        """The column, from the answers in the order in which they were asked."""
        found = Column(self.name, self.type, nulls=int(answer.take()))
        if self.type in NUMERIC:
            nans, infinities, low, high = (answer.take() for _ in range(4))
            counts = self._counts(answer)
            histogram = Histogram(self.edges, tuple(counts))
            found = Column(self.name, self.type, found.nulls, nans, infinities, low, high, histogram)
        elif self.type == "datetime":
            low, high = answer.take(), answer.take()
            found = Column(self.name, self.type, found.nulls, minimum=low, maximum=high)
        elif self.type == "string":
            kept = tuple(sorted(Category(entry["h"], entry["k"], entry["n"]) for entry in answer.take() or ()))
            others = int(answer.take()) - sum(category.count for category in kept)
            found = Column(self.name, self.type, found.nulls, categories=kept, others=others)
        if self.watched:
            counted = {watched_text(value): int(count) for value, count in (answer.take() or {}).items()}
            found = replace(found, watched=tuple((value, counted.get(value, 0)) for value in self.watched))
        return self._read_more(found, answer)

    def _counts(self, answer: Answer) -> list[int]:
        """How many values each bin holds."""
        if len(self.edges) <= FEW:
            below = [int(answer.take()) for _ in range(len(self.edges) + 1)]
            return [after - before for before, after in pairwise([0, *below])]
        bins = answer.take() or {}
        return [int(bins.get(edge, 0)) for edge in (*self.edges, float("inf"))]

    def _read_more(self, found: Column, answer: Answer) -> Column:
        if self.moments and self.type in {"integer", "long"}:
            found = replace(found, moments=numbers.read_whole(answer))
        elif self.moments:
            count, moments = self.sums.read(answer)
            self.unfitting = None if moments is not None else count
            found = replace(found, moments=moments)
        if self.sketched:
            found = replace(found, sketch=numbers.read_sketch(answer.take()))
        return found

    def added_again(self, found: Column | None, connection: duckdb.DuckDBPyConnection, one: Source) -> Column | None:
        """The column with its exact sums, where the first pass could not add all numbers."""
        if self.unfitting is None or found is None:
            return found
        rows = connection.execute(self.sums.banded(reader(one)), [one.argument]).fetchall()
        return replace(found, moments=self.sums.of_bands(self.unfitting, rows))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
