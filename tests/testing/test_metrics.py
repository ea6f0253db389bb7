from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as peer

from mlops_gitops.manifests.metric_names import KNOWN, parted
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models.metrics import METRICS, Sample
from mlops_gitops.testing.models.metrics import metric as metrics
from mlops_gitops.testing.models.metrics.metric import Link

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

    before = Sample(labels.astype(float), soft(1.0, 0.1), "probability", classes=("virginica", "setosa", "versicolor"))
    return before, before._replace(predictions=soft(1.4, 0.3))


def quantiles(rng: np.random.Generator, rows: int) -> tuple[Sample, Sample]:
    before, after = number(rng, rows)
    marks = (0.1, None, 0.9)

    def wide(sample: Sample, width: float) -> Sample:
        around = sample.predictions
        return sample._replace(predictions=np.column_stack([around - width, around, around + width]), quantiles=marks)

    return wide(before, 1.3), wide(after, 1.0)


def positive(rng: np.random.Generator, rows: int) -> tuple[Sample, Sample]:
    before, after = number(rng, rows)
    labels = np.abs(before.labels) + 1
    return before._replace(labels=labels), after._replace(labels=labels)


def queries(rng: np.random.Generator, rows: int) -> tuple[Sample, Sample]:
    """Queries of twelve rows, relevances 0 to 3; ``rows`` counts queries."""
    groups = np.repeat(np.arange(rows), 12)
    labels = rng.choice(4, p=[0.55, 0.25, 0.15, 0.05], size=12 * rows).astype(float)
    labels[::12] = np.maximum(labels[::12], 1)
    shared = rng.normal(size=12 * rows)
    order = rng.permutation(12 * rows)
    before = Sample(labels, 0.5 * labels + shared, "value", groups=groups)
    after = Sample(labels, 0.8 * labels + 0.7 * shared + 0.5 * rng.normal(size=12 * rows), "value", groups=groups)
    return before.at(order), after.at(order)


def series(rng: np.random.Generator, rows: int) -> tuple[Sample, Sample]:
    before, after = number(rng, rows)
    scales = {1: 1 + rng.random(rows), 7: 2 + rng.random(rows)}
    return before._replace(scales=scales), after._replace(scales=scales)


def by_query(judge: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[Sample], float]:
    """The mean over queries of what somebody else says of each."""

    def mean(sample: Sample) -> float:
        masks = (sample.groups == query for query in np.unique(sample.groups))
        return float(np.mean([judge(sample.labels[mask], sample.predictions[mask]) for mask in masks]))

    return mean


def first(labels: np.ndarray, scores: np.ndarray, count: int = 10) -> np.ndarray:
    """Whether each of the first rows is relevant."""
    return (labels[np.argsort(-scores)] > 0)[:count]


def precision_of_ten(labels: np.ndarray, scores: np.ndarray) -> float:
    hits = first(labels, scores)
    return float((hits * hits.cumsum() / np.arange(1, 11)).sum() / min(10, (labels > 0).sum()))


def called(sample: Sample) -> np.ndarray:
    return sample.predictions.argmax(axis=1)


def of_classes(judge: Callable[..., float], **options: object) -> Callable[[Sample], float]:
    return lambda s: judge(s.labels, called(s), **options)


def column(sample: Sample, place: int) -> np.ndarray:
    return sample.predictions[:, place]


def winkler(sample: Sample) -> float:
    low, high, y = column(sample, 0), column(sample, 2), sample.labels
    return float(np.mean(high - low + (2 / 0.2) * ((low - y) * (y < low) + (y - high) * (y > high))))


def mean_of_quantiles(sample: Sample) -> float:
    return float(
        np.mean([peer.mean_pinball_loss(sample.labels, column(sample, p), alpha=q) for p, q in ((0, 0.1), (2, 0.9))])
    )


PEERS: dict[str, tuple[Draw, Callable[[Sample], float]]] = {
    "roc_auc": (binary, lambda s: peer.roc_auc_score(s.labels, s.predictions)),
    "average_precision": (binary, lambda s: peer.average_precision_score(s.labels, s.predictions)),
    "accuracy": (binary, lambda s: peer.accuracy_score(s.labels, s.predictions >= 0.5)),
    "balanced_accuracy": (binary, lambda s: peer.balanced_accuracy_score(s.labels, s.predictions >= 0.5)),
    "mcc": (binary, lambda s: peer.matthews_corrcoef(s.labels, s.predictions >= 0.5)),
    "specificity": (binary, lambda s: peer.recall_score(s.labels, s.predictions >= 0.5, pos_label=0)),
    "log_loss": (binary, lambda s: peer.log_loss(s.labels, s.predictions)),
    "brier": (binary, lambda s: peer.brier_score_loss(s.labels, s.predictions)),
    "precision": (binary, lambda s: peer.precision_score(s.labels, s.predictions >= 0.5)),
    "recall": (binary, lambda s: peer.recall_score(s.labels, s.predictions >= 0.5)),
    "f1": (binary, lambda s: peer.f1_score(s.labels, s.predictions >= 0.5)),
    "weighted_precision": (classes, of_classes(peer.precision_score, average="weighted")),
    "weighted_recall": (classes, of_classes(peer.recall_score, average="weighted")),
    "weighted_f1": (classes, of_classes(peer.f1_score, average="weighted")),
    "precision[setosa]": (classes, lambda s: peer.precision_score(s.labels, called(s), average=None)[1]),
    "recall[setosa]": (classes, lambda s: peer.recall_score(s.labels, called(s), average=None)[1]),
    "f1[setosa]": (classes, lambda s: peer.f1_score(s.labels, called(s), average=None)[1]),
    "top_accuracy@2": (classes, lambda s: peer.top_k_accuracy_score(s.labels, s.predictions, k=2)),
    "rmse": (number, lambda s: peer.root_mean_squared_error(s.labels, s.predictions)),
    "mse": (number, lambda s: peer.mean_squared_error(s.labels, s.predictions)),
    "mae": (number, lambda s: peer.mean_absolute_error(s.labels, s.predictions)),
    "median_ae": (number, lambda s: peer.median_absolute_error(s.labels, s.predictions)),
    "mape": (positive, lambda s: peer.mean_absolute_percentage_error(s.labels, s.predictions)),
    "smape": (
        positive,
        lambda s: np.mean(2 * abs(s.labels - s.predictions) / (abs(s.labels) + abs(s.predictions))),
    ),
    "wape": (number, lambda s: abs(s.labels - s.predictions).sum() / abs(s.labels).sum()),
    "r2": (number, lambda s: peer.r2_score(s.labels, s.predictions)),
    "pinball": (quantiles, mean_of_quantiles),
    "pinball@0.9": (quantiles, lambda s: peer.mean_pinball_loss(s.labels, column(s, 2), alpha=0.9)),
    "coverage@0.8": (quantiles, lambda s: np.mean((column(s, 0) <= s.labels) & (s.labels <= column(s, 2)))),
    "interval_score@0.8": (quantiles, winkler),
    "mase": (series, lambda s: np.mean(abs(s.labels - s.predictions) / s.scales[1])),
    "mase@7": (series, lambda s: np.mean(abs(s.labels - s.predictions) / s.scales[7])),
    "ndcg": (queries, by_query(lambda y, s: peer.ndcg_score([y], [s]))),
    "ndcg@10": (queries, by_query(lambda y, s: peer.ndcg_score([y], [s], k=10))),
    "map": (queries, by_query(lambda y, s: peer.average_precision_score(y > 0, s))),
    "mrr": (queries, by_query(lambda y, s: 1 / (1 + np.argmax(first(y, s))))),
    "map@10": (queries, by_query(precision_of_ten)),
    "precision@10": (queries, by_query(lambda y, s: first(y, s).mean())),
    "recall@10": (queries, by_query(lambda y, s: first(y, s).sum() / (y > 0).sum())),
}
OWN = {"ece"}
"""Metrics that are tested on their own, in ``test_metric_kinds``."""


def test_every_metric_has_a_peer_here_and_a_name_in_the_manifest() -> None:
    assert set(PEERS) | OWN == set(METRICS)
    assert {parted(name)[0] for name in METRICS} == set(KNOWN)
    assert len(METRICS) == len(KNOWN)


@pytest.mark.parametrize("name", sorted(PEERS))
def test_values_are_those_of_scikit_learn(name: str) -> None:
    judge = PEERS[name][1]
    before, after = drawn(name, np.random.default_rng(SEED), 500)
    metric = METRICS[name]
    found = metric.measure(before)
    assert found.value == pytest.approx(judge(before), rel=1e-12, abs=1e-12)
    assert found.lower < found.value < found.upper
    assert found.rows == len(before.labels)
    assert metric.difference(before, after).value == pytest.approx(judge(after) - judge(before), rel=1e-11, abs=1e-12)


SEVERAL = {
    "roc_auc": lambda s: peer.roc_auc_score(s.labels, s.predictions, multi_class="ovr"),
    "average_precision": lambda s: peer.average_precision_score(s.labels[:, None] == [0, 1, 2], s.predictions),
    "accuracy": of_classes(peer.accuracy_score),
    "balanced_accuracy": of_classes(peer.balanced_accuracy_score),
    "precision": of_classes(peer.precision_score, average="macro"),
    "recall": of_classes(peer.recall_score, average="macro"),
    "f1": of_classes(peer.f1_score, average="macro"),
    "mcc": of_classes(peer.matthews_corrcoef),
    "log_loss": lambda s: peer.log_loss(s.labels, s.predictions),
    "brier": lambda s: peer.brier_score_loss(s.labels, s.predictions, labels=[0, 1, 2]),
}


@pytest.mark.parametrize("name", sorted(SEVERAL))
def test_several_classes(name: str) -> None:
    before, after = classes(np.random.default_rng(SEED), 400)
    judge, metric = SEVERAL[name], METRICS[name]
    assert metric.measure(before).value == pytest.approx(judge(before), rel=1e-12)
    assert metric.difference(before, after).value == pytest.approx(judge(after) - judge(before), rel=1e-11)


def test_a_class_that_the_model_does_not_know_is_wrong_and_costly() -> None:
    before, _ = classes(np.random.default_rng(SEED), 400)
    strange = Sample(np.full(400, -1.0), before.predictions, before.kind)
    assert METRICS["accuracy"].measure(strange).value == 0.0
    assert METRICS["log_loss"].measure(strange).value > 30
    assert METRICS["balanced_accuracy"].measure(strange).value == 0.0


def drawn(name: str, rng: np.random.Generator, rows: int) -> tuple[Sample, Sample]:
    """Twelve rows each make a query, which a tenth as many of them suffices for."""
    draw = classes if name.endswith("*") else PEERS[name][0]
    return draw(rng, rows // 4 if draw is queries else rows)


SIMULATED = [*sorted(PEERS), *(f"{name}*" for name in SEVERAL)]
"""With a star: of several classes."""


@pytest.mark.parametrize("name", SIMULATED)
def test_paired_errors_are_those_of_the_bootstrap(name: str) -> None:
    rng, metric = np.random.default_rng(SEED), METRICS[name.rstrip("*")]
    before, after = drawn(name, rng, 600)
    spread = []
    for _ in range(150):
        index = rng.integers(0, 600, size=600)
        if before.groups is not None:  # whole queries, each of which becomes one of its own
            chosen = rng.integers(0, 150, size=150)
            index = np.concatenate([np.flatnonzero(before.groups == query) for query in chosen])
        again = [s.at(index) for s in (before, after)]
        if before.groups is not None:
            again = [s._replace(groups=np.repeat(np.arange(150), 12)) for s in again]
        spread.append(metric.measure(again[1]).value - metric.measure(again[0]).value)
    rough = 0.35 if name == "median_ae" else 0.2
    assert metric.difference(before, after).error == pytest.approx(float(np.std(spread)), rel=rough)


@pytest.mark.parametrize("name", SIMULATED)
def test_intervals_cover_as_often_as_they_say(name: str) -> None:
    rng, metric = np.random.default_rng(SEED), METRICS[name.rstrip("*")]
    big = drawn(name, rng, 100_000)
    truth, gap = metric.measure(big[0]).value, metric.difference(*big).value
    alone = paired = 0
    for _ in range(200):
        before, after = drawn(name, rng, 300)
        found, difference = metric.measure(before), metric.difference(before, after)
        alone += found.lower <= truth <= found.upper
        paired += difference.lower <= gap <= difference.upper
    assert 0.905 <= alone / 200 <= 0.99
    assert 0.905 <= paired / 200 <= 0.99


@pytest.mark.parametrize("name", [name for name in SIMULATED if name not in {"roc_auc", "roc_auc*", "median_ae"}])
def test_an_influence_is_what_a_row_counted_once_more_does(name: str) -> None:
    """Up to the curvature, which falls with the number of rows."""
    metric = METRICS[name.rstrip("*")]
    sample, _ = drawn(name, np.random.default_rng(SEED), 4000)
    value, influence = metric.influences(sample)
    assert abs(influence.mean()) < 1e-9 * max(1, np.abs(influence).max())
    units = np.arange(4000) if sample.groups is None else np.unique(sample.groups)
    for unit in units[:: len(units) // 25]:
        mine = [unit] if sample.groups is None else np.flatnonzero(sample.groups == unit)
        once_more = sample.at(np.concatenate([np.arange(len(sample.labels)), mine]))
        if sample.groups is not None:
            once_more.groups[len(sample.labels) :] = -1  # type: ignore[index]
        moved = (metric.measure(once_more).value - value) * (len(units) + 1)
        assert moved == pytest.approx(influence[unit], rel=0.02, abs=0.01 * np.abs(influence).max())


def test_equal_scores_are_ranked_as_scikit_learn_does_or_against_the_model() -> None:
    sample, _ = queries(np.random.default_rng(SEED), 60)
    tied = sample._replace(predictions=np.round(sample.predictions))
    for name, first_ in (("ndcg", None), ("ndcg@3", 3)):
        wanted = by_query(lambda y, s, k=first_: peer.ndcg_score([y], [s], k=k))(tied)
        assert METRICS[name].measure(tied).value == pytest.approx(wanted, rel=1e-12)
    same = sample._replace(predictions=np.zeros(len(sample.labels)))
    worst = by_query(lambda y, _: 1 / (1 + (y == 0).sum()))(same)
    assert METRICS["mrr"].measure(same).value == pytest.approx(worst, rel=1e-12)


@pytest.mark.parametrize("link", ["identity", "root", "complement", "dice"])
@pytest.mark.parametrize("ratio", [0.05, 0.3, 0.9])
def test_each_link_has_its_own_slope(link: Link, ratio: float) -> None:
    step = 1e-6
    numeric = (metrics.linked(link, ratio + step) - metrics.linked(link, ratio - step)) / (2 * step)
    assert metrics.slope(link, ratio) == pytest.approx(numeric, rel=1e-6)


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
    assert METRICS["rmse"].value(perfect) == 0.0
    with pytest.raises(Unmeasurable, match="a single one that does may cost any amount"):
        METRICS["rmse"].measure(perfect)
    assert METRICS["r2"].difference(perfect, perfect).value == 0.0
