"""From a trained model to an alias in a real MLflow registry, with a kill in between, and back again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import estate
from estate import NOW, Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.transaction import Proposal, settle
from mlops_gitops.promotion.verify import verify
from shells import Shell

MODEL = "tumours"
DRIFT = ("data.drift", "test.radius")
TRAIN = """
import sys, os
import mlflow, pandas
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
rows = pandas.read_parquet("data/train.parquet")
names = ["radius", "texture", "smoothness"][: int(sys.argv[1])]
fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[names], rows["malignant"])
mlflow.set_experiment("tumours")
with mlflow.start_run():
    told = mlflow.sklearn.log_model(
        fitted, name="model", registered_model_name="tumours", serialization_format="skops",
        pip_requirements=["scikit-learn"])
mlflow.artifacts.download_artifacts(artifact_uri=told.model_uri, dst_path="artifact")
for name in ("registered_model_meta",):
    if os.path.exists(f"artifact/{name}"):
        os.remove(f"artifact/{name}")
"""
DATA = """
import pandas
from sklearn.datasets import load_breast_cancer
found = load_breast_cancer(as_frame=True)
rows = pandas.DataFrame({
    "radius": found.data["mean radius"],
    "texture": found.data["mean texture"],
    "smoothness": found.data["mean smoothness"],
    "malignant": found.target == 0,
}).sample(frac=1, random_state=7).reset_index(drop=True)
rows["row"] = range(len(rows))
rows[:300].to_parquet("data/train.parquet")
rows[300:].to_parquet("data/test.parquet")
"""


PAST = "    model: {staleness: {dataset: test, maxLoss: 0.2}, business: {metric: missed}}"
"""Tests of a model that has past releases."""


def manifest(version: str, inputs: int) -> str:
    names = ["radius", "texture", "smoothness"][:inputs]
    columns = "\n".join(f"      - {{name: {name}, type: double, required: true}}" for name in names)
    return textwrap.dedent("""\
        apiVersion: mlops-gitops/v1
        kind: Model
        metadata:
          name: tumours
          version: "{version}"
          description: Is it malignant?
          owners:
            - {{name: Ada Example, email: ada@example.com, role: owner}}
            - {{name: Grace Example, email: grace@example.com, role: approver}}
          license: Apache-2.0
          riskTier: limited
        spec:
          task: binary-classification
          training: {{entrypoint: [python, train.py, "{inputs}"], timeout: PT5M}}
          dependencies: {{lock: requirements.lock}}
          data:
            - {{name: train, role: training, uri: data/train.parquet}}
            - {{name: test, role: test, uri: data/test.parquet}}
          artifact: {{format: mlflow, path: artifact, registry: {{mlflow: tumours}}}}
          interface:
            inputs:
        {columns}
            outputs: [{{name: probability, type: double}}]
            target: {{column: malignant, type: boolean, positive: true}}
          metrics:
            - {{name: roc_auc, dataset: test, primary: true, threshold: {{min: 0.80}}, maxRegression: 0.05}}
          monitoring: {{maxAge: P90D}}
          tests:
        {past}
            data:
              columns:
                - {{name: radius, type: double, required: true, range: {{min: 0, max: 40}}}}
              unique: [[row]]
              overlap: {{key: [row], max: 0}}
              drift: {{of: train, in: [test], max: 0.5, looks: counted, weights: {{row: 0}}}}
          reproducibility: {{class: canonical}}
          serving: {{pattern: rest}}
        """).format(version=version, inputs=inputs, columns=columns, past=PAST if version != "1.0.0" else "")


class Site(Shell):
    """A shell in a model repository with a tracking store."""

    def train(self, version: str, inputs: int) -> None:
        """Write the manifest of a version, commit it, and train."""
        folder = self.folder / "models" / MODEL
        (folder / "model.yaml").write_text(manifest(version, inputs))
        assert self("test", "data", MODEL, "--write-reference") == 0, self.err
        estate.git("add", "--all", cwd=self.folder)
        estate.git("commit", "--quiet", "--message", f"Version {version}", cwd=self.folder)
        subprocess.run(["rm", "-rf", "artifact"], cwd=folder, check=True)
        run(TRAIN, str(inputs), cwd=folder, environ=self.environ)

    def aliases(self) -> dict[str, str]:
        """What the registry says, asked by MLflow itself."""
        program = "import mlflow; print(dict(mlflow.MlflowClient().get_registered_model('tumours').aliases))"
        told: dict[str, str] = json.loads(run(program, cwd=self.folder, environ=self.environ).replace("'", '"'))
        return {alias: str(version) for alias, version in told.items()}

    def moved_by_hand(self, alias: str, version: str) -> None:
        """Somebody sets an alias past us."""
        program = f"import mlflow; mlflow.MlflowClient().set_registered_model_alias('tumours', '{alias}', '{version}')"
        run(program, cwd=self.folder, environ=self.environ)


def run(program: str, *words: str, cwd: Path, environ: Mapping[str, str]) -> str:
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "GIT_PYTHON_REFRESH": "quiet"}
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=cwd, env={**os.environ, **environ, **quiet}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """dev takes anything; prod takes what passes every test and is no worse; both show in MLflow."""
    base = tmp_path_factory.mktemp("release")
    kinds = ("scan", "data-tests", "model-tests", "comparison")
    prod = {
        "after": ["dev"],
        "gates": [{"evidence": kind} for kind in kinds[:-1]]
        + [{"evidence": "comparison", "holdout": {"alpha": 0.1, "looks": 4}, "anchor": "first"}],
        "derived": {"mlflow": {"alias": "champion"}},
        "rollback": {"automatic": {"evidence": ["monitoring"]}},
    }
    policies = {
        "dev": estate.environment("dev", promotion="automatic", derived={"mlflow": {"alias": "dev"}}),
        "prod": estate.environment("prod", **prod),
    }
    bare = Estate.new(policies).bare(base)
    folder = base / "models-repository"
    (folder / "models" / MODEL / "data").mkdir(parents=True)
    (folder / "models" / MODEL / "requirements.lock").write_text("scikit-learn==1.9.1 --hash=sha256:" + "0" * 64 + "\n")
    (folder / ".gitignore").write_text("artifact/\ndata/\nmlruns/\n")
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ = {
        **kept,
        "MG_ENVIRONMENTS": bare.as_uri(),
        "MG_CACHE": str(base / "cache"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{base}/mlflow.db",
        "USER": "grace",
    }
    run(DATA, cwd=folder / "models" / MODEL, environ=environ)
    estate.git("init", "--quiet", "--initial-branch=main", cwd=folder)
    return Site(folder, bare, environ)


KILLED = """
import os, signal, sys
from mlops_gitops.cli import derived
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World
derived.repair = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main(sys.argv[1:], World.of_process())
"""


def test_the_whole_way(site: Site) -> None:  # noqa: PLR0915 - the way is long
    """One test, because each step stands on the one before it, and a model is trained twice."""
    site.train("1.0.0", 2)
    (site.folder / "models" / MODEL / "notes.txt").write_text("not committed")
    assert site("release", MODEL) == 1
    assert "changes that are in no commit" in site.err
    (site.folder / "models" / MODEL / "notes.txt").unlink()

    # What lies here is not what was registered: nobody could ever fetch it again.
    stray = site.folder / "models" / MODEL / "artifact" / "registered_model_meta"
    stray.write_text("left by a download")
    assert site("release", MODEL) == 1
    assert "models:/tumours/1 in MLflow is not the artifact that lies here" in site.err
    stray.unlink()

    told: Any = site.json("release", MODEL)
    assert told["result"] == "released"
    assert {one["kind"]: one["verdict"] for one in told["reports"]} == dict.fromkeys(
        ("scan", "data-tests", "model-tests"), "pass"
    )
    (drift,) = (one for report in told["reports"] for one in report["checks"] if (one["id"], one["subject"]) == DRIFT)
    assert "look 1 at train, which may spend 1/2 of the errors" in drift["message"]
    assert site.json("release", MODEL)["result"] == "nothing-to-do"

    assert site("promote", "--all") == 0, site.out + site.err
    assert site.aliases() == {"dev": "1"}

    # Killed after the commit and before the registry: git has moved, MLflow has not.
    keys = {"MG_KEY": "env:KEY", "KEY": estate.pem("ci")}
    died = subprocess.run(
        [sys.executable, "-c", KILLED, "promote", MODEL, "--to", "prod"],
        cwd=site.folder, env={**site.environ, **keys}, check=False, capture_output=True,
    )  # fmt: skip
    assert died.returncode == -9
    assert [one["version"] for one in site.json("status")["slots"]] == ["1.0.0", "1.0.0"]
    assert site.aliases() == {"dev": "1"}
    assert site.json("drift")["derived"]["mlflow"]["changes"] != []
    assert site("promote", MODEL, "--to", "prod") == 0
    assert "nothing to do" in site.out
    assert site.aliases() == {"dev": "1", "champion": "1"}
    assert site.json("drift")["derived"]["mlflow"]["changes"] == []

    # A second release is compared with what runs in prod, on the same rows.
    site.time += timedelta(hours=1)
    site.train("1.1.0", 3)
    told = site.json("release", MODEL)
    (comparison,) = (one for one in told["reports"] if one["kind"] == "comparison")
    assert comparison["champion"] == site.json("status")["slots"][1]["release"]
    assert comparison["verdict"] == "pass", comparison
    assert "look 1 of 4 at data " in (site("explain", MODEL, "prod", "--release", "1.1.0"), site.out)[1]
    (look,) = site.json("history", MODEL, "--looks")["looks"]
    assert (look["number"], look["version"], look["verdict"]) == (1, "1.1.0", "pass")
    dry = {one["kind"]: one for one in site.json("release", MODEL, "--dry-run")["reports"]}
    assert dry["comparison"]["checks"][0]["id"] == "comparison.look", "a dry run looks at nothing"
    (shown,) = (one for report in told["reports"] for one in report["checks"] if one["id"] == "model.metric")
    (kept,) = (one for one in dry["model-tests"]["checks"] if one["id"] == "model.metric")
    assert (shown.get("observed") is None, kept.get("observed") is None) == (False, True), "and tells nothing of them"
    assert dry["data-tests"]["verdict"] == "pass", "the same data are the look that was published"
    assert site("promote", "--all") == 0
    assert site("promote", MODEL, "--to", "prod") == 0, site.out
    assert site.aliases() == {"dev": "2", "champion": "2"}

    # The first release was asked again on the newest rows; its age is that of its evidence, and both are evidence now.
    for one_of in (told, site.json("test", "model", MODEL)):
        (past,) = (one for one in one_of["reports"] if one["kind"] == "history-tests")
        (aged, moved) = past["checks"]
        assert (aged["id"], aged["verdict"]) == ("model.staleness", "pass"), aged
        assert "1.0.0 after " in aged["message"]
        assert (moved["id"], moved["verdict"]) == ("model.business", "inconclusive")
        assert "0 past releases have both numbers, which are too few" in moved["message"]
    (score,) = site.json("score", MODEL, "--release", "1.1.0")["scores"]
    assert {one["id"]: one["how"] for one in score["tests"]}["model-4"] == "automatic"
    (old,) = (one for one in score["tests"] if one["id"] == "monitoring-4")
    assert (old["how"], "and `maxAge` is 90 days" in old["reason"]) == ("automatic", True), old
    site.time, before = site.time + timedelta(days=1), site.time
    (score,) = site.json("score", MODEL, "--release", "1.1.0")["scores"]
    (old,) = (one for one in score["tests"] if one["id"] == "monitoring-4")
    assert (old["how"], "it is 1 day" in old["reason"]) == ("not", True), "no past release was asked that was so old"
    site.time = before
    snapshot = Snapshot(
        Repository(site.environ["MG_ENVIRONMENTS"], branch="main", cache=site.folder / "c", environ=os.environ).fetch()
    )
    dossier = snapshot.dossier(MODEL, snapshot.find_release(MODEL, "1.1.0"))
    (said,) = [one.claim for one in dossier.evidence if one.claim.kind == "history-tests"]
    (point,) = said.details["ages"]  # type: ignore[misc,union-attr]
    assert (point["version"], point["value"]) == ("1.0.0", pytest.approx(aged["observed"], abs=1))  # type: ignore[index,call-overload]
    assert [one["name"] for one in said.details["materials"]] == ["artifact", "data/test", "past/1.0.0"]  # type: ignore[union-attr,index,call-overload]

    # Somebody moves an alias by hand; the next run puts it right.
    site.moved_by_hand("champion", "1")
    assert site("promote", "--all") == 0
    assert site.aliases()["champion"] == "2"

    # Back: the old release is fetched from the registry, compared with its digest, scanned and loaded.
    told = site.json("rollback", MODEL, "--in", "prod", "--reason", "misses small ones")
    assert told["result"] == "rolled-back", told
    assert "alias champion of tumours → version 1" in told["derived"]["mlflow"]["changes"]
    assert site.aliases() == {"dev": "2", "champion": "1"}
    assert site("promote", MODEL, "--to", "prod") == 1
    assert "misses small ones" in site.out
    repository = Repository(site.environ["MG_ENVIRONMENTS"], branch="main", cache=site.folder / "c", environ=os.environ)
    assert verify(repository, repository.fetch()).problems == ()

    # Once more, and this time nobody asks: evidence that was made since says that it fails.
    (hold,) = site.json("status")["slots"][1]["controls"]
    assert site("control", "lift", hold, MODEL, "--in", "prod") == 0
    assert site("promote", MODEL, "--to", "prod") == 0, site.out
    assert site("rollback", "--due") == 0
    assert "no evidence demands a rollback" in site.out
    bad = site.json("status")["slots"][1]["release"]
    claim = estate.claim("monitoring", bad, verdict=Verdict.FAIL, issued_at=site.now() + timedelta(seconds=1))
    files = estate.evidence(claim, model=MODEL)
    settle(repository, lambda _: Proposal(None, files, "Observe\n"), now=site.now)
    assert "by itself it goes back: monitoring failed since" in (site("explain", MODEL, "prod"), site.out)[1]
    assert site.json("rollback", "--due", "--dry-run")["result"] == "planned"
    told = site.json("rollback", "--due")
    assert (told["result"], [one["environment"] for one in told["rollbacks"]]) == ("rolled-back", ["prod"])
    assert site.aliases() == {"dev": "2", "champion": "1"}
    assert site.json("rollback", "--due")["result"] == "nothing-to-do"
    assert verify(repository, repository.fetch()).problems == ()

    # An MLflow that does not answer is told, and does not undo what git has.
    site.environ["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"
    slot = site.json("status")["slots"][0]
    assert slot["since"] > NOW.isoformat()[:10]
    assert site("promote", "--all") == 5
    assert "the next run puts MLflow right" in site.out
    assert site.json("promote", "--all")["derived"]["mlflow"]["error"]["exitCode"] == 5
