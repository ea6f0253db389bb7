from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from mlops_gitops.adapters import predictions
from mlops_gitops.testing.models.predictions import Artifact, Failed, Job, Predictions

ENVIRON = {"PATH": os.environ["PATH"], "MG_SECRET": "do-not-show", "OMP_NUM_THREADS": "1"}


def job(path: Path, data: Path, columns: tuple[str, ...], *, task: str = "binary-classification", **extra: str) -> Job:
    format_ = extra.get("format_", "sklearn-pickle")
    artifact = Artifact(path, format_, extra.get("digest", path.name))
    return Job(
        artifact, data, extra.get("data_format", "parquet"), data.name, columns, task, extra.get("positive", "1")
    )


def ask(*jobs: Job, cache: Path | None = None, seconds: float = 60, **limits: int) -> list[Predictions | Failed]:
    return predictions.predictor(environ=ENVIRON, cache=cache, seconds=seconds, **limits)(jobs)


@pytest.fixture(scope="module")
def cancer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame, pd.Series]:
    frame, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    path = tmp_path_factory.mktemp("cancer") / "data.parquet"
    frame.assign(label=labels).to_parquet(path)
    return path, frame, labels


HOSTILE = """
import os, sys, time, socket, json
import numpy as np

class Model:
    classes_ = [0, 1]

    def __init__(self, mode):
        self.mode = mode

    def predict_proba(self, frame):
        return getattr(self, self.mode)(frame)

    def raises(self, frame):
        raise ValueError("no such\\x1b[31m column\\nsecond line")

    def exits(self, frame):
        sys.exit(0)

    def dies(self, frame):
        print("about to die", flush=True)
        os.abort()

    def hangs(self, frame):
        time.sleep(600)

    def greedy(self, frame):
        return np.ones((10**9, 100))

    def short(self, frame):
        return np.full((len(frame) - 1, 2), 0.5)

    def wide(self, frame):
        return np.full((len(frame), 3), 0.5)

    def words(self, frame):
        return [["a", "b"]] * len(frame)

    def random(self, frame):
        return np.random.default_rng().random((len(frame), 2))

    def network(self, frame):
        socket.create_connection(("127.0.0.1", 9))

    def spy(self, frame):
        raise ValueError("saw " + json.dumps(sorted(os.environ)) + " in " + os.getcwd())

    def forges(self, frame):
        folder = os.path.dirname(os.environ["HOME"])
        open(os.path.join(folder, "results.json"), "w").write("[1, {")
        os._exit(0)

    def pickles(self, frame):
        folder = os.path.dirname(os.environ["HOME"])
        np.save(os.path.join(folder, "0.npy"), np.array([{}], dtype=object), allow_pickle=True)
        answer = {"kind": "probability", "classes": [], "unstable": 0, "repeated": 0}
        open(os.path.join(folder, "results.json"), "w").write(json.dumps([answer]))
        os._exit(0)
"""


def hostile(folder: Path, mode: str) -> Path:
    """A pickle whose classes travel inside it, as cloudpickle writes them."""
    import cloudpickle

    space: dict[str, object] = {"__name__": "__main__"}
    exec(HOSTILE, space)  # noqa: S102 - our own text
    path = folder / f"{mode}.pkl"
    path.write_bytes(cloudpickle.dumps(space["Model"](mode)))  # type: ignore[operator]
    return path


def test_formats_give_the_same_numbers_in_one_process(
    tmp_path: Path, cancer: tuple[Path, pd.DataFrame, pd.Series]
) -> None:
    data, frame, labels = cancer
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, labels)
    joblib.dump(model, tmp_path / "model.joblib", compress=3)
    skops.io.dump(model, tmp_path / "model.skops")
    flavour = tmp_path / "mlflow"
    flavour.mkdir()
    skops.io.dump(model, flavour / "model.skops")
    (flavour / "MLmodel").write_text(
        "flavors:\n  sklearn:\n    code: null\n    pickled_model: model.skops\n    serialization_format: skops\n"
    )
    columns = tuple(frame.columns)
    answers = ask(
        job(tmp_path / "model.joblib", data, columns),
        job(tmp_path / "model.skops", data, columns, format_="skops"),
        job(flavour, data, columns, format_="mlflow"),
        job(flavour, data, columns, format_="mlflow", positive="0", digest="other"),
    )
    expected = model.predict_proba(frame)
    for answer, column in zip(answers, (1, 1, 1, 0), strict=True):
        assert isinstance(answer, Predictions), answer
        np.testing.assert_allclose(answer.values, expected[:, column], rtol=1e-9)
        assert (answer.kind, answer.unstable, answer.repeated) == ("probability", 0, 256)
    assert len({a.digest for a in answers if isinstance(a, Predictions)}) == 2


def test_a_model_saved_by_mlflow_itself(tmp_path: Path, cancer: tuple[Path, pd.DataFrame, pd.Series]) -> None:
    import mlflow.sklearn

    data, frame, labels = cancer
    model = LogisticRegression(max_iter=5000).fit(frame, labels)
    mlflow.sklearn.save_model(model, tmp_path / "model", pip_requirements=[])
    [answer] = ask(job(tmp_path / "model", data, tuple(frame.columns), format_="mlflow"))
    assert isinstance(answer, Predictions), answer
    np.testing.assert_allclose(answer.values, model.predict_proba(frame)[:, 1], rtol=1e-9)


def test_other_tasks_and_text_formats(tmp_path: Path) -> None:
    wine, kinds = load_wine(return_X_y=True, as_frame=True)
    names = np.array(["barolo", "grignolino", "barbera"])[kinds]
    wine["region"] = np.where(wine["ash"] > 2.3, "north", "south")
    encode = make_column_transformer((OneHotEncoder(), ["region"]), remainder="passthrough")
    classes = make_pipeline(encode, StandardScaler(), LogisticRegression()).fit(wine, names)
    sugar, progress = load_diabetes(return_X_y=True, as_frame=True)
    line = LinearRegression().fit(sugar, progress)
    margin = LinearSVC().fit(wine.drop(columns="region"), kinds == 0)
    for name, model in {"classes": classes, "line": line, "margin": margin}.items():
        joblib.dump(model, tmp_path / name)
    wine.to_csv(tmp_path / "wine.csv", index=False)
    sugar.to_json(tmp_path / "sugar.jsonl", orient="records", lines=True, double_precision=15)
    numeric = tuple(wine.columns.drop("region"))
    several, number, score = ask(
        job(tmp_path / "classes", tmp_path / "wine.csv", tuple(wine.columns), task="multiclass", data_format="csv"),
        job(tmp_path / "line", tmp_path / "sugar.jsonl", tuple(sugar.columns), task="regression", data_format="json"),
        job(tmp_path / "margin", tmp_path / "wine.csv", numeric, data_format="csv", positive="true"),
    )
    assert isinstance(several, Predictions), several
    assert isinstance(number, Predictions), number
    assert isinstance(score, Predictions), score
    assert several.classes == ("barbera", "barolo", "grignolino")
    assert several.values.shape == (178, 3)  # noqa: PD011 - an array, no frame
    assert number.kind == "value"
    np.testing.assert_allclose(number.values, line.predict(sugar), rtol=1e-6)
    assert score.kind == "score"


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("raises", r"the model raised ValueError: no such \[31m column second line"),
        ("exits", "the model raised SystemExit: 0"),
        ("dies", "ended by SIGABRT before it answered: about to die|ended by SIGABRT"),
        ("short", "the model gave 568 predictions for 569 rows"),
        ("wide", r"predict_proba gave the shape \(569, 3\), and two classes need \(569, 2\)"),
        ("words", "the model gave text where numbers are needed"),
        ("greedy", "ran out of the memory"),
        ("network", "a model under test has no network"),
        ("forges", "left no readable answer"),
        ("pickles", "left no readable answer"),
    ],
)
def test_whatever_a_model_does_becomes_one_sentence(
    tmp_path: Path, cancer: tuple[Path, pd.DataFrame, pd.Series], mode: str, words: str
) -> None:
    import re

    [answer] = ask(job(hostile(tmp_path, mode), cancer[0], ("mean radius",)))
    assert isinstance(answer, Failed)
    assert re.search(words, answer.reason), answer.reason
    assert "\n" not in answer.reason
    assert "Traceback" not in answer.reason


def test_a_model_that_hangs_is_stopped(tmp_path: Path, cancer: tuple[Path, pd.DataFrame, pd.Series]) -> None:
    [answer] = ask(job(hostile(tmp_path, "hangs"), cancer[0], ("mean radius",)), seconds=2)
    assert answer == Failed("the model gave no answer within 2 seconds and was stopped")


def test_a_model_that_answers_otherwise_each_time_is_noticed(
    tmp_path: Path, cancer: tuple[Path, pd.DataFrame, pd.Series]
) -> None:
    [answer] = ask(job(hostile(tmp_path, "random"), cancer[0], ("mean radius",)))
    assert isinstance(answer, Predictions)
    assert answer.unstable == 256


def test_a_model_sees_no_secret_and_a_folder_of_its_own(
    tmp_path: Path, cancer: tuple[Path, pd.DataFrame, pd.Series]
) -> None:
    [answer] = ask(job(hostile(tmp_path, "spy"), cancer[0], ("mean radius",)))
    assert isinstance(answer, Failed)
    assert "MG_SECRET" not in answer.reason
    assert str(Path.cwd()) not in answer.reason
    seen = set(json.loads(answer.reason[answer.reason.index("[") : answer.reason.index("]") + 1]))
    known = {*predictions.PASSED_ON, "HOME", "TMPDIR", "TZ", "MPLCONFIGDIR", "LC_CTYPE", "OMP_WAIT_POLICY"}
    assert {name for name in seen if not name.startswith(("KMP_", "SKLEARN_"))} <= known


def test_one_broken_model_does_not_spoil_the_others(
    tmp_path: Path, cancer: tuple[Path, pd.DataFrame, pd.Series]
) -> None:
    data, frame, labels = cancer
    joblib.dump(LogisticRegression().fit(frame[["mean radius"]], labels), tmp_path / "good")
    (tmp_path / "bad").write_bytes(b"not a pickle")
    good = job(tmp_path / "good", data, ("mean radius",))
    answers = ask(
        job(tmp_path / "bad", data, ("mean radius",)),
        good,
        job(tmp_path / "good", data, ("no such column",)),
        job(tmp_path / "bad", data, ("mean radius",), format_="safetensors"),
        job(tmp_path / "bad", data, ("mean radius",), format_="mlflow"),
    )
    assert [type(answer) for answer in answers] == [Failed, Predictions, Failed, Failed, Failed]
    assert "models of the format safetensors cannot be run here" in answers[3].reason  # type: ignore[union-attr]


def test_answers_are_kept_by_content_and_a_damaged_one_is_asked_for_again(
    tmp_path: Path, cancer: tuple[Path, pd.DataFrame, pd.Series], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, frame, labels = cancer
    model, cache = tmp_path / "model", tmp_path / "cache"
    joblib.dump(LogisticRegression().fit(frame[["mean radius"]], labels), model)
    one = job(model, data, ("mean radius",))
    [first] = ask(one, cache=cache)
    assert isinstance(first, Predictions)
    runs: list[Mapping[str, object]] = []
    real = predictions._run
    monkeypatch.setattr(predictions, "_run", lambda jobs, **rest: runs.append(rest) or real(jobs, **rest))
    [again] = ask(one, cache=cache)
    assert isinstance(again, Predictions)
    assert (again.digest, runs) == (first.digest, [])
    np.testing.assert_array_equal(again.values, first.values)
    [array] = cache.glob("*.npy")
    data_ = bytearray(array.read_bytes())
    data_[-1] ^= 1
    array.write_bytes(data_)
    [healed] = ask(one, cache=cache)
    assert isinstance(healed, Predictions)
    assert (healed.digest, len(runs)) == (first.digest, 1)
    other = job(model, data, ("mean radius",), digest="another")
    ask(other, cache=cache)
    assert len(runs) == 2
    assert len(list(cache.iterdir())) == 4


def test_whether_a_model_still_loads(tmp_path: Path) -> None:
    joblib.dump(LinearRegression(), tmp_path / "good")
    (tmp_path / "bad").write_bytes(b"not a pickle")
    assert predictions.load_problem(tmp_path / "good", "sklearn-pickle", environ=ENVIRON) is None
    problem = predictions.load_problem(tmp_path / "bad", "sklearn-pickle", environ=ENVIRON)
    assert problem is not None
    assert problem.startswith("the model raised ")
    assert "cannot be run here" in str(predictions.load_problem(tmp_path / "bad", "safetensors", environ=ENVIRON))


def boosters(folder: Path, frame: pd.DataFrame, kinds: np.ndarray, *, objective: str = "") -> dict[str, np.ndarray]:
    """A model of each library in its own format, and what the library itself answers."""
    import lightgbm
    import xgboost
    from skl2onnx import to_onnx

    numbers = frame.to_numpy(dtype=np.float32)
    tree = xgboost.XGBClassifier(n_estimators=5, n_jobs=1, **({"objective": objective} if objective else {}))
    tree.fit(frame, kinds).save_model(folder / "xgboost.json")
    leaves = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1).fit(frame, kinds)
    leaves.booster_.save_model(folder / "lightgbm.txt")
    line = LogisticRegression(max_iter=50).fit(numbers / numbers.max(axis=0), kinds)
    scaled = make_pipeline(StandardScaler(), line).fit(numbers, kinds)
    for name, zipmap in (("mapped.onnx", True), ("plain.onnx", False)):
        graph = to_onnx(scaled, numbers[:1], options={"zipmap": zipmap})
        (folder / name).write_bytes(graph.SerializeToString())
    chances = scaled.predict_proba(numbers)
    return {
        "xgboost.json": tree.predict_proba(frame),
        "lightgbm.txt": leaves.predict_proba(frame),
        "mapped.onnx": chances,
        "plain.onnx": chances,
    }


FORMATS = {"xgboost.json": "xgboost-json", "lightgbm.txt": "lightgbm-text", "mapped.onnx": "onnx", "plain.onnx": "onnx"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("objective", ["", "multi:softmax"])
def test_boosters_and_graphs_of_three_classes(tmp_path: Path, objective: str) -> None:
    wine, kinds = load_wine(return_X_y=True, as_frame=True)
    wine.columns = [f"c{index}" for index in range(wine.shape[1])]
    wine.to_parquet(tmp_path / "wine.parquet")
    expected = boosters(tmp_path, wine, kinds.to_numpy(), objective=objective)
    jobs = [
        job(tmp_path / name, tmp_path / "wine.parquet", tuple(wine.columns), task="multiclass", format_=FORMATS[name])
        for name in expected
    ]
    for name, answer in zip(expected, ask(*jobs), strict=True):
        assert isinstance(answer, Predictions), (name, answer)
        assert (answer.classes, answer.kind, answer.unstable) == (("0", "1", "2"), "probability", 0), name
        np.testing.assert_allclose(answer.values, expected[name], atol=1e-5, err_msg=name)


@pytest.mark.filterwarnings("ignore")
def test_boosters_and_graphs_answer_for_the_positive_class(
    tmp_path: Path, cancer: tuple[Path, pd.DataFrame, pd.Series]
) -> None:
    _, frame, labels = cancer
    frame = frame.set_axis([f"c{index}" for index in range(frame.shape[1])], axis=1)
    frame.to_parquet(tmp_path / "cancer.parquet")
    expected = boosters(tmp_path, frame, labels.to_numpy())
    columns = tuple(frame.columns)
    jobs = [
        job(tmp_path / name, tmp_path / "cancer.parquet", columns, format_=FORMATS[name], positive=positive)
        for name in expected
        for positive in "01"
    ]
    answers = iter(ask(*jobs))
    for name, chances in expected.items():
        for column in (0, 1):
            answer = next(answers)
            assert isinstance(answer, Predictions), (name, answer)
            assert answer.kind == "probability"
            np.testing.assert_allclose(answer.values, chances[:, column], atol=1e-5, err_msg=name)


@pytest.mark.filterwarnings("ignore")
def test_boosters_and_graphs_of_a_regression(tmp_path: Path) -> None:
    import lightgbm
    import xgboost
    from skl2onnx import to_onnx

    sugar, progress = load_diabetes(return_X_y=True, as_frame=True)
    sugar.to_parquet(tmp_path / "sugar.parquet")
    numbers = sugar.to_numpy(dtype=np.float32)
    tree = xgboost.XGBRegressor(n_estimators=5, n_jobs=1).fit(numbers, progress)
    tree.save_model(tmp_path / "xgboost.json")
    leaves = lightgbm.LGBMRegressor(n_estimators=5, n_jobs=1, verbose=-1).fit(sugar, progress)
    leaves.booster_.save_model(tmp_path / "lightgbm.txt")
    line = LinearRegression().fit(numbers, progress)
    (tmp_path / "plain.onnx").write_bytes(to_onnx(line, numbers[:1]).SerializeToString())
    expected = {
        "xgboost.json": tree.predict(numbers),
        "lightgbm.txt": leaves.predict(sugar),
        "plain.onnx": line.predict(numbers),
    }
    jobs = [
        job(tmp_path / name, tmp_path / "sugar.parquet", tuple(sugar.columns), task="regression", format_=FORMATS[name])
        for name in expected
    ]
    for name, answer in zip(expected, ask(*jobs), strict=True):
        assert isinstance(answer, Predictions), (name, answer)
        assert answer.kind == "value"
        np.testing.assert_allclose(answer.values, expected[name], rtol=1e-4, err_msg=name)


def test_another_interpreter_by_name_or_path_and_one_that_is_not_there(
    tmp_path: Path, cancer: tuple[Path, pd.DataFrame, pd.Series], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    data, frame, labels = cancer
    joblib.dump(LogisticRegression().fit(frame[["mean radius"]], labels), tmp_path / "model")
    one, here = job(tmp_path / "model", data, ("mean radius",)), Path(sys.executable)
    environ = {**ENVIRON, "PATH": str(here.parent)}
    monkeypatch.chdir(here.parent.parent)
    for python in (here, Path(here.name), Path(here.parent.name, here.name)):
        [answer] = predictions.predictor(environ=environ, cache=None, python=python)([one])
        assert isinstance(answer, Predictions), answer
    for python in (Path("no-such-python"), tmp_path / "python"):
        [answer] = predictions.predictor(environ=environ, cache=None, python=python)([one])
        assert isinstance(answer, Failed)
        assert "cannot be started: No such file" in answer.reason


def test_two_environments_of_one_interpreter_do_not_share_answers(tmp_path: Path) -> None:
    import sys

    keys = set()
    one = job(tmp_path / "model", tmp_path / "data", ("x",))
    for name in ("left", "right"):
        python = tmp_path / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)
        keys.add(predictions._key(one, python))
        (tmp_path / name / "pyvenv.cfg").write_text("home = /usr/bin\n")
        keys.add(predictions._key(one, python))
    assert len(keys) == 4
