from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from mlops_gitops.packaging import digests
from mlops_gitops.reproduction import numbers
from mlops_gitops.reproduction.levels import TensorComparison

LARGE = 3_000_001


def sides(
    tmp_path: Path, left: dict[str, np.ndarray], right: dict[str, np.ndarray], **options: Any
) -> dict[str, TensorComparison]:
    for side, tensors in (("left", left), ("right", right)):
        (tmp_path / side).mkdir(exist_ok=True)
        save_file(tensors, tmp_path / side / "m.safetensors")
    rows = numbers.compare(tmp_path / "left", tmp_path / "right", names=["m.safetensors"], **options)
    return {row.name: row for row in rows}


def weights(kind: str = "float32", count: int = 1000) -> np.ndarray:
    return np.random.default_rng(0).normal(size=count).astype(kind)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("step", [1, -1])
def test_one_unit_in_the_last_place_of_one_element(tmp_path: Path, kind: str, step: int) -> None:
    left = weights(kind).reshape(10, 100)
    right = left.copy()
    right[3, 14] = np.nextafter(right[3, 14], right.dtype.type(step * np.inf))
    found = sides(tmp_path, {"a": left, "b": left}, {"a": left, "b": right})
    assert (found["a"].differing, found["a"].ulp, found["a"].where, found["a"].within) == (0, 0, None, True)
    row = found["b"]
    assert (row.differing, row.ulp, row.where, row.within, row.problem) == (1, 1, (3, 14), True, "")
    assert row.absolute == abs(float(left[3, 14]) - float(right[3, 14]))


def test_statistics_of_a_large_array_are_those_of_numpy(tmp_path: Path) -> None:
    left = weights(count=LARGE)
    right = (left * (1 + 1e-6 * np.random.default_rng(1).normal(size=LARGE))).astype(np.float32)
    row = sides(tmp_path, {"a": left}, {"a": right}, workers=3)["a"]
    apart = np.abs(left - right)
    assert row.differing == int((left != right).sum())
    assert row.absolute == float(apart.max())
    assert row.where == (int(apart.argmax()),)
    assert row.relative == pytest.approx(float((apart / np.abs(right)).max()), rel=1e-6)
    assert row.ulp == int(np.abs(left.view(np.int32).astype(int) - right.view(np.int32)).max())
    assert row.within == bool((apart <= 1e-7 + 1e-5 * np.abs(right)).all())


def test_the_tolerance_is_that_of_the_type_or_of_the_manifest(tmp_path: Path) -> None:
    left = np.array([1.0, 2.0], np.float32)
    right = np.array([1.0, 2.001], np.float32)
    assert not sides(tmp_path, {"a": left}, {"a": right})["a"].within
    assert sides(tmp_path, {"a": left}, {"a": right}, relative=1e-3, absolute=0.0)["a"].within
    assert sides(tmp_path, {"a": left}, {"a": right}, relative=0.0, absolute=0.01)["a"].within
    assert not sides(tmp_path, {"a": left}, {"a": right}, relative=0.0, absolute=1e-4)["a"].within


def test_whole_numbers_are_exact_whatever_the_tolerance(tmp_path: Path) -> None:
    row = sides(tmp_path, {"a": np.array([1, 2**40])}, {"a": np.array([1, 2**40 + 1])}, relative=0.1, absolute=9.0)["a"]
    assert (row.within, row.differing, row.where) == (False, 1, (1,))


@pytest.mark.parametrize("where", [0, 999, LARGE - 1])
def test_no_number_on_one_side_is_never_within(tmp_path: Path, where: int) -> None:
    left = weights(count=LARGE)
    right = left.copy()
    right[where] = np.nan
    row = sides(tmp_path, {"a": left}, {"a": right}, relative=1e9, absolute=1e9)["a"]
    assert (row.within, row.differing) == (False, 1)
    assert "NaN" in row.problem


def test_no_number_and_infinity_on_both_sides_are_equal(tmp_path: Path) -> None:
    left = np.array([np.nan, np.inf, -np.inf, 1.0, 0.0, -0.0], np.float32)
    right = left[[0, 1, 2, 3, 5, 4]]
    row = sides(tmp_path, {"a": left}, {"a": right})["a"]
    assert (row.within, row.differing, row.ulp) == (True, 0, 0)


@pytest.mark.parametrize("other", [np.inf, -np.inf])
def test_infinity_on_one_side_is_never_within(tmp_path: Path, other: float) -> None:
    left, right = np.array([1.0, np.inf], np.float32), np.array([1.0, np.inf], np.float32)
    right[0] = other
    row = sides(tmp_path, {"a": left}, {"a": right}, relative=1e9, absolute=1e9)["a"]
    assert (row.within, row.differing) == (False, 1)
    assert "infinite" in row.problem


def test_zero_and_what_is_not_zero_are_apart(tmp_path: Path) -> None:
    row = sides(tmp_path, {"a": np.array([0.0, 1.0])}, {"a": np.array([1e-3, 1.0])})["a"]
    assert (row.within, row.differing, row.where) == (False, 1, (0,))
    row = sides(tmp_path, {"a": np.array([1e-13, 1.0])}, {"a": np.array([0.0, 1.0])})["a"]
    assert (row.within, row.differing) == (True, 1)


def test_other_shapes_types_and_names_are_problems(tmp_path: Path) -> None:
    one = weights(count=6)
    left = {"shape": one.reshape(2, 3), "type": one, "left": one}
    found = sides(tmp_path, left, {"shape": one.reshape(3, 2), "type": one.astype("f8"), "right": one})
    assert not any(row.within for row in found.values())
    assert "shape (2, 3)" in found["shape"].problem
    assert "type float32" in found["type"].problem
    assert (found["left"].problem, found["right"].problem) == ("is missing on the right", "is missing on the left")


def test_the_order_in_the_file_means_nothing(tmp_path: Path) -> None:
    data = struct.pack("<ff", 1.0, 2.0)
    for side, names in (("left", "ab"), ("right", "ba")):
        spans = {"a": [0, 4], "b": [4, 8]} if side == "left" else {"b": [0, 4], "a": [4, 8]}
        header = {name: {"dtype": "F32", "shape": [1], "data_offsets": spans[name]} for name in names}
        text = json.dumps(header).encode()
        (tmp_path / side).write_bytes(
            struct.pack("<Q", len(text)) + text + (data if side == "left" else data[4:] + data[:4])
        )
    rows = numbers.compare(tmp_path / "left", tmp_path / "right", names=[digests.SINGLE])
    assert [(row.name, row.differing, row.within) for row in rows] == [("a", 0, True), ("b", 0, True)]


def test_a_file_that_cannot_be_read_is_one_row(tmp_path: Path) -> None:
    sides(tmp_path, {"a": weights()}, {"a": weights()})
    path = tmp_path / "right" / "m.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    (row,) = numbers.compare(tmp_path / "left", tmp_path / "right", names=["m.safetensors"])
    assert not row.within
    assert "cannot be read" in row.problem


def test_other_texts_are_told(tmp_path: Path) -> None:
    for side, text in (("left", '{"name": "a", "loss": 0.5}'), ("right", '{"name": "b", "loss": 0.5000000000001}')):
        (tmp_path / side).mkdir()
        (tmp_path / side / "m.json").write_text(text)
    found = {row.name: row for row in numbers.compare(tmp_path / "left", tmp_path / "right", names=["m.json"])}
    assert (found["name"].dtype, found["name"].within) == ("text", False)
    assert (found["loss"].within, found["loss"].differing) == (True, 1)
