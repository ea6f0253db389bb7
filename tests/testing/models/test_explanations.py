from __future__ import annotations

from collections.abc import Sequence
from math import factorial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_gitops.adapters import prediction_edits
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.findings import Location
from mlops_gitops.testing import wording
from mlops_gitops.testing.models import explanations
from mlops_gitops.testing.models.predictions import Artifact, Failed, Job, Predictions

HERE = Location("model.yaml", 1)
COLUMNS = ("a", "b", "c")


def frame(seed: int, rows: int = 40) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, 3)), columns=list(COLUMNS))


def model(table: pd.DataFrame) -> np.ndarray:
    return 2 * table["a"].to_numpy() + table["b"].to_numpy() * table["c"].to_numpy() - 1


class Asked:
    """A model that is asked here, with the real edits of the table."""

    def __init__(self, table: pd.DataFrame, *, noise: float = 0.0) -> None:
        self.table, self.noise = table, np.random.default_rng(0)
        self.scale = noise
        self.job = Job(Artifact(Path("m"), "skops", "0"), Path("d"), "parquet", "1", COLUMNS, "regression")

    def __call__(self, jobs: Sequence[Job], /) -> list[Predictions | Failed]:
        found: list[Predictions | Failed] = []
        for job in jobs:
            table = prediction_edits.edited(self.table, [dict(one) for one in job.edits])
            values = model(table) + self.scale * self.noise.normal(size=len(table))
            found.append(Predictions(values, "value", ""))
        return found


def shapley(table: pd.DataFrame, row: int) -> np.ndarray:
    """By the definition: over all coalitions, with every other row as the background."""
    others = table.drop(index=row).reset_index(drop=True)

    def worth(chosen: frozenset[str]) -> float:
        mixed = others.assign(**{name: table.loc[row, name] for name in chosen})
        return float(model(mixed).mean())

    subsets = [frozenset(name for at, name in enumerate(COLUMNS) if bits >> at & 1) for bits in range(8)]
    return np.array(
        [
            sum(
                factorial(len(one)) * factorial(2 - len(one)) / factorial(3) * (worth(one | {name}) - worth(one))
                for one in subsets
                if name not in one
            )
            for name in COLUMNS
        ]
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 39))
def test_parts_always_add_up(seed: int, row: int) -> None:
    asked = Asked(frame(seed))
    [answer] = asked([explanations.question(asked.job, row, 40)])
    assert isinstance(answer, Predictions)
    found = explanations.explained(asked.job, row, 40, answer)
    assert found.exact
    assert sum(one.value for one in found.parts) == pytest.approx(found.prediction - found.average, abs=1e-12)
    assert found.prediction == pytest.approx(model(asked.table)[row], abs=1e-12)


def test_parts_are_shapley_values() -> None:
    asked, away = Asked(frame(1)), []
    for row in range(20):
        [answer] = asked([explanations.question(asked.job, row, 40)])
        found = explanations.explained(asked.job, row, 40, answer)  # type: ignore[arg-type]
        wanted = dict(zip(COLUMNS, shapley(asked.table, row), strict=True))
        away += [(one.value - wanted[one.column]) / one.error for one in found.parts if one.error > 1e-12]
    assert np.abs(away).max() < 4.5
    assert 0.6 < float(np.std(away)) < 1.5


def test_one_row_in_words_and_what_cannot_be_explained() -> None:
    asked = Asked(frame(2))
    [plain] = asked([asked.job])
    assert isinstance(plain, Predictions)
    check = explanations.check(asked.job, 3, plain, asked, HERE)
    assert check.verdict is Verdict.PASS
    said = float(model(asked.table)[3])
    assert check.message.startswith(f"the prediction for row 4 is {wording.score(said)}")
    assert explanations.check(asked.job, 40, plain, asked, HERE).verdict is Verdict.INCONCLUSIVE
    failing = explanations.check(asked.job, 3, plain, lambda jobs: [Failed("it raised")] * len(jobs), HERE)
    assert failing.verdict is Verdict.INCONCLUSIVE
    restless = Asked(frame(2), noise=0.1)
    assert explanations.check(asked.job, 3, plain, restless, HERE).verdict is Verdict.FAIL


def test_a_mosaic_keeps_the_types_of_columns() -> None:
    table = pd.DataFrame({"n": [1, 2, 3], "s": ["x", "y", "z"], "t": pd.Categorical(["u", "v", "u"])})
    made = prediction_edits.edited(table, [{"op": "mosaic", "row": 0, "rows": [[1, "1"], [2, "6"]]}])
    assert made.dtypes.tolist() == table.dtypes.tolist()
    assert made.astype(str).to_numpy().tolist() == [["1", "y", "v"], ["3", "x", "u"]]


def test_an_unknown_change_is_refused() -> None:
    with pytest.raises(ValueError, match="no change 'eval'"):
        prediction_edits.edited(frame(1), [{"op": "eval"}])
