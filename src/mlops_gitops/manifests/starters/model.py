"""The first files of a model: a manifest, a training script that runs, example data, and a lock file."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator

_MANIFEST = """\
apiVersion: mlops-gitops/v1
kind: Model
metadata:
  name: {name}
  version: "0.1.0"                    # SemVer, always in quotes
  description: Is this example positive?
  owners:
    - {{name: Ada Example, email: ada@example.com, role: owner}}
    - {{name: Grace Example, email: grace@example.com, role: approver}}
  license: Apache-2.0                 # SPDX expression
  riskTier: limited                   # minimal, limited or high
spec:
  training:
    entrypoint: [python, train.py]    # one argument an item; never given to a shell
    environment: {{PYTHONHASHSEED: "0"}}
    timeout: PT30M
    network: false
  dependencies: {{lock: requirements.lock}}
  data:
    - name: train
      role: training
      uri: data/train.csv
      mediaType: text/csv
      digest: {{sha256: "{train}"}}
    - name: test
      role: test
      uri: data/test.csv
      mediaType: text/csv
      digest: {{sha256: "{test}"}}
  artifact: {{format: mlflow, path: artifact}}
  interface:
    inputs: [{{name: height, type: double}}, {{name: weight, type: double}}]
    outputs: [{{name: prediction, type: long}}]
    target: {{column: positive, type: long, positive: 1}}
  task: binary-classification
  metrics:
    - name: accuracy
      dataset: test
      primary: true
      threshold: {{min: 0.8}}           # what every release must reach
      maxRegression: 0.02             # the largest loss against the champion that still passes
  tests:
    data:
      columns:
        - {{name: height, type: double, range: {{min: 0, max: 1}}, maxNullRate: 0.0}}
        - {{name: weight, type: double, range: {{min: 0, max: 1}}, maxNullRate: 0.0}}
      rows: {{min: 50}}
    model: {{baseline: prior}}
  reproducibility: {{class: canonical}}
  serving: {{pattern: rest, rollout: {{strategy: rolling}}}}
  monitoring: {{maxAge: P90D}}
  rollback: {{keep: 3}}
"""

_TRAIN = '''\
"""Train the model: reads data/train.csv, writes the folder artifact."""

import shutil
from pathlib import Path

import mlflow.sklearn
import pandas
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

rows = pandas.read_csv("data/train.csv")
inputs = rows[["height", "weight"]]
model = LogisticRegression(C=100.0).fit(inputs, rows["positive"])

shutil.rmtree(Path("artifact"), ignore_errors=True)
mlflow.sklearn.save_model(model, "artifact", signature=infer_signature(inputs, model.predict(inputs)))
'''

_LOCK = """\
# Every package at one exact version.  Better: all of them with hashes, by `uv pip compile --generate-hashes`.
mlflow==3.17.2
numpy==2.4.6
pandas==3.1.1
scikit-learn==1.9.1
"""

_IGNORED = """\
# Training writes it; a release names it by its digest.
/artifact/
"""

_TRAINING_ROWS = 200
_TEST_ROWS = 1000
"""Enough to tell within ``maxRegression``, where two models differ in one answer out of twenty."""


def files(name: str, *, folder: str) -> dict[str, str]:
    """The files of a model called ``name``, in ``folder``/``name``."""
    train, test = "".join(_rows(_TRAINING_ROWS, seed=1)), "".join(_rows(_TEST_ROWS, seed=2))
    manifest = _MANIFEST.format(name=name, train=_sha256(train), test=_sha256(test))
    place = f"{folder}/{name}"
    return {
        f"{place}/model.yaml": manifest,
        f"{place}/train.py": _TRAIN,
        f"{place}/requirements.lock": _LOCK,
        f"{place}/data/train.csv": train,
        f"{place}/data/test.csv": test,
        f"{place}/.gitignore": _IGNORED,
    }


def steps(name: str, *, folder: str) -> list[str]:
    """What to type after that, in order, in the root of the model repository."""
    place = shlex.quote(f"{folder}/{name}")
    return [
        f"(cd {place} && python train.py)  # needs what requirements.lock lists",
        f"mlops-gitops validate {place}",
        f"mlops-gitops test {name}",
        f'git add {place} && git commit --message "{name} 0.1.0"',
    ]


def _rows(count: int, *, seed: int) -> Iterator[str]:
    """Made-up rows, the same on every machine: positive where height and weight add up to more than one."""
    yield "height,weight,positive\n"
    state = seed
    for _ in range(count):
        drawn = []
        for _ in range(2):
            state = (state * 1103515245 + 12345) % 2**31
            drawn.append(round(state / 2**31, 4))
        yield f"{drawn[0]},{drawn[1]},{int(sum(drawn) > 1)}\n"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
