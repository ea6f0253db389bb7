from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from sklearn.linear_model import LogisticRegression

import outputs
import pages
from cancer import FEATURES, manifest
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def data() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({name: rng.normal(20, 3, size=3000) for name in FEATURES})
    frame["benign"] = frame[FEATURES[0]] + rng.normal(size=3000) * 3 > 20
    frame["site"], frame["id"] = "north", range(3000)
    return frame.head(1500), frame.tail(1500)


@pytest.fixture
def models(tmp_path: Path, data: tuple[pd.DataFrame, pd.DataFrame]) -> Callable[..., Path]:
    def make(change: Callable[[dict[str, Any]], object] = lambda _: None) -> Path:
        folder = tmp_path / "models" / "cancer"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        for name, frame in zip(("train", "test"), data, strict=True):
            frame.to_parquet(folder / "data" / f"{name}.parquet", index=False)
        model = LogisticRegression().fit(data[0][list(FEATURES)], data[0]["benign"])
        skops.io.dump(model, folder / "model.skops")
        value = manifest()
        value["spec"]["artifact"] = {"format": "skops", "path": "model.skops"}
        change(value["spec"])
        (folder / "model.yaml").write_text(yaml.safe_dump(value, sort_keys=False))
        return folder

    return make


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        environ = {"HOME": str(tmp_path), "MG_CACHE": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin"}
        world = World(environ, lambda: datetime(2026, 11, 21, tzinfo=UTC), tmp_path, out, err)
        code = main(["test", *words], world)
        if outputs.asked_for(words):
            outputs.checked(["test", *words], code, out.getvalue())
        return code, out.getvalue(), err.getvalue()

    return call


def verdicts(text: str) -> dict[str, str]:
    return {report["kind"]: report["verdict"] for report in json.loads(text)["reports"]}


def test_everything_is_tested_when_nothing_is_named(models: Callable[..., Path], run: Run) -> None:
    models()
    code, out, err = run("--format", "json")
    assert (code, err) == (0, ""), out
    assert verdicts(out) == {"data-tests": "pass", "model-tests": "pass"}
    code, out, _ = run()
    assert code == 0
    assert out.count("✓") == 2


@pytest.mark.parametrize(
    ("words", "kinds"),
    [(["data"], {"data-tests"}), (["model", "cancer"], {"model-tests"}), (["cancer"], {"data-tests", "model-tests"})],
)
def test_only_what_is_named_is_tested(
    models: Callable[..., Path], run: Run, words: Sequence[str], kinds: set[str]
) -> None:
    models()
    code, out, _ = run(*words, "--format", "json")
    assert (code, set(verdicts(out))) == (0, kinds)


def test_a_failure_is_told_with_line_and_fix_and_ends_in_one(models: Callable[..., Path], run: Run) -> None:
    models(lambda spec: spec["tests"]["data"].update(rows={"min": 9000}))
    code, out, _ = run("data")
    assert code == 1
    assert "train holds 1,500 rows; at least 9,000 rows are demanded" in out
    assert "at models/cancer/model.yaml:" in out
    assert "what to do: " in out


def test_inconclusive_ends_in_four(models: Callable[..., Path], run: Run) -> None:
    models(lambda spec: spec["tests"].pop("data"))
    assert run("data")[0] == 4


def test_wrong_usage_ends_in_two(models: Callable[..., Path], run: Run) -> None:
    assert run()[0] == 2
    models()
    for name in ("nothing", "..", "../models/cancer", "cancer/data"):
        code, _, err = run("data", name)
        assert (code, "no-model" in err or "there is no models/" in err) == (2, True)


def test_an_artifact_that_does_not_pass_the_scan_is_never_loaded(models: Callable[..., Path], run: Run) -> None:
    folder = models(lambda spec: spec["artifact"].update(format="sklearn-pickle", path="model.pkl"))
    trace = folder / "it-ran"
    hostile = b"cos\nsystem\n(S'touch " + str(trace).encode() + b"'\ntR."
    (folder / "model.pkl").write_bytes(hostile)
    code, out, _ = run("model", "--format", "json")
    assert code == 1
    assert verdicts(out) == {"scan": "fail"}
    assert not trace.exists()


WRAPPED = """
import joblib, mlflow

class Wrapped(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.model = joblib.load(context.artifacts["inner"])

    def predict(self, context, model_input, params=None):
        return self.model.predict_proba(model_input.clip(0, 60))[:, 1]

mlflow.models.set_model(Wrapped())
"""
"""A model with code of its own around it, as many teams have."""


def test_a_model_with_code_of_its_own_is_tested_where_its_code_is_trusted_and_is_no_pass(
    models: Callable[..., Path], run: Run, data: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    folder = models(lambda spec: spec["artifact"].update(format="mlflow", path="wrapped"))
    joblib.dump(LogisticRegression().fit(data[0][list(FEATURES)], data[0]["benign"]), tmp_path / "inner.pkl")
    (tmp_path / "wrapped.py").write_text(WRAPPED)
    inner = {"inner": str(tmp_path / "inner.pkl")}
    mlflow.pyfunc.save_model(
        folder / "wrapped", python_model=str(tmp_path / "wrapped.py"), artifacts=inner, pip_requirements=[]
    )
    code, out, _ = run("model", "--format", "json")
    assert (code, verdicts(out)) == (1, {"scan": "fail"})
    code, out, err = run("model", "--trust-artifact", "--format", "json")
    assert (code, verdicts(out)) == (1, {"scan": "fail", "model-tests": "pass"}), out[-3000:]
    assert "because you trust it" in err


def test_an_artifact_that_is_not_there_is_refused(models: Callable[..., Path], run: Run) -> None:
    (models() / "model.skops").unlink()
    code, _, err = run("model")
    assert code == 1
    assert "train it first: python train.py" in err


def test_a_broken_manifest_is_refused_without_a_traceback(models: Callable[..., Path], run: Run) -> None:
    (models() / "model.yaml").write_text("kind: Model\n")
    code, _, err = run()
    assert code == 1
    assert "Traceback" not in err


def drifting(spec: dict[str, Any]) -> None:
    spec["tests"]["data"]["drift"] = {"of": "train", "in": ["test"], "max": 0.3, "weights": {"id": 0}}


def test_a_reference_is_written_once_and_then_held_against(models: Callable[..., Path], run: Run) -> None:
    folder = models(drifting)
    code, out, _ = run("data", "cancer")
    assert code == 1
    assert "test data cancer --write-reference" in out
    code, out, _ = run("data", "cancer", "--write-reference")
    assert (code, out.strip()) == (0, "wrote models/cancer/train.profile.json")
    first = (folder / "train.profile.json").read_bytes()
    code, out, _ = run("data", "--write-reference", "--format", "json")
    assert json.loads(out)["written"] == ["models/cancer/train.profile.json"]
    assert (folder / "train.profile.json").read_bytes() == first
    assert {one.name for one in folder.iterdir() if one.name.startswith(".")} == set()
    code, out, _ = run("data", "cancer", "--format", "json")
    assert code == 0
    assert "have moved by D" in out


def test_a_link_in_its_place_is_replaced_and_not_followed(
    models: Callable[..., Path], run: Run, tmp_path: Path
) -> None:
    folder = models(drifting)
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (folder / "train.profile.json").symlink_to(victim)
    assert run("data", "cancer", "--write-reference")[0] == 0
    assert victim.read_text() == "untouched"


@pytest.mark.parametrize(
    ("words", "code"), [(("model", "--write-reference"), 2), (("data", "cancer", "--write-reference"), 1)]
)
def test_a_reference_that_nobody_asked_for_is_not_written(
    models: Callable[..., Path], run: Run, words: tuple[str, ...], code: int
) -> None:
    folder = models()
    assert run(*words)[0] == code
    assert not list(folder.glob("*.profile.json"))


def test_predictions_that_were_kept_are_tested_again_without_the_model(
    models: Callable[..., Path], run: Run, tmp_path: Path
) -> None:
    folder = models(lambda spec: spec["tests"]["model"].update(numeric={"maxChange": 1e-4}))
    code, first, _ = run("model", "--keep-predictions", "kept", "--format", "json")
    assert code == 0, first
    files = list((tmp_path / "kept").glob("*.parquet"))
    assert len(files) == 5  # of both data sets, and of three ways of asking
    (folder / "model.skops").unlink()
    code, again, _ = run("model", "--predictions", "kept", "--format", "json")
    assert code == 0, again
    assert json.loads(again)["reports"] == json.loads(first)["reports"]
    digests = {one["digest"]["sha256"] for one in json.loads(first)["reports"][0]["materials"]}
    kept = next(path for path in files if path.name.split(".")[0] in digests)
    data = bytearray(kept.read_bytes())
    data[len(data) // 3] ^= 1
    kept.write_bytes(data)
    code, out, _ = run("model", "--predictions", "kept")
    assert code == 1
    assert "can be believed" in out
    code, _, err = run("model", "--predictions", "nowhere")
    assert code == 2
    assert "--keep-predictions" in err


def test_one_row_is_explained(models: Callable[..., Path], run: Run) -> None:
    models()
    code, out, err = run("model", "--explain-row", "17")
    assert code == 0, err
    [line] = [line for line in out.splitlines() if "model.explanation" in line]
    assert "the prediction for row 17 is " in line
    assert all(name in line for name in FEATURES)
    code, out, _ = run("model", "--explain-row", "100000")
    assert code == 4
    assert "there is no row 100,000" in out


def test_past_releases_without_an_environment_repository(models: Callable[..., Path], run: Run) -> None:
    tests = {"staleness": {"dataset": "test", "maxLoss": 0.02}, "business": {"metric": "refunds"}}
    models(lambda spec: spec["tests"].update(model=tests))
    code, out, _ = run("model")
    assert code == 4
    assert out.count("no environment repository is named") == 2


def test_an_environment_repository_that_these_eyes_may_not_read_stops_no_other_test(
    models: Callable[..., Path], run: Run, tmp_path: Path
) -> None:
    """The project file names it for those who release; a pull request's job has no token for it."""
    models(lambda spec: spec["tests"].update(model={"staleness": {"dataset": "test", "maxLoss": 0.02}}))
    spec = {"environments": f"file://{tmp_path}/not-ours.git"}
    project = {"apiVersion": "mlops-gitops/v1", "kind": "Project", "spec": spec}
    (tmp_path / "mlops-gitops.yaml").write_text(yaml.safe_dump(project))
    code, out, err = run("model", "--format", "json")
    assert code == 4
    assert verdicts(out)["model-tests"] == "pass"
    assert "tested without it" in err
    code, out, _ = run("model", "--format", "json", "--environments", spec["environments"])
    assert (code, "error" in json.loads(out)) == (5, True), "who names it wants it"


def test_a_report_is_left_in_every_form(models: Callable[..., Path], run: Run, tmp_path: Path) -> None:
    models()
    code, out, _ = run("--report", "reports")
    assert code == 0
    room = tmp_path / "reports" / "cancer"
    assert f"report: {room / 'report.html'}" in out
    read = pages.harmless((room / "report.html").read_text())
    assert "predicted and observed on test" in read.words
    assert "<testsuites" in (room / "junit.xml").read_text()
    outputs.check("test", json.loads((room / "report.json").read_text()))
    said = json.loads((room / "model-tests.intoto.json").read_text())
    assert {one["name"] for one in said["subject"]} >= {"artifact", "data/test"}


@pytest.mark.parametrize("link", ["reports", "reports/cancer", "reports/cancer/report.json"])
def test_a_report_is_not_written_through_a_link(
    models: Callable[..., Path], run: Run, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, link: str
) -> None:
    """Whoever opens a pull request can commit one where the report is to lie."""
    models()
    outside = tmp_path_factory.mktemp("outside")
    (outside / "victim").write_text("precious")
    path = tmp_path / link
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(outside / "victim" if path.suffix else outside)
    code, _, err = run("data", "--report", "reports")
    assert (code, "is a link" in err) == ((0, False) if path.suffix else (2, True))
    assert [(one.name, one.read_text()) for one in outside.iterdir()] == [("victim", "precious")]


def test_a_model_that_never_answers_is_stopped_within_the_time_that_it_has(
    models: Callable[..., Path], run: Run
) -> None:
    """A graph that passes the scan, for it holds nothing but numbers, and turns in a circle."""
    import onnx
    from onnx import TensorProto, helper

    folder = models(lambda spec: spec.update(artifact={"format": "onnx", "path": "model.onnx"}))
    kinds = (("i", TensorProto.INT64, []), ("on", TensorProto.BOOL, []), ("v", TensorProto.FLOAT, [None, None]))
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["still"]), helper.make_node("Identity", ["v"], ["w"])],
        "body",
        [helper.make_tensor_value_info(*one) for one in kinds],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [None, None]),
        ],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["", "yes", "x"], ["y"], body=body)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, len(FEATURES)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, len(FEATURES)])],
        initializer=[helper.make_tensor("yes", TensorProto.BOOL, [], [True])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, folder / "model.onnx")
    code, out, err = run("model", "--within", "3")
    assert (code, err) == (1, "")
    assert "there are no predictions on test: the model gave no answer within 3 seconds and was stopped" in out
    for wrong in ("-1", "nan", "soon"):
        code, _, err = run("model", "--within", wrong)
        assert (code, "seconds are a number above 0" in err) == (2, True)
