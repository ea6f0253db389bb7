"""The labelled rows of a data set, which are asked what one feature alone says about the label.

A sample of them is made once, evenly from all of the rows, and each row of it falls into one of four quarters by its
place, in a scattered way, so that neither order nor period in the file matters.  A question is answered by whole
numbers: by how many rows of either class a value has, or by where the classes lie among one another when the rows are
ordered.  No row leaves the engine.  Names of columns are quoted, and so are the values of a label.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import duckdb

from mlops_gitops.records import record
from mlops_gitops.testing.data.scans import Source, watched_text
from mlops_gitops.testing.engines.connections import opened, quoted, reader, text
from mlops_gitops.testing.engines.counting import type_of
from mlops_gitops.testing.engines.duckdb import parted, stored_types
from mlops_gitops.testing.estimates import Unmeasurable

MOST_ROWS = 200_000
"""More rows than this sharpen nothing; they are thinned evenly."""
_WIDE = frozenset({"UBIGINT", "HUGEINT", "UHUGEINT"})
"""Numbers beside those that a manifest has a word for."""

Quarters = tuple[int, ...]
Missing = Literal["low", "high"]


@record
class Group:
    """Rows that a reading of a feature does not tell apart: those that teach, of one value, and those that are asked.

    Values that teach the same are one group, whose rows that teach are those of each.
    """

    taught_positive: int
    taught_negative: int
    positive: int
    negative: int


@record
class Ranks:
    """Where the rows of two classes lie among one another, in whole numbers.

    A positive row's rank is twice the negative rows below it, and one for each that is level with it; a negative row's
    is the same of the positive rows.  ``of_positive`` and ``of_negative`` are the sums of ranks and of their squares.
    """

    positive: int
    negative: int
    of_positive: tuple[int, int]
    of_negative: tuple[int, int]


def _numeric(kind: str) -> bool:
    return type_of(kind) in {"boolean", "integer", "long", "float", "double"} or kind in _WIDE


def _value(name: str, kind: str) -> str:
    """A feature as a number where it has an order, otherwise as text; null where it is missing."""
    column = quoted(name)
    if _numeric(kind):
        real = f"CAST({column} AS DOUBLE)"
        return f"CASE WHEN NOT isnan({real}) THEN {real} + 0.0::DOUBLE END"  # -0.0 becomes 0.0
    if type_of(kind) == "datetime":
        return f"CASE WHEN isfinite({column}) THEN CAST(epoch_us(TRY_CAST({column} AS TIMESTAMP)) AS DOUBLE) END"
    return f"CAST({column} AS VARCHAR)"


class Labelled:
    """A sample in an open connection.  A ``label`` is a condition that one of its methods made."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, target: str, kinds: dict[str, str]) -> None:
        self._connection, self._target, self._kinds = connection, target, kinds
        self._places = {name: f"x{at}" for at, name in enumerate(kinds)}
        self._counted: dict[tuple[str, Quarters], tuple[int, int]] = {}
        """What ``rows`` has answered: every feature asks for the same."""

    def categorical(self, feature: str) -> bool:
        """Whether the values of a feature have no order."""
        kind = self._kinds[feature]
        return not _numeric(kind) and type_of(kind) != "datetime"

    def is_class(self, name: str | float | bool) -> str:  # noqa: FBT001 - a value, not a switch
        """The label of one class against the rest.  Raises ``Unmeasurable`` where the target cannot hold it."""
        if not _numeric(self._kinds[self._target]):
            return f"t = {text(watched_text(name))}"
        try:
            return f"t = CAST({float(name)!r} AS DOUBLE)"
        except ValueError:
            raise Unmeasurable(f"the column {self._target} holds numbers, never {name!r}") from None

    def classes(self, *, least: int, most: int) -> dict[str, str]:
        """The label of each frequent class by its name, the most frequent first."""
        rows = self._ask(
            f"SELECT any_value(shown), count(*) AS n FROM sample GROUP BY t HAVING n >= {int(least)} "  # noqa: S608 - numbers
            f"ORDER BY n DESC, t LIMIT {int(most)}"
        )
        return {watched_text(value): self.is_class(value) for value, _ in rows}

    def above_median(self) -> str:
        """The label of the larger half of a target that is a number.  Raises ``Unmeasurable`` where it is none."""
        if not _numeric(self._kinds[self._target]):
            raise Unmeasurable(f"the column {self._target} is not a number")
        [(median,)] = self._ask("SELECT median(t) FROM sample")
        return f"t > CAST({float(median or 0)!r} AS DOUBLE)"

    def rows(self, label: str, quarters: Quarters) -> tuple[int, int]:
        """How many rows are positive, and how many negative."""
        if (label, quarters) not in self._counted:
            counts = f"count(*) FILTER ({label}), count(*) FILTER (NOT ({label}))"
            [(positive, negative)] = self._ask(f"SELECT {counts} FROM sample WHERE {_of(quarters)}")  # noqa: S608 - ours
            self._counted[label, quarters] = int(positive), int(negative)
        return self._counted[label, quarters]

    def ranks(
        self, feature: str, label: str, quarters: Quarters, *, falling: bool = False, missing: Missing | None = None
    ) -> Ranks:
        """The rows in the order of a feature, turned where it is ``falling``.

        Rows without a value are all below the others, or all above them, or with ``None`` left out.
        """
        place = self._places[feature]
        some = _of(quarters) + (f" AND {place} IS NOT NULL" if missing is None else "")
        order = f"v {'DESC' if falling else 'ASC'} NULLS {'FIRST' if missing == 'low' else 'LAST'}"
        # As BIGINT a square of ranks fits, and its sum is of twice the width: nothing is rounded.
        [found] = self._ask(
            "SELECT sum(p), sum(n), sum(p * b), sum(p * b * b), sum(n * a), sum(n * a * a) FROM ("  # noqa: S608 - ours
            "SELECT p, n, CAST(2 * sum(n) OVER w - n AS BIGINT) AS b, CAST(2 * sum(p) OVER w - p AS BIGINT) AS a "
            f"FROM (SELECT {place} AS v, count(*) FILTER ({label}) AS p, count(*) FILTER (NOT ({label})) AS n "
            f"FROM sample WHERE {some} GROUP BY v) WINDOW w AS (ORDER BY {order} ROWS UNBOUNDED PRECEDING))"
        )
        positive, negative, b, bb, a, aa = (int(one or 0) for one in found)
        return Ranks(positive, negative, (b, bb), (a, aa))

    def by_value(self, feature: str, label: str, *, taught: Quarters, asked: Quarters) -> list[Group]:
        """The rows by value, a missing one being a value too."""
        counts = ", ".join(f"count(*) FILTER ({one}) AS {name}" for name, one in _parts(label, taught, asked).items())
        rows = self._ask(
            f"SELECT tp, tn, sum(p), sum(n) FROM (SELECT {counts} FROM sample GROUP BY {self._places[feature]}) "  # noqa: S608 - ours
            "GROUP BY tp, tn"
        )
        return [Group(*map(int, row)) for row in rows]

    def edges(self, feature: str, quarters: Quarters, *, bins: int) -> tuple[float, ...]:
        """The edges of bins of as equal weight as the finite values of a numeric feature allow."""
        place = self._places[feature]
        shares = [step / bins for step in range(1, bins)]
        some = f"{_of(quarters)} AND isfinite({place})"
        [(found,)] = self._ask(f"SELECT quantile_disc({place}, {shares}) FROM sample WHERE {some}")  # noqa: S608 - ours
        return parted(found or ())

    def by_bin(
        self, feature: str, label: str, edges: Sequence[float], *, taught: Quarters, asked: Quarters
    ) -> list[Group]:
        """The rows by bin; those without a value are one of their own."""
        place = self._places[feature]
        grid = f"[{', '.join(f'CAST({edge!r} AS DOUBLE)' for edge in edges)}]::DOUBLE[]"
        wished = _parts(label, taught, asked).values()
        binned = [f"histogram({place}, {grid}) FILTER ({one} AND {place} IS NOT NULL)" for one in wished]
        absent = [f"count(*) FILTER ({one} AND {place} IS NULL)" for one in wished]
        [row] = self._ask(f"SELECT {', '.join([*binned, *absent])} FROM sample")  # noqa: S608 - ours
        found = [one or {} for one in row[: len(binned)]]
        bins = [Group(*(int(one.get(edge, 0)) for one in found)) for edge in (*edges, float("inf"))]
        return [*bins, Group(*map(int, row[len(binned) :]))]

    def _ask(self, question: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._connection.execute(question).fetchall()
        return found


def _of(quarters: Quarters) -> str:
    return f"q IN ({', '.join(map(str, quarters))})"


def _parts(label: str, taught: Quarters, asked: Quarters) -> dict[str, str]:
    """The conditions of the four counts of a ``Group``, in its order."""
    return {
        "tp": f"{_of(taught)} AND {label}",
        "tn": f"{_of(taught)} AND NOT ({label})",
        "p": f"{_of(asked)} AND {label}",
        "n": f"{_of(asked)} AND NOT ({label})",
    }


@contextmanager
def labelled(one: Source, target: str, features: Sequence[str]) -> Iterator[Labelled]:
    """The sample of ``one``, as long as the context lasts.

    Rows without a label are left out, and where labels are numbers those with one that is not finite.
    """
    with opened(one) as connection:
        stored = stored_types(connection, one)
        kinds = {name: stored[name] for name in dict.fromkeys([*features, target])}
        column = quoted(target)
        label = _value(target, kinds[target])
        if _numeric(kinds[target]):
            label = f"CASE WHEN isfinite(CAST({column} AS DOUBLE)) THEN {label} END"
        shown = column if _numeric(kinds[target]) else f"CAST({column} AS VARCHAR)"
        values = ", ".join(f"{_value(name, kind)} AS x{at}" for at, (name, kind) in enumerate(kinds.items()))
        [(rows,)] = connection.execute(
            f"SELECT count(*) FROM {reader(one)} WHERE ({label}) IS NOT NULL",  # noqa: S608 - quoted
            [one.argument],
        ).fetchall()
        thin = max(1.0, rows / MOST_ROWS)
        connection.execute(
            "CREATE TEMP TABLE sample AS SELECT * EXCLUDE (place), "  # noqa: S608 - quoted
            "md5_number_lower(CAST(place AS VARCHAR)) % 4 AS q FROM ("
            f"SELECT row_number() OVER () AS place, * FROM (SELECT {label} AS t, {shown} AS shown, {values} "
            f"FROM {reader(one)}) WHERE t IS NOT NULL) "
            f"WHERE floor(place / {thin!r}) <> floor((place - 1) / {thin!r})",
            [one.argument],
        )
        yield Labelled(connection, target, kinds)
