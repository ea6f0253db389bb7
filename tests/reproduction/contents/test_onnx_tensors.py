from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_gitops.reproduction import numbers
from mlops_gitops.reproduction.contents import files
from mlops_gitops.reproduction.contents.leaves import Unreadable


def model(*tensors: onnx.TensorProto) -> onnx.ModelProto:
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    return helper.make_model(
        helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "g", [], [output], tensors)
    )


def outside(folder: Path, values: np.ndarray, location: str = "weights.bin") -> Path:
    """As onnx writes it, but for ``location``, which may be anything."""
    folder.mkdir(exist_ok=True)
    path = folder / "model.onnx"
    onnx.save_model(
        model(numpy_helper.from_array(values, "w")), str(path), save_as_external_data=True, location="weights.bin",
        size_threshold=0,
    )  # fmt: skip
    if location != "weights.bin":
        changed = onnx.load(str(path), load_external_data=False)
        for entry in changed.graph.initializer[0].external_data:
            if entry.key == "location":
                entry.value = location
        path.write_bytes(changed.SerializeToString())
    return path


def values(path: Path, name: str = "w") -> np.ndarray:
    (found,) = [leaf.value for leaf in files.read(path, path.name)[1] if leaf.path == name]
    array: Any = found
    return np.concatenate([*array.chunks(3), np.empty(0)]).reshape(array.shape)


def test_numbers_outside_are_those_of_the_model(tmp_path: Path) -> None:
    weights = np.arange(6, dtype=np.float32).reshape(2, 3) / 7
    assert np.array_equal(values(outside(tmp_path, weights)), weights)


def test_the_file_beside_a_model_is_compared_as_its_numbers(tmp_path: Path) -> None:
    weights = np.arange(1, 7, dtype=np.float32)
    outside(tmp_path / "left", weights)
    outside(tmp_path / "right", weights * np.float32(1 + 1e-6))
    (row,) = numbers.compare(tmp_path / "left", tmp_path / "right", names=["model.onnx", "weights.bin"])
    assert (row.name, row.dtype, row.within) == ("w", "float32", True)
    assert row.differing


@pytest.mark.parametrize(
    "location", ["../weights.bin", "/etc/hostname", "link.bin", "below/weights.bin", "", "missing", "."]
)
def test_nothing_but_a_file_beside_the_model_is_opened(tmp_path: Path, location: str) -> None:
    (tmp_path / "weights.bin").write_bytes(b"\0" * 100)
    folder = tmp_path / "model"
    path = outside(folder, np.zeros(3, np.float32), location)
    (folder / "link.bin").symlink_to(tmp_path / "weights.bin")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/weights.bin").write_bytes(b"\0" * 100)
    (folder / "below").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unreadable):
        values(path)


def test_a_file_beside_the_model_that_is_too_short_is_refused(tmp_path: Path) -> None:
    path = outside(tmp_path, np.zeros(300, np.float32))
    with (tmp_path / "weights.bin").open("r+b") as out:
        out.truncate(300)
    with pytest.raises(Unreadable):
        values(path)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (TensorProto.FLOAT16, [1.5, -2.0]), (TensorProto.BFLOAT16, [1.5, -2.0]), (TensorProto.INT64, [-1, 1 << 40]),
        (TensorProto.INT8, [-3, 4]), (TensorProto.UINT64, [1 << 63, 5]), (TensorProto.DOUBLE, [0.1, 0.2]),
        (TensorProto.FLOAT, [0.5, 0.25]), (TensorProto.BOOL, [1, 0]), (TensorProto.FLOAT8E4M3FN, [1.5, -448.0]),
        (TensorProto.FLOAT8E5M2, [1.5, -3.0]),
    ],
)  # fmt: skip
def test_numbers_of_every_type_come_as_they_are(tmp_path: Path, kind: int, given: list[float]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model(helper.make_tensor("w", kind, [2], given)).SerializeToString())
    assert values(path).tolist() == given


def test_a_tensor_with_too_few_numbers_is_refused(tmp_path: Path) -> None:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [2], [0.5, 0.25])
    for dims in ([3], [1 << 40, 1 << 40], [0], [-1]):
        del tensor.dims[:]
        tensor.dims.extend(dims)
        path = tmp_path / "model.onnx"
        path.write_bytes(model(tensor).SerializeToString())
        with pytest.raises(Unreadable):
            values(path)
