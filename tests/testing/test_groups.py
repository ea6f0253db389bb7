from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_gitops.testing.data.scans import Group, Source
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines import groups, joins

KEY = ("text", "real", "whole")


def table(seed: int, rows: int = 400) -> pa.Table:
    """Few values, so that many rows are alike: with nulls, NaN and both zeros."""
    chance = np.random.default_rng(seed)
    return pa.table(
        {
            "text": pa.array([[None, "", "null", '"', "a,b", "nan"][at] for at in chance.integers(0, 6, rows)]),
            "real": pa.array([[0.0, -0.0, float("nan"), 1e300, None, 0.1][at] for at in chance.integers(0, 6, rows)]),
            "whole": pa.array([[None, 1, -(2**62)][at] for at in chance.integers(0, 3, rows)], pa.int64()),
            "label": pa.array(
                [[None, "a", "b", "nan"][at] for at in chance.choice(4, rows, p=[0.1, 0.88, 0.01, 0.01])]
            ),
            "time": pa.array(np.datetime64("2026-01-01") + chance.integers(0, 60, rows).astype("timedelta64[D]")),
        }
    )


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    """Two data sets of three files, one of which holds no row."""
    found = []
    for seed in (1, 2):
        place = tmp_path / f"data-{seed}"
        place.mkdir()
        for at, (first, count) in enumerate(((0, 150), (150, 0), (150, 250))):
            pq.write_table(table(seed).slice(first, count), place / f"{at}.parquet")
        found.append(Source(place, "parquet", tuple(sorted(place.iterdir()))))
    return found


@pytest.fixture
def grouped(tmp_path: Path) -> Callable[..., list[Path]]:
    """The groups of a data set, a file for each of its files."""

    def write(source: Source, *columns: str, of: Any = "values") -> list[Path]:
        written = []
        for path in source.files:
            one, target = Source(path, "parquet"), tmp_path / f"{source.path.name}-{of}-{path.name}"
            groups.write(one, Group(columns, of), engine.columns(one), target)
            written.append(target)
        return written

    return write


@pytest.mark.parametrize("at_once", [10, groups.AT_ONCE])
def test_groups_of_shards_answer_as_the_rows_do(
    sources: list[Source], grouped: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(groups, "AT_ONCE", at_once)
    train, test = sources
    present = [grouped(one, *KEY, of="present") for one in sources]
    shared = groups.shared(present[0], present[1], rows=800)
    assert shared == engine.overlap(train, test, KEY) > 0
    assert (groups.rows(present[1]) - shared, groups.rows(present[1])) == joins.orphans(test, KEY, train, KEY)

    alike = [grouped(one, *KEY, "label") for one in sources]
    pairs = [(name, name) for name in (*KEY, "label")]
    assert 0 < groups.shared(alike[0], alike[1], rows=800) == joins.shared(train, test, pairs) < 400
    assert groups.rows(alike[1]) == 400

    assert groups.contradicted(grouped(test, *KEY, "label", of="labelled"), rows=400) == joins.contradicted(
        test, KEY, "label"
    )
    texts = groups.texts(grouped(test, "label", of="texts"), most=9)
    assert list(texts.items()) == list(joins.classes(test, "label", most=9).items())
    empty, days = joins.empty_days(test, "time")
    assert groups.distinct(grouped(test, "time", of="days"), rows=400) == days - empty
