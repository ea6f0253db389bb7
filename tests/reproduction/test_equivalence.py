from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import stats

from mlops_gitops.reproduction import equivalence
from mlops_gitops.reproduction.levels import Answer, PredictionComparison
from mlops_gitops.testing import student


def compared(changed: int, rows: int) -> PredictionComparison:
    return PredictionComparison("test", rows, changed, 0.1)


@pytest.mark.parametrize("degrees", [1, 2, 4, 9, 30, 999])
def test_student_t_is_that_of_scipy(degrees: int) -> None:
    for x in (-40.0, -3.0, -0.2, 0.0, 1e-9, 0.7, 2.5, 100.0):
        assert student.student_cdf(x, degrees) == pytest.approx(stats.t.cdf(x, degrees), rel=1e-9, abs=1e-14)
    for share in (0.001, 0.05, 0.3, 0.5, 0.9, 0.95, 0.9995):
        found = student.student_quantile(share, degrees)
        assert found == pytest.approx(stats.t.ppf(share, degrees), rel=1e-9, abs=1e-12)


def test_the_interval_decides() -> None:
    values = [0.903, 0.897, 0.9, 0.902, 0.898]
    near = equivalence.tost("auc", record=0.9, values=values, margin=0.02)
    half = stats.t.ppf(0.95, 4) * np.std(values, ddof=1) * math.sqrt(1.2)
    assert near.interval == pytest.approx((-half, half))
    assert near.answer is Answer.HOLDS
    assert equivalence.tost("auc", record=0.9, values=values, margin=0.004).answer is Answer.OPEN
    assert equivalence.tost("auc", record=0.8, values=values, margin=0.02).answer is Answer.BROKEN
    assert equivalence.tost("auc", record=1.0, values=values, margin=0.02).answer is Answer.BROKEN


def test_without_variance_the_margin_itself_is_within_it() -> None:
    exact = equivalence.tost("auc", record=0.9, values=[0.91] * 5, margin=0.01)
    assert 0.91 - 0.9 > 0.01  # which is why
    assert (exact.answer, exact.power, exact.needed) == (Answer.HOLDS, 1.0, 2)
    assert equivalence.tost("auc", record=0.9, values=[0.91] * 5, margin=0.0099999).answer is Answer.BROKEN
    same = equivalence.tost("auc", record=0.1, values=[0.1] * 3, margin=0.0)
    assert (same.difference, same.answer) == (0.0, Answer.HOLDS)


@pytest.mark.parametrize(
    ("values", "margin"),
    [
        ([0.9], 0.1),
        ([0.9, math.nan], 0.1),
        ([0.9, 0.9], math.nan),
        ([0.9, 0.9], -0.1),
        ([0.9, 0.9], math.inf),
        ([1e300, -1e300], 0.1),
    ],
)
def test_what_is_no_measurement_is_refused(values: list[float], margin: float) -> None:
    with pytest.raises(ValueError, match="auc"):
        equivalence.tost("auc", record=0.9, values=values, margin=margin)


@pytest.mark.parametrize(("count", "margin"), [(2, 8.0), (3, 4.0), (5, 3.0), (5, 4.0), (10, 3.0), (30, 2.5)])
def test_power_is_what_simulation_measures(count: int, margin: float) -> None:
    draws = np.random.default_rng(7).standard_normal((100_000, count + 1))
    mean, spread = draws[:, 1:].mean(axis=1), draws[:, 1:].std(axis=1, ddof=1)
    half = stats.t.ppf(0.95, count - 1) * spread * math.sqrt(1 + 1 / count)
    passed = float((np.abs(mean - draws[:, 0]) + half <= margin).mean())
    assert equivalence.power(1.0, count, margin=margin) == pytest.approx(passed, abs=0.006)


def test_the_number_of_seeds_is_the_first_with_enough_power() -> None:
    found = equivalence.tost("auc", record=0.0, values=[-1.0, 0.0, 1.0], margin=4.0)
    assert found.needed is not None
    assert equivalence.power(1.0, found.needed, margin=4.0) >= 0.8
    assert equivalence.power(1.0, found.needed - 1, margin=4.0) < 0.8
    powers = [equivalence.power(1.0, count, margin=4.0) for count in range(2, 40)]
    assert powers == sorted(powers)


def test_a_margin_narrower_than_the_noise_of_the_record_needs_more_seeds_than_there_are() -> None:
    found = equivalence.tost("auc", record=0.0, values=[-1.0, 0.0, 1.0], margin=2.5)
    assert (found.needed, found.answer) == (None, Answer.OPEN)


def test_churn_by_its_interval() -> None:
    assert equivalence.churn([compared(0, 1000), compared(5, 1000)], budget=0.02)[0] is Answer.HOLDS
    assert equivalence.churn([compared(0, 1000), compared(50, 1000)], budget=0.02)[0] is Answer.BROKEN
    assert equivalence.churn([], budget=0.02)[0] is Answer.OPEN
    assert equivalence.churn([compared(0, 0)], budget=0.02)[0] is Answer.OPEN
    with pytest.raises(ValueError, match="share"):
        equivalence.churn([compared(0, 10)], budget=math.nan)


@pytest.mark.parametrize("changed", [1, 3])
def test_open_churn_says_how_many_rows_would_tell(changed: int) -> None:
    answer, words = equivalence.churn([compared(changed, 100)], budget=0.02)
    assert answer is Answer.OPEN
    found = re.search(r"about ([\d,]+) would", words)
    assert found, words
    rows = int(found[1].replace(",", ""))
    enough, short = math.ceil(rows / 100) * 100, rows // 200 * 100
    assert equivalence.churn([compared(changed * enough // 100, enough)], budget=0.02)[0] is not Answer.OPEN
    assert equivalence.churn([compared(changed * short // 100, short)], budget=0.02)[0] is Answer.OPEN


def test_a_share_at_the_budget_stays_open_whatever_the_rows() -> None:
    answer, words = equivalence.churn([compared(2, 100)], budget=0.02)
    assert answer is Answer.OPEN
    assert "no number of rows can" in words
    assert "no number of rows can" in equivalence.churn([compared(0, 100)], budget=0.0)[1]
