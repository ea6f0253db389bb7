"""The parts of the one statement: what is asked of each column and of the rows, and their answers as records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import duckdb

from mlops_gitops.canonical import sha256
from mlops_gitops.testing.data.digests import Run
from mlops_gitops.testing.data.profile import CATEGORIES, DECADES, NUMERIC, Category, Column, Histogram
from mlops_gitops.testing.data.scans import EVERY, Source, Wanted, watched_text
from mlops_gitops.testing.engines import numbers
from mlops_gitops.testing.engines.connections import quoted, reader
from mlops_gitops.testing.engines.statements import ROW, Answer, Statement

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


WHOLE = frozenset({"integer", "long"})
"""Types of numbers that are never NaN, infinite or -0.0."""
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
        self.real = f"CAST({self.column} AS DOUBLE)"
        self.edges = wanted.edges.get(name, DECADES if wanted.whole else ())
        self.watched = tuple(dict.fromkeys(watched_text(value) for value in wanted.watched.get(name, ())))
        self.moments = type_ in NUMERIC and bool({name, EVERY} & wanted.moments)
        self.sketched = type_ not in {"binary", "other"} and bool({name, EVERY} & wanted.distinct)
        self.sums = numbers.Sums(self.real, f"exact {name} ")
        self.unfitting: int | None = None
        """The count of finite numbers, where the first pass could not add them all."""
        self.grouped = type_ == "string" and (wanted.whole or bool(self.watched))
        self.bins: Callable[[Answer], Any] = Answer.take
        self.apart: int | None = None
        """Where the categories are counted apart, with the watched ones among them."""
        if self.grouped and statement.spills:
            self.apart = statement.categories(self.column, self.watched)
        else:
            self._ask(statement)
        if self.moments:
            self._ask_moments(statement)
        if self.sketched:
            statement.add(f"CAST({numbers.sketch(self.column)} AS BLOB)")

    def _ask(self, statement: Statement) -> None:
        statement.add(f"count({self.column})")
        if self.type in NUMERIC:
            self._ask_numbers(statement)
        elif self.type == "datetime":
            # days and seconds reach further than microseconds do: what is beyond those has no place among extremes
            value = f"CASE WHEN isfinite({self.column}) THEN TRY_CAST({self.column} AS TIMESTAMP) END"
            for extreme in ("min", "max"):
                statement.add(f"epoch_us({extreme}({value}))")
        elif self.grouped:
            entries = f"map_entries(histogram(CAST({self.column} AS VARCHAR)))"
            hashed = f"list_transform({entries}, lambda e: {{'h': md5_number_lower(e.key), 'k': e.key, 'n': e.value}})"
            statement.add(f"list_slice(list_sort({hashed}), 1, {CATEGORIES})")
        if self.watched:
            self._ask_watched(statement)

    def _ask_numbers(self, statement: Statement) -> None:
        """The engine works out an expression once, however often it stands there; a FILTER costs several times more."""
        finite, low_high = self.real, self.column
        if self.type not in WHOLE:
            real = f"({self.real} + 0.0::DOUBLE)"  # -0.0 becomes 0.0
            finite = low_high = f"CASE WHEN isfinite({real}) THEN {real} END"
            statement.add(f"count({finite})")
            statement.add(f"count_if(isnan({real}))")
        for extreme in ("min", "max"):
            statement.add(f"{extreme}({low_high})")
        if len(self.edges) <= FEW:  # a comparison costs a tenth of an entry in a histogram
            for edge in self.edges:
                statement.add(f"count_if({finite} <= CAST({edge!r} AS DOUBLE))")
            return
        edges = ", ".join(f"CAST({edge!r} AS DOUBLE)" for edge in self.edges)
        self.bins = statement.beside(f"histogram({finite}, [{edges}])")

    def _ask_moments(self, statement: Statement) -> None:
        if self.type in WHOLE:
            asked = numbers.whole_sums(self.column)
        else:
            statement.layers.append(self.sums.layers)
            asked = self.sums.aggregates()
        for aggregate in asked:
            statement.add(aggregate)

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
        if self.apart is not None:
            found = answer.apart(self.apart)
            counted = {one["k"]: int(one["n"]) for one in found["watched"] or ()}
            return self._read_more(self._categories(int(found["n"] or 0), found["kept"], counted, answer), answer)
        values = int(answer.take())
        plain = Column(self.name, self.type, nulls=answer.rows - values)
        if self.type in NUMERIC:
            plain = self._numbers(values, plain, answer)
        elif self.type == "datetime":
            plain = replace(plain, minimum=answer.take(), maximum=answer.take())
        elif self.grouped:
            plain = self._categories(values, answer.take(), {}, answer)
        if self.watched:
            counted = {watched_text(value): int(count) for value, count in (answer.take() or {}).items()}
            plain = replace(plain, watched=self._of_watched(counted))
        return self._read_more(plain, answer)

    def _categories(
        self, values: int, kept: Sequence[Mapping[str, Any]] | None, counted: Mapping[str, int], answer: Answer
    ) -> Column:
        categories = tuple(sorted(Category(one["h"], one["k"], one["n"]) for one in kept or ()))
        others = values - sum(one.count for one in categories)
        found = Column(self.name, self.type, answer.rows - values, categories=categories, others=others)
        return replace(found, watched=self._of_watched(counted))

    def _of_watched(self, counted: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
        return tuple((value, counted.get(value, 0)) for value in self.watched)

    def _numbers(self, values: int, plain: Column, answer: Answer) -> Column:
        finite, nans = values, 0
        if self.type not in WHOLE:
            finite, nans = (int(answer.take() or 0) for _ in range(2))
        low, high = answer.take(), answer.take()
        if len(self.edges) <= FEW:
            below = [int(answer.take() or 0) for _ in self.edges]
            counts = [after - before for before, after in pairwise([0, *below, finite])]
        else:
            bins = self.bins(answer) or {}
            counts = [int(bins.get(edge, 0)) for edge in (*self.edges, float("inf"))]
        histogram = Histogram(self.edges, tuple(counts)) if self.edges else None
        return Column(self.name, self.type, plain.nulls, nans, values - finite - nans, low, high, histogram)

    def _read_more(self, found: Column, answer: Answer) -> Column:
        if self.moments and self.type in WHOLE:
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
