"""A real model on real data: breast cancer records from scikit-learn, written as a team would write them."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cancer import FEATURES, Project, manifest
from mlops_gitops.adapters.predictions import predictor
from mlops_gitops.manifests.documents import load
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.models.predictions import Predict


@pytest.fixture(scope="session")
def records() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test rows."""
    frame, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    frame = frame.assign(
        benign=labels == 1,
        id=range(len(frame)),
        site=["north" if i % 10 < 6 else "south" if i % 10 < 9 else "west" for i in range(len(frame))],
        seen=pd.Timestamp("2020-01-01") + pd.to_timedelta(range(len(frame)), unit="h"),
    )
    train, test = train_test_split(frame, test_size=0.5, random_state=0, stratify=frame["benign"])
    return train, test


@pytest.fixture(scope="session")
def trained(records: tuple[pd.DataFrame, pd.DataFrame]) -> BaseEstimator:
    train, _ = records
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(train[list(FEATURES)], train["benign"])


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of predictions for all tests: each model is asked once."""
    return tmp_path_factory.mktemp("predictions")


@pytest.fixture
def predict(kept: Path) -> Predict:
    return predictor(environ=os.environ, cache=kept, seconds=60)


@pytest.fixture
def project(tmp_path: Path, records: tuple[pd.DataFrame, pd.DataFrame]) -> Callable[..., Project]:
    """Makes the project; ``change`` edits the manifest, ``train`` and ``test`` replace the data."""
    folder = tmp_path / "models" / "cancer"
    (folder / "data").mkdir(parents=True)

    def make(change: Callable[[dict[str, Any]], object] | None = None, **frames: pd.DataFrame) -> Project:
        for name, frame in (("train", records[0]), ("test", records[1])):
            frames.get(name, frame).to_parquet(folder / "data" / f"{name}.parquet", index=False)
        value = copy.deepcopy(manifest())
        if change is not None:
            change(value["spec"])
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
        document = load("models/cancer/model.yaml", text.encode())
        assert not document.findings
        return Project(folder, document, Model.from_value(document.value))

    return make
