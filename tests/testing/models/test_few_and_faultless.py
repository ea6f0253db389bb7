"""Statistics refuse to answer on samples that cannot answer: no fault among few rows is not the same as no fault."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from scipy.stats import binom

from cancer import manifest
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.model_tests import Metamorphic, Search
from mlops_gitops.testing import estimates
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models import contrasts, metamorphic, segments, staleness
from mlops_gitops.testing.models.metrics import METRICS, Sample
from mlops_gitops.testing.models.predictions import Predictions, aligned
from mlops_gitops.testing.models.staleness import Former

HERE = Location("model.yaml", 1)


def faultless(rows: int, classes: int) -> Sample:
    labels = np.arange(rows) % classes
    chances = (labels[:, np.newaxis] == np.arange(classes)).astype(float)
    names = tuple(map(str, range(classes)))
    if classes == 2:
        return Sample(labels.astype(float), chances[:, 1], "probability", classes=names)
    return Sample(labels.astype(float), chances, "probability", classes=names)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "name", ["roc_auc", "average_precision", "balanced_accuracy", "accuracy", "recall", "f1", "mcc"]
)
def test_no_fault_among_few_rows_is_not_certainty(name: str, classes: int) -> None:
    """What a class of 20 rows may still miss is what a proportion of 20 may: more than one in ten."""
    found = METRICS[name].measure(faultless(20 * classes, classes), confidence=0.9)
    many = METRICS[name].measure(faultless(20_000, classes), confidence=0.9)
    assert found.value == many.value == 1.0
    assert found.lower < 0.96
    assert 0.999 < many.lower < 1.0
    blocks = np.repeat(np.arange(10), 2000 * classes // 10)
    apart = METRICS[name].measure(faultless(2000 * classes, classes)._replace(blocks=blocks), confidence=0.9)
    assert apart.lower < 0.9


def test_the_recall_of_a_class_is_a_proportion_of_its_rows() -> None:
    sample = faultless(60, 3)
    found = METRICS["recall[1]"].measure(sample)
    assert found.interval == pytest.approx(estimates.wilson(20, 20).interval)


@pytest.mark.parametrize("name", ["mse", "mae", "r2"])
def test_a_number_that_is_always_right_is_not_known_to_be(name: str) -> None:
    labels = np.arange(200.0)
    with pytest.raises(Unmeasurable, match="a single one that does may cost any amount"):
        METRICS[name].measure(Sample(labels, labels, "value"))
    assert METRICS[name].value(Sample(labels, labels, "value")) in {0.0, 1.0}


def test_a_value_is_told_where_its_interval_is_not() -> None:
    """Two trainings are compared by values, on however few days."""
    rng = np.random.default_rng(2)
    labels = (rng.random(300) < 0.5).astype(float)
    sample = Sample(labels, np.clip(labels * 0.3 + 0.7 * rng.random(300), 0, 1), "probability")
    days = sample._replace(blocks=np.arange(300) // 100)
    for name in ("roc_auc", "accuracy", "log_loss", "mcc", "ece"):
        assert METRICS[name].value(days) == pytest.approx(METRICS[name].measure(sample).value, rel=1e-12)
        with pytest.raises(Unmeasurable, match="3 blocks"):
            METRICS[name].measure(days)


def test_queries_that_are_all_ranked_well_are_as_many_as_they_are() -> None:
    groups = np.repeat(np.arange(40), 5)
    labels = np.tile([1.0, 0, 0, 0, 0], 40)
    found = METRICS["ndcg"].measure(Sample(labels, labels, "value", groups=groups))
    assert found.value == 1.0
    assert found.lower == pytest.approx(estimates.wilson(40, 40).lower)


def test_a_segment_with_three_positives_is_not_found_by_a_variance_of_nought() -> None:
    """All of three are missed where one in three is missed elsewhere: one in 27 times by chance, and not never."""
    rng = np.random.default_rng(1)
    rows = 3000
    part = np.where(np.arange(rows) < 300, "small", "large").astype(object)
    labels = np.zeros(rows)
    labels[:3], labels[300:1200] = 1.0, 1.0
    said = np.where((labels == 1) & (rng.random(rows) < 2 / 3), 0.9, 0.1)
    said[:3] = 0.1
    found = segments.segments(METRICS["recall"], Sample(labels, said, "probability"), {"part": part}, Search())
    small = next(one for one in found if one.name == "part = small")
    assert small.value == 0.0
    assert 0.02 < small.p < 0.06
    assert segments.weak(found, Search(false_discovery=0.05)) == []


def test_the_exact_chance_is_that_of_scipy() -> None:
    for hits, trials, share in ((0, 3, 0.5), (7, 30, 0.31), (900, 1000, 0.93), (5, 5, 1.0), (4, 5, 1.0)):
        assert contrasts.at_most(hits, trials, share) == pytest.approx(binom.cdf(hits, trials, share), rel=1e-9)


@pytest.mark.parametrize("name", ["log_loss", "accuracy"])
def test_segments_of_days_are_not_blamed_for_a_bad_day(name: str) -> None:
    blamed = {True: 0, False: 0}
    for seed in range(25):
        rng = np.random.default_rng(seed)
        days = np.repeat(np.arange(40), 75)
        weekday = np.array([f"d{day % 4}" for day in days], dtype=object)
        chances = rng.beta(2, 2, size=len(days))
        labels = (rng.random(len(days)) < chances).astype(float)
        bad = (rng.random(40) < 0.3)[days]
        sample = Sample(labels, np.where(bad, 1 - chances, chances), "probability")
        for blocks in (days, None):
            found = segments.segments(METRICS[name], sample._replace(blocks=blocks), {"day": weekday}, Search())
            assert len(found) == 4
            blamed[blocks is not None] += bool(segments.weak(found, Search(false_discovery=0.1)))
    assert blamed[True] <= 4
    assert blamed[False] >= 8


def test_names_with_the_word_between_them_are_names() -> None:
    rng = np.random.default_rng(3)
    isle = rng.choice(["Trinidad and Tobago", "Antigua and Barbuda"], size=4000).astype(object)
    chances = rng.beta(1.2, 1.6, size=4000)
    labels = (rng.random(4000) < chances).astype(float)
    worse = np.where(isle == "Trinidad and Tobago", 1 - chances, chances)
    found = segments.segments(METRICS["brier"], Sample(labels, worse, "probability"), {"isle": isle}, Search())
    assert [one.name for one in segments.weak(found, Search())] == ["isle = Trinidad and Tobago"]


NO_MATTER = Metamorphic("sex", "invariance", ("sex",), values=(("a", "b"),), max_flips=0.02, max_change=0.02)


def test_a_change_of_few_rows_is_judged_by_those() -> None:
    """Ten rows of a thousand are changed, and six of them decided otherwise: that is 60 %, and not 0.6 %."""
    old = np.full(1000, 0.4)
    new = old.copy()
    new[:6] = 0.9
    answers = Predictions(old, "probability", ""), Predictions(new, "probability", "", changed=10)
    [change, flips] = metamorphic.checks(NO_MATTER, *answers, lambda *_: HERE)
    assert flips.verdict is Verdict.FAIL
    assert (flips.observed, flips.rows) == (0.6, 10)
    assert "in the 10 rows that it changes" in flips.message
    assert change.verdict is Verdict.INCONCLUSIVE
    assert "10 rows are too few for an interval" in change.message


def test_answers_that_know_other_classes_are_held_against_each_other_by_name() -> None:
    before = Predictions(np.array([[1.0, 0.0], [0.0, 1.0]]), "label", "", classes=("b", "c"))
    after = Predictions(np.array([[1.0], [1.0]]), "label", "", classes=("a",))
    old, new = aligned(before, after)
    assert old.tolist() == [[0, 1, 0], [0, 0, 1]]
    assert new.tolist() == [[1, 0, 0], [1, 0, 0]]
    wide = Predictions(np.zeros((2, 3)), "probability", "", changed=2)
    flat = Predictions(np.zeros(2), "probability", "")
    [shape] = metamorphic.checks(NO_MATTER, flat, wide, lambda *_: HERE)
    assert shape.verdict is Verdict.FAIL
    assert "answers of another shape" in shape.message


def test_every_release_within_the_age_has_to_be_shown_to_be_within_the_loss() -> None:
    """The one with the largest estimate is not the one that is known worst."""
    value = manifest()
    value["spec"]["tests"]["model"] = {"staleness": {"dataset": "test", "maxLoss": 0.03}}
    value["spec"]["monitoring"] = {"maxAge": "P90D"}
    rng = np.random.default_rng(1)
    labels = (rng.random(3000) < 0.4).astype(float)

    def said(strength: float, seed: int) -> Sample:
        noise = np.random.default_rng(seed).normal(size=3000)
        return Sample(labels, 1 / (1 + np.exp(-(strength * (labels - 0.5) + noise))), "probability")

    now = said(2.0, 2)
    same, other = said(1.9, 2), said(2.02, 9)
    formers = [Former("1", timedelta(days=30), same), Former("2", timedelta(days=40), other)]
    points = staleness.curve(METRICS["roc_auc"], now, formers)
    assert points[0].loss.value > points[1].loss.value
    assert points[0].loss.upper < 0.03
    limit = (points[0].loss.upper + points[1].loss.upper) / 2
    assert points[1].loss.upper > limit > points[0].loss.upper
    value["spec"]["tests"]["model"]["staleness"]["maxLoss"] = limit
    [check] = staleness.checks(Model.from_value(value), now, formers, locate=lambda _: HERE)
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "by 2 is" in check.message
