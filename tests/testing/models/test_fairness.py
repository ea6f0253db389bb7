from __future__ import annotations

import numpy as np
import pytest
from fairlearn import metrics as peer
from sklearn.metrics import precision_score

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Target
from mlops_gitops.manifests.model_tests import Definition, Fairness
from mlops_gitops.testing.models import fairness
from mlops_gitops.testing.models.metrics import Sample
from mlops_gitops.testing.models.predictions import Predictions
from mlops_gitops.testing.models.samples import Evaluation, Truth


def people(seed: int, rows: int, *, gap: float = 0.0) -> tuple[Sample, dict[str, np.ndarray]]:
    """``gap`` is how much lower the score of group b is, in standard deviations."""
    rng = np.random.default_rng(seed)
    columns = {
        "sex": rng.choice(["a", "b"], p=[0.6, 0.4], size=rows).astype(object),
        "band": rng.choice(["20", "40", "60"], size=rows).astype(object),
    }
    labels = (rng.random(rows) < 0.4).astype(float)
    scores = 0.35 + 0.3 * labels + 0.2 * rng.normal(size=rows) - 0.2 * gap * (columns["sex"] == "b")
    return Sample(labels, np.clip(scores, 0, 1), "probability"), columns


def judged(sample: Sample, columns: dict[str, np.ndarray], demanded: Fairness) -> list[Check]:
    truth = Truth(Target("paid", "boolean"), "binary-classification", np.ones(len(sample.labels), bool), sample.labels)
    about = Evaluation("test", Predictions(sample.predictions, sample.kind, ""), truth, sample, columns)
    return list(fairness.checks(about, demanded, lambda *_: Location("model.yaml", 1)))


PEERS = {
    "demographic-parity": (peer.demographic_parity_difference, peer.demographic_parity_ratio),
    "equalized-odds": (peer.equalized_odds_difference, peer.equalized_odds_ratio),
    "equal-opportunity": (peer.equal_opportunity_difference, peer.equal_opportunity_ratio),
}


@pytest.mark.parametrize("definition", sorted(PEERS))
@pytest.mark.parametrize("by", ["sex", "band", "both"])
def test_definitions_are_those_of_fairlearn(definition: Definition, by: str) -> None:
    sample, columns = people(1, 4000, gap=0.5)
    chosen = columns if by == "both" else {by: columns[by]}
    joined = np.array([" ".join(row) for row in zip(*chosen.values(), strict=True)])
    decided = sample.predictions >= 0.5
    found = fairness.groups(sample, chosen)
    difference, ratio = PEERS[definition]
    mine = fairness.difference(found, fairness.RATES[definition]).estimate.value
    assert mine == pytest.approx(difference(sample.labels, decided, sensitive_features=joined), rel=1e-12)
    mine = fairness.ratio(found, fairness.RATES[definition]).estimate.value
    assert mine == pytest.approx(ratio(sample.labels, decided, sensitive_features=joined), rel=1e-12)


def test_predictive_parity_is_the_difference_of_precisions() -> None:
    sample, columns = people(2, 4000, gap=0.5)
    frame = peer.MetricFrame(
        metrics=precision_score,
        y_true=sample.labels,
        y_pred=sample.predictions >= 0.5,
        sensitive_features=columns["band"],
    )
    found = fairness.difference(fairness.groups(sample, {"band": columns["band"]}), ("precision",))
    assert found.estimate.value == pytest.approx(frame.difference(), rel=1e-12)


@pytest.mark.parametrize("definition", ["demographic-parity", "equalized-odds", "equal-opportunity"])
def test_a_model_that_treats_a_group_worse_fails_and_one_that_does_not_passes(definition: Definition) -> None:
    demanded = Fairness(("sex",), definition, max_difference=0.1, min_ratio=0.7)
    assert {one.verdict for one in judged(*people(3, 20_000, gap=1.0), demanded)} == {Verdict.FAIL}
    odds = Fairness(("sex",), definition, max_difference=0.1, min_ratio=0.6 if definition == "equalized-odds" else 0.7)
    assert {one.verdict for one in judged(*people(4, 20_000), odds)} == {Verdict.PASS}


def test_groups_that_are_alike_are_not_blamed_for_chance() -> None:
    demanded = Fairness(("sex", "band"), "equal-opportunity", max_difference=0.05)
    seen = [judged(*people(100 + seed, 700), demanded)[-1].verdict for seed in range(40)]
    assert seen.count(Verdict.FAIL) <= 4
    assert Verdict.PASS not in seen


def test_bounds_hold_as_often_as_they_say() -> None:
    low = high = 0
    truth = fairness.difference(
        fairness.groups(*_of(people(5, 400_000, gap=0.6))), ("true positive rate",)
    ).estimate.value
    for seed in range(100):
        found = fairness.difference(fairness.groups(*_of(people(200 + seed, 900, gap=0.6))), ("true positive rate",))
        low += found.estimate.lower <= truth
        high += truth <= found.estimate.upper
    assert low >= 90
    assert high >= 90


def _of(made: tuple[Sample, dict[str, np.ndarray]]) -> tuple[Sample, dict[str, np.ndarray]]:
    sample, columns = made
    return sample, {"sex": columns["sex"]}


def test_small_groups_are_named_and_never_pass_in_silence() -> None:
    sample, columns = people(6, 5000)
    columns["sex"][:7] = "c"
    small, *rest = judged(sample, columns, Fairness(("sex",), "demographic-parity", max_difference=0.2))
    assert small.verdict is Verdict.INCONCLUSIVE
    assert "sex = c" in small.message
    assert [one.verdict for one in rest] == [Verdict.PASS]
    [_, alone] = judged(sample, columns, Fairness(("sex",), "demographic-parity", max_difference=0.2, min_rows=2500))
    assert alone.verdict is Verdict.INCONCLUSIVE


def test_a_smallest_rate_and_what_cannot_be_judged() -> None:
    sample, columns = people(7, 20_000, gap=1.0)
    [check] = judged(sample, columns, Fairness(("sex",), "equal-opportunity", min_rate=0.7))
    assert check.verdict is Verdict.FAIL
    assert "sex = b" in check.message
    [absent] = judged(sample, columns, Fairness(("colour",), "equal-opportunity", min_rate=0.7))
    assert absent.verdict is Verdict.FAIL
    [number] = judged(sample._replace(kind="value"), columns, Fairness(("sex",), "equal-opportunity", min_rate=0.7))
    assert number.verdict is Verdict.INCONCLUSIVE
    never = sample._replace(labels=np.zeros(len(sample.labels)))
    [none] = judged(never, columns, Fairness(("sex",), "equal-opportunity", max_difference=0.1))
    assert none.verdict is Verdict.INCONCLUSIVE
    assert "no row that its true positive rate could be taken of" in none.message
