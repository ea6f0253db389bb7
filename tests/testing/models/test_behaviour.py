"""Real models on real data, from the manifest to the check; a broken one that each test catches."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from cancer import FEATURES, Project, bad, find, one, save
from mlops_gitops.adapters.predictions import predictor
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model_tests import Metamorphic
from mlops_gitops.testing.models import metamorphic
from mlops_gitops.testing.models.predictions import Predict, Predictions
from mlops_gitops.testing.suite import run_model_tests

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]

TESTS: dict[str, Any] = {
    "slices": {"find": {"minRows": 60}},
    "calibration": {"maxError": 0.2, "slope": {"min": 0.4, "max": 2.5}},
    "fairness": [{"columns": ["site"], "definition": "equal-opportunity", "maxDifference": 0.5, "minRows": 60}],
    "metamorphic": [
        {"name": "rounding", "kind": "noise", "columns": list(FEATURES), "scale": 0.001, "maxFlips": 0.05},
        {
            "name": "rougher",
            "kind": "direction",
            "columns": ["mean texture"],
            "by": 5,
            "expect": "down",
            "maxFlips": 0.05,
        },
        {"name": "the error", "kind": "invariance", "columns": ["texture error"], "value": 1.2, "maxChange": 0.2},
    ],
    "simpler": {"models": ["constant", "tree"]},
    "numeric": {"maxChange": 1e-4},
}


def judged(made: Project, model: BaseEstimator, predict: Predict) -> Report:
    artifact = save(model, made.folder / "artifact" / "model.pkl")
    return run_model_tests(made.model, folder=made.folder, locate=made.locate, artifact=artifact, predict=predict)


def declared(**tests: Any) -> Callable[[dict[str, Any]], None]:
    return lambda spec: spec["tests"].update(model=tests)


@pytest.fixture(scope="module")
def healthy(
    tmp_path_factory: pytest.TempPathFactory, trained: BaseEstimator, records: Records
) -> tuple[Report, Callable[[str], str]]:
    """All tests of the healthy model in one run: the model is started once."""
    import copy

    import yaml

    from cancer import manifest
    from mlops_gitops.manifests.documents import load
    from mlops_gitops.manifests.model import Model

    folder = tmp_path_factory.mktemp("healthy") / "models" / "cancer"
    (folder / "data").mkdir(parents=True)
    for name, frame in zip(("train", "test"), records, strict=True):
        frame.to_parquet(folder / "data" / f"{name}.parquet", index=False)
    value = copy.deepcopy(manifest())
    value["spec"]["tests"]["model"] = TESTS
    document = load("models/cancer/model.yaml", yaml.safe_dump(value, sort_keys=False).encode())
    assert not document.findings
    made = Project(folder, document, Model.from_value(document.value))
    found = judged(made, trained, predictor(environ=os.environ, cache=None, seconds=120))
    return found, lambda id_: made.line(find(found, id_)[0].location)


def test_a_healthy_model_is_not_blamed(healthy: tuple[Report, Callable[[str], str]]) -> None:
    found, line = healthy
    failed = {name: verdict for name, verdict in bad(found).items() if verdict is Verdict.FAIL}
    assert failed == {}, [check.message for check in found.checks if check.verdict is Verdict.FAIL]
    seen = {check.id for check in found.checks}
    wanted = {"segments", "calibration", "fairness", "metamorphic", "simpler", "numeric"}
    assert {f"model.{name}" for name in wanted} <= seen
    assert [check.verdict for check in find(found, "model.numeric")] == [Verdict.PASS] * 3
    assert one(found, "model.metamorphic", "rougher").verdict is Verdict.PASS
    assert one(found, "model.simpler", "roc_auc against a constant").verdict is Verdict.PASS
    assert line("model.numeric") == "maxChange: 0.0001"


def jumpy(frame: pd.DataFrame) -> pd.DataFrame:
    """The last bits of a number decide, which 32 bits do not have."""
    return frame.assign(**{FEATURES[0]: np.floor(frame[FEATURES[0]] * 2.0**40) % 2})


def batchy(frame: pd.DataFrame) -> pd.DataFrame:
    """Scaled by the statistics of the rows that happen to be asked about together."""
    return (frame - frame.mean()) / (frame.std() + 1e-9)


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    if frame["texture error"].isna().any():
        raise ValueError("texture error must be given")
    return frame


def broken(step: Callable[[pd.DataFrame], pd.DataFrame], records: Records) -> BaseEstimator:
    train, _ = records
    model = make_pipeline(FunctionTransformer(step), HistGradientBoostingClassifier(max_iter=20, random_state=0))
    return model.fit(train[list(FEATURES)], train["benign"])


def by_value(model: BaseEstimator, *functions: Callable[..., Any]) -> BaseEstimator:
    """Functions of a test module travel inside the pickle."""
    import cloudpickle

    module = __import__("sys").modules[functions[0].__module__]
    cloudpickle.register_pickle_by_value(module)
    return model


def asked(made: Project, model: BaseEstimator, tmp: Any) -> Report:
    import cloudpickle

    from mlops_gitops.testing.models.predictions import Artifact

    path = tmp / "broken.pkl"
    path.write_bytes(cloudpickle.dumps(model))
    artifact = Artifact(path, "sklearn-pickle", "broken")
    predict = predictor(environ=os.environ, cache=None, seconds=120)
    return run_model_tests(made.model, folder=made.folder, locate=made.locate, artifact=artifact, predict=predict)


def test_a_model_that_looks_at_last_bits_or_at_its_neighbours_is_caught(
    project: Make, records: Records, tmp_path: Any
) -> None:
    made = project(declared(numeric={"maxChange": 1e-4}))
    bits = asked(made, by_value(broken(jumpy, records), jumpy), tmp_path)
    verdicts = {check.subject: check.verdict for check in find(bits, "model.numeric")}
    assert verdicts == {"float32": Verdict.FAIL, "order": Verdict.PASS, "batches": Verdict.PASS}
    together = asked(made, by_value(broken(batchy, records), batchy), tmp_path)
    check = one(together, "model.numeric", "batches")
    assert check.verdict is Verdict.FAIL
    assert "change by more, row " in check.message


def test_metamorphic_tests_catch_what_they_are_for(project: Make, records: Records, tmp_path: Any) -> None:
    tests = [
        {"name": "holes", "kind": "missing", "columns": ["texture error"], "maxFlips": 0.5},
        {
            "name": "wrong way",
            "kind": "direction",
            "columns": ["mean texture"],
            "by": 5,
            "expect": "up",
            "maxFlips": 0.1,
        },
        {"name": "loud", "kind": "noise", "columns": list(FEATURES), "scale": 2.0, "maxChange": 0.01, "maxFlips": 0.01},
        {"name": "same", "kind": "invariance", "columns": ["texture error"], "values": {"none": 1}, "maxFlips": 0.1},
    ]
    found = asked(project(declared(metamorphic=tests)), by_value(broken(as_text, records), as_text), tmp_path)
    holes = one(found, "model.metamorphic", "holes")
    assert holes.verdict is Verdict.FAIL
    assert "texture error must be given" in holes.message
    assert one(found, "model.metamorphic", "wrong way").verdict is Verdict.FAIL
    assert [check.verdict for check in find(found, "model.metamorphic", "loud")] == [Verdict.FAIL] * 2
    same = one(found, "model.metamorphic", "same")
    assert same.verdict is Verdict.INCONCLUSIVE
    assert "no row is another than before" in same.message


def test_the_direction_of_a_forecast_with_quantiles_is_that_of_its_prediction() -> None:
    test = Metamorphic("more", "direction", ("x",), by=1.0, expect="up", max_flips=0.1)
    low, middle, high = np.zeros(200), np.arange(200.0), np.arange(200.0) + 5
    numbers = np.stack([low, middle, high], axis=1)
    before = Predictions(numbers, "value", "")
    place = lambda *_: Location("model.yaml", 1, 1)  # noqa: E731 - of no interest here
    for moved, verdict in ((1.0, Verdict.PASS), (-1.0, Verdict.FAIL)):
        after = replace(before, values=numbers + np.array([-1.0, moved, -1.0]), changed=200)
        for quantiles in ((0.1, None, 0.9), (0.1, 0.5, 0.9)):
            (found,) = metamorphic.checks(test, before, after, place, quantiles=quantiles)
            assert found.verdict is verdict, found.message
        (unnamed,) = metamorphic.checks(test, before, after, place, quantiles=(0.1, 0.8, 0.9))
        assert unnamed.verdict is Verdict.INCONCLUSIVE


def test_a_model_no_better_than_a_line_fails_and_a_better_one_passes(
    project: Make, predict: Predict, trained: BaseEstimator
) -> None:
    found = judged(project(declared(simpler={"models": ["linear"], "minGain": 0.01})), trained, predict)
    check = one(found, "model.simpler")
    assert check.verdict is Verdict.FAIL
    assert "a linear model" in check.message


def test_without_predictions_no_declared_test_passes(project: Make, tmp_path: Any) -> None:
    made = project(lambda spec: spec["tests"].update(model=TESTS))
    found = asked(made, "no model at all", tmp_path)  # type: ignore[arg-type]
    for name in ("segments", "calibration", "fairness", "metamorphic", "simpler", "numeric"):
        assert {check.verdict for check in find(found, f"model.{name}")} == {Verdict.INCONCLUSIVE}, name
    assert found.verdict is Verdict.FAIL


def test_the_row_that_the_manifest_names_is_explained(project: Make, trained: BaseEstimator, predict: Predict) -> None:
    made = project(declared(explainRow=7))
    check = one(judged(made, trained, predict), "model.explanation")
    assert (check.verdict, check.subject) == (Verdict.PASS, "row 7")
    assert check.message.count("texture") == 2, check.message
    assert made.line(check.location) == "explainRow: 7"
    none = one(judged(project(declared(explainRow=10**6)), trained, predict), "model.explanation")
    assert none.verdict is Verdict.INCONCLUSIVE
