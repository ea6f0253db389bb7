from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_gitops.reproduction import probes
from mlops_gitops.reproduction.levels import PredictionComparison
from mlops_gitops.testing.models.metrics import Kind
from mlops_gitops.testing.models.predictions import Predictions


def said(values: object, *, kind: Kind = "probability", classes: tuple[str, ...] = ()) -> Predictions:
    return Predictions(np.asarray(values, dtype=np.float64), kind, "digest", classes)


def compare(
    left: Predictions, right: Predictions, *, task: str = "regression", tolerance: float = 0.0
) -> PredictionComparison:
    return probes.compare(left, right, dataset="test", task=task, tolerance=tolerance)


def test_a_decision_of_two_classes_is_the_side_of_the_threshold() -> None:
    found = compare(said([0.1, 0.49, 0.5, 0.9]), said([0.2, 0.51, 0.49, 0.9]), task="binary-classification")
    assert (found.rows, found.changed, found.examples, found.churn) == (4, 2, (1, 2), 0.5)
    assert found.largest == pytest.approx(0.1)
    assert (sum(found.counts), len(found.edges)) == (4, len(found.counts) + 1)
    scores = compare(said([-1, 0.2], kind="score"), said([-0.1, 0.4], kind="score"), task="binary-classification")
    assert scores.changed == 0


def test_a_decision_of_several_classes_is_the_most_probable() -> None:
    left = said([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3]], classes=("a", "b", "c"))
    right = said([[0.4, 0.3, 0.3], [0.2, 0.3, 0.5]], classes=("a", "b", "c"))
    assert compare(left, right, task="multiclass").examples == (1,)


def test_a_number_may_move_within_the_tolerance_and_not_be_lost() -> None:
    left, right = said([1, 2, math.nan, math.nan, math.inf]), said([1.05, 2.2, math.nan, 4, math.inf])
    assert compare(left, right, tolerance=0.1).examples == (1, 3)


@pytest.mark.parametrize(
    ("left", "right"),
    [([1e308, 1], [-1e308, 1]), ([math.inf], [0]), ([5e-324], [0]), ([1.7e308], [0]), ([], []), ([math.nan], [1])],
)
def test_the_histogram_spans_any_difference(left: list[float], right: list[float]) -> None:
    found = compare(said(left), said(right))
    assert all(map(math.isfinite, found.edges))
    assert list(found.edges) == sorted(set(found.edges))
    assert math.isfinite(found.largest)
    assert found.changed == len([one for one in left if one != 1]) or not left


def test_answers_to_other_questions_are_not_compared() -> None:
    for left, right, words in (
        (said([1]), said([1, 2]), "shapes"),
        (said([1]), said([1], kind="score"), "probability, the other with a score"),
        (said([[1, 0]], classes=("a", "b")), said([[1, 0]], classes=("b", "a")), "classes"),
    ):
        with pytest.raises(ValueError, match=words):
            compare(left, right)
    for tolerance in (math.nan, -1.0):
        with pytest.raises(ValueError, match="tolerance"):
            compare(said([1]), said([1]), tolerance=tolerance)


def test_a_prediction_beside_an_identifier_is_one_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [10, 11, 12], "prediction": [0.25, 0.5, 1.0]})
    frame.to_csv(tmp_path / "p.csv", index=False)
    frame.to_parquet(tmp_path / "p.parquet")
    frame[["prediction"]].rename(columns={"prediction": "y"}).to_csv(tmp_path / "one.csv", index=False)
    np.save(tmp_path / "p.npy", frame["prediction"].to_numpy(dtype=np.float32))
    np.save(tmp_path / "column.npy", frame[["prediction"]].to_numpy())
    for name in ("p.csv", "p.parquet", "one.csv", "p.npy", "column.npy"):
        found = probes.of_file(tmp_path / name)
        assert (list(found.values), found.classes, found.kind) == ([0.25, 0.5, 1.0], (), "probability"), name


def test_columns_of_classes_keep_their_names(tmp_path: Path) -> None:
    pd.DataFrame({"p_setosa": [0.2, 1.0], "p_virginica": [0.8, 0.0]}).to_csv(tmp_path / "p.csv", index=False)
    found = probes.of_file(tmp_path / "p.csv")
    assert ([*map(list, found.values)], found.classes) == ([[0.2, 0.8], [1.0, 0.0]], ("setosa", "virginica"))
    np.save(tmp_path / "p.npy", np.array([[0.2, 0.8]]))
    assert probes.of_file(tmp_path / "p.npy").classes == ("0", "1")


def test_scores_are_told_from_probabilities(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("id,score\n1,-2.5\n2,1.5\n")
    (tmp_path / "p.csv").write_text("id,score\n1,0.5\n2,0.25\n")
    assert probes.of_file(tmp_path / "s.csv").kind == "score"
    assert probes.of_file(tmp_path / "p.csv").kind == "probability"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,other\n1,0.5\n", "which of the 2 columns is the prediction"),
        ("id,p_a\n1,0.5\n", "which of the 2 columns"),
        ("prediction,score\n1,0.5\n", "which of the 2 columns"),
        ("p_a,probability_a\n1,0\n", "which of the 2 columns"),
        ("p_a,p_b\n7,0.5\n8,0.5\n", "outside 0 and 1"),
        ("id,prediction\n1,maybe\n", "no number"),
        ("id,prediction\n1,\n2,0.5\n", "missing"),
        ("", "."),
        ("\0\0\n\0", "."),
    ],
)
def test_a_table_that_is_no_prediction_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        probes.of_file(path)


def header(text: str, *, version: int = 1) -> bytes:
    body = text.encode("latin-1")
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(body)) + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x80\x04K\x01.",
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }\n") + b"12345678",
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }\n") + b"12345678",
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n") + b"12345678",
        header("{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000, 2), }\n"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n") + b"\x80\x04N.",
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1L,, }\n"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': ((((('"),
        header("(" * 5000),
        header("'''"),
        header("{'descr': 7, 'fortran_order': False, 'shape': (1,), }\n", version=2),
        header("{}", version=9),
        header("{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }\n") + b"1234567812345678",
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (), }\n") + b"12345678",
    ],
)
def test_a_hostile_array_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "p.npy"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"."):
        probes.of_file(path)


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "broken.parquet").write_bytes(b"PAR1" + b"\xff" * 40 + b"PAR1")
    for name in ("missing.npy", "missing.csv", "folder.npy", "broken.parquet"):
        with pytest.raises(ValueError, match=r"."):
            probes.of_file(tmp_path / name)
