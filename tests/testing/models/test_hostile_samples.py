"""Whatever a model says, and whatever the data hold: checks, and never an exception."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cancer import FEATURES, Project, find
from mlops_gitops import canonical
from mlops_gitops.adapters import prediction_edits
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.testing.models.predictions import Artifact, Failed, Job, Predict, Predictions
from mlops_gitops.testing.suite import run_model_tests

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]
Answer = Callable[[pd.DataFrame], np.ndarray]

EVERYTHING: dict[str, Any] = {
    "maxOverfitGap": 0.1,
    "baseline": "prior",
    "slices": {"find": {"columns": [*FEATURES, "site"], "minRows": 30}},
    "calibration": {
        "maxError": 0.1,
        "maxClasswiseError": 0.1,
        "slope": {"min": 0.5},
        "intercept": {"min": -1, "max": 1},
    },
    "fairness": [
        {"columns": ["site"], "definition": one, "maxDifference": 0.1, "minRatio": 0.8, "minRate": 0.1, "minRows": 30}
        for one in ("demographic-parity", "equalized-odds", "equal-opportunity", "predictive-parity")
    ],
    "metamorphic": [
        {"name": "noise", "kind": "noise", "columns": list(FEATURES), "scale": 0.1, "maxFlips": 0.1, "maxChange": 0.1}
    ],
    "simpler": {"models": ["constant", "linear", "tree"]},
    "numeric": {"maxChange": 1e-4},
}
METRICS = ("roc_auc", "average_precision", "f1", "mcc", "balanced_accuracy", "log_loss", "brier", "ece")


def saying(answer: Answer, **extra: Any) -> Predict:
    def predict(jobs: Sequence[Job], /) -> list[Predictions | Failed]:
        found: list[Predictions | Failed] = []
        for job in jobs:
            table = pd.read_parquet(job.data)[list(job.columns)]
            values = np.asarray(answer(prediction_edits.edited(table, [dict(one) for one in job.edits])), dtype=float)
            found.append(Predictions(values, **{"kind": "probability", "digest": "0" * 64, "changed": 1, **extra}))
        return found

    return predict


def judged(make: Make, answer: Answer, **frames: pd.DataFrame) -> Report:
    def everything(spec: dict[str, Any]) -> None:
        spec["tests"]["model"] = EVERYTHING
        bound = {"log_loss": "max", "brier": "max", "ece": "max"}
        spec["metrics"] = [
            {"name": name, "dataset": "test", "primary": name == "roc_auc", "threshold": {bound.get(name, "min"): 0.5}}
            for name in METRICS
        ]

    made = make(everything, **frames)
    artifact = Artifact(made.folder / "artifact", "sklearn-pickle", "0" * 64)
    found = run_model_tests(
        made.model, folder=made.folder, locate=made.locate, artifact=artifact, predict=saying(answer)
    )
    for check in found.checks:
        assert canonical.encode(check.document())
    return found


def sensible(frame: pd.DataFrame) -> np.ndarray:
    texture = np.clip(np.nan_to_num(frame[FEATURES[0]].to_numpy(dtype=float)), 0, 100)
    return 1 / (1 + np.exp(0.3 * (texture - 19)))


SAMPLES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "empty": lambda frame: frame.head(0),
    "one row": lambda frame: frame.head(1),
    "few rows": lambda frame: frame.head(12),
    "one class": lambda frame: frame.assign(benign=True),
    "no label": lambda frame: frame.assign(benign=pd.Series([None] * len(frame), index=frame.index, dtype=object)),
    "missing inputs": lambda frame: frame.assign(**{FEATURES[0]: np.nan}),
    "infinite inputs": lambda frame: frame.assign(**{FEATURES[0]: np.inf, FEATURES[1]: -0.0}),
    "one site": lambda frame: frame.assign(site="north"),
    "many sites": lambda frame: frame.assign(site=[f"s{n}" for n in range(len(frame))]),
    "no site": lambda frame: frame.drop(columns="site"),
}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_samples_that_cannot_answer_pass_nothing_and_raise_nothing(project: Make, records: Records, name: str) -> None:
    found = judged(project, sensible, test=SAMPLES[name](records[1]))
    assert found.verdict is not Verdict.PASS
    passed = {check.id for check in found.checks if check.verdict is Verdict.PASS}
    if name in {"empty", "one row", "no label"}:
        assert not passed & {"model.metric", "model.calibration", "model.fairness", "model.simpler", "model.segments"}
    if name in {"few rows", "one class"}:
        assert not passed & {"model.calibration", "model.segments", "model.baseline"}


ANSWERS: dict[str, Answer] = {
    "all the same": lambda frame: np.full(len(frame), 0.5),
    "certain": lambda frame: (sensible(frame) > 0.5).astype(float),
    "nought": lambda frame: np.zeros(len(frame)),
    "not a number": lambda frame: np.full(len(frame), np.nan),
    "beyond one": lambda frame: sensible(frame) * 1e300,
    "too short": lambda frame: sensible(frame)[:-1],
    "nothing": lambda frame: np.zeros(0 * len(frame)),
    "two columns": lambda frame: np.column_stack([sensible(frame), 1 - sensible(frame)]),
}


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_answers_that_make_no_sense_raise_nothing(project: Make, name: str) -> None:
    found = judged(project, ANSWERS[name])
    assert found.verdict is not Verdict.PASS
    if name in {"not a number", "too short", "nothing"}:
        assert find(found, "model.metric")
        assert {check.verdict for check in find(found, "model.metric")} == {Verdict.FAIL}
    if name == "beyond one":
        assert {check.verdict for check in find(found, "model.range")} == {Verdict.FAIL}
