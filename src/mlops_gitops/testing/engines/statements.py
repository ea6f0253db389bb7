"""The one statement that is asked of a file: aggregates of all its rows, and what is grouped apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import duckdb

from mlops_gitops.testing.data.profile import CATEGORIES
from mlops_gitops.testing.data.scans import Source
from mlops_gitops.testing.engines import numbers
from mlops_gitops.testing.engines.connections import quoted, reader

SMALL = 64 * 1024 * 1024
"""Bytes of a text file below which its categories are counted in memory, in the same pass."""
ROW = '"number of the row"'


class Answer:
    """The aggregates that came back, read from left to right, and the answers that were found beside and apart."""

    def __init__(
        self, main: Mapping[str, Any], apart: Mapping[int, Mapping[str, Any]], beside: Mapping[str, Any]
    ) -> None:
        self._row = iter(main.values())
        self._apart = apart
        self.beside = beside
        self.rows = int(next(self._row))

    def take(self) -> Any:
        """The next value."""
        return next(self._row)

    def apart(self, number: int) -> Mapping[str, Any]:
        """What the query with this number found: ``rows``, and of categories ``kept`` and ``watched``."""
        return self._apart[number]

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
        self._apart: list[str] = []
        self._parameters_apart: list[object] = []
        self._beside: list[str] = []
        self._long = 0
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

    def beside(self, aggregate: str) -> Callable[[Answer], Any]:
        """One more aggregate of all rows, without parameters, that takes long; the result reads the answer.

        Every second one is found by another scan, of other columns: the engine gives a group of rows to one core, and
        many a file is one group.
        """
        self._long += 1
        if self._long % 2 or not self.spills:
            self.add(aggregate)
            return Answer.take
        number = len(self._beside)
        self._beside.append(f"{aggregate} AS a{number}")
        return lambda answer: answer.beside[f"a{number}"]

    def distinct(self, names: Sequence[str], span: tuple[int, int] | None = None) -> Callable[[Answer], int]:
        """Ask for the different values of some columns together, a null being one; the result reads the answer.

        With ``span``, the one column holds whole numbers between these two, or its file is damaged.
        """
        columns = ", ".join(map(quoted, names))
        if span is not None:
            low, high = span
            self.add(f"bit_count(bitstring_agg(CAST({columns} AS BIGINT), {low}, {high}))")
            self.add(f"count({columns})")
            return lambda answer: int(answer.take() or 0) + (int(answer.take()) < answer.rows)
        if not self.spills:
            self.add(f"count(DISTINCT ROW({columns}))")
            return lambda answer: int(answer.take())
        found = f"SELECT DISTINCT {columns} FROM {reader(self._one)}"  # noqa: S608 - names are quoted
        number = self._ask_apart(f"NULL AS kept, NULL AS watched, count(*) AS n FROM ({found})")
        return lambda answer: int(answer.apart(number)["n"])

    def categories(self, column: str, watched: Sequence[str]) -> int:
        """Ask for the categories of a column of text: how many rows, those that are kept, and those in ``watched``."""
        value = f"CAST({column} AS VARCHAR)"
        rows = f"SELECT {value} AS k FROM {reader(self._one)} WHERE {column} IS NOT NULL"  # noqa: S608 - quoted
        groups = f"SELECT k, count(*) AS n FROM ({rows}) GROUP BY k"  # noqa: S608 - as above
        kept = f"min({{'h': md5_number_lower(k), 'k': k, 'n': n}}, {CATEGORIES})"
        named = "list({'k': k, 'n': n}) FILTER (list_contains(CAST(? AS VARCHAR[]), k))"
        asked = f"{kept} AS kept, {named} AS watched, sum(n) AS n FROM ({groups})"
        return self._ask_apart(asked, list(watched))

    def _ask_apart(self, query: str, *parameters: object) -> int:
        """One more answer from a query of its own over the file; its number."""
        number = len(self._apart)
        self._apart.append(f"SELECT {number} AS number, {query}")
        self._parameters_apart += [*parameters, self._one.argument]
        return number

    def number(self, names: Sequence[str]) -> None:
        """Rows have numbers; ``names`` are those of the columns, one of which may have the name of the file's own."""
        own = self._one.format == "parquet" and not self._one.shards
        taken = "file_row_number" in map(str.lower, names)
        self.numbered = "by file" if own and not taken else "as they come"

    def run(self, connection: duckdb.DuckDBPyConnection) -> Answer:
        """Ask, and return the answers.

        All of it is one union: the engine is at work on several branches of one at once, and would take scalar
        subqueries one after the other.
        """
        source = numbers.layered(self._numbered() if self.numbered else reader(self._one), self.layers)
        named = ", ".join(f"{aggregate} AS a{at}" for at, aggregate in enumerate(self._aggregates))
        branches = [f"SELECT r, NULL, NULL, NULL, NULL, NULL FROM (SELECT {named} FROM {source}) AS r"]  # noqa: S608
        parameters = [*self._parameters, self._one.argument]
        if self._beside:
            others = f"SELECT {', '.join(self._beside)} FROM {reader(self._one)}"  # noqa: S608 - made here
            branches.append(f"SELECT NULL, r, NULL, NULL, NULL, NULL FROM ({others}) AS r")  # noqa: S608 - made here
            parameters.append(self._one.argument)
        branches += [f"SELECT NULL, NULL, number, kept, watched, n FROM ({one})" for one in self._apart]  # noqa: S608
        rows = connection.execute(" UNION ALL ".join(branches), [*parameters, *self._parameters_apart]).fetchall()
        return Answer(
            next(main for main, *_ in rows if main is not None),
            {
                number: {"kept": kept, "watched": watched, "n": n}
                for _, _, number, kept, watched, n in rows
                if number is not None
            },
            next((beside for _, beside, *_ in rows if beside is not None), {}),
        )

    def _numbered(self) -> str:
        """The file with a column for the number of each row, which a Parquet file has; counting them takes one core."""
        if self.numbered == "by file":
            found = "read_parquet(?, hive_partitioning=false, file_row_number=true)"
            return f"(SELECT * EXCLUDE file_row_number, file_row_number AS {ROW} FROM {found})"  # noqa: S608
        return f"(SELECT *, row_number() OVER () - 1 AS {ROW} FROM {reader(self._one)})"  # noqa: S608 - made here
