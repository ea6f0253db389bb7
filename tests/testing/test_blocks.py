"""One rule says which rows are one block, and whatever is said of a model in blocks holds as often as it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cancer import FEATURES, Project, find
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.manifests.model import Dataset
from mlops_gitops.testing import blocks, clusters, estimates, logistic, wording
from mlops_gitops.testing.blocks import Grouping
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models import calibration
from mlops_gitops.testing.models.metrics import METRICS, Sample
from mlops_gitops.testing.models.predictions import Artifact, Job, Predictions
from mlops_gitops.testing.suite import run_model_tests

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]
DAYS = 30
PER_DAY = 40


def test_an_entity_goes_before_a_time_but_in_a_forecast() -> None:
    both = Dataset("test", "test", "t.parquet", time_column="seen", entity_column="shop")
    time = Dataset("test", "test", "t.parquet", time_column="seen")
    assert blocks.grouping(both) == Grouping("shop", "entity")
    assert blocks.grouping(time) == Grouping("seen", "days")
    assert blocks.grouping(both, task="forecasting") == Grouping("seen", "stretch")
    assert blocks.grouping(Dataset("test", "test", "t.parquet"), task="forecasting") is None
    words = {blocks.grouping(one, task=task).words for one in (both, time) for task in ("", "forecasting")}  # type: ignore[union-attr]
    assert words == {
        "rows of one shop are one block",
        "rows of neighbouring days of seen are one block",
        "rows of neighbouring times of seen are one block",
    }


def test_neighbouring_times_are_a_block_whatever_their_series() -> None:
    times = np.tile(np.arange(1000), 3)
    found = blocks.neighbours(times)
    assert len(np.unique(found)) == 100
    assert all((found[times == one] == found[one]).all() for one in (0, 9, 10, 999))


@pytest.mark.parametrize(("days", "count"), [(3, 3), (10, 10), (11, 10), (92, 10), (125, 11), (365, 21)])
def test_neighbouring_days_are_a_block_and_ten_blocks_are_left(days: int, count: int) -> None:
    raw = np.ma.masked_array(np.repeat(np.arange(days)[::-1] + 700, 2))
    found = blocks.codes(Grouping("seen", "days"), raw, dataset="test")[::-2]
    assert (np.diff(found) >= 0).all()
    sizes = np.bincount(found)
    assert len(sizes) == count
    assert sizes.max() - sizes.min() <= 1


def test_a_share_is_covered_where_days_resemble_the_one_before() -> None:
    """At a correlation of .6, in 200 days: the bound of days by themselves is missed in two of ten draws."""
    chance = np.random.default_rng(3)
    days = np.repeat(np.arange(200), 50)
    missed = alone = 0
    for _ in range(200):
        day = chance.normal(size=200)
        for at in range(1, 200):
            day[at] = 0.6 * day[at - 1] + 0.8 * day[at]
        right = ((day * np.sqrt(0.1))[days] + chance.normal(size=len(days)) * np.sqrt(0.9) < 0.5244).astype(float)
        parted = blocks.codes(Grouping("seen", "days"), np.ma.masked_array(days), dataset="test")
        ones = np.ones(len(days))
        missed += clusters.share(right, ones, parted, confidence=0.9).lower > 0.7
        alone += clusters.share(right, ones, days, confidence=0.9).lower > 0.7
    assert missed <= 20
    assert alone > 25


def test_rows_without_a_time_cannot_be_parted_and_those_without_an_entity_are_one_block() -> None:
    raw = np.ma.masked_array(np.array([3, 1, 3, 9]), mask=[False, False, False, True])
    with pytest.raises(Unmeasurable, match="seen is no time in 1 rows of test"):
        blocks.codes(Grouping("seen", "days"), raw, dataset="test")
    assert blocks.codes(Grouping("shop", "entity"), raw, dataset="test").tolist() == [1, 0, 1, 2]


def hard_days(seed: int, *, share: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row is right, on days that are good or bad as a whole, and the day of each row."""
    rng = np.random.default_rng(seed)
    days = np.repeat(np.arange(DAYS), PER_DAY)
    of_day = np.clip(rng.normal(share, 0.15, size=DAYS), 0, 1)
    return (rng.random(len(days)) < of_day[days]).astype(float), days


def test_a_share_of_rows_in_blocks_is_covered_and_of_single_rows_is_wilsons() -> None:
    truth = float(np.mean([hard_days(seed)[0].mean() for seed in range(10_000, 10_400)]))
    held = naive = 0
    for seed in range(300):
        right, days = hard_days(seed)
        found = clusters.share(right, np.ones(len(right)), days, confidence=0.9)
        alone = estimates.wilson(right.sum(), len(right), confidence=0.9)
        held += found.lower <= truth <= found.upper
        naive += alone.lower <= truth <= alone.upper
    assert 0.86 <= held / 300 <= 0.95
    assert naive / 300 < 0.65
    right = (np.random.default_rng(1).random(2000) < 0.8).astype(float)
    each = clusters.share(right, np.ones(2000), np.arange(2000))
    assert each.interval == pytest.approx(estimates.wilson(right.sum(), 2000).interval, abs=2e-4)


def test_a_share_without_a_miss_is_as_sure_as_its_blocks_and_one_miss_does_not_make_it_surer() -> None:
    days = np.repeat(np.arange(12), 500)
    right = np.ones(len(days))
    perfect = clusters.share(right, np.ones_like(right), days)
    assert perfect.lower == pytest.approx(estimates.wilson(12, 12).lower, abs=0.05)
    right[0] = 0
    assert clusters.share(right, np.ones_like(right), days).lower <= perfect.lower
    with pytest.raises(Unmeasurable, match="in 9 blocks"):
        clusters.share(right[:4500], np.ones(4500), days[:4500])


def chances(seed: int) -> Sample:
    """Calibrated on average; each day has an error of its own in log odds."""
    rng = np.random.default_rng(seed)
    days = np.repeat(np.arange(DAYS), PER_DAY)
    logits = rng.normal(size=len(days))
    came = rng.random(len(days)) < 1 / (1 + np.exp(-(logits + rng.normal(0, 0.7, size=DAYS)[days])))
    return Sample(came.astype(float), 1 / (1 + np.exp(-logits)), "probability", blocks=days)


@pytest.mark.parametrize("name", ["roc_auc", "accuracy", "log_loss", "recall", "mcc", "average_precision"])
def test_every_metric_of_rows_in_blocks_is_covered(name: str) -> None:
    metric = METRICS[name]
    truth = float(np.mean([metric.value(chances(seed)) for seed in range(20_000, 20_150)]))
    held = sum(found.lower <= truth <= found.upper for found in (metric.measure(chances(s)) for s in range(150)))
    assert held / 150 >= 0.90


def test_the_error_of_the_area_in_blocks_is_the_spread_over_repeated_samples() -> None:
    found = [METRICS["roc_auc"].measure(chances(seed)) for seed in range(150)]
    one = chances(1)
    assert found[1].value == pytest.approx(roc_auc_score(one.labels, one.predictions))
    spread = np.std([one.value for one in found])
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.15)
    same = [
        METRICS["roc_auc"].difference(one, one._replace(predictions=one.predictions**2)) for one in map(chances, (1, 2))
    ]
    assert all(one.value == pytest.approx(0, abs=1e-12) for one in same)


def test_medians_and_calibration_errors_widen_with_their_blocks() -> None:
    rng = np.random.default_rng(5)
    days = np.repeat(np.arange(DAYS), PER_DAY)
    labels = rng.normal(size=len(days))
    errors = np.abs(rng.normal(2, 0.1, size=len(days)) + rng.normal(0, 0.5, size=DAYS)[days])
    sample = Sample(labels, labels + errors, "value")
    plain, apart = (METRICS["median_ae"].measure(one) for one in (sample, sample._replace(blocks=days)))
    assert plain.value == apart.value
    assert apart.upper - apart.lower > 3 * (plain.upper - plain.lower)
    both = chances(3)
    plain, apart = (METRICS["ece"].measure(one) for one in (both._replace(blocks=None), both))
    assert plain.value == apart.value
    assert apart.upper > plain.upper
    assert apart.lower < plain.lower or apart.lower == 0


def test_recalibration_in_blocks_holds_its_level() -> None:
    """The intercept of calibrated chances with days of their own: how often is nought outside?"""
    missed = naive = 0
    for seed in range(100):
        sample = chances(seed)
        for blocked in (True, False):
            found = calibration.intercept(sample if blocked else sample._replace(blocks=None))
            outside = not found.lower <= 0 <= found.upper
            missed, naive = missed + (outside and blocked), naive + (outside and not blocked)
    assert missed <= 18
    assert naive >= 35


def test_the_sandwich_is_near_the_jackknife_of_whole_blocks() -> None:
    sample = chances(7)
    matrix = np.column_stack([np.ones(len(sample.labels)), np.log(sample.predictions / (1 - sample.predictions))])
    found = logistic.fit(matrix, sample.labels, blocks=sample.blocks)
    without = [sample.blocks != day for day in range(DAYS)]
    each = np.array([logistic.fit(matrix[rows], sample.labels[rows]).weights for rows in without])
    jackknife = (DAYS - 1) / DAYS * (each - each.mean(axis=0)).T @ (each - each.mean(axis=0))
    np.testing.assert_allclose(np.diag(found.covariance), np.diag(jackknife), rtol=0.1)
    assert found.covariance[0, 0] > 3 * logistic.fit(matrix, sample.labels).covariance[0, 0]


def judged(made: Project) -> Report:
    def predict(jobs: Any) -> list[Predictions]:
        found = []
        for job in jobs:
            assert isinstance(job, Job)
            table = pd.read_parquet(job.data)
            values = 1 / (1 + np.exp(0.5 * (table[FEATURES[0]].to_numpy() - 19)))
            found.append(Predictions(values, "probability", "0" * 64, changed=len(table)))
        return found

    artifact = Artifact(made.folder / "artifact", "sklearn-pickle", "0" * 64)
    return run_model_tests(made.model, folder=made.folder, locate=made.locate, artifact=artifact, predict=predict)


def test_every_verdict_says_what_its_rows_are_taken_as(project: Make) -> None:
    def everything(spec: dict[str, Any]) -> None:
        spec["tests"]["model"] = {
            "maxOverfitGap": 0.3,
            "baseline": "prior",
            "slices": {"find": {"columns": ["site"], "minRows": 30}},
            "calibration": {"maxError": 0.5, "slope": {"min": -9}},
            "fairness": [{"columns": ["site"], "definition": "demographic-parity", "maxDifference": 0.9}],
            "metamorphic": [{"name": "n", "kind": "noise", "columns": [FEATURES[0]], "scale": 0.1, "maxChange": 1}],
            "simpler": {"models": ["constant"]},
        }
        spec["metrics"][0]["claimed"] = 0.5
        spec["metrics"][0]["slices"] = [{"column": "site", "threshold": {"min": 0.1}, "minRows": 30}]

    def by_entity(spec: dict[str, Any]) -> None:
        everything(spec)
        spec["data"][1]["entityColumn"] = "id"
        spec["data"][0]["entityColumn"] = "id"

    ids = {f"model.{name}" for name in ("metric", "claim", "slice", "overfit", "baseline", "segments")}
    ids |= {f"model.{name}" for name in ("calibration", "fairness", "metamorphic", "simpler")}
    for change, words in ((everything, wording.INDEPENDENT), (by_entity, "rows of one id are one block")):
        found = judged(project(change))
        told = {one.id for one in found.checks if words in one.message}
        assert ids <= told, ids - told
        other = {wording.INDEPENDENT, "rows of one id are one block"} - {words}
        assert not any(one in check.message for check in found.checks for one in other)


def test_a_column_that_is_not_there_or_no_time_lets_nothing_pass(project: Make, records: Records) -> None:
    gone = judged(project(lambda spec: spec["data"][1].update(entityColumn="gone")))
    [check] = find(gone, "model.blocks")
    assert check.verdict is Verdict.FAIL
    assert "test has no column gone, by which its rows belong together" in check.message
    words = judged(project(lambda spec: spec["data"][1].update(timeColumn="site")))
    [check] = find(words, "model.blocks")
    assert "site is no time in 285 rows of test" in check.message
    few = records[1].assign(day=pd.Timestamp("2026-01-01"))
    found = judged(project(lambda spec: spec["data"][1].update(timeColumn="day"), test=few))
    [check] = find(found, "model.metric")
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "1 blocks of rows are too few" in check.message
