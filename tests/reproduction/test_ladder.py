"""From what was compared to the strictest level that holds."""

from __future__ import annotations

import pytest

from mlops_gitops.packaging.digests import Artifact, FileDigest, combined
from mlops_gitops.reproduction import ladder
from mlops_gitops.reproduction.levels import (
    Answer,
    Equivalence,
    FileComparison,
    Level,
    PredictionComparison,
    Rung,
    TensorComparison,
)


def artifact(**files: str) -> Artifact:
    return combined(tuple(FileDigest(name, digest * 64, 1) for name, digest in files.items()))


def tensor(**fields: object) -> TensorComparison:
    said: dict[str, object] = {"name": "w", "file": "m", "dtype": "float32", "shape": (2,), "count": 2, "differing": 1}
    return TensorComparison(**{**said, **fields})  # type: ignore[arg-type]


def metric(answer: Answer, **fields: object) -> Equivalence:
    said: dict[str, object] = {
        "metric": "roc_auc",
        "record": 0.8,
        "values": (0.8, 0.81),
        "difference": 0.005,
        "interval": (-0.001, 0.011),
        "margin": 0.02,
        "power": 0.9,
        "needed": 4,
        "answer": answer,
    }
    return Equivalence(**{**said, **fields})  # type: ignore[arg-type]


def test_bytes_and_names_decide_the_first_rung() -> None:
    assert ladder.bitwise(artifact(a="1", b="2"), artifact(a="1", b="2")).answer is Answer.HOLDS
    for other in (artifact(a="1", b="3"), artifact(a="1"), artifact(a="1", c="2"), artifact(a="1", b="2", c="3")):
        assert ladder.bitwise(artifact(a="1", b="2"), other).answer is Answer.BROKEN
    assert "b, c" in ladder.bitwise(artifact(b="2"), artifact(c="2")).message


def test_noise_is_named_and_what_is_left_breaks_the_second() -> None:
    same = FileComparison("a", "1", "1")
    noisy = FileComparison("m", "1", "2", "pickle", canonical=True, noise=("n_jobs",))
    left = FileComparison("w", "1", "2", "pickle", differs="coef_[3]")
    assert ladder.canonical((same, noisy)) == Rung(Level.CANONICAL, Answer.HOLDS, "the same without n_jobs")
    broken = ladder.canonical((same, noisy, left))
    assert broken.answer is Answer.BROKEN
    assert "w differs beyond known noise: coef_[3]" in broken.message


DECISIONS = PredictionComparison("test", 100, 0, 1e-9)
CHANGED = PredictionComparison("test", 100, 3, 0.2)


@pytest.mark.parametrize(
    ("tensors", "predictions", "answer", "words"),
    [
        ((tensor(),), (DECISIONS,), Answer.HOLDS, "none of 100 decisions changed"),
        ((tensor(),), (CHANGED,), Answer.BROKEN, "3 of 100 decisions"),
        ((tensor(),), (), Answer.OPEN, "no code to run"),
        ((), (DECISIONS,), Answer.OPEN, "no tensor"),
        ((tensor(within=False, absolute=0.5, where=(1,)),), (DECISIONS,), Answer.BROKEN, "by 0.5 at [1]"),
        ((tensor(within=False, problem="is missing"),), (DECISIONS,), Answer.BROKEN, "is missing"),
    ],
)
def test_tensors_and_decisions_decide_the_third(
    tensors: tuple[TensorComparison, ...], predictions: tuple[PredictionComparison, ...], answer: Answer, words: str
) -> None:
    found = ladder.numeric(tensors, predictions, unasked="no code to run")
    assert (found.answer, words in found.message) == (answer, True), found.message


@pytest.mark.parametrize(
    ("churn", "metrics", "answer"),
    [
        (Answer.HOLDS, (metric(Answer.HOLDS),), Answer.HOLDS),
        (Answer.HOLDS, (metric(Answer.HOLDS), metric(Answer.OPEN)), Answer.OPEN),
        (Answer.HOLDS, (metric(Answer.OPEN), metric(Answer.BROKEN)), Answer.BROKEN),
        (Answer.BROKEN, (metric(Answer.HOLDS),), Answer.BROKEN),
        (Answer.OPEN, (metric(Answer.HOLDS),), Answer.OPEN),
        (Answer.HOLDS, (), Answer.OPEN),
    ],
)
def test_few_changed_decisions_and_every_metric_decide_the_last(
    churn: Answer, metrics: tuple[Equivalence, ...], answer: Answer
) -> None:
    found = ladder.Statistics(churn, "churn 1.0 % of at most 2.0 %", (0.01,), metrics)
    assert ladder.statistical(found).answer is answer


def test_a_metric_alone_is_no_statistics() -> None:
    assert ladder.statistical(None).answer is Answer.OPEN


@pytest.mark.parametrize("strict", list(Level))
def test_what_holds_holds_below_and_the_strictest_counts(strict: Level) -> None:
    rungs = [Rung(one, Answer.HOLDS if one is strict else Answer.BROKEN, "seen") for one in Level]
    found = ladder.climb("1", "2", [one for one in rungs if one.level.rank <= strict.rank])
    assert found.level is strict
    for one in found.rungs:
        assert (one.answer is Answer.HOLDS) == (one.level.rank >= strict.rank)


def test_an_open_rung_above_one_that_holds_stays_open_and_nothing_asked_is_no_agreement() -> None:
    rungs = [Rung(Level.BITWISE, Answer.BROKEN, ""), Rung(Level.CANONICAL, Answer.OPEN, "unreadable")]
    assert ladder.climb("1", "2", rungs).level is None
    found = ladder.climb("1", "2", [*rungs, Rung(Level.NUMERIC, Answer.HOLDS, "")])
    assert found.level is Level.NUMERIC
    assert found.rung(Level.CANONICAL).answer is Answer.OPEN
