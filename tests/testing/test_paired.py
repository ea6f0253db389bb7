"""Paired gains, against known references and against simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from mlops_gitops.testing.champions import paired
from mlops_gitops.testing.champions.paired import Proportions
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models.metrics import METRICS, Sample

CELLS = st.tuples(*[st.integers(0, 400)] * 4).filter(lambda cells: sum(cells) >= 30)


def test_newcombes_interval_is_that_of_his_paper() -> None:
    """Newcombe 1998, Statistics in Medicine 17:2635, Table III, method 10, the example 36, 12, 2, 0 of 50."""
    lower, upper = Proportions(36, 12, 2, 0).interval(0.95)
    assert (lower, upper) == (pytest.approx(0.0569, abs=5e-5), pytest.approx(0.3404, abs=5e-5))


@pytest.mark.parametrize(("gained", "lost"), [(12, 2), (2, 12), (0, 0), (7, 7), (400, 350), (1, 0)])
def test_mcnemar_is_the_binomial_test_of_scipy(gained: int, lost: int) -> None:
    found, trials = Proportions(50, gained, lost, 50), gained + lost
    two = stats.binomtest(gained, trials, 0.5).pvalue if trials else 1.0
    one = stats.binomtest(gained, trials, 0.5, alternative="greater").pvalue if trials else 1.0
    less = stats.binomtest(gained, trials, 0.5, alternative="less").pvalue if trials else 1.0
    assert found.mcnemar == pytest.approx(two)
    assert (found.chance(0.0), found.harm(0.0)) == (pytest.approx(one), pytest.approx(less))


@given(CELLS, st.floats(-0.2, 0.2).filter(lambda one: abs(one) > 1e-3), st.sampled_from([0.9, 0.95, 0.995]))
def test_the_chance_and_the_interval_say_the_same(cells: tuple[int, ...], floor: float, confidence: float) -> None:
    found = Proportions(*cells)
    lower, upper = found.interval(confidence)
    tail = (1 - confidence) / 2
    if abs(lower - floor) > 1e-6:
        assert (found.chance(floor) <= tail) == (lower >= floor)
    if abs(upper - floor) > 1e-6:
        assert (found.harm(floor) <= tail) == (upper <= floor)
    assert found.chance(floor) >= found.chance(floor - 0.05) - 1e-9


def scored(seed: int, rows: int, *, better: float = 0.0) -> tuple[Sample, Sample]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.3).astype(float)
    shared = rng.normal(size=rows) + 2 * labels - 1
    one, two = (1 / (1 + np.exp(-(shared + more * labels + 0.5 * rng.normal(size=rows)))) for more in (0.0, better))
    return Sample(labels, one, "probability"), Sample(labels, two, "probability")


def test_delong_is_that_of_the_midrank_form_on_ties_too() -> None:
    """Sun and Xu 2014, by way of the covariance of structural components, written out."""
    before, after = scored(1, 300)
    before = before._replace(predictions=before.predictions.round(1))
    positive = before.labels == 1
    parts = []
    for one in (before, after):
        up, down = one.predictions[positive], one.predictions[~positive]
        outranks = (up[:, None] > down) + 0.5 * (up[:, None] == down)
        parts.append((outranks.mean(1), outranks.mean(0)))
    error = math.sqrt(sum(np.var(parts[1][at] - parts[0][at], ddof=1) / len(parts[0][at]) for at in (0, 1)))
    found = paired.compared(METRICS["roc_auc"], before, after)
    assert found.gain.method == "DeLong"
    assert found.gain.error == pytest.approx(error, rel=1e-9)
    assert found.before == pytest.approx(roc_auc_score(before.labels, before.predictions))
    assert found.gain.value == pytest.approx(found.after - found.before)


@pytest.mark.parametrize("name", ["log_loss", "f1"])
def test_the_bootstrap_is_that_of_scipy_on_the_rows(name: str) -> None:
    before, after = scored(2, 400, better=0.3)
    metric = METRICS[name]
    found = paired.compared(metric, before, after)
    assert found.gain.method == "bootstrap"
    sign = 1 if metric.higher_is_better else -1

    def value(one: Sample, rows: np.ndarray) -> float:
        labels, chances = one.labels[rows], one.predictions[rows]
        if name == "f1":
            hits = ((chances >= 0.5) & (labels == 1)).sum()
            return float(2 * hits / ((chances >= 0.5).sum() + labels.sum()))
        return float(-np.log(np.where(labels == 1, chances, 1 - chances)).mean())

    whole = np.arange(400)
    assert value(after, whole) == pytest.approx(
        f1_score(after.labels, after.predictions >= 0.5) if name == "f1" else log_loss(after.labels, after.predictions)
    )
    rng = np.random.default_rng(0)
    again = []
    for _ in range(1_500):
        rows = rng.integers(0, 400, 400)
        again.append(sign * (value(after, rows) - value(before, rows)))
    low, high = np.quantile(again, [0.025, 0.975])
    lower, upper = found.gain.interval(0.95)
    width = high - low
    assert lower <= low + 0.06 * width
    assert upper >= high - 0.06 * width
    assert upper - lower < 1.15 * width
    assert found.gain.error == pytest.approx(np.std(again), rel=0.1)


def test_the_same_rows_give_the_same_answer_in_any_order_of_calls() -> None:
    before, after = scored(3, 2_000)
    first = paired.compared(METRICS["log_loss"], before, after).gain.interval(0.95)
    paired.compared(METRICS["log_loss"], *scored(4, 900))
    assert paired.compared(METRICS["log_loss"], before, after).gain.interval(0.95) == first


@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "log_loss"])
def test_rows_that_belong_together_are_not_taken_as_independent(name: str) -> None:
    """Twenty copies of each row tell what one tells."""
    before, after = scored(5, 60, better=0.4)
    once = paired.compared(METRICS[name], before, after).gain
    many = [Sample(np.repeat(one.labels, 20), np.repeat(one.predictions, 20), one.kind) for one in (before, after)]
    blind = paired.compared(METRICS[name], many[0], many[1]).gain
    found = paired.compared(METRICS[name], many[0], many[1], blocks=np.repeat(np.arange(60), 20)).gain
    assert found.method == "block bootstrap"
    assert found.error == pytest.approx(once.error, rel=0.08)  # one change more is thought of, of some thirty
    assert blind.error < 0.3 * found.error
    with pytest.raises(Unmeasurable, match="9 blocks"):
        paired.compared(METRICS[name], many[0], many[1], blocks=np.arange(1200) % 9)


def test_intervals_keep_their_word() -> None:
    """5 % of the intervals of equal models may leave nought out (the long form: benchmarks/champions.py)."""
    for name, rows, tries, most in (("accuracy", 300, 300, 27), ("roc_auc", 300, 300, 27), ("log_loss", 100, 100, 13)):
        missed = 0
        for seed in range(tries):
            lower, upper = paired.compared(METRICS[name], *scored(seed, rows)).gain.interval(0.95)
            missed += not lower <= 0 <= upper
        assert missed <= most, f"{name}: {missed} of {tries}; more than {most} come once in a thousand times"


def test_rows_needed_are_those_of_the_textbook() -> None:
    """One point at 4 % disagreement, 5 % one-sided, 80 % power: (1.645 + 0.842)² · 0.04 / 0.01² = 2,473."""
    found = Proportions(880, 20, 20, 80)
    assert paired.rows_needed(found, -0.01, 0.0, tail=0.05) == pytest.approx(2_473, abs=1)
    assert paired.rows_needed(found, 0.0, 0.0, tail=0.05) is None
    at = Proportions(2_177, 49, 49, 198)
    assert paired.power(at, -0.01, 0.0, tail=0.05) == pytest.approx(0.80, abs=0.01)


def test_what_has_several_columns_or_its_own_blocks_is_compared_too() -> None:
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 3, 600).astype(float)
    both = []
    for strength in (1.0, 2.0):
        raw = rng.normal(size=(600, 3)) + strength * np.eye(3)[labels.astype(int)]
        chances = np.exp(raw) / np.exp(raw).sum(1, keepdims=True)
        both.append(Sample(labels, chances, "probability", classes=("a", "b", "c")))
    for name in ("roc_auc", "accuracy", "log_loss"):
        found = paired.compared(METRICS[name], *both)
        assert found.gain.interval(0.95)[0] > 0, name
        assert (found.after > found.before) is METRICS[name].higher_is_better
    series = [one._replace(blocks=np.arange(600) // 30) for one in both]
    assert paired.compared(METRICS["log_loss"], *series).gain.method == "block bootstrap"


def decided(right: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Probabilities that decide rightly where they should."""
    return np.where(right, 0.1 + 0.8 * labels, 0.9 - 0.8 * labels)


@pytest.mark.parametrize(
    ("name", "lost", "spoilt"),
    [
        ("recall", 0.02, 0.0),
        ("specificity", 0.0, 0.02),
        ("precision", 0.0, 0.02 / 0.98 * 100 / 900),
        ("f1", 0.04 / 1.02, 0.0),
        ("balanced_accuracy", 0.04, 0.0),
    ],
)
def test_few_changes_of_decisions_are_no_proof_of_none(name: str, lost: float, spoilt: float) -> None:
    """A model that loses just what is too much may pass 2.5 % of the time; by the spread alone 6 to 14 % did."""
    rng = np.random.default_rng(7)
    labels = np.r_[np.ones(100), np.zeros(900)]
    before = Sample(labels, decided(np.full(1000, True), labels), "probability")
    passed = 0
    for _ in range(600):
        right = np.r_[rng.random(100) >= lost, rng.random(900) >= spoilt]
        after = Sample(labels, decided(right, labels) - 0.001, "probability")
        gain = paired.compared(METRICS[name], before, after, resample=False).gain
        passed += gain.interval(0.95)[0] >= -0.02
    assert passed <= 27, f"{name}: {passed} of 600; more than 27 come once in a thousand times"


@pytest.mark.parametrize("blocks", [None, np.arange(1000) // 4])
@pytest.mark.parametrize("name", ["recall", "f1", "mcc", "roc_auc"])
def test_two_models_without_a_fault_may_have_one_in_rows_that_were_not_seen(
    name: str, blocks: np.ndarray | None
) -> None:
    labels = np.r_[np.ones(100), np.zeros(900)]
    order = np.random.default_rng(8).permutation(1000)
    labels, noise = labels[order], np.random.default_rng(9).uniform(0, 0.1, 1000)
    before = Sample(labels, decided(np.full(1000, True), labels), "probability", blocks=blocks)
    found = paired.compared(METRICS[name], before, before._replace(predictions=before.predictions - noise)).gain
    lower, upper = found.interval(0.95)
    assert -0.2 < lower < -0.015
    assert 0.015 < upper < 0.2
    assert found.chance(-0.01) > 0.025 > found.chance(-0.3)
    assert found.harm(0.01) > 0.025 > found.harm(0.3)


def test_many_changes_both_ways_are_those_of_the_delta_method() -> None:
    before, after = scored(10, 20_000, better=0.1)
    found = paired.compared(METRICS["f1"], before, after, resample=False).gain
    influence = METRICS["f1"].influences(after)[1] - METRICS["f1"].influences(before)[1]
    error = influence.std(ddof=1) / math.sqrt(20_000)
    assert found.error == pytest.approx(error, rel=0.01)
    lower, upper = found.interval(0.95)
    assert upper - lower == pytest.approx(2 * 1.96 * error, rel=0.01)
    for floor in (lower, found.value - error, found.value + error, upper):
        low, high = sorted((found.chance(floor), found.harm(floor)))
        assert low + high == pytest.approx(1, abs=0.01)
    assert found.chance(lower) == pytest.approx(0.025, abs=1e-6)
    assert found.harm(upper) == pytest.approx(0.025, abs=1e-6)


def test_rows_that_do_not_count_are_rows_that_are_needed() -> None:
    labels = np.r_[np.ones(400), np.zeros(3600)]
    right = np.full(4000, True)
    before = Sample(labels, decided(np.where(np.arange(4000) < 12, False, right), labels), "probability")
    after = Sample(
        labels, decided(np.where((np.arange(4000) >= 12) & (np.arange(4000) < 24), False, right), labels), "probability"
    )
    found = paired.compared(METRICS["recall"], before, after).gain
    assert found == Proportions(376, 12, 12, 0, beside=3600)
    assert paired.rows_needed(found, -0.01, 0.0, tail=0.025) == pytest.approx(
        10 * paired.rows_needed(Proportions(376, 12, 12, 0), -0.01, 0.0, tail=0.025), rel=0.001
    )


@pytest.mark.parametrize("name", ["recall", "precision", "f1", "balanced_accuracy", "mcc"])
def test_the_difference_of_two_models_knows_of_few_changes_too(name: str) -> None:
    """What old releases and simpler models are held against, and what shuffled features lose."""
    labels = np.r_[np.ones(100), np.zeros(900)]
    before = Sample(labels, decided(np.full(1000, True), labels), "probability")
    found = METRICS[name].difference(before, before._replace(predictions=before.predictions - 0.01))
    assert (found.value, found.rows) == (0.0, 1000)
    assert found.lower < -0.015
    assert found.upper > 0.015
