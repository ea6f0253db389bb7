from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from mlops_gitops.reproduction.contents import files, sources
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable


def leaves(data: bytes, tmp_path: Path, name: str = "model.pkl") -> dict[str, Any]:
    path = tmp_path / "file"
    path.write_bytes(data)
    return {leaf.path: leaf.value for leaf in files.read(path, name)[1]}


def array(leaf: Any) -> np.ndarray:
    return np.concatenate(list(leaf.chunks(3))).reshape(leaf.shape)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(12.0).reshape(3, 4),
        np.asfortranarray(np.arange(24, dtype=">i4").reshape(2, 3, 4)),
        np.array(["a", "bcd"]),
        np.array(["2024-01-01", "2025-02-02"], dtype="datetime64[D]"),
        np.array(7.5),
        np.zeros((0, 3), dtype="f2"),
        np.array([True, False]),
    ],
)
@pytest.mark.parametrize("how", ["npy", "2", "4", "5", "joblib", "packed"])
def test_arrays_come_as_they_were_written(tmp_path: Path, values: np.ndarray, how: str) -> None:
    out = io.BytesIO()
    if how == "npy":
        np.save(out, values)
    elif how in ("joblib", "packed"):
        joblib.dump(values, out, compress=3 if how == "packed" else 0)
    else:
        pickle.dump(values, out, protocol=int(how))
    (found,) = leaves(out.getvalue(), tmp_path).values()
    assert (found.shape, found.dtype) == (values.shape, values.dtype.newbyteorder("=").name)
    if values.size:
        assert np.array_equal(array(found), values)


def test_records_come_field_by_field(tmp_path: Path) -> None:
    kind = np.dtype({"names": ["left", "deep"], "formats": ["<i8", ("<f4", (2,))], "offsets": [0, 8], "itemsize": 24})
    values = np.zeros(5, kind)
    values["deep"] = np.arange(10).reshape(5, 2)
    found = leaves(pickle.dumps({"nodes": values}), tmp_path)
    assert array(found["['nodes'].deep"]).tolist() == values["deep"].tolist()
    assert found["['nodes'].left"].dtype == "int64"


def test_objects_that_are_shared_or_contain_themselves_are_told_once(tmp_path: Path) -> None:
    shared: list[object] = ["x"]
    shared.append(shared)
    found = leaves(pickle.dumps([shared, shared]), tmp_path)
    assert found["[0][1]"] == "the same as [0]"
    assert found["[1]"] == "the same as [0]"


class _Calls:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_what_would_run_a_program_is_unreadable_and_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    with pytest.raises(Unreadable, match=r"would call posix\.system"):
        leaves(pickle.dumps(_Calls(mark)), tmp_path)
    assert not mark.exists()


def _nested(opening: bytes, closing: bytes, count: int) -> bytes:
    return b"\x80\x04" + opening * count + closing * count + b"."


def test_hostile_pickles_are_unreadable(tmp_path: Path) -> None:
    whole = pickle.dumps({"a": [1, 2, np.arange(9)]})
    for data in (
        _nested(b"]", b"a", 100_000).replace(b"a.", b"."),
        *(whole[:end] for end in range(2, len(whole))),
        b"\x80\x04X\xff\xff\xff\xff.",
        b"\x80\x04\x8e" + b"\xff" * 8 + b".",
        b"\x80\x04h\x05.",
        b"\x80\x04Ppersistent\n.",
        b"\x80\x09N.",
        b"\x80\x04I" + b"9" * 10_000 + b"\n.",
    ):
        with pytest.raises(Unreadable):
            leaves(data, tmp_path)


@pytest.mark.parametrize("kind", [b"(%b%bt", b"](%b%be"])
def test_a_memo_of_doublings_costs_no_more_than_its_bytes(tmp_path: Path, kind: bytes) -> None:
    data = b"\x80\x04]q\x00"
    for level in range(1, 200):
        data += kind % (b"h%c" % (level - 1), b"h%c" % (level - 1)) + b"q%c" % level
    assert len(leaves(b"\x80\x04(" + data[2:] + b"t.", tmp_path)) < 2_000


def test_bombs_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_EXPANDED", 1 << 20)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.bin", bytes(8 << 20))
    with pytest.raises(Unreadable, match="expands to more"):
        leaves(out.getvalue(), tmp_path, "bomb.zip")
    data = b"x"
    for _ in range(9):
        data = gzip.compress(data)
    with pytest.raises(Unreadable, match="packed more than"):
        leaves(data, tmp_path, "deep.gz")


def test_noise_is_named(tmp_path: Path) -> None:
    path = tmp_path / "MLmodel"
    path.write_text("model_uuid: abc\nflavors:\n  python_function:\n    python_version: 3.11.7\nsignature: x\n")
    kind, found = files.read(path, "MLmodel")
    assert kind == "mlmodel"
    assert list(found) == [
        Leaf("flavors.python_function.python_version", "3.11"),
        Leaf("flavors.python_function.python_version (patch level)", "7", "patch level of Python"),
        Leaf("model_uuid", "abc", "MLmodel uuid"),
        Leaf("signature", "x"),
    ]


def test_what_nobody_knows_is_its_bytes(tmp_path: Path) -> None:
    (found,) = leaves(b"\x00\x01\x02", tmp_path, "weights.bin").values()
    assert array(found).tolist() == [0, 1, 2]
