from __future__ import annotations

import gzip
import io
import json
import pickle
import pickletools
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import joblib
import mlflow
import numpy as np
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_gitops.packaging import digests
from mlops_gitops.reproduction import canonical
from mlops_gitops.reproduction.levels import FileComparison

RNG = np.random.default_rng(7)
X = RNG.normal(size=(120, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)


def forest(**settings: Any) -> Any:
    return RandomForestClassifier(n_estimators=4, random_state=0, **settings).fit(X, Y)


def pipeline(**settings: Any) -> Any:
    columns = ColumnTransformer([("scaled", StandardScaler(), [0, 1])], remainder="passthrough")
    return make_pipeline(columns, LogisticRegression(**settings)).fit(X, Y)


def compared(left: Path, right: Path) -> FileComparison:
    (one,) = every(left, right)
    return one


def every(left: Path, right: Path) -> tuple[FileComparison, ...]:
    files = digests.of_artifact(left), digests.of_artifact(right)
    return canonical.compare(left, right, left_files=files[0], right_files=files[1])


def written(folder: Path, name: str, data: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("model", [forest(), pipeline(), HistGradientBoostingClassifier(max_iter=3).fit(X, Y)])
def test_protocol_and_framing_of_a_pickle_are_noise(tmp_path: Path, model: object) -> None:
    left = written(tmp_path / "a", "model.pkl", pickle.dumps(model, protocol=4))
    right = written(tmp_path / "b", "model.pkl", pickle.dumps(model, protocol=5))
    one = compared(left, right)
    assert one.canonical, one.differs
    assert one.kind == "pickle"
    assert one.noise


def test_the_memo_is_noise(tmp_path: Path) -> None:
    data = pickle.dumps(pipeline())
    left, right = written(tmp_path, "a.pkl", data), written(tmp_path, "b.pkl", pickletools.optimize(data))
    assert not compared(left, right).same
    assert compared(left, right).canonical


def test_the_order_in_which_attributes_were_set_is_noise(tmp_path: Path) -> None:
    model = pipeline()
    left = written(tmp_path, "a.pkl", pickle.dumps(model))
    final = model.steps[-1][1]
    attributes = dict(reversed(final.__dict__.items()))
    final.__dict__.clear()
    final.__dict__.update(attributes)
    assert compared(left, written(tmp_path, "b.pkl", pickle.dumps(model))).canonical


@pytest.mark.parametrize("compress", [0, 3, ("bz2", 3), ("xz", 1)])
def test_the_number_of_threads_is_noise(tmp_path: Path, compress: Any) -> None:
    left, right = tmp_path / "a.joblib", tmp_path / "b.joblib"
    joblib.dump(forest(n_jobs=1), left, compress=compress)
    joblib.dump(forest(n_jobs=2), right, compress=compress)
    one = compared(left, right)
    assert one.canonical, one.differs
    assert one.noise == ("serialised n_jobs",)


@pytest.mark.parametrize("how", ["pickle", "joblib", "skops"])
def test_one_weight_is_not_noise(tmp_path: Path, how: str) -> None:
    model, paths = pipeline(), (tmp_path / f"a.{how}", tmp_path / f"b.{how}")
    for path in paths:
        if how == "pickle":
            path.write_bytes(pickle.dumps(model))
        else:
            (joblib.dump if how == "joblib" else skops.io.dump)(model, path)
        model.steps[-1][1].coef_[0, 2] = np.nextafter(model.steps[-1][1].coef_[0, 2], 9)
    one = compared(*paths)
    assert not one.canonical
    assert "coef_ [0,2] is " in one.differs


def test_two_skops_files_of_one_model(tmp_path: Path) -> None:
    paths = tmp_path / "a.skops", tmp_path / "b.skops"
    skops.io.dump(forest(n_jobs=1), paths[0])
    skops.io.dump(forest(n_jobs=2), paths[1], compression=zipfile.ZIP_DEFLATED)
    one = compared(*paths)
    assert one.canonical, one.differs
    assert one.kind == "skops"
    assert "serialised n_jobs" in one.noise


def test_two_saves_with_mlflow(tmp_path: Path) -> None:
    for name, threads in (("a", 1), ("b", 2)):
        mlflow.sklearn.save_model(
            forest(n_jobs=threads), tmp_path / name, serialization_format="cloudpickle", pip_requirements=[]
        )
    found = every(tmp_path / "a", tmp_path / "b")
    assert all(one.canonical for one in found), found
    reasons = {noise for one in found for noise in one.noise}
    assert {"MLmodel time", "serialised n_jobs"} <= reasons


def test_a_file_on_one_side_only(tmp_path: Path) -> None:
    written(tmp_path / "a", "x.txt", b"x")
    written(tmp_path / "b", "y.txt", b"x")
    found = every(tmp_path / "a", tmp_path / "b")
    assert [(one.canonical, one.differs) for one in found] == [
        (False, "it is there on the first side only"),
        (False, "it is there on the second side only"),
    ]


def test_times_in_archives_are_noise_and_members_are_not(tmp_path: Path) -> None:
    def tarred(time: int, text: bytes) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            entry = tarfile.TarInfo("inner.txt")
            entry.size, entry.mtime, entry.uname = len(text), time, f"user{time}"
            archive.addfile(entry, io.BytesIO(text))
        return gzip.compress(out.getvalue(), mtime=time)

    first = written(tmp_path, "a.tar.gz", tarred(1, b"one"))
    assert compared(first, written(tmp_path, "b.tar.gz", tarred(2, b"one"))).noise == (
        "modification time of the gzip stream",
        "owners and modes of tar members",
        "modification times of tar members",
    )
    assert "line 1" in compared(first, written(tmp_path, "c.tar.gz", tarred(2, b"two"))).differs


@pytest.mark.parametrize(("one", "other"), [(0.0, -0.0), (np.nan, -np.nan), (1, True), (1, 1.0), ("a", b"a")])
def test_bytes_and_types_count(tmp_path: Path, one: object, other: object) -> None:
    left = written(tmp_path, "a.pkl", pickle.dumps([one]))
    assert not compared(left, written(tmp_path, "b.pkl", pickle.dumps([other]))).canonical


def test_the_order_of_a_set_is_noise_and_that_of_a_dictionary_is_not(tmp_path: Path) -> None:
    def both(one: object, other: object) -> bool:
        left = written(tmp_path, "a.pkl", pickle.dumps(one))
        return compared(left, written(tmp_path, "b.pkl", pickle.dumps(other))).canonical

    assert both({8, 0}, {0, 8})  # collide in a set of eight, so that their order is that of insertion
    assert not both({"a": 1, "b": 2}, {"b": 2, "a": 1})


def test_what_cannot_be_read_is_never_the_same(tmp_path: Path) -> None:
    left = written(tmp_path, "a.pkl", pickle.dumps(pipeline()))
    one = compared(left, written(tmp_path, "b.pkl", left.read_bytes()[:-20]))
    assert not one.canonical
    assert one.differs.startswith("it cannot be read: ")


def test_keys_of_json_in_another_order(tmp_path: Path) -> None:
    left = written(tmp_path, "a.json", json.dumps({"a": 1, "b": [1, 2]}).encode())
    assert compared(left, written(tmp_path, "b.json", json.dumps({"b": [1, 2], "a": 1}, indent=1).encode())).canonical
    assert compared(left, written(tmp_path, "c.json", b'{"a": 1, "b": [1, 3]}')).differs == "b[1] is 2 and 3"


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    joblib.dump(forest(n_jobs=1), tmp_path / "a.joblib")
    joblib.dump(forest(n_jobs=2), tmp_path / "b.joblib", compress=3)
    assert canonical.digest(tmp_path / "a.joblib", "m") == canonical.digest(tmp_path / "b.joblib", "m")
