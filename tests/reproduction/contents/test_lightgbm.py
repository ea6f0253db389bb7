from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import lightgbm
import pytest
from sklearn.datasets import load_breast_cancer

from mlops_gitops.reproduction import canonical, numbers
from mlops_gitops.reproduction.contents import files
from mlops_gitops.reproduction.contents.leaves import Unreadable

DATA, TARGET = load_breast_cancer(return_X_y=True)


def trained(threads: int = 1, leaves: int = 5) -> lightgbm.LGBMClassifier:
    model = lightgbm.LGBMClassifier(
        n_estimators=3, num_leaves=leaves, n_jobs=threads, random_state=0, deterministic=True, force_row_wise=True,
        verbose=-1,
    )  # fmt: skip
    return model.fit(DATA, TARGET)


def saved(model: lightgbm.LGBMClassifier, path: Path) -> Path:
    if path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(model))
    else:
        model.booster_.save_model(path)
    return path


def read(path: Path) -> tuple[str, dict[str, Any]]:
    kind, found = files.read(path, path.name)
    return kind, {leaf.path: leaf.value for leaf in found}


def test_trees_are_arrays(tmp_path: Path) -> None:
    model = trained()
    kind, found = read(saved(model, tmp_path / "m.txt"))
    tree = model.booster_.dump_model()["tree_info"][1]["tree_structure"]
    assert kind == "lightgbm"
    assert next(found["tree[1].threshold"].chunks(9))[0] == tree["threshold"]
    assert found["tree[1].left_child"].dtype == "int64"


@pytest.mark.parametrize("ending", ["txt", "pkl"])
def test_threads_are_noise_and_trees_are_not(tmp_path: Path, ending: str) -> None:
    one, two, other = (
        saved(model, tmp_path / f"{name}.{ending}")
        for name, model in (("one", trained()), ("two", trained(threads=2)), ("other", trained(leaves=4)))
    )
    assert canonical.digest(one, one.name) == canonical.digest(two, two.name)
    assert canonical.digest(one, one.name) != canonical.digest(other, other.name)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_setting_of_threads_is_noise(tmp_path: Path, threads: int) -> None:
    data = lightgbm.Dataset(DATA, TARGET)
    settings = {"objective": "binary", "num_threads": threads, "verbose": -1, "num_leaves": 4, "deterministic": True}
    lightgbm.train(settings, data, 2).save_model(tmp_path / "m.txt")
    assert f"[num_threads: {threads}]" in (tmp_path / "m.txt").read_text()
    found = {leaf.path: leaf for leaf in files.read(tmp_path / "m.txt", "m.txt")[1]}
    assert found["parameters.num_threads"].noise == "serialised num_threads"
    assert not found["parameters.num_leaves"].noise


def test_one_digit_of_one_leaf_is_found(tmp_path: Path) -> None:
    left, right = tmp_path / "left", tmp_path / "right"
    left.mkdir()
    right.mkdir()
    text = saved(trained(), left / "m.txt").read_text()
    start = text.index("leaf_value=") + len("leaf_value=")
    value = text[start:].split()[0]
    (right / "m.txt").write_text(text.replace(value, repr(float(value) * 1.5), 1))
    (row,) = [row for row in numbers.compare(left, right, names=["m.txt"]) if row.differing]
    assert (row.name, row.where, row.within) == ("tree[0].leaf_value", (0,), False)


@pytest.mark.parametrize("length", [20, 300, 1500])
def test_a_model_that_ends_early_is_refused(tmp_path: Path, length: int) -> None:
    path = saved(trained(), tmp_path / "m.txt")
    path.write_text(path.read_text()[:length])
    with pytest.raises(Unreadable, match="ends before its trees do"):
        read(path)


def test_a_number_with_a_fraction_is_one_also_where_it_has_none(tmp_path: Path) -> None:
    path = saved(trained(), tmp_path / "m.txt")
    path.write_text(re.sub(r"leaf_value=.*", "leaf_value=1 2 3 4", path.read_text(), count=1))
    found = {leaf.path: leaf.value for leaf in files.read(path, path.name)[1]}
    assert found["tree[0].leaf_value"].dtype == "float64"
    assert found["tree[0].split_feature"].dtype == "int64"
