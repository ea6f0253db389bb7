from __future__ import annotations

import itertools

import numpy as np
import pytest

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.manifests.model import Target
from mlops_gitops.manifests.model_tests import Calibration
from mlops_gitops.testing import logistic
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models import calibration
from mlops_gitops.testing.models.metrics import METRICS, Sample
from mlops_gitops.testing.models.predictions import Predictions
from mlops_gitops.testing.models.samples import Evaluation, Truth


def drawn(seed: int, rows: int, *, slope: float = 1.0, shift: float = 0.0) -> Sample:
    """Chances that are right for slope 1 and shift 0; overconfident for a smaller slope."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.3, 1.2, size=rows)
    labels = (rng.random(rows) < logistic.chances(slope * scores + shift)).astype(float)
    return Sample(labels, logistic.chances(scores), "probability")


def judged(sample: Sample, demanded: Calibration) -> list[Check]:
    truth = Truth(Target("late", "boolean"), "binary-classification", np.ones(len(sample.labels), bool), sample.labels)
    about = Evaluation("test", Predictions(sample.predictions, sample.kind, ""), truth, sample, {})
    return list(calibration.checks(about, demanded, lambda *_: Location("model.yaml", 1)))


DEMANDED = Calibration(0.05, None, Threshold(0.8, 1.25), Threshold(-0.2, 0.2))


def test_calibrated_chances_pass_and_overconfident_or_shifted_ones_fail() -> None:
    assert {one.verdict for one in judged(drawn(1, 20_000), DEMANDED)} == {Verdict.PASS}
    error, slope, shift = judged(drawn(2, 20_000, slope=0.5), DEMANDED)
    assert (error.verdict, slope.verdict) == (Verdict.FAIL, Verdict.FAIL)
    assert "Spiegelhalter's z" in error.message
    assert slope.observed == pytest.approx(0.5, abs=0.05)
    error, slope, shift = judged(drawn(3, 20_000, shift=-0.8), DEMANDED)
    assert (slope.verdict, shift.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert shift.observed == pytest.approx(-0.8, abs=0.1)


def test_few_rows_pass_no_limit() -> None:
    assert Verdict.PASS not in {one.verdict for one in judged(drawn(4, 120), DEMANDED)}


def test_the_recalibration_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    sample = drawn(5, 3000, slope=0.7, shift=0.4)
    logits = np.log(sample.predictions / (1 - sample.predictions))
    peer = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, np.newaxis], sample.labels)
    assert calibration.slope(sample).value == pytest.approx(peer.coef_[0, 0], rel=1e-5)


@pytest.mark.parametrize("measure", [calibration.slope, calibration.intercept])
def test_intervals_of_slope_and_intercept_cover(measure: object) -> None:
    truth = 1.0 if measure is calibration.slope else 0.0
    found = [measure(drawn(1000 + seed, 400)) for seed in range(200)]  # type: ignore[operator]
    assert 0.85 <= np.mean([one.lower <= truth <= one.upper for one in found]) <= 0.95


def test_bounds_of_the_error_hold_at_least_as_often_as_they_say() -> None:
    for slope in (1.0, 0.6):
        big = METRICS["ece"].measure(drawn(9, 600_000, slope=slope)).value
        found = [METRICS["ece"].measure(drawn(2000 + seed, 600, slope=slope)) for seed in range(150)]
        assert np.mean([one.lower <= big <= one.upper for one in found]) >= 0.94


def test_the_error_is_the_textbook_sum_over_bins() -> None:
    sample = drawn(6, 5000, slope=0.6)
    edges = np.linspace(0, 1, 16)
    total = 0.0
    for low, high in itertools.pairwise(edges):
        mine = (sample.predictions > low) & (sample.predictions <= high)
        total += abs(sample.labels[mine].sum() - sample.predictions[mine].sum()) if mine.any() else 0.0
    assert METRICS["ece"].measure(sample).value == pytest.approx(total / 5000, rel=1e-12)
    with pytest.raises(Unmeasurable, match="compare brier or log_loss"):
        METRICS["ece"].difference(sample, sample)


def test_classes_are_calibrated_one_by_one() -> None:
    rng = np.random.default_rng(7)
    chances = rng.dirichlet([1, 1, 1], size=20_000)
    labels = np.array([rng.choice(3, p=row) for row in chances]).astype(float)
    right = Sample(labels, chances, "probability")
    swapped = right._replace(predictions=chances[:, [1, 0, 2]])
    assert calibration.classwise(right).value < 0.03
    assert calibration.classwise(swapped).value > 0.1
    [check] = judged(swapped, Calibration(None, 0.05))
    assert check.verdict is Verdict.FAIL


def test_what_cannot_be_calibrated_is_said() -> None:
    same = Sample(np.zeros(100), np.linspace(0.1, 0.9, 100), "probability")
    assert {one.verdict for one in judged(same, Calibration(slope=Threshold(0.8)))} == {Verdict.INCONCLUSIVE}
    scores = drawn(1, 100)._replace(kind="score")
    [check] = judged(scores, Calibration(0.05))
    assert "no probability" in check.message
    sure = Sample(np.repeat([0.0, 1.0], 50), np.repeat([0.1, 0.9], 50), "probability")
    with pytest.raises(Unmeasurable, match="separated perfectly"):
        calibration.slope(sure)


def test_chances_that_are_right_have_a_small_z() -> None:
    assert calibration.spiegelhalter(drawn(8, 5000))[1] > 0.001
    assert calibration.spiegelhalter(drawn(8, 5000, slope=0.5))[1] < 1e-6
