"""Fairness of several classes, each against the rest; and of rows that come in blocks."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn import metrics as peer
from sklearn.metrics import precision_score

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Target
from mlops_gitops.manifests.model_tests import Definition, Fairness
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models import fairness
from mlops_gitops.testing.models.metrics import Sample
from mlops_gitops.testing.models.predictions import Predictions
from mlops_gitops.testing.models.samples import Evaluation, Truth

CLASSES = ("bronze", "gold", "silver")


def customers(seed: int, rows: int, *, gap: float = 0.0) -> tuple[Sample, dict[str, np.ndarray]]:
    """Three classes; for group b the model leans away from gold by ``gap``."""
    rng = np.random.default_rng(seed)
    columns = {"sex": rng.choice(["a", "b"], p=[0.6, 0.4], size=rows).astype(object)}
    labels = rng.choice(3, p=[0.5, 0.2, 0.3], size=rows)
    scores = rng.normal(size=(rows, 3)) + 1.5 * (labels[:, np.newaxis] == np.arange(3))
    scores[:, 1] -= gap * (columns["sex"] == "b")
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return Sample(labels.astype(float), chances, "probability", classes=CLASSES), columns


def judged(sample: Sample, columns: dict[str, np.ndarray], demanded: Fairness) -> list[Check]:
    truth = Truth(Target("tier", "string"), "multiclass", np.ones(len(sample.labels), bool), sample.labels)
    about = Evaluation("test", Predictions(sample.predictions, sample.kind, "", CLASSES), truth, sample, columns)
    return list(fairness.checks(about, demanded, lambda *_: Location("model.yaml", 1)))


PEERS = {
    "demographic-parity": (peer.demographic_parity_difference, peer.demographic_parity_ratio),
    "equalized-odds": (peer.equalized_odds_difference, peer.equalized_odds_ratio),
    "equal-opportunity": (peer.equal_opportunity_difference, peer.equal_opportunity_ratio),
}


@pytest.mark.parametrize("definition", sorted(PEERS))
def test_each_class_against_the_rest_is_as_fairlearn_has_it_and_the_worst_counts(definition: Definition) -> None:
    sample, columns = customers(1, 6000, gap=0.6)
    decided = sample.predictions.argmax(axis=1)
    found = fairness.groups(sample, columns)
    rates = fairness.rates(definition, found)
    assert len(rates) == 3 * len(fairness.RATES[definition])
    for at, name in enumerate(CLASSES):
        alone = fairness.groups(sample, columns, classes=(name,))
        mine = fairness.rates(definition, alone)
        theirs = [
            one(sample.labels == at, decided == at, sensitive_features=columns["sex"]) for one in PEERS[definition]
        ]
        assert fairness.difference(alone, mine).estimate.value == pytest.approx(theirs[0], rel=1e-12)
        assert fairness.ratio(alone, mine).estimate.value == pytest.approx(theirs[1], rel=1e-12)
    worst = max(
        PEERS[definition][0](sample.labels == at, decided == at, sensitive_features=columns["sex"]) for at in range(3)
    )
    assert fairness.difference(found, rates).estimate.value == pytest.approx(worst, rel=1e-12)


def test_predictive_parity_of_classes_is_the_difference_of_precisions() -> None:
    sample, columns = customers(2, 6000, gap=0.6)
    decided = sample.predictions.argmax(axis=1)
    frame = peer.MetricFrame(
        metrics=lambda truth, said: precision_score(truth == 1, said == 1),
        y_true=sample.labels,
        y_pred=decided,
        sensitive_features=columns["sex"],
    )
    alone = fairness.groups(sample, columns, classes=("gold",))
    found = fairness.difference(alone, fairness.rates("predictive-parity", alone))
    assert found.estimate.value == pytest.approx(frame.difference(), rel=1e-12)


def test_a_model_that_is_unfair_of_one_class_fails_and_names_it() -> None:
    demanded = Fairness(("sex",), "equal-opportunity", max_difference=0.1)
    [check] = judged(*customers(3, 20_000, gap=1.0), demanded)
    assert check.verdict is Verdict.FAIL
    assert "true positive rate of gold" in check.message
    assert "rows are taken as independent" in check.message
    [spared] = judged(
        *customers(3, 20_000, gap=1.0), Fairness(("sex",), "equal-opportunity", 0.25, classes=("bronze",))
    )
    assert spared.verdict is Verdict.PASS
    [fair] = judged(*customers(4, 20_000), demanded)
    assert fair.verdict is Verdict.PASS
    [least] = judged(*customers(3, 20_000, gap=1.0), Fairness(("sex",), "equal-opportunity", min_rate=0.5))
    assert least.verdict is Verdict.FAIL
    assert "true positive rate of gold" in least.message


def test_classes_that_the_model_does_not_know_and_scores_are_not_judged() -> None:
    sample, columns = customers(5, 2000)
    [check] = judged(sample, columns, Fairness(("sex",), "equal-opportunity", 0.1, classes=("platinum",)))
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "the model has no class platinum; its classes are bronze, gold, silver" in check.message
    with pytest.raises(Unmeasurable, match="gives a score"):
        fairness.groups(sample._replace(kind="score"), columns)


def test_groups_of_rows_in_blocks_are_not_blamed_for_a_bad_day() -> None:
    """Decisions go with the day and not with the group; single rows would see a difference in far too many samples."""
    blamed = {True: 0, False: 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        stores = np.repeat(np.arange(24), 100)
        sex = np.where(rng.permutation(24)[stores] < 12, "a", "b").astype(object)  # a store has one kind of customer
        chance = np.clip(rng.normal(0.5, 0.12, size=24), 0, 1)[stores]
        said = np.where(rng.random(len(stores)) < chance, 0.9, 0.1)
        sample = Sample((rng.random(len(stores)) < 0.5).astype(float), said, "probability")
        for blocks in (stores, None):
            groups = fairness.groups(sample._replace(blocks=blocks), {"sex": sex})
            blamed[blocks is not None] += fairness.difference(groups, ("selection rate",)).shown
    assert blamed[True] <= 8
    assert blamed[False] >= 20
    few = Sample(np.tile([0.0, 1.0], 300), np.full(600, 0.9), "probability", blocks=np.repeat(np.arange(12), 50))
    part = np.where(np.arange(600) < 300, "a", "b").astype(object)
    with pytest.raises(Unmeasurable, match="the selection rate of the group x = a: rows that count come in 6 blocks"):
        fairness.difference(fairness.groups(few, {"x": part}), ("selection rate",))


def test_many_values_of_many_columns_make_no_more_groups_than_rows() -> None:
    sample, _ = customers(6, 3000)
    columns = {name: np.array([f"{name}{n}" for n in range(3000)], dtype=object) for name in "abcdef"}
    assert len(fairness.groups(sample, columns)) == 3000
