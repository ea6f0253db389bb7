from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from mlops_gitops.reproduction.contents import files
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable


def leaves(path: Path) -> list[Leaf]:
    kind, found = files.read(path, path.name)
    assert kind == "safetensors"
    return list(found)


def written(path: Path, header: dict[str, Any] | bytes, data: bytes, *, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def test_tensors_come_as_the_library_wrote_them(tmp_path: Path) -> None:
    tensors = {
        "weight": np.arange(12, dtype=np.float32).reshape(3, 4),
        "half": np.array([1.5, -2.0], np.float16),
        "count": np.array(7, np.int64),
        "mask": np.array([True, False]),
        "none": np.zeros((0, 3), np.float64),
    }
    save_file(tensors, tmp_path / "model.safetensors", {"format": "np", "step": "3"})
    found = {leaf.path: leaf for leaf in leaves(tmp_path / "model.safetensors")}
    assert found.pop("__metadata__.format").noise == "safetensors metadata"
    assert (found["__metadata__.step"].value, found.pop("__metadata__.step").noise) == ("3", "")
    assert found.keys() == tensors.keys()
    for name, values in tensors.items():
        told: Any = found[name].value
        assert (told.dtype, told.shape) == (values.dtype.name, values.shape)
        read = [*told.chunks(5)]
        assert np.array_equal(np.concatenate(read) if read else np.empty(0), values.reshape(-1))


def test_short_types_come_widened(tmp_path: Path) -> None:
    header = {
        "brain": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
        "eighth": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [4, 6]},
    }
    path = written(tmp_path / "m.safetensors", header, struct.pack("<HHBB", 0x3F80, 0xC000, 0x38, 0xC0))
    found: dict[str, Any] = {leaf.path: leaf.value for leaf in leaves(path)}
    assert (found["brain"].dtype, next(found["brain"].chunks(9)).tolist()) == ("bfloat16", [1.0, -2.0])
    assert next(found["eighth"].chunks(9)).tolist() == [1.0, -2.0]


def one(start: int, end: int, shape: list[Any], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    ("header", "data", "length"),
    [
        pytest.param({"a": one(0, 8, [2])}, b"\0" * 4, None, id="cut"),
        pytest.param({"a": one(0, 8, [2]), "b": one(4, 12, [2])}, b"\0" * 12, None, id="overlapping"),
        pytest.param({"a": one(0, 4, [1]), "b": one(8, 12, [1])}, b"\0" * 12, None, id="gap"),
        pytest.param({"a": one(0, 8, [1 << 40, 1 << 40])}, b"\0" * 8, None, id="shape"),
        pytest.param({"a": one(0, 8, [-2, -1])}, b"\0" * 8, None, id="negative"),
        pytest.param({"a": one(0, 8, [2.0])}, b"\0" * 8, None, id="fraction"),
        pytest.param({"a": one(0, 8, [8], "NEW")}, b"\0" * 8, None, id="unknown type"),
        pytest.param({"a": []}, b"", None, id="list"),
        pytest.param({}, b"", 90_000_000, id="longer header than file"),
        pytest.param(b'{"a": ' * 100_000, b"", None, id="deep"),
        pytest.param(b'{"__metadata__": {}, "__metadata__": {"dtype": 1}}', b"", None, id="twice"),
    ],
)
def test_what_no_writer_writes_is_refused(
    tmp_path: Path, header: dict[str, Any] | bytes, data: bytes, length: int | None
) -> None:
    with pytest.raises(Unreadable):
        list(files.read(written(tmp_path / "m.safetensors", header, data, length=length), "m.safetensors")[1])
