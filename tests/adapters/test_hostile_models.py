"""Models that misbehave, in the process of a model: a sentence for the reader, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper

from mlops_gitops.adapters import predictions
from mlops_gitops.testing.models.predictions import Artifact, Failed, Job, Predictions

ENVIRON = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
ROWS = 60


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    rng = np.random.default_rng(1)
    pd.DataFrame({"a": rng.normal(size=ROWS), "b": rng.normal(size=ROWS)}).to_parquet(path)
    return path


def job(path: Path, data: Path, *, task: str = "binary-classification", format_: str = "sklearn-pickle") -> Job:
    return Job(Artifact(path, format_, path.name), data, "parquet", "d", ("a", "b"), task, "1")


def ask(*jobs: Job, seconds: float = 60, **limits: Any) -> list[Predictions | Failed]:
    return predictions.predictor(environ=ENVIRON, cache=None, seconds=seconds, **limits)(jobs)


MODELS = """
import os, signal, subprocess, sys, threading, time
import numpy as np

class Strange(Exception):
    def __str__(self):
        raise RuntimeError("no words")

class Array:
    def __array__(self, *_, **__):
        raise RuntimeError("no array here")
    def __len__(self):
        return 60

class Model:
    classes_ = [0, 1]

    def __init__(self, mode, where=""):
        self.mode, self.where = mode, where

    def __getattr__(self, name):  # only what a mode says: a chance of each class, or what `predict` gives
        mode = self.__dict__.get("mode", "")
        if name == ("predict" if mode.startswith("p_") else "predict_proba"):
            return getattr(self, mode)
        raise AttributeError(name)

    def good(self, frame):
        return np.column_stack([1 - self.chances(frame), self.chances(frame)])

    def chances(self, frame):
        return 1 / (1 + np.exp(-frame["a"].to_numpy()))

    def speechless(self, frame):
        raise Strange

    def interrupted(self, frame):
        raise KeyboardInterrupt("stop")

    def long_winded(self, frame):
        raise ValueError("x" * 10**7)

    def unarrayable(self, frame):
        return Array()

    def p_unarrayable(self, frame):
        return Array()

    def p_nothing(self, frame):
        return None

    def p_scalar(self, frame):
        return 1

    def p_cube(self, frame):
        return np.zeros((len(frame), 2, 2), dtype=int)

    def p_words(self, frame):
        return np.array(["yes", "no"] * (len(frame) // 2))

    def p_digits(self, frame):
        return ["0.5"] * len(frame)

    def p_gaps(self, frame):
        found = (frame["a"].to_numpy() > 0).astype(float)
        found[:5] = [np.nan, np.inf, -np.inf, np.nan, np.nan]
        return found

    def p_named_gaps(self, frame):
        return np.array([None, float("nan"), *["red", "blue"] * (len(frame) // 2 - 1)], dtype=object)

    def p_complex(self, frame):
        return np.full(len(frame), 0.5 + 1j)

    def p_dates(self, frame):
        return np.full(len(frame), np.datetime64("2026-01-01"))

    def p_ragged(self, frame):
        return [[1.0], [1.0, 2.0]] * (len(frame) // 2)

    def p_longer(self, frame):
        return np.arange(len(frame) + 1.0)

    def p_growing(self, frame):
        self.calls = self.__dict__.get("calls", 0) + 1
        return np.zeros(len(frame)) if self.calls % 2 else np.zeros((len(frame), 1, 1))

    def chatters(self, frame):
        for _ in range(3000):
            print("z" * 10_000)
            sys.stderr.write("e" * 100)
        os.abort()

    def edits(self, frame):
        found = self.good(frame)
        frame["a"] = 0.0
        return found

    def leaves_a_thread(self, frame):
        threading.Thread(target=time.sleep, args=(600,)).start()
        return self.good(frame)

    def leaves_children(self, frame):
        for new in (False, True):
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=new)
            print(child.pid, file=open("pids", "a"), flush=True)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                print(os.getpid(), file=open("pids", "a"), flush=True)
                time.sleep(600)
            os._exit(0)
        time.sleep(0.3)
        raise ValueError(" ".join(open("pids").read().split()))

    def leaves_children_and_hangs(self, frame):
        child = subprocess.Popen([sys.executable, "-c", f"# {self.where}\\nimport time; time.sleep(600)"],
                                 start_new_session=True)
        time.sleep(600)

    def kills_its_parent(self, frame):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)

    def ends_its_group(self, frame):
        os.killpg(0, signal.SIGTERM)
        time.sleep(600)

    def writes_elsewhere(self, frame):
        open(os.path.join(self.where, "left"), "w")

    def removes_elsewhere(self, frame):
        os.remove(os.path.join(self.where, "kept"))

    def writes_at_home(self, frame):
        os.makedirs(os.path.expanduser("~/.cache/model"), exist_ok=True)
        with open(os.path.expanduser("~/.cache/model/x"), "w") as file:
            file.write("x")
        return self.good(frame)

    def resolves(self, frame):
        import socket
        socket.getaddrinfo("example.com", 443)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    import cloudpickle

    folder = tmp_path_factory.mktemp("models")
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(MODELS, space)  # noqa: S102 - our own text

    def make(mode: str, where: object = "") -> Path:
        path = folder / f"{mode}.pkl"
        path.write_bytes(cloudpickle.dumps(space["Model"](mode, str(where))))
        return path

    return make


SENTENCES = {
    "speechless": "the model raised Strange, which does not say more",
    "interrupted": "the model raised KeyboardInterrupt: stop",
    "long_winded": "the model raised ValueError: x+…",
    "unarrayable": "the model raised RuntimeError: no array here",
    "p_unarrayable": "the model raised RuntimeError: no array here",
    "p_nothing": "the model gave nothing",
    "p_scalar": "the model gave one value, and not one for each row",
    "p_cube": r"the model gave an answer of shape \(60, 2, 2\), and one value for each row is needed",
    "p_words": "the model answers no, yes, and never 1, which the manifest calls positive",
    "p_longer": "the model gave 61 predictions for 60 rows",
    "resolves": "the model raised PermissionError: a model under test has no network",
}


def test_whatever_a_model_gives_is_told_in_a_sentence_and_spoils_no_other(
    model: Callable[..., Path], data: Path
) -> None:
    answers = ask(*(job(model(mode), data) for mode in SENTENCES), job(model("good"), data))
    for (mode, words), answer in zip(SENTENCES.items(), answers, strict=False):
        assert isinstance(answer, Failed), mode
        assert re.fullmatch(words, answer.reason), (mode, answer.reason)
        assert len(answer.reason) <= 300
    assert isinstance(answers[-1], Predictions)


NUMBERS = {
    "p_digits": "the model gave text where numbers are needed",
    "p_words": "the model gave text where numbers are needed",
    "p_complex": "the model gave complex numbers where numbers are needed",
    "p_dates": "the model gave dates where numbers are needed",
    "p_ragged": "the model gave something that is not a table of numbers",
    "p_cube": r"the model gave an answer of shape (60, 2, 2) where 1 dimension(s) are needed",
    "p_nothing": "the model gave nothing",
}


def test_a_number_is_a_number(model: Callable[..., Path], data: Path) -> None:
    answers = ask(*(job(model(mode), data, task="regression") for mode in NUMBERS))
    assert answers == [Failed(words) for words in NUMBERS.values()]


def test_a_class_that_is_not_a_number_is_no_class(model: Callable[..., Path], data: Path) -> None:
    two, several, named = ask(
        job(model("p_gaps"), data),
        job(model("p_gaps"), data, task="multiclass"),
        job(model("p_named_gaps"), data, task="multiclass"),
    )
    assert isinstance(two, Predictions)
    assert isinstance(several, Predictions)
    assert np.isnan(two.values).sum() == 5
    assert (np.shape(several.values), several.classes) == ((ROWS, 2), ("0", "1"))
    assert np.isnan(several.values).all(axis=1).sum() == 5
    assert named == Failed("the model answers blue, which is none of its classes 0, 1")


def test_a_model_that_is_ended_or_hangs_spoils_only_what_comes_after_it(model: Callable[..., Path], data: Path) -> None:
    good = job(model("good"), data)
    first, chatty, after = ask(good, job(model("chatters"), data), replace(good, batch=7))
    assert isinstance(first, Predictions)
    assert isinstance(chatty, Failed)
    assert isinstance(after, Failed)
    assert chatty.reason.startswith("the process of the model was ended by SIGABRT before it answered: ")
    begun = time.monotonic()
    first, late = ask(good, job(model("leaves_children_and_hangs", "straggler-7261"), data), seconds=4)
    assert isinstance(first, Predictions)
    assert late == Failed("the model gave no answer within 4 seconds and was stopped")
    assert time.monotonic() - begun < 30
    assert not list(running("straggler-7261"))


def running(words: str) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if words in path.read_text(errors="replace"):
                yield int(path.parent.name)
        except OSError:
            continue


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to whom they should have")
def test_no_process_of_a_model_is_left(model: Callable[..., Path], data: Path) -> None:
    [answer] = ask(job(model("leaves_children"), data))
    assert isinstance(answer, Failed)
    pids = [int(one) for one in re.findall(r"\d+", answer.reason.removeprefix("the model raised ValueError: "))]
    assert len(pids) == 3
    alive = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert alive == []
    [fine] = ask(job(model("leaves_a_thread"), data), seconds=30)
    assert isinstance(fine, Predictions)


def test_a_model_that_kills_its_parent_or_its_group_ends_itself(model: Callable[..., Path], data: Path) -> None:
    here = os.getpid()
    for mode, how in (("kills_its_parent", "SIGKILL"), ("ends_its_group", "SIG(TERM|KILL)")):
        [answer] = ask(job(model(mode), data), seconds=30)
        assert isinstance(answer, Failed)
        assert re.match(rf"the process of the model was ended by {how} before it answered", answer.reason), answer
    assert os.getpid() == here
    assert "(the system does that where memory is short)" in answer.reason or "SIGTERM" in answer.reason


def test_a_model_writes_into_its_own_folder_alone(model: Callable[..., Path], data: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    wrote, removed, home = ask(
        job(model("writes_elsewhere", tmp_path), data),
        job(model("removes_elsewhere", tmp_path), data),
        job(model("writes_at_home"), data),
    )
    for answer in (wrote, removed):
        assert isinstance(answer, Failed)
        assert "a model under test writes into its own folder alone, and not to " in answer.reason
    assert isinstance(home, Predictions)
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]


def test_a_model_that_edits_what_it_is_given_is_asked_about_the_data_as_they_are(
    model: Callable[..., Path], data: Path
) -> None:
    plain, edited, again = ask(
        job(model("good"), data), job(model("edits"), data), replace(job(model("edits"), data), batch=7)
    )
    assert isinstance(plain, Predictions)
    assert isinstance(edited, Predictions)
    assert isinstance(again, Predictions)
    np.testing.assert_array_equal(edited.values, plain.values)
    np.testing.assert_allclose(again.values, plain.values)
    assert edited.unstable == 0


def graph(path: Path, nodes: list[Any], output: Any, *, extra: tuple[Any, ...] = ()) -> Path:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    made = helper.make_graph(nodes, "g", [x], [output], initializer=list(extra))
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def graphs(folder: Path) -> dict[str, Path]:
    """Graphs that pass the scan, for they hold no program of their own: random, endless, NaN, text, and too much."""
    number = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    column = helper.make_tensor("c", TensorProto.INT64, [1], [1])
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["still"]), helper.make_node("Identity", ["v"], ["w"])],
        "body",
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in
         (("i", TensorProto.INT64, []), ("on", TensorProto.BOOL, []), ("v", TensorProto.FLOAT, [None]))],
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in
         (("still", TensorProto.BOOL, []), ("w", TensorProto.FLOAT, [None]))],
    )  # fmt: skip
    sums = helper.make_node("ReduceSum", ["x", "c"], ["s"], keepdims=0)
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    huge = helper.make_tensor("huge", TensorProto.INT64, [2], [2**20, 2**20])
    return {
        "random": graph(folder / "random.onnx", [sums, helper.make_node("RandomUniformLike", ["s"], ["y"])], number,
                        extra=(column,)),
        "endless": graph(folder / "endless.onnx", [sums, helper.make_node("Loop", ["", "yes", "s"], ["y"], body=body)],
                         number, extra=(column, yes)),
        "nan": graph(folder / "nan.onnx", [sums, helper.make_node("Sub", ["s", "s"], ["z"]),
                                           helper.make_node("Div", ["z", "z"], ["y"])], number, extra=(column,)),
        "text": graph(folder / "text.onnx", [sums, helper.make_node("Cast", ["s"], ["y"], to=TensorProto.STRING)],
                      helper.make_tensor_value_info("y", TensorProto.STRING, None), extra=(column,)),
        "greedy": graph(folder / "greedy.onnx", [helper.make_node("ConstantOfShape", ["huge"], ["y"])], number,
                        extra=(huge,)),
    }  # fmt: skip


def test_graphs_that_misbehave(tmp_path: Path, data: Path) -> None:
    made = graphs(tmp_path)
    endless = made.pop("endless")
    random, nan, text, greedy = ask(*(job(one, data, task="regression", format_="onnx") for one in made.values()))
    assert isinstance(random, Predictions), random
    assert random.unstable == ROWS
    assert isinstance(nan, Predictions), nan
    assert np.isnan(nan.values).all()
    assert text == Failed("the model gave text where numbers are needed")
    assert isinstance(greedy, Failed)
    assert greedy.reason == "the model ran out of the memory that a test may use"
    [late] = ask(job(endless, data, task="regression", format_="onnx"), seconds=5)
    assert late == Failed("the model gave no answer within 5 seconds and was stopped")


def test_files_that_are_no_model(tmp_path: Path, data: Path) -> None:
    formats = {"xgboost-json": "{}", "lightgbm-text": "tree\nversion=v4\n", "onnx": "no graph", "skops": "no zip"}
    for name, content in formats.items():
        (tmp_path / name).write_text(content)
    answers = ask(*(job(tmp_path / name, data, format_=name) for name in formats))
    for name, answer in zip(formats, answers, strict=True):
        assert isinstance(answer, Failed), name
        assert "\n" not in answer.reason
        assert "Traceback" not in answer.reason


def test_the_warden_ends_with_its_model_when_it_is_told_to() -> None:
    """As when the time is up: the model's process does not outlive the one that guards it."""
    text = (
        "import os, sys, time\n"
        "from mlops_gitops.adapters import prediction_warden\n"
        "def work():\n    print(os.getpid(), flush=True)\n    time.sleep(600)\n"
        "prediction_warden.guarded(work)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGKILL
    assert not Path(f"/proc/{pid}").exists()
