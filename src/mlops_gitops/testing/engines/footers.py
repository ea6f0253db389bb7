"""What a Parquet file says of itself: how many rows, and how many nulls in each column, without a look at its data.

A footer is what the writer claims.  Where values are read anyway, they are counted, and the footer is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from mlops_gitops.testing.data.profile import Column
from mlops_gitops.testing.data.scans import EVERY, Source, Wanted
from mlops_gitops.testing.engines.counting import type_of


@dataclass(frozen=True, slots=True)
class Footer:
    """The rows, and the nulls of each column for which every part of the file tells them."""

    rows: int
    nulls: Mapping[str, int]

    def column(self, name: str, kind: str, wanted: Wanted) -> Column | None:
        """The column as the footer tells it; ``None`` where its values are wanted, or the footer is silent."""
        asked = (*wanted.edges, *wanted.watched, *wanted.moments, *wanted.distinct, *(wanted.only or ()))
        if wanted.only is None or name not in self.nulls or {name, EVERY} & set(asked):
            return None
        return Column(name, type_of(kind), self.nulls[name])


NOTHING = Footer(0, {})


def read(connection: duckdb.DuckDBPyConnection, one: Source, stored: Mapping[str, str], wanted: Wanted) -> Footer:
    """The footer of Parquet files; one that answers nothing for other formats, and where values are wanted anyway."""
    if one.format != "parquet" or wanted.only is None:
        return NOTHING
    rows = connection.execute("SELECT sum(num_rows) FROM parquet_file_metadata(?)", [one.argument]).fetchall()[0][0]
    groups = connection.execute(
        "SELECT path_in_schema, sum(stats_null_count), count(*) = count(stats_null_count) FROM parquet_metadata(?) "
        "GROUP BY path_in_schema",
        [one.argument],
    ).fetchall()
    nulls = {str(name): int(count) for name, count, whole in groups if whole and name in stored}
    return Footer(int(rows or 0), nulls if groups else dict.fromkeys(stored, 0))
