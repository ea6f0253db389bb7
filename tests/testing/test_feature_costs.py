from __future__ import annotations

import json

import numpy as np
import pytest

from mlops_gitops.errors import Misused
from mlops_gitops.testing.estimates import Estimate, Unmeasurable
from mlops_gitops.testing.features import costs as feature_costs
from mlops_gitops.testing.features.costs import Cost, Costs, Group
from mlops_gitops.testing.models.metrics import METRICS, Sample

CHANCE = np.random.default_rng(5)


def test_groups_take_their_columns_and_the_others_stand_alone() -> None:
    found = feature_costs.groups(["a", "b", "c"], {"both": ["c", "a"]})
    assert found == (Group("both", ("c", "a")), Group("b", ("b",)))


@pytest.mark.parametrize(
    "named", [{"g": ["no"]}, {"g": ["a"], "h": ["a"]}, {"g": ["a", "a"]}, {"b": ["a"]}, {"b": ["a"], "g": ["b"]}]
)
def test_groups_that_cannot_be_are_misuse(named: dict[str, list[str]]) -> None:
    with pytest.raises(Misused):
        feature_costs.groups(["a", "b"], named)


def test_a_drift_that_both_of_a_pair_share_is_no_cost() -> None:
    drift = np.linspace(0, 1, 200)
    plain, laden = drift + CHANCE.normal(scale=1e-4, size=200), drift + CHANCE.normal(scale=1e-4, size=200)
    assert feature_costs.known(feature_costs.carrying(plain, laden)) is False
    found = feature_costs.carrying(plain, laden + 0.001)
    assert feature_costs.known(found) is True
    assert found.lower < 0.001 < found.upper
    laden[3] = 1e6  # one that the machine disturbed
    assert feature_costs.carrying(plain, laden).upper < 1e-3
    with pytest.raises(Unmeasurable, match="3 measurements are too few"):
        feature_costs.carrying(plain[:3], laden[:3])


def test_nothing_is_found_where_nothing_is_as_often_as_the_interval_says() -> None:
    found = [feature_costs.carrying(*CHANCE.exponential(size=(2, 100))) for _ in range(400)]
    assert np.mean([feature_costs.known(one) for one in found]) < 0.12


@pytest.mark.parametrize("name", ["roc_auc", "log_loss"])
def test_power_is_positive_where_the_model_gets_worse_whichever_way_the_metric_goes(name: str) -> None:
    labels = CHANCE.random(800) > 0.5
    good = np.clip(labels * 0.4 + CHANCE.random(800) * 0.5, 0.01, 0.99)
    whole = Sample(labels.astype(float), good, "probability")
    shuffled = [Sample(whole.labels, CHANCE.permutation(good), "probability") for _ in range(3)]
    found = feature_costs.power(METRICS[name], whole, shuffled)
    assert 0 < found.lower < found.value < found.upper
    assert feature_costs.known(feature_costs.power(METRICS[name], whole, [whole, whole])) is False
    with pytest.raises(Unmeasurable):
        feature_costs.power(METRICS[name], whole, [])


@pytest.mark.parametrize("name", ["accuracy", "recall", "f1", "log_loss"])
def test_a_feature_that_moves_no_prediction_is_told_from_one_that_moves_no_decision(name: str) -> None:
    labels = np.arange(200) % 2.0
    whole = Sample(labels, np.where(labels, 0.8, 0.2), "probability")
    none = feature_costs.power(METRICS[name], whole, [whole, whole])
    assert (none.value, none.lower, none.upper, none.error) == (0, 0, 0, 0)
    some = feature_costs.power(METRICS[name], whole, [whole._replace(predictions=whole.predictions * 0.99)] * 2)
    assert some.lower < some.upper


def test_the_document_says_what_was_not_measured() -> None:
    costs = [Cost(Group("none", ("none",))), Cost(Group("a", ("a",)), power=Estimate(0.1, -0.1, 0.3, 0.1, 50))]
    ordered = feature_costs.ordered(costs)
    assert [one.group.name for one in ordered] == ["a", "none"]
    found = feature_costs.document(Costs("cancer", "roc_auc", "test", 50, ordered, ("why",)))
    text = json.loads(json.dumps(found, allow_nan=False))
    assert text["groups"][0]["power"] == {"value": 0.1, "lower": -0.1, "upper": 0.3, "distinguishable": False}
    assert text["groups"][1]["power"] is text["groups"][1]["carryingSeconds"] is text["groups"][1]["steps"] is None
