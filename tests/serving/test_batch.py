"""The batch server on real Parquet files: whole or not at all, and bad rows never cost good ones their answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_gitops.serving import batch, rows
from mlops_gitops.serving.description import Description

INPUTS = ({"name": "x", "type": "double", "required": True}, {"name": "y", "type": "double", "required": False})
DESCRIPTION = Description("m", "1", "test", "regression", None, INPUTS, ({"name": "sum", "type": "double"},), "")


class Asked:
    """A model that adds, breaks on what a test wants broken, and remembers the largest table it saw."""

    def __init__(self, *, breaks_on: float | None = None) -> None:
        self.breaks_on, self.largest, self.calls = breaks_on, 0, 0

    def __call__(self, frame: Any) -> Any:
        self.calls += 1
        self.largest = max(self.largest, len(frame))
        if self.breaks_on is not None and (frame["x"] == self.breaks_on).any():
            raise ValueError("this value\nis not for me")
        return pd.DataFrame({"sum": frame["x"] + frame["y"].fillna(0.0)})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    model = Asked(breaks_on=-1.0)
    monkeypatch.setattr(batch.predictor, "opened", lambda *_: model)
    return model


def run(source: Path, output: Path) -> dict[str, Any]:
    return batch.run(DESCRIPTION, Path("/nowhere"), source, output, rows=1000)


def test_every_row_is_answered_or_set_aside_with_its_reason(tmp_path: Path, asked: Asked) -> None:
    frame = pd.DataFrame({"key": range(5000), "x": np.arange(5000.0), "y": [1.0] * 5000})
    frame.loc[[10, 4999], "x"] = np.nan
    frame.loc[20, "y"] = np.nan
    frame.loc[[2500, 2501], "x"] = -1.0
    frame.loc[3000, "x"] = np.inf
    frame.to_parquet(tmp_path / "in.parquet")
    counts = run(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert counts == {"rows": 5000, "predicted": 4995, "rejected": 5, "unchanged": False}
    good, bad = pd.read_parquet(tmp_path / "out.parquet"), pd.read_parquet(tmp_path / "out.parquet.rejected")
    assert dict(zip(bad["row"], bad["reason"], strict=True)) == {
        10: "x is missing",
        2500: "ValueError: this value is not for me",
        2501: "ValueError: this value is not for me",
        3000: "the model answered NaN or infinity",
        4999: "x is missing",
    }
    assert good["key"].tolist() == [index for index in range(5000) if index not in set(bad["row"])]
    assert (good["sum"] == good["x"] + good["y"].fillna(0)).all()
    assert asked.largest <= 1000


def test_running_again_does_nothing_and_another_input_is_done_anew(tmp_path: Path, asked: Asked) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 1.0]})
    frame.to_parquet(tmp_path / "in.parquet")
    run(tmp_path / "in.parquet", tmp_path / "out.parquet")
    before = (tmp_path / "out.parquet").read_bytes(), asked.calls
    assert run(tmp_path / "in.parquet", tmp_path / "out.parquet")["unchanged"]
    assert ((tmp_path / "out.parquet").read_bytes(), asked.calls) == before
    (tmp_path / "out.parquet").write_bytes(before[0][:100])
    assert not run(tmp_path / "in.parquet", tmp_path / "out.parquet")["unchanged"]
    assert (tmp_path / "out.parquet").read_bytes() == before[0]
    frame.loc[0, "x"] = 5.0
    frame.to_parquet(tmp_path / "in.parquet")
    assert not run(tmp_path / "in.parquet", tmp_path / "out.parquet")["unchanged"]


def test_what_breaks_in_the_middle_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pd.DataFrame({"x": range(5000), "y": [1.0] * 5000}).to_parquet(tmp_path / "in.parquet")
    (tmp_path / "out.parquet").write_bytes(b"before")

    def dies(frame: Any) -> Any:
        if frame["x"].max() > 3000:
            raise KeyboardInterrupt
        return frame[["y"]].rename(columns={"y": "sum"})

    monkeypatch.setattr(batch.predictor, "opened", lambda *_: dies)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert (tmp_path / "out.parquet").read_bytes() == b"before"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in.parquet", "out.parquet"]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"y": [1.0]}), "has no column x"),
        (pd.DataFrame({"x": ["a"], "y": [1.0]}), "the column x holds"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_as_a_whole(tmp_path: Path, asked: Asked, frame: Any, words: str) -> None:
    frame.to_parquet(tmp_path / "in.parquet")
    with pytest.raises(batch.Unusable, match=words):
        run(tmp_path / "in.parquet", tmp_path / "out.parquet")
    (tmp_path / "in.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(batch.Unusable, match="no Parquet file"):
        run(tmp_path / "in.parquet", tmp_path / "out.parquet")
    with pytest.raises(batch.Unusable, match="is no file"):
        run(tmp_path / "not there", tmp_path / "out.parquet")
    assert asked.calls == 0


def test_empty_inputs_and_inputs_without_any_good_row(tmp_path: Path, asked: Asked) -> None:
    for name, frame in (
        ("empty", pd.DataFrame({"x": pd.Series([], dtype="float64"), "y": pd.Series([], dtype="float64")})),
        ("bad", pd.DataFrame({"x": [np.nan], "y": [1.0]})),
    ):
        frame.to_parquet(tmp_path / name)
        counts = run(tmp_path / name, tmp_path / f"{name}.out")
        assert (counts["rows"], counts["predicted"]) == (len(frame), 0)
        assert len(pd.read_parquet(tmp_path / f"{name}.out")) == 0
    assert asked.calls == 0


def test_a_model_that_answers_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_MOST_CALLS", 50)
    frame = pd.DataFrame({"x": [-1.0] * 200, "y": [1.0] * 200})
    with pytest.raises(rows.Hopeless, match="could not be answered"):
        rows.answered(frame, DESCRIPTION, Asked(breaks_on=-1.0))


def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    """Five times the rows take hardly more memory, in a process of its own with a real model."""
    import joblib
    from sklearn.linear_model import LinearRegression

    (tmp_path / "artifact").mkdir()
    joblib.dump(
        LinearRegression().fit(pd.DataFrame({"x": [0.0, 1.0], "y": [1.0, 0.0]}), [1.0, 1.0]),
        tmp_path / "artifact/m.pkl",
    )
    described = {"name": "m", "version": "1", "format": "sklearn-pickle", "task": "regression", "positive": None}
    described |= {"inputs": INPUTS, "outputs": DESCRIPTION.outputs, "artifact": "artifact"}  # type: ignore[dict-item]
    (tmp_path / "model.json").write_text(json.dumps(described))
    peaks = []
    for count in (200_000, 1_000_000):
        frame = pd.DataFrame({"x": np.random.default_rng(1).random(count), "y": [1.0] * count})
        frame.to_parquet(tmp_path / "in.parquet", row_group_size=50_000)
        code = (
            "import sys; from mlops_gitops.serving import batch; code = batch.main(sys.argv[1:]);"
            "print(*(one.split()[1] for one in open('/proc/self/status') if one.startswith('VmHWM'))); sys.exit(code)"
        )
        words = ["in.parquet", "out.parquet", "--description", "model.json", "--model", "."]
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            env=os.environ,
        )
        peaks.append(int(done.stdout.splitlines()[-1]) / 1024)
        assert json.loads(done.stdout.splitlines()[0])["predicted"] == count
    assert peaks[1] - peaks[0] < 40, peaks
