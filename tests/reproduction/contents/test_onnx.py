from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

from mlops_gitops.reproduction import canonical
from mlops_gitops.reproduction.contents import files
from mlops_gitops.reproduction.contents.leaves import Unreadable

DATA, TARGET = load_breast_cancer(return_X_y=True)


def arrays(path: Path) -> dict[str, Any]:
    kind, leaves = files.read(path, path.name)
    assert kind == "onnx"
    return {leaf.path: leaf.value for leaf in leaves}


def forest(path: Path, depth: int) -> Path:
    model = GradientBoostingClassifier(n_estimators=2, max_depth=depth, random_state=0).fit(DATA, TARGET)
    onnx.save(to_onnx(model, DATA[:1].astype(np.float32)), path)
    return path


def graph(path: Path, weights: np.ndarray, *, raw: bool = True, **told: Any) -> Path:
    if raw:
        tensor = numpy_helper.from_array(weights, "weights")
    else:
        kind = helper.np_dtype_to_tensor_dtype(weights.dtype)
        tensor = helper.make_tensor("weights", kind, weights.shape, weights.reshape(-1).tolist())
    node = helper.make_node("MatMul", ["x", "weights"], ["y"], name="multiply")
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    onnx.save(helper.make_model(helper.make_graph([node], "graph", shapes[:1], shapes[1:], [tensor]), **told), path)
    return path


def test_the_trees_of_a_converted_model_are_arrays(tmp_path: Path) -> None:
    found = arrays(forest(tmp_path / "m.onnx", 2))
    (path,) = [path for path in found if path.endswith("nodes_values")]
    assert (found[path].dtype, found[path].shape[0] > 4) == ("float32", True)
    (path,) = [path for path in found if path.endswith("nodes_featureids")]
    assert found[path].dtype == "int64"


def test_a_conversion_made_twice_is_the_same(tmp_path: Path) -> None:
    one, two, other = (forest(tmp_path / f"{n}.onnx", depth) for n, depth in ((1, 2), (2, 2), (3, 3)))
    assert canonical.digest(one, "m.onnx") == canonical.digest(two, "m.onnx")
    assert canonical.digest(one, "m.onnx") != canonical.digest(other, "m.onnx")


def test_who_wrote_it_is_noise(tmp_path: Path) -> None:
    weights = np.ones((2, 2), np.float32)
    one = graph(tmp_path / "one.onnx", weights, producer_name="first", producer_version="1")
    two = graph(tmp_path / "two.onnx", weights, producer_name="second", producer_version="2")
    assert one.read_bytes() != two.read_bytes()
    assert canonical.digest(one, "m.onnx") == canonical.digest(two, "m.onnx")


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "float16", "int8", "bool"])
def test_initializers_come_with_their_type_however_they_are_stored(tmp_path: Path, kind: str, raw: bool) -> None:  # noqa: FBT001 - a parameter
    weights = np.array([[0, 1], [2, 3]]).astype(kind)
    found = arrays(graph(tmp_path / "m.onnx", weights, raw=raw))
    (path,) = [path for path in found if path.endswith("weights") and hasattr(found[path], "chunks")]
    assert (found[path].dtype, found[path].shape) == (kind, (2, 2))
    assert np.concatenate([*found[path].chunks(3)]).tolist() == weights.reshape(-1).tolist()


def test_what_ends_early_is_refused(tmp_path: Path) -> None:
    path = forest(tmp_path / "m.onnx", 2)
    whole = path.read_bytes()
    refused = 0
    for length in range(10, len(whole), len(whole) // 20):
        path.write_bytes(whole[:length])
        try:
            list(files.read(path, "m.onnx")[1])
        except Unreadable:
            refused += 1
    assert refused >= 19


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x08\x09\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", id="graph longer than the file"),
        pytest.param(b"\x08\x09\x3a\x0d\x08" + b"\xff" * 12, id="number without an end"),
        pytest.param(b"\x08\x09\x3b\x3c", id="group"),
    ],
)
def test_what_is_no_graph_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(Unreadable):
        list(files.read(tmp_path / "m.onnx", "m.onnx")[1])
