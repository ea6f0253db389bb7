"""Artifacts on which two trainings may agree, and which nobody can use."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import joblib
import lightgbm
import numpy as np
import numpy.typing as npt
import pytest
import xgboost
from safetensors.numpy import save_file
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_gitops.packaging import digests
from mlops_gitops.reproduction import soundness
from mlops_gitops.reproduction.comparison import Made
from mlops_gitops.reproduction.trainings import Trouble

Write = Callable[[Path], object]
X: npt.NDArray[np.float64] = np.random.default_rng(0).normal(size=(80, 3))
Y = X[:, 0] > 0


def of(path: Path, declared: str) -> list[tuple[Trouble, str]]:
    found = soundness.problems(Made(path, digests.of_artifact(path)), format=declared)
    assert all(one.fix for one in found)
    return [(one.trouble, one.message) for one in found]


def pickled(model: object) -> Write:
    return lambda path: joblib.dump(model, path)


def spoilt(text: str, old: str, new: str) -> Write:
    """A text model with one number replaced."""
    assert old in text
    return lambda path: path.write_text(text.replace(old, new, 1))


def broken_logistic() -> object:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    model[-1].coef_[0, 1] = np.nan
    return model


def broken_network() -> object:
    model = MLPClassifier((4,), tol=10, n_iter_no_change=2).fit(X, Y)
    model.coefs_[1][0, 0] = np.nan
    return model


def boosted() -> str:
    return str(lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, Y), 2).model_to_string())


GAPS = X.copy()
GAPS[::5, 1] = np.nan
EMPTY = GAPS.copy()
EMPTY[:, 2] = np.nan


def json_of(value: float) -> str:
    booster = xgboost.train({"base_score": 0.5}, xgboost.DMatrix(X, Y), 2)
    text = bytes(booster.save_raw("json")).decode()
    start = text.index('"base_weights":[') + len('"base_weights":[')
    return f"{text[:start]}{value if value == value else 'NaN'}{text[text.index(',', start) :]}"  # noqa: PLR0124


BROKEN: dict[str, tuple[str, str, Write, str]] = {
    "logistic": ("sklearn-pickle", "m.pkl", pickled(broken_logistic()), "steps[1][1].coef_"),
    "network": ("sklearn-pickle", "m.pkl", pickled(broken_network()), "coefs_[1]"),
    "safetensors": (
        "safetensors",
        "m.safetensors",
        lambda path: save_file({"a": np.ones(3, "f4"), "w": np.array([1, np.nan], "f2")}, path),
        "w",
    ),
    "xgboost": ("xgboost-json", "m.json", lambda path: path.write_text(json_of(np.nan)), "base_weights"),
    "lightgbm": ("lightgbm-text", "m.txt", spoilt(boosted(), "leaf_value=", "leaf_value=nan "), "leaf_value"),
}
FINE: dict[str, tuple[str, str, Write]] = {
    "gaps": (
        "sklearn-pickle",
        "m.pkl",
        pickled(make_pipeline(SimpleImputer(keep_empty_features=True), LogisticRegression()).fit(EMPTY, Y)),
    ),
    "histograms": ("sklearn-pickle", "m.pkl", pickled(HistGradientBoostingClassifier(max_iter=3).fit(GAPS, Y))),
    "forest": ("sklearn-pickle", "m.pkl", pickled(RandomForestClassifier(3).fit(GAPS, Y))),
    "mask": ("safetensors", "m.safetensors", lambda path: save_file({"mask": np.array([0, -np.inf], "f4")}, path)),
    "xgboost": ("xgboost-json", "m.json", lambda path: path.write_text(json_of(0.25))),
    "lightgbm": ("lightgbm-text", "m.txt", lambda path: path.write_text(boosted())),
}


@pytest.mark.parametrize("name", BROKEN)
def test_weights_that_are_no_numbers_are_told_with_their_place(name: str, tmp_path: Path) -> None:
    declared, file, write, where = BROKEN[name]
    write(tmp_path / file)
    ((trouble, message),) = of(tmp_path / file, declared)
    assert trouble is Trouble.NOT_A_NUMBER
    assert where in message


@pytest.mark.parametrize("name", FINE)
def test_numbers_that_may_be_missing_are_no_problem(name: str, tmp_path: Path) -> None:
    declared, file, write = FINE[name]
    write(tmp_path / file)
    assert of(tmp_path / file, declared) == []


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("exit 1",)


def test_what_would_run_is_not_safe_and_what_is_broken_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps(Runs()))
    ((trouble, message),) = of(path, "sklearn-pickle")
    assert (trouble, "system" in message) == (Trouble.UNSAFE, True)
    for data in (b"", b"\x80\x04\x95", bytes(range(256))):
        path.write_bytes(data)
        assert [one for one, _ in of(path, "sklearn-pickle")] == [Trouble.UNREADABLE]


def test_a_file_in_a_folder_is_told_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "parts").mkdir(parents=True)
    save_file({"w": np.array([np.nan], "f8")}, folder / "parts" / "one.safetensors")
    ((trouble, message),) = of(folder, "safetensors")
    assert (trouble, message) == (Trouble.NOT_A_NUMBER, "parts/one.safetensors holds NaN in w")
