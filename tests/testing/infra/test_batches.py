"""What the image of a batch writes is anybody's: read with bounds, judged, and never believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cancer import manifest
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.infra import batches
from mlops_gitops.testing.infra.records import Got
from mlops_gitops.testing.infra.server import Facts

FACTS = Facts("image", "sha256:" + "0" * 64, "65532", 1)


def received(folder: Path, numbers: list[Any], *, aside: list[Any] | None = None) -> Got:
    value = manifest()
    value["spec"]["serving"] = {"pattern": "batch"}
    rows = pd.DataFrame({batches.NUMBER: numbers, "probability": [0.5] * len(numbers)})
    rows.to_parquet(folder / "good")
    pd.DataFrame({batches.NUMBER: aside or [], "reason": ["x"] * len(aside or [])}).to_parquet(folder / "aside")
    return batches.received(Model.from_value(value), folder / "good", folder / "aside", total=4)


@pytest.mark.parametrize(
    ("numbers", "answers", "twice", "strange"),
    [
        ([0, 1, 2], {0, 1, 2}, 0, 0),
        ([0, 0, 2], {0, 2}, 1, 0),
        ([0, -1, 4], {0}, 0, 2),
        ([0.0, None, 2.0], {0, 2}, 0, 1),
        (["0", "one", None], set(), 0, 3),
        ([[0], [1], []], set(), 0, 3),
        ([True, False, True], set(), 0, 3),
    ],
)
def test_a_number_is_a_number_of_a_row_or_strange(
    tmp_path: Path, numbers: list[Any], answers: set[int], twice: int, strange: int
) -> None:
    found = received(tmp_path, numbers)
    assert (set(found.answers), found.twice, found.strange) == (answers, twice, strange)


def test_more_rows_than_anybody_sent_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="it has 9 rows"):
        received(tmp_path, list(range(9)))


@pytest.mark.parametrize(
    "told", ["", "7", "[]", '{"predicted": Infinity, "rejected": 0}', '{"predicted": 2}', "[" * 100_000]
)
def test_a_last_line_that_counts_nothing_is_told(told: str) -> None:
    found = batches._counts(FACTS, told, Got({0: {}, 1: {}}, {}), Location("model.yaml"))
    assert found.verdict is Verdict.FAIL
    assert found.message == "its last line does not count its rows"


def test_counts_are_those_of_the_output() -> None:
    got = Got({0: {}, 1: {}}, {2: "no row"})
    verdicts = [
        batches._counts(FACTS, f'{{"predicted": {count}, "rejected": 1}}', got, Location("model.yaml")).verdict
        for count in (2, 3)
    ]
    assert verdicts == [Verdict.PASS, Verdict.FAIL]
