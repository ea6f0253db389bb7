from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlops_gitops.adapters import prediction_files
from mlops_gitops.canonical import sha256
from mlops_gitops.errors import WorldFailed
from mlops_gitops.testing.models.predictions import Artifact, Failed, Job, Predictions

JOB = Job(Artifact(Path("m"), "skops", "0" * 64), Path("test.parquet"), "parquet", "1" * 64, ("a", "b"), "multiclass")


def saved(values: np.ndarray, **extra: object) -> Predictions:
    import io

    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return Predictions(values, "probability", sha256(buffer.getvalue()), **extra)  # type: ignore[arg-type]


ONE = saved(np.array([0.25, 1 / 3, np.nan, -0.0]), unstable=1, repeated=4)
SEVERAL = saved(np.random.default_rng(1).random((50, 3)), classes=("x", "y", "z'"), repeated=50)


def answering(*answers: Predictions | Failed) -> object:
    return lambda jobs: list(answers)[: len(jobs)]


@pytest.mark.parametrize("answer", [ONE, SEVERAL])
def test_what_is_kept_is_what_was_said(tmp_path: Path, answer: Predictions) -> None:
    kept = prediction_files.kept(answering(answer), tmp_path)  # type: ignore[arg-type]
    kept([JOB])
    [path] = tmp_path.glob("*.parquet")
    assert path.name.startswith(answer.digest)
    before = path.read_bytes()
    kept([JOB])
    assert path.read_bytes() == before
    for place in (tmp_path, path):
        [again] = prediction_files.recorded(place)([JOB])
        assert isinstance(again, Predictions), again
        np.testing.assert_array_equal(again.values, answer.values)
        assert replace(again, values=answer.values) == answer
    assert prediction_files.recorded(tmp_path).artifacts == {"0" * 64}


def test_anybody_can_read_the_file(tmp_path: Path) -> None:
    import pandas as pd

    prediction_files.kept(answering(SEVERAL), tmp_path)([JOB])  # type: ignore[arg-type]
    frame = pd.read_parquet(next(tmp_path.glob("*.parquet")))
    np.testing.assert_array_equal(frame.to_numpy(), SEVERAL.values)


def test_another_question_has_no_answer_here(tmp_path: Path) -> None:
    prediction_files.kept(answering(ONE), tmp_path)([JOB])  # type: ignore[arg-type]
    others: Sequence[Job] = [
        replace(JOB, data_digest="2" * 64),
        replace(JOB, artifact=replace(JOB.artifact, digest="3" * 64)),
        replace(JOB, edits=({"op": "single"},)),
        replace(JOB, columns=("b", "a")),
    ]
    assert all(isinstance(one, Failed) for one in prediction_files.recorded(tmp_path)(others))


def test_a_file_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    prediction_files.kept(answering(ONE), tmp_path)([JOB])  # type: ignore[arg-type]
    [path] = tmp_path.glob("*.parquet")
    data = bytearray(path.read_bytes())
    at = bytes(data).index(np.float64(1 / 3).tobytes())
    data[at] ^= 1
    path.write_bytes(data)
    [changed] = prediction_files.recorded(tmp_path)([JOB])
    assert isinstance(changed, Failed)
    assert "its numbers have another digest than it says" in changed.reason
    path.write_bytes(b"PAR1 and no more")
    [cut] = prediction_files.recorded(tmp_path)([JOB])
    assert isinstance(cut, Failed)
    assert "cannot be read" in cut.reason
    path.write_bytes((Path(__file__).parents[0] / "test_prediction_files.py").read_bytes())
    assert isinstance(prediction_files.recorded(tmp_path)([JOB])[0], Failed)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorldFailed, match="cannot be kept"):
        prediction_files.kept(answering(ONE), tmp_path / "file")([JOB])  # type: ignore[arg-type]
