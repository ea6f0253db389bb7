from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from xgboost import XGBClassifier

from mlops_gitops.reproduction import canonical, numbers
from mlops_gitops.reproduction.contents import files, ubjson
from mlops_gitops.reproduction.contents.leaves import Unreadable

DATA, TARGET = load_breast_cancer(return_X_y=True)


def trained(threads: int = 1, depth: int = 2) -> XGBClassifier:
    return XGBClassifier(n_estimators=3, max_depth=depth, n_jobs=threads, random_state=0).fit(DATA, TARGET)


def read(path: Path) -> tuple[str, dict[str, Any]]:
    kind, found = files.read(path, path.name)
    return kind, {leaf.path: leaf.value for leaf in found}


def saved(model: XGBClassifier, path: Path) -> Path:
    if path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(model))
    else:
        model.save_model(path)
    return path


def test_both_encodings_say_the_same(tmp_path: Path) -> None:
    model = trained()
    kind, text = read(saved(model, tmp_path / "m.json"))
    other, binary = read(saved(model, tmp_path / "m.ubj"))
    assert kind == other == "xgboost"
    assert "learner.gradient_booster.model.trees[2].split_conditions" in text
    for path, value in text.items():
        if hasattr(value, "chunks"):
            assert np.array_equal(next(value.chunks(99)), next(binary[path].chunks(99))), path
        elif not path.endswith("__len__"):  # of an empty list, which is an empty array there
            assert binary[path] == value


@pytest.mark.parametrize("ending", ["json", "ubj", "pkl"])
def test_threads_are_noise_and_trees_are_not(tmp_path: Path, ending: str) -> None:
    one, two, other = (
        saved(model, tmp_path / f"{name}.{ending}")
        for name, model in (("one", trained()), ("two", trained(threads=2)), ("other", trained(depth=3)))
    )
    assert canonical.digest(one, one.name) == canonical.digest(two, two.name)
    assert canonical.digest(one, one.name) != canonical.digest(other, other.name)


def test_the_trees_in_a_pickle_are_arrays(tmp_path: Path) -> None:
    kind, found = read(saved(trained(), tmp_path / "m.pkl"))
    (path,) = [
        path for path in found if path.endswith("Model.learner.gradient_booster.model.trees[0].split_conditions")
    ]
    assert (kind, found[path].dtype) == ("pickle", "float32")


def mapping(*entries: bytes) -> bytes:
    return b"{" + b"".join(entries) + b"}"


def key(name: str, value: bytes) -> bytes:
    return b"L" + struct.pack(">q", len(name)) + name.encode() + value


HUGE = struct.pack(">q", 1 << 62)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(mapping(key("learner", b"[$d#L" + HUGE)), id="long array"),
        pytest.param(mapping(key("learner", b"[#L" + HUGE)), id="long list"),
        pytest.param(mapping(key("learner", b"[$Z#L" + struct.pack(">q", 9))), id="array of nothing"),
        pytest.param(mapping(key("learner", b"SL" + HUGE)), id="long text"),
        pytest.param(mapping(key("learner", b"Si\xff")), id="negative"),
        pytest.param(mapping(key("learner", b"[" * 50_000)), id="deep"),
        pytest.param(mapping(key("learner", b"?")), id="unknown"),
        pytest.param(mapping(key("learner", b"Z"), key("learner", b"Z")), id="twice"),
        pytest.param(mapping(key("learner", b"Z")) + b"}", id="more"),
        pytest.param(mapping(key("learner", b"Z"))[:-1], id="cut"),
        pytest.param(b'{"learner":{"version"', id="cut text"),
        pytest.param(b'{"learner":' + b"[" * 100_000, id="deep text"),
    ],
)
def test_what_xgboost_never_writes_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.ubj").write_bytes(data)
    with pytest.raises(Unreadable):
        read(tmp_path / "m.ubj")


def test_a_model_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = saved(trained(), tmp_path / "m.ubj").read_bytes()
    for length in range(20, len(whole), 97):
        with pytest.raises(Unreadable):
            ubjson.parsed(whole[:length])


@pytest.mark.parametrize(("factor", "within"), [(1 + 1e-6, True), (1.01, False)])
def test_a_parameter_that_is_written_as_a_text_has_a_tolerance(tmp_path: Path, factor: float, within: bool) -> None:  # noqa: FBT001 - a parameter
    left, right = tmp_path / "left", tmp_path / "right"
    left.mkdir()
    right.mkdir()
    model = json.loads(saved(trained(), left / "m.json").read_text())
    parameters = model["learner"]["learner_model_param"]
    parameters["base_score"] = f"[{float(parameters['base_score'].strip('[]')) * factor:E}]"
    (right / "m.json").write_text(json.dumps(model))
    (row,) = [row for row in numbers.compare(left, right, names=["m.json"]) if row.differing or row.problem]
    assert (row.name, row.dtype, row.within) == ("learner.learner_model_param.base_score", "float32", within)
