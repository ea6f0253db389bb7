"""A small model repository to train in: one model, one data set, and whatever ``train.py`` a test wants."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mlops_gitops.adapters import trainings
from mlops_gitops.manifests.model import Model
from mlops_gitops.reproduction.trainings import Conditions, Order, Run

ENVIRONMENT = Path(sys.executable).parents[1]
"""The Python environment of the tests."""
DATA = "x,y\n" + "".join(f"{n},{n * n}\n" for n in range(50))
BOTH = pytest.mark.parametrize("confined", [pytest.param(True, id="bubblewrap"), pytest.param(False, id="plain")])
"""Asks for a test in both kinds of confinement."""
GOOD = """\
import json
rows = [line.split(",") for line in open("data/train.csv").read().split()[1:]]
json.dump({"sum": sum(int(y) for _, y in rows)}, open("model.json", "w"))
"""


@dataclass
class Ground:
    """A repository at ``root``, outside of which lies ``scratch``."""

    root: Path
    scratch: Path
    spec: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.root / "models" / "cancer"

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.com"]
        return subprocess.run(
            ["git", *identity, *words], cwd=self.root, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "A model")
        return self.git("rev-parse", "HEAD")

    def model(self) -> Model:
        digest = hashlib.sha256((self.folder / "data" / "train.csv").read_bytes()).hexdigest()
        return Model.from_value(
            {
                "metadata": {
                    "name": "cancer",
                    "version": "1.0.0",
                    "description": "A sum.",
                    "owners": [{"name": "Ada Example", "email": "ada@example.com"}],
                    "license": "Apache-2.0",
                    "riskTier": "limited",
                },
                "spec": {
                    "training": {"entrypoint": ["python", "train.py"], **self.training},
                    "dependencies": {"lock": "requirements.lock"},
                    "data": [
                        {"name": "train", "role": "training", "uri": "data/train.csv", "digest": {"sha256": digest}}
                    ],
                    "artifact": {"format": "xgboost-json", "path": "model.json"},
                    "interface": {
                        "inputs": [{"name": "x", "type": "double"}],
                        "outputs": [{"name": "probability", "type": "double"}],
                    },
                    "task": "regression",
                    "metrics": [{"name": "rmse", "dataset": "train", "threshold": {"max": 1.0}}],
                    "serving": {"pattern": "rest"},
                    **self.spec,
                },
            }
        )

    def trainer(
        self, *, confined: bool = True, revision: str | None = None, seconds: float = 60, **more: Any
    ) -> trainings.LocalTrainer:
        options = {"environment": ENVIRONMENT, "lock_environments": self.scratch / "environments", **more}
        return trainings.trainer(
            self.model(),
            folder=self.folder,
            root=self.root,
            revision=revision,
            scratch=self.scratch / "runs",
            environ=self.environ,
            seconds=seconds,
            progress=lambda _: None,
            confined=confined,
            **options,
        )

    def run(
        self,
        text: str,
        *,
        name: str = "first",
        conditions: Conditions | None = None,
        traced: bool = False,
        arguments: tuple[str, ...] = (),
        **options: Any,
    ) -> Run:
        self.write("train.py", text)
        order = Order(name, conditions or Conditions(), traced=traced, arguments=arguments)
        return self.trainer(**options).train(order)


def ground(tmp_path: Path, **environ: str) -> Ground:
    """A repository with data, a lock that pins nothing, and a training that works."""
    root, scratch = tmp_path / "repository", tmp_path / "scratch"
    home = tmp_path / "home-of-ada"
    home.mkdir(parents=True)
    found = Ground(root, scratch, environ={"PATH": os.environ["PATH"], "HOME": str(home), **environ})
    found.write("data/train.csv", DATA)
    found.write("requirements.lock", "")
    found.write("train.py", GOOD)
    found.git("init", "-q", "-b", "main")
    return found


def contents(*folders: Path) -> Mapping[str, str]:
    """Every file below ``folders`` with its bytes, mode and time: what must not change is compared by this."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            status = path.lstat()
            data = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
            found[str(path)] = f"{status.st_mode:o} {status.st_mtime_ns if data else ''} {data}"
    return found


def troubles(run: Run) -> list[str]:
    """What was wrong with a run."""
    return [one.trouble.value for one in run.problems]
