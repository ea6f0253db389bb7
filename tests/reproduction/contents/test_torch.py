from __future__ import annotations

import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_gitops.reproduction import canonical, numbers
from mlops_gitops.reproduction.contents import files
from mlops_gitops.reproduction.contents.leaves import Unreadable

TORCH = Path(__file__).parents[3] / ".torch"
PROGRAM = """\
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(40, 30), torch.nn.BatchNorm1d(30), torch.nn.Linear(30, 2))
torch.save(model.state_dict(), "one.pt")
torch.save(model.state_dict(), "two.pt")
state = model.state_dict()
for name in state:
    state[name] = state[name].clone()
bits = state["2.weight"].view(torch.int32)
bits[1, 7] += 1
torch.save(state, "ulp.pt")
state["0.bias"][3] = float("nan")
torch.save(state, "nan.pt")
del state["0.bias"]
torch.save(state, "less.pt")
base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
kinds = {
    "turned": base.t(), "part": base[1:3], "column": base[:, 1], "brain": base.to(torch.bfloat16),
    "half": base.half(), "double": base.double(), "long": base.long(), "truth": base > 5, "byte": base.to(torch.uint8),
    "parameter": torch.nn.Parameter(base), "scalar": torch.tensor(7.5), "none": torch.zeros(0, 3),
    "complex": torch.complex(base, base),
}
torch.save(kinds, "kinds.pt")
torch.save(model, "whole.pt")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (TORCH / "torch").is_dir():
        message = "PyTorch is not in .torch"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    place = tmp_path_factory.mktemp("torch")
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(TORCH)},
        check=True,
        timeout=120,
    )
    return place


def compared(folder: Path, tmp_path: Path, left: str, right: str) -> dict[str, Any]:
    for side, name in (("left", left), ("right", right)):
        (tmp_path / side).mkdir()
        (tmp_path / side / "m.pt").write_bytes((folder / name).read_bytes())
    rows = numbers.compare(tmp_path / "left", tmp_path / "right", names=["m.pt"])
    return {row.name: row for row in rows if row.differing or row.problem}


def test_saved_twice_is_the_same(folder: Path, tmp_path: Path) -> None:
    assert canonical.digest(folder / "one.pt", "m.pt") == canonical.digest(folder / "two.pt", "m.pt")
    assert not compared(folder, tmp_path, "one.pt", "two.pt")


def test_one_unit_in_the_last_place_is_named(folder: Path, tmp_path: Path) -> None:
    ((name, row),) = compared(folder, tmp_path, "one.pt", "ulp.pt").items()
    assert "2.weight" in name
    assert (row.where, row.differing, row.ulp, row.within) == ((1, 7), 1, 1, True)
    assert canonical.digest(folder / "one.pt", "m.pt") != canonical.digest(folder / "ulp.pt", "m.pt")


def test_no_number_on_one_side_is_a_problem(folder: Path, tmp_path: Path) -> None:
    ((name, row),) = compared(folder, tmp_path, "ulp.pt", "nan.pt").items()
    assert "0.bias" in name
    assert (row.within, row.differing) == (False, 1)
    assert "NaN" in row.problem


def test_a_tensor_that_one_side_lacks_is_named(folder: Path, tmp_path: Path) -> None:
    found = compared(folder, tmp_path, "ulp.pt", "less.pt")
    assert any("0.bias" in name and "missing on the right" in row.problem for name, row in found.items())


def test_views_and_types_come_as_their_values(folder: Path) -> None:
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    expected = {
        "turned": base.T, "part": base[1:3], "column": base[:, 1], "brain": base, "half": base.astype("f2"),
        "double": base.astype("f8"), "long": base.astype("i8"), "truth": base > 5, "byte": base.astype("u1"),
        "parameter": base, "scalar": np.array(7.5, "f4"), "none": np.zeros((0, 3), "f4"), "complex": base + 1j * base,
    }  # fmt: skip
    kind, leaves = files.read(folder / "kinds.pt", "kinds.pt")
    found: dict[str, Any] = {leaf.path: leaf.value for leaf in leaves}
    assert kind == "torch"
    for name, values in expected.items():
        array = found[f"['{name}']"]
        read = [*array.chunks(7)]
        assert array.shape == values.shape
        assert np.array_equal(np.concatenate(read) if read else np.zeros(0), values.reshape(-1)), name
    assert found["['brain']"].dtype == "bfloat16"


def test_a_whole_module_is_read_without_running_it(folder: Path) -> None:
    found = {leaf.path: leaf.value for leaf in files.read(folder / "whole.pt", "whole.pt")[1]}
    assert any("weight" in path and getattr(value, "shape", ()) == (30, 40) for path, value in found.items())


def test_a_cut_archive_is_refused(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "one.pt").read_bytes()
    for length in (100, len(whole) // 2, len(whole) - 30):
        (tmp_path / "m.pt").write_bytes(whole[:length])
        with pytest.raises(Unreadable):
            list(files.read(tmp_path / "m.pt", "m.pt")[1])


def test_an_archive_that_lies_about_a_size_is_refused(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(folder / "one.pt") as archive:
        size = archive.getinfo("one/data/0").file_size
    whole = (folder / "one.pt").read_bytes()
    lying = struct.pack("<I", 1 << 31)
    listing = whole.index(b"PK\x01\x02")
    entry = whole.index(b"one/data/0", listing) - 46
    assert whole[entry + 24 : entry + 28] == struct.pack("<I", size)
    (tmp_path / "m.pt").write_bytes(whole[: entry + 24] + lying + whole[entry + 28 :])
    try:
        leaves = list(files.read(tmp_path / "m.pt", "m.pt")[1])
    except Unreadable:
        return
    for leaf in leaves:  # the tensor is no larger than what is there
        if hasattr(leaf.value, "shape"):
            assert int(np.prod(leaf.value.shape)) < len(whole)
