"""What a Parquet file says of itself: how many rows, and how many nulls in each column, without a look at its data.

A footer is what the writer claims.  Where values are read anyway, they are counted, and the footer is not asked: not
even about what may be skipped.  A footer that contradicts itself is not asked at all.  Of the keys that are whole
numbers it says how far apart they lie, to which the engine holds every one that it reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from mlops_gitops.testing.data.profile import Column
from mlops_gitops.testing.data.scans import EVERY, Source, Wanted
from mlops_gitops.testing.engines.counting import WHOLE, type_of


@dataclass(frozen=True, slots=True)
class Footer:
    """The rows, and the nulls of each column for which every part of the file tells them.

    ``spans`` are the smallest and the largest value of columns of whole numbers, likewise.
    """

    rows: int
    nulls: Mapping[str, int]
    spans: Mapping[str, tuple[int, int]]

    def column(self, name: str, kind: str, wanted: Wanted) -> Column | None:
        """The column as the footer tells it; ``None`` where its values are wanted, or the footer is silent."""
        if name not in self.nulls or counted(name, wanted):
            return None
        return Column(name, type_of(kind), self.nulls[name])

    def dense(self, key: Sequence[str]) -> tuple[int, int] | None:
        """The span of a key of one column that has few numbers between its rows: a bit for each is little memory."""
        low, high = self.spans.get(key[0], (0, 0)) if len(key) == 1 else (0, 0)
        return (low, high) if 0 < high - low < BITS_A_ROW * self.rows else None


def counted(name: str, wanted: Wanted) -> bool:
    """Whether the values of a column are wanted, and not only its type and its nulls."""
    asked = (*wanted.edges, *wanted.watched, *wanted.moments, *wanted.distinct, *(wanted.only or ()))
    return wanted.only is None or bool({name, EVERY} & set(asked))


NOTHING = Footer(0, {}, {})
BITS_A_ROW = 32
_ASKED = """
SELECT
    path_in_schema,
    sum(stats_null_count),
    sum(row_group_num_rows) = $1
    AND bool_and(coalesce(stats_null_count BETWEEN 0 AND num_values AND num_values = row_group_num_rows, false)),
    min(TRY_CAST(stats_min_value AS BIGINT)),
    max(TRY_CAST(stats_max_value AS BIGINT)),
    count(*) = count(TRY_CAST(stats_min_value AS BIGINT)) AND count(*) = count(TRY_CAST(stats_max_value AS BIGINT))
FROM parquet_metadata($2)
WHERE row_group_num_rows > 0
GROUP BY path_in_schema
"""


def read(connection: duckdb.DuckDBPyConnection, one: Source, stored: Mapping[str, str], wanted: Wanted) -> Footer:
    """The footer of Parquet files; one that answers nothing for other formats, and where values are wanted anyway."""
    if one.format != "parquet" or wanted.only is None:
        return NOTHING
    rows = connection.execute("SELECT sum(num_rows) FROM parquet_file_metadata(?)", [one.argument]).fetchall()[0][0]
    groups = connection.execute(_ASKED, [rows or 0, one.argument]).fetchall()
    nulls, spans = {}, {}
    for name, count, told, low, high, bounded in groups:
        if told and name in stored:
            nulls[str(name)] = int(count)
        if bounded and type_of(stored.get(name, "")) in WHOLE:
            spans[str(name)] = (int(low), int(high))
    return Footer(int(rows or 0), nulls if groups else dict.fromkeys(stored, 0), spans)
