from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as peer

from mlops_gitops.testing.models import metrics
from mlops_gitops.testing.models.metrics import METRICS, Link, Sample
from mlops_gitops.testing.statistics import Unmeasurable

SEED = 7
Draw = Callable[[np.random.Generator, int], tuple[Sample, Sample]]


def binary(rng: np.random.Generator, rows: int) -> tuple[Sample, Sample]:
    labels = (rng.random(rows) < 0.35).astype(float)
    shared = rng.normal(size=rows)
    before = 1 / (1 + np.exp(-(1.2 * labels - 0.6 + shared)))
    after = 1 / (1 + np.exp(-(1.5 * labels - 0.8 + 0.8 * shared + 0.4 * rng.normal(size=rows))))
    return Sample(labels, before, "probability"), Sample(labels, after, "probability")


def number(rng: np.random.Generator, rows: int) -> tuple[Sample, Sample]:
    labels, shared = rng.normal(2.0, 3.0, size=rows), rng.normal(size=rows)
    before = labels + shared + 0.2
    return Sample(labels, before, "value"), Sample(labels, labels + 0.9 * shared + 0.3 * rng.normal(size=rows), "value")


def classes(rng: np.random.Generator, rows: int) -> tuple[Sample, Sample]:
    labels = rng.integers(0, 3, size=rows)
    noise = rng.normal(size=(rows, 3))

    def soft(scale: float, extra: float) -> np.ndarray:
        raw = np.exp(scale * np.eye(3)[labels] + noise + extra * rng.normal(size=(rows, 3)))
        return raw / raw.sum(axis=1, keepdims=True)

    return Sample(labels.astype(float), soft(1.0, 0.1), "probability"), Sample(
        labels.astype(float), soft(1.4, 0.3), "probability"
    )


PEERS: dict[str, tuple[Draw, Callable[[Sample], float]]] = {
    "roc_auc": (binary, lambda s: peer.roc_auc_score(s.labels, s.predictions)),
    "accuracy": (binary, lambda s: peer.accuracy_score(s.labels, s.predictions >= 0.5)),
    "log_loss": (binary, lambda s: peer.log_loss(s.labels, s.predictions)),
    "brier": (binary, lambda s: peer.brier_score_loss(s.labels, s.predictions)),
    "precision": (binary, lambda s: peer.precision_score(s.labels, s.predictions >= 0.5)),
    "recall": (binary, lambda s: peer.recall_score(s.labels, s.predictions >= 0.5)),
    "f1": (binary, lambda s: peer.f1_score(s.labels, s.predictions >= 0.5)),
    "rmse": (number, lambda s: peer.root_mean_squared_error(s.labels, s.predictions)),
    "mae": (number, lambda s: peer.mean_absolute_error(s.labels, s.predictions)),
    "r2": (number, lambda s: peer.r2_score(s.labels, s.predictions)),
}


def test_every_metric_has_a_peer_here() -> None:
    assert set(PEERS) == set(METRICS)


@pytest.mark.parametrize("name", sorted(PEERS))
def test_values_are_those_of_scikit_learn(name: str) -> None:
    draw, judge = PEERS[name]
    before, after = draw(np.random.default_rng(SEED), 500)
    metric = METRICS[name]
    found = metric.measure(before)
    assert found.value == pytest.approx(judge(before))
    assert found.lower < found.value < found.upper
    assert found.rows == 500
    assert metric.difference(before, after).value == pytest.approx(judge(after) - judge(before))


@pytest.mark.parametrize("name", ["accuracy", "log_loss"])
def test_several_classes(name: str) -> None:
    before, after = classes(np.random.default_rng(SEED), 400)
    judge = {
        "accuracy": lambda s: peer.accuracy_score(s.labels, s.predictions.argmax(axis=1)),
        "log_loss": lambda s: peer.log_loss(s.labels, s.predictions),
    }[name]
    assert METRICS[name].measure(before).value == pytest.approx(judge(before))
    assert METRICS[name].difference(before, after).value == pytest.approx(judge(after) - judge(before))


def test_a_class_that_the_model_does_not_know_is_wrong_and_costly() -> None:
    before, _ = classes(np.random.default_rng(SEED), 400)
    strange = Sample(np.full(400, -1.0), before.predictions, before.kind)
    assert METRICS["accuracy"].measure(strange).value == 0.0
    assert METRICS["log_loss"].measure(strange).value > 30


@pytest.mark.parametrize("name", sorted(PEERS))
def test_paired_errors_are_those_of_the_bootstrap(name: str) -> None:
    draw, judge = PEERS[name]
    rng = np.random.default_rng(SEED)
    before, after = draw(rng, 600)
    spread = []
    for _ in range(200):
        index = rng.integers(0, 600, size=600)
        again = [Sample(s.labels[index], s.predictions[index], s.kind) for s in (before, after)]
        spread.append(judge(again[1]) - judge(again[0]))
    assert METRICS[name].difference(before, after).error == pytest.approx(float(np.std(spread)), rel=0.2)


@pytest.mark.parametrize("name", sorted(PEERS))
def test_intervals_cover_as_often_as_they_say(name: str) -> None:
    draw, _ = PEERS[name]
    rng, metric = np.random.default_rng(SEED), METRICS[name]
    big = draw(rng, 400_000)
    truth, gap = metric.measure(big[0]).value, metric.difference(*big).value
    alone = paired = 0
    for _ in range(400):
        before, after = draw(rng, 300)
        found, difference = metric.measure(before), metric.difference(before, after)
        alone += found.lower <= truth <= found.upper
        paired += difference.lower <= gap <= difference.upper
    assert 0.92 <= alone / 400 <= 0.985
    assert 0.92 <= paired / 400 <= 0.985


@pytest.mark.parametrize("link", ["identity", "root", "complement", "dice"])
@pytest.mark.parametrize("ratio", [0.05, 0.3, 0.9])
def test_each_link_has_its_own_slope(link: Link, ratio: float) -> None:
    step = 1e-6
    numeric = (metrics._value(link, ratio + step) - metrics._value(link, ratio - step)) / (2 * step)
    assert metrics._slope(link, ratio) == pytest.approx(numeric, rel=1e-6)


def test_what_cannot_be_measured_is_said_in_words() -> None:
    labels = np.zeros(50)
    never = Sample(labels, np.full(50, 0.1), "probability")
    with pytest.raises(Unmeasurable, match="0 positive and 50 negative rows"):
        METRICS["roc_auc"].measure(never)
    with pytest.raises(Unmeasurable, match="precision has nothing to divide by"):
        METRICS["precision"].measure(never)
    with pytest.raises(Unmeasurable, match="log_loss needs a probability for each row, and the model gives a score"):
        METRICS["log_loss"].measure(Sample(labels, np.ones(50), "score"))
    with pytest.raises(Unmeasurable, match="no row"):
        METRICS["accuracy"].measure(Sample(labels[:0], labels[:0], "label"))


def test_a_perfect_model_has_no_root_to_divide_by() -> None:
    labels = np.arange(40.0)
    perfect = Sample(labels, labels, "value")
    assert METRICS["rmse"].measure(perfect).value == 0.0
    assert METRICS["r2"].difference(perfect, perfect).value == 0.0
