"""What ``validate`` costs, as ratios within one run.

1. One manifest: ``mlops-gitops validate FILE`` against a bare start of the same Python.  Goal: at most 5.
2. Many distinct manifests: ``mlops-gitops validate`` (schema and every lint rule) against ``check-jsonschema`` (schema
   only) on the same files.  Goal: at least 10 times as fast.

    .venv/bin/python benchmarks/validate.py [--manifests 5000]

Bytecode is compiled first, as an installed package has it; runs alternate, and the best of each counts.
"""

from __future__ import annotations

import argparse
import compileall
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
SCHEMA = ROOT / "schemas/model.schema.json"

MANIFEST = """\
# The model of team {number}.
apiVersion: mlops-gitops/v1
kind: Model
metadata:
  name: {name}
  version: "1.{number}.0"
  description: Will flight {number} arrive more than 15 minutes late?
  owners:
    - {{name: Ada Example, email: ada{number}@example.com, role: owner}}
    - {{name: Grace Example, email: grace@example.com, role: approver}}
  license: Apache-2.0
  riskTier: limited
  tags: {{team: operations-{number}}}
spec:
  source: {{repository: https://git.example.com/airline/models.git}}
  training:
    entrypoint: [python, train.py, --seed, "{number}"]
    environment: {{PYTHONHASHSEED: "0"}}
    timeout: PT30M
    network: false
  dependencies: {{lock: requirements.lock}}
  data:
    - {{name: train, role: training, uri: data/train.csv, mediaType: text/csv}}
    - {{name: test, role: test, uri: data/test.csv, mediaType: text/csv, timeColumn: departure}}
  artifact: {{format: skops, path: model.skops}}
  interface:
    inputs:
      - {{name: distance, type: double}}
      - {{name: carrier, type: string}}
      - {{name: hour_{number}, type: long}}
    outputs: [{{name: probability, type: double}}]
    target: {{column: late, type: boolean, positive: true}}
  task: binary-classification
  metrics:
    - name: roc_auc
      dataset: test
      primary: true
      threshold: {{min: 0.{number}7}}
      maxRegression: 0.005
      slices: [{{column: carrier, minRows: 500, threshold: {{min: 0.51}}}}]
    - {{name: log_loss, dataset: test, threshold: {{max: 0.{number}5}}}}
  tests:
    data:
      columns:
        - {{name: distance, type: double, range: {{min: 0, max: 6000}}, maxNullRate: 0.0}}
        - {{name: carrier, type: string, domain: [AA, UA, DL, WN, B6]}}
      rows: {{min: 1000}}
      unique: [[flight_id]]
      overlap: {{key: [flight_id], max: 0}}
    leakage: {{maxSingleFeaturePower: 0.90}}
    model: {{maxOverfitGap: 0.05, baseline: prior}}
  reproducibility: {{class: canonical}}
  serving:
    pattern: rest
    rollout: {{strategy: canary, steps: [10, 50, 100]}}
    resources: {{cpu: 500m, memory: 512Mi}}
    objective: {{latencyP95: 0.05, throughput: 50}}
  monitoring: {{maxAge: P90D, drift: {{metric: ks, max: 0.1}}}}
  rollback: {{keep: 3}}
"""


def seconds(*command: str, cwd: Path, environ: dict[str, str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    assert done.returncode == 0, f"{command[:3]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return taken


def generate(folder: Path, count: int) -> list[str]:
    paths = []
    for number in range(1, count + 1):
        name = f"flight-delays-{number}"
        place = folder / "models" / name
        (place / "data").mkdir(parents=True)
        manifest = MANIFEST.format(name=name, number=number).replace(f"min: 0.{number}7", f"min: 0.6{number:05d}1")
        (place / "model.yaml").write_text(manifest)
        for file in ("train.py", "requirements.lock", "data/train.csv", "data/test.csv"):
            (place / file).write_text("")
        paths.append(f"models/{name}/model.yaml")
    (folder / ".git").mkdir()
    return paths


def compile_bytecode() -> None:
    packages = [ROOT / "src/mlops_gitops"]
    for folder in sys.path:
        packages += [Path(folder) / name for name in ("yaml", "jsonschema", "check_jsonschema", "ruamel")]
    for package in packages:
        if package.is_dir():
            compileall.compile_dir(package, quiet=2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--manifests", type=int, default=5000)
    parser.add_argument("--repeat", type=int, default=2)
    arguments = parser.parse_args()
    compile_bytecode()
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        paths = generate(folder, arguments.manifests)
        one = [str(BIN / "mlops-gitops"), "validate", paths[0]]
        bare = [sys.executable, "-c", ""]
        starts = {"bare": [], "one": []}
        for _ in range(30):
            starts["bare"].append(seconds(*bare, cwd=folder, environ=environ))
            starts["one"].append(seconds(*one, cwd=folder, environ=environ))
        ratio = min(starts["one"]) / min(starts["bare"])
        print(f"$ {' '.join(['mlops-gitops', *one[1:]])}")
        print(f"one manifest: {ratio:.1f} bare Python starts (goal: at most 5)")
        ours, theirs = [], []
        peer = [str(BIN / "check-jsonschema"), "--schemafile", str(SCHEMA), *paths]
        for _ in range(arguments.repeat):
            ours.append(seconds(str(BIN / "mlops-gitops"), "validate", cwd=folder, environ=environ))
            theirs.append(seconds(*peer, cwd=folder, environ=environ))
        print("$ mlops-gitops validate")
        print("$ check-jsonschema --schemafile schemas/model.schema.json models/*/model.yaml")
        speed = min(theirs) / min(ours)
        print(f"{arguments.manifests} manifests: {speed:.1f} times as fast as check-jsonschema (goal: at least 10)")


if __name__ == "__main__":
    main()
