from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from cancer import FEATURES, Project, bad, find, one, save
from mlops_gitops import canonical
from mlops_gitops.canonical import sha256
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.manifests.metrics import Slice, Threshold
from mlops_gitops.testing.models.predictions import Artifact, Failed, Job, Predict, Predictions
from mlops_gitops.testing.models.samples import MISSING, parts
from mlops_gitops.testing.suite import run_model_tests

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]
Answer = Callable[[pd.DataFrame], np.ndarray]


def scripted(answer: Answer, **extra: Any) -> Predict:
    """A predictor that computes its answers here: for what a well-behaved model would never say."""

    def predict(jobs: Sequence[Job], /) -> list[Predictions | Failed]:
        found: list[Predictions | Failed] = []
        for job in jobs:
            values = np.asarray(answer(pd.read_parquet(job.data)), dtype=float)
            fields = {"kind": "probability", "digest": sha256(values.tobytes()), **extra}
            found.append(Predictions(values, **fields))
        return found

    return predict


def judged(made: Project, predict: Predict, artifact: Artifact | None = None) -> Report:
    asked = artifact or Artifact(made.folder / "artifact", "sklearn-pickle", "0" * 64)
    found = run_model_tests(made.model, folder=made.folder, locate=made.locate, artifact=asked, predict=predict)
    for check in found.checks:
        assert canonical.encode(check.document())
    return found


def noisy(strength: float, *, seed: int = 3) -> Answer:
    def answer(frame: pd.DataFrame) -> np.ndarray:
        rng = np.random.default_rng(seed + len(frame))
        return 1 / (1 + np.exp(-(strength * (frame["benign"] - 0.5) + rng.normal(size=len(frame)))))

    return answer


def test_a_real_model_passes_with_its_numbers(
    project: Make, trained: BaseEstimator, predict: Predict, records: Records
) -> None:
    from sklearn.metrics import roc_auc_score

    made = project()
    artifact = save(trained, made.folder / "artifact" / "model.pkl")
    found = judged(made, predict, artifact)
    assert bad(found) == {}
    metric = one(found, "model.metric")
    test = records[1]
    expected = roc_auc_score(test["benign"], trained.predict_proba(test[list(FEATURES)])[:, 1])
    assert metric.observed == pytest.approx(expected)
    assert metric.message.startswith(f"roc_auc on test is {expected:.3f} (lower 95 % bound ")
    assert made.line(metric.location) == "min: 0.7"
    assert metric.rows == len(test)
    assert one(found, "model.baseline").verdict is Verdict.PASS
    assert one(found, "model.overfit").verdict is Verdict.PASS
    assert dict(found.materials).keys() == {
        "data/train", "data/test", "artifact", "predictions/train", "predictions/test",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("least", "verdict", "words"),
    [
        (0.60, Verdict.PASS, "at least 0.600 is demanded"),
        (0.78, Verdict.INCONCLUSIVE, "would tell with 80 %, there are 285"),
        (0.90, Verdict.FAIL, "at least 0.900 is demanded"),
    ],
)
def test_a_threshold_has_three_answers(project: Make, least: float, verdict: Verdict, words: str) -> None:
    made = project(lambda spec: spec["metrics"][0].update(threshold={"min": least}))
    check = one(judged(made, scripted(noisy(1.1))), "model.metric")
    assert check.verdict is verdict, check.message
    assert words in check.message


def test_an_upper_limit_and_a_metric_that_falls(project: Make) -> None:
    for limit, verdict in ((0.9, Verdict.PASS), (0.3, Verdict.FAIL)):
        metric = {"name": "log_loss", "dataset": "test", "threshold": {"max": limit}}
        made = project(lambda spec, metric=metric: spec.update(metrics=[metric]))
        check = one(judged(made, scripted(noisy(2))), "model.metric")
        assert check.verdict is verdict
        assert made.line(check.location) == f"max: {limit}"


def test_a_claim_that_the_data_contradict_fails(project: Make) -> None:
    for claim, verdict in ((0.99, Verdict.FAIL), (0.5, Verdict.PASS)):
        made = project(lambda spec, claim=claim: spec["metrics"][0].update(claimed=claim))
        assert one(judged(made, scripted(noisy(2))), "model.claim").verdict is verdict


@pytest.mark.parametrize(
    ("answer", "extra", "id_", "words"),
    [
        (lambda f: np.full(len(f), 0.5), {}, "model.constant", "every prediction on test is the same"),
        (
            lambda f: np.where(np.arange(len(f)) < 2, np.nan, 0.3),
            {},
            "model.finite",
            "predictions on test are NaN or infinite in 2 of 285 rows (0.702 %)",
        ),
        (lambda f: np.linspace(0, 1.2, len(f)), {}, "model.range", "predictions on test are no probabilities in 48 of"),
        (lambda f: np.linspace(0, 1, len(f) - 1), {}, "model.predictions", "there are 284 predictions for 285 rows"),
        (
            lambda f: np.linspace(0, 1, len(f)),
            {"unstable": 9, "repeated": 256},
            "model.repeatable",
            "asked again, the model answered otherwise in 9 of 256 rows (3.52 %)",
        ),
    ],
)
def test_unhealthy_predictions_fail(project: Make, answer: Answer, extra: dict[str, Any], id_: str, words: str) -> None:
    check = one(judged(project(), scripted(answer, **extra)), id_, "test")
    assert check.verdict is Verdict.FAIL
    assert words in check.message


def test_without_predictions_no_metric_passes(project: Make) -> None:
    found = judged(project(), lambda jobs: [Failed("the model raised ValueError: no")] * len(jobs))
    assert found.verdict is Verdict.FAIL
    assert one(found, "model.predictions", "test").message.endswith("the model raised ValueError: no")
    assert one(found, "model.metric").verdict is Verdict.FAIL
    assert not [check for check in found.checks if check.verdict is Verdict.PASS and check.id != "data.digest"]


def test_a_model_that_knows_nothing_does_not_beat_the_constant(project: Make) -> None:
    made = project(lambda spec: spec["metrics"][0].update(threshold={"min": 0.1}))
    check = one(judged(made, scripted(noisy(-0.5))), "model.baseline")
    assert check.verdict is Verdict.FAIL
    assert one(judged(made, scripted(noisy(0.0))), "model.baseline").verdict is not Verdict.PASS


def test_an_overfit_model_fails(project: Make) -> None:
    def memory(frame: pd.DataFrame) -> np.ndarray:
        return noisy(9 if len(frame) == 284 else 1)(frame)

    made = project(lambda spec: spec["metrics"][0].update(threshold={"min": 0.5}))
    check = one(judged(made, scripted(memory)), "model.overfit")
    assert check.verdict is Verdict.FAIL
    assert made.line(check.location) == "maxOverfitGap: 0.1"


def sliced(spec: dict[str, Any], column: str = "site", rows: int = 60, least: float = 0.6) -> None:
    spec["metrics"][0]["slices"] = [{"column": column, "minRows": rows, "threshold": {"min": least}}]


def test_every_row_is_in_a_slice_that_is_judged(project: Make) -> None:
    found = find(judged(project(sliced), scripted(noisy(3))), "model.slice")
    assert {check.verdict for check in found} == {Verdict.PASS}
    assert [check.subject for check in found] == ["roc_auc[site = north]", "roc_auc[site in south, west]"]
    assert sum(check.rows or 0 for check in found) == 285


def test_a_weak_slice_fails_although_the_whole_passes(project: Make) -> None:
    def weak(frame: pd.DataFrame) -> np.ndarray:
        return np.where(frame["site"] == "south", noisy(-1)(frame), noisy(6)(frame))

    found = judged(project(lambda spec: sliced(spec, rows=20)), scripted(weak))
    assert one(found, "model.metric").verdict is Verdict.PASS
    check = one(found, "model.slice", "roc_auc[site = south]")
    assert check.verdict is Verdict.FAIL
    assert "where site = south" in check.message


def test_a_slice_that_is_missing_or_small_never_passes(project: Make) -> None:
    absent = judged(project(lambda spec: sliced(spec, column="carrier")), scripted(noisy(3)))
    assert one(absent, "model.slice").verdict is Verdict.FAIL
    small = judged(project(lambda spec: sliced(spec, rows=5000)), scripted(noisy(3)))
    assert one(small, "model.slice").verdict is Verdict.INCONCLUSIVE
    one_class = judged(project(lambda spec: sliced(spec, column="benign", rows=5)), scripted(noisy(3)))
    assert {check.verdict for check in find(one_class, "model.slice")} == {Verdict.INCONCLUSIVE}


def test_labels_that_cannot_answer(project: Make, records: Records) -> None:
    train, test = records
    same = judged(project(test=test.assign(benign=True)), scripted(lambda f: np.linspace(0, 1, len(f))))
    assert one(same, "model.metric").verdict is Verdict.INCONCLUSIVE
    missing = test.assign(benign=test["benign"].astype(object).where(test["id"] % 4 > 0))
    few = judged(project(test=missing), scripted(lambda f: np.linspace(0, 1, len(f))))
    assert one(few, "model.labels", "test").verdict is Verdict.INCONCLUSIVE
    gone = judged(project(test=test.drop(columns="benign")), scripted(lambda f: np.linspace(0, 1, len(f))))
    assert one(gone, "model.labels", "test").verdict is Verdict.FAIL
    assert one(gone, "model.metric").verdict is Verdict.FAIL
    assert train is not None


def test_a_metric_of_another_task_fails(project: Make) -> None:
    made = project(lambda spec: spec["metrics"][0].update(name="rmse"))
    check = one(judged(made, scripted(noisy(1))), "model.metric")
    assert check.verdict is Verdict.FAIL
    assert "roc_auc, average_precision, accuracy" in check.fix


def test_parts_hold_every_row_once_and_are_large_enough() -> None:
    rng = np.random.default_rng(5)
    for least in (1, 10, 50, 400, 2000):
        raw = np.ma.masked_array(rng.choice(list("aaaaaabbbcd"), size=900).astype(object), mask=rng.random(900) < 0.02)
        found = parts(raw, Slice("x", Threshold(), least))
        assert sorted(np.concatenate([part.rows for part in found])) == list(range(900))
        assert all(len(part.rows) >= least for part in found) or len(found) == 1
    assert f"x = {MISSING}" in {part.name for part in parts(raw, Slice("x", Threshold(), 1))}
