"""A network from PyTorch: scanned, asked in a process of its own, and every other program refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from mlops_gitops.adapters.predictions import predictor
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.packaging.scan import scan
from mlops_gitops.testing.models.predictions import Artifact, Job, Predictions
from torch_folder import torch_folder

TRAIN = """
import sys
import numpy as np, torch
torch.manual_seed(0)
data = np.load(sys.argv[1])
net = torch.nn.Sequential(torch.nn.BatchNorm1d(30), torch.nn.Linear(30, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1),
    torch.nn.Sigmoid())
x, y = torch.tensor(data["x"], dtype=torch.float32), torch.tensor(data["y"], dtype=torch.float32)
best = torch.optim.Adam(net.parameters(), lr=0.05)
for _ in range(60):
    best.zero_grad()
    torch.nn.functional.binary_cross_entropy(net(x)[:, 0], y).backward()
    best.step()
net.eval()
made = torch.export.export(net, (x[:3],), dynamic_shapes=({0: torch.export.Dim("rows")},))
torch.export.save(made, sys.argv[2])
np.save(sys.argv[3], net(x).detach().numpy()[:, 0])
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, np.ndarray, Path]:
    """An interpreter that has PyTorch, the exported network, what it said in training, and the data."""
    folder, base = torch_folder(), tmp_path_factory.mktemp("torch")
    python = base / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(os.path.realpath(sys.executable))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = base / "env" / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (packages / "torch.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n{folder}\n")
    (base / "env" / "pyvenv.cfg").write_text(f"home = {Path(os.path.realpath(sys.executable)).parent}\n")
    frame, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    frame.to_parquet(base / "data.parquet")
    np.savez(base / "data.npz", x=frame.to_numpy(), y=labels.to_numpy())
    words = [str(python), "-c", TRAIN, str(base / "data.npz"), str(base / "net.pt2"), str(base / "said.npy")]
    subprocess.run(words, check=True, capture_output=True, text=True)
    return python, base / "net.pt2", np.load(base / "said.npy"), base / "data.parquet"


def test_a_network_passes_the_scan_and_answers_as_it_did_in_training(
    network: tuple[Path, Path, np.ndarray, Path],
) -> None:
    python, path, said, data = network
    report = scan(path, format="torch-export")
    assert report.verdict is Verdict.PASS, report.checks
    columns = tuple(load_breast_cancer(as_frame=True).data.columns)
    job = Job(Artifact(path, "torch-export", "0"), data, "parquet", "1", columns, "binary-classification", "1")
    [answer] = predictor(environ={"PATH": os.environ["PATH"]}, cache=None, python=python)([job])
    assert isinstance(answer, Predictions), answer
    np.testing.assert_allclose(answer.values, said, atol=1e-6)
    assert (answer.kind, answer.unstable) == ("probability", 0)


def changed(path: Path, target: Path, change: Callable[[dict[str, Any]], object], ending: str = "model.json") -> Path:
    """The same archive with one of its documents changed."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith(ending):
                document = json.loads(data)
                change(document)
                data = json.dumps(document).encode()
            out.writestr(name, data)
    return target


def node(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["graph_module"]["graph"]["nodes"][0]
    return found


HOSTILE: dict[str, Callable[[dict[str, Any]], object]] = {
    "a function": lambda one: node(one).update(target="os.system"),
    "a file": lambda one: node(one).update(target="torch.ops.aten.from_file.default"),
    "another library": lambda one: node(one).update(target="torch.ops.mine.run.default"),
    "an expression": lambda one: one.update(x={"expr_str": "__import__('os').system('true')"}),
    "an attribute": lambda one: one.update(x={"expr_str": "Symbol.__class__"}),
    "guards": lambda one: one.update(guards_code=["print(1)"]),
    "an object": lambda one: node(one).update(arg={"as_custom_obj": {"name": "x"}}),
    "a container": lambda one: one.update(in_spec='[1, {"type": "mine.Thing"}]'),
    "no tree": lambda one: one.update(out_spec="("),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_graph_that_does_more_than_compute_does_not_pass(
    network: tuple[Path, Path, np.ndarray, Path], tmp_path: Path, name: str
) -> None:
    path = changed(network[1], tmp_path / "net.pt2", HOSTILE[name])
    assert scan(path, format="torch-export").verdict is Verdict.FAIL


def test_weights_that_are_a_pickle_and_strange_members_do_not_pass(
    network: tuple[Path, Path, np.ndarray, Path], tmp_path: Path
) -> None:
    def pickled(document: dict[str, Any]) -> None:
        next(iter(document["config"].values()))["use_pickle"] = True

    path = changed(network[1], tmp_path / "a.pt2", pickled, "weights_config.json")
    assert scan(path, format="torch-export").verdict is Verdict.FAIL
    path = changed(network[1], tmp_path / "b.pt2", lambda _: None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("net/data/aotinductor/model/model.so", b"\x7fELF")
    assert scan(path, format="torch-export").verdict is Verdict.FAIL
    assert scan(network[1], format="torch-state-dict").verdict is Verdict.FAIL
