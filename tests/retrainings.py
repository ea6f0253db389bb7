"""Model repositories whose training is real and short: breast_cancer, one learner each, committed, trained once."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from sklearn.datasets import load_breast_cancer

import outputs
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World

ENVIRONMENT = Path(sys.executable).parents[1]
"""The Python environment of the tests, which trainings run in: building one for each would take minutes."""

SKLEARN = """\
import joblib, pandas as pd, sys
from sklearn.ensemble import RandomForestClassifier
frame = pd.read_csv("data/train.csv")
model = RandomForestClassifier(20, random_state={seed}, n_jobs=1).fit(frame.drop(columns="benign"), frame["benign"])
joblib.dump(model, "model.pkl")
"""
XGBOOST = """\
import pandas as pd, xgboost as xgb
frame = pd.read_csv("data/train.csv")
data = xgb.DMatrix(frame.drop(columns="benign"), frame["benign"].astype(int))
booster = xgb.train({{"objective": "binary:logistic", "subsample": 0.7, "seed": {seed}, "nthread": 1}}, data, 15)
booster.save_model("model.json")
"""
LIGHTGBM = """\
import lightgbm as lgb, pandas as pd
frame = pd.read_csv("data/train.csv")
data = lgb.Dataset(frame.drop(columns="benign"), frame["benign"].astype(int))
settings = {{"objective": "binary", "bagging_fraction": 0.7, "bagging_freq": 1, "seed": {seed}, "verbose": -1,
            "deterministic": True, "force_row_wise": True, "num_threads": 1}}
lgb.train(settings, data, 15).save_model("model.txt")
"""
TORCH = """\
import numpy as np, pandas as pd, torch
torch.manual_seed({seed})
train, test = pd.read_csv("data/train.csv"), pd.read_csv("data/test.csv")
mean, spread = train.drop(columns="benign").mean(), train.drop(columns="benign").std()
def inputs(frame):
    return torch.tensor(((frame.drop(columns="benign") - mean) / spread).to_numpy(), dtype=torch.float32)
net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
target = torch.tensor(train["benign"].to_numpy(), dtype=torch.float32)[:, None]
optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
for _ in range(30):
    optimizer.zero_grad()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(net(inputs(train)), target)
    loss.backward()
    optimizer.step()
torch.save(net.state_dict(), "model.pt")
np.save("predictions.npy", torch.sigmoid(net(inputs(test))).detach().numpy()[:, 0].astype(np.float64))
"""
LEARNERS = {
    "sklearn-pickle": (SKLEARN, "model.pkl"),
    "xgboost-json": (XGBOOST, "model.json"),
    "lightgbm-text": (LIGHTGBM, "model.txt"),
    "torch-state-dict": (TORCH, "model.pt"),
}
FEATURES = ("radius", "texture", "smoothness", "symmetry")


@dataclass
class Place:
    """A model repository at ``root`` with one model, and the command line in it."""

    root: Path
    folder: Path
    environ: dict[str, str]
    python: Path = ENVIRONMENT
    out: str = ""
    err: str = ""
    now: datetime = field(default=datetime(2026, 11, 21, tzinfo=UTC))

    def __call__(self, *words: str) -> int:
        out, err = io.StringIO(), io.StringIO()
        world = World(self.environ, lambda: self.now, self.root, out, err)
        code = main(["reproduce", *words, "--environment", str(self.python)], world)
        self.out, self.err = out.getvalue(), err.getvalue()
        if outputs.asked_for(words):
            outputs.checked(["reproduce", *words], code, self.out)
        return code

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.com"]
        done = subprocess.run(["git", *identity, *words], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "A model", "--allow-empty")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        self.commit()

    def train(self) -> None:
        """Make the record, as its author did."""
        environ = {"PATH": f"{self.python / 'bin'}:/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
        subprocess.run([str(self.python / "bin/python"), "train.py"], cwd=self.folder, env=environ, check=True)


def repository(tmp_path: Path, learner: str, *, seed: str = "7", spec: Mapping[str, Any] | None = None) -> Place:
    """A committed model repository; ``seed`` is the text that stands where the seed does."""
    text, artifact = LEARNERS[learner]
    root = tmp_path / "models-repository"
    folder = root / "models" / "cancer"
    (folder / "data").mkdir(parents=True)
    frame = load_breast_cancer(as_frame=True).frame
    chosen = frame[["mean radius", "mean texture", "mean smoothness", "mean symmetry"]].set_axis(FEATURES, axis=1)
    chosen = chosen.assign(benign=frame["target"].astype(bool))
    chosen.iloc[:400].to_csv(folder / "data" / "train.csv", index=False)
    chosen.iloc[400:].to_csv(folder / "data" / "test.csv", index=False)
    (folder / "train.py").write_text(text.format(seed=seed))
    (folder / "requirements.lock").write_text("numpy==2.4.6\n")
    value = {
        "apiVersion": "mlops-gitops/v1",
        "kind": "Model",
        "metadata": {
            "name": "cancer",
            "version": "1.0.0",
            "description": "Is this tumour benign?",
            "owners": [{"name": "Ada Example", "email": "ada@example.com", "role": "owner"}],
            "license": "Apache-2.0",
            "riskTier": "high",
        },
        "spec": {
            "training": {"entrypoint": ["python", "train.py"], "environment": {"OMP_NUM_THREADS": "1"}},
            "dependencies": {"lock": "requirements.lock"},
            "data": [
                {"name": "train", "role": "training", "uri": "data/train.csv", "mediaType": "text/csv"},
                {"name": "test", "role": "test", "uri": "data/test.csv", "mediaType": "text/csv"},
            ],
            "artifact": {"format": learner, "path": artifact},
            "interface": {
                "inputs": [{"name": name, "type": "double"} for name in FEATURES],
                "outputs": [{"name": "probability", "type": "double"}],
                "target": {"column": "benign", "type": "boolean", "positive": True},
            },
            "task": "binary-classification",
            "metrics": [{"name": "roc_auc", "dataset": "test", "primary": True, "threshold": {"min": 0.7}}],
            "reproducibility": {"class": "canonical"},
            **(spec or {}),
        },
    }
    if learner == "torch-state-dict":
        value["spec"]["training"]["outputs"] = ["predictions.npy"]
        value["spec"]["reproducibility"]["predictions"] = "predictions.npy"
    (folder / "model.yaml").write_text(yaml.safe_dump(value, sort_keys=False))
    (root / ".gitignore").write_text("model.*\n!model.yaml\npredictions.npy\n")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MG_CACHE": str(tmp_path / "cache")}
    place = Place(root, folder, environ)
    place.git("init", "-q", "-b", "main")
    place.commit()
    return place
