from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_gitops.testing import estimates
from mlops_gitops.testing import statistics as s

SEED = 20260101


def brute_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    wins = [1.0 if p > n else 0.5 if p == n else 0.0 for p, n in product(scores[labels], scores[~labels])]
    return sum(wins) / len(wins)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=25, max_size=60))
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[bool, int]]) -> None:
    labels, scores = np.array([a for a, _ in rows]), np.array([float(b) for _, b in rows])
    if min(labels.sum(), (~labels).sum()) < estimates.FEWEST_OF_A_CLASS:
        with pytest.raises(estimates.Unmeasurable):
            s.auc(labels, scores)
        return
    found = s.auc(labels, scores)
    assert found.value == pytest.approx(brute_auc(labels, scores))
    assert 0 <= found.lower <= found.value <= found.upper <= 1


def test_delong_covariance_equals_the_definition_by_pairs() -> None:
    rng = np.random.default_rng(SEED)
    labels = rng.random(80) < 0.4
    before, after = rng.normal(size=80) + labels, np.round(rng.normal(size=80) + 1.3 * labels, 1)

    def parts(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        psi = np.array([[1.0 if p > n else 0.5 if p == n else 0.0 for n in scores[~labels]] for p in scores[labels]])
        return psi.mean(axis=1), psi.mean(axis=0)

    (p1, n1), (p2, n2) = parts(before), parts(after)
    covariance = np.cov(p1, p2, ddof=1) / len(p1) + np.cov(n1, n2, ddof=1) / len(n1)
    expected = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert s.auc_difference(labels, before, after).error == pytest.approx(expected)


def test_delong_error_is_the_spread_over_repeated_samples() -> None:
    rng = np.random.default_rng(SEED)
    values, errors = [], []
    for _ in range(400):
        labels = np.arange(400) < 120
        shared = rng.normal(size=400)
        before, after = shared + 0.8 * labels, shared + 0.5 * rng.normal(size=400) + 1.0 * labels
        found = s.auc_difference(labels, before, after)
        values.append(found.value)
        errors.append(found.error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.1)


def test_auc_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(SEED)
    truth = 0.5 * (1 + math.erf(1.2 / 2))  # P(N(1.2, 1) > N(0, 1))
    hits = 0
    for _ in range(1000):
        labels = np.arange(200) < 60
        found = s.auc(labels, rng.normal(size=200) + 1.2 * labels)
        hits += found.lower <= truth <= found.upper
    assert 0.93 <= hits / 1000 <= 0.97


def test_separated_classes_still_have_a_lower_bound_below_one() -> None:
    labels = np.arange(40) < 20
    found = s.auc(labels, labels.astype(float))
    assert found.value == 1.0
    assert found.lower < 0.95


def test_the_lower_bound_holds_where_separation_is_nearly_complete() -> None:
    rng, misses = np.random.default_rng(SEED), 0
    truth = 0.5 * (1 + math.erf(3.0 / 2))
    for _ in range(1500):
        labels = np.arange(40) < 15
        misses += s.auc(labels, rng.normal(size=40) + 3.0 * labels).lower > truth
    assert misses / 1500 <= 0.03


@pytest.mark.parametrize(
    ("successes", "trials", "lower", "upper"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_reproduces_published_intervals(successes: int, trials: int, lower: float, upper: float) -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3
    found = estimates.wilson(successes, trials)
    assert found.lower == pytest.approx(lower, abs=6e-5)
    assert found.upper == pytest.approx(upper, abs=6e-5)


def pairs(both: int, gained: int, lost: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    before = np.array([True] * both + [False] * gained + [True] * lost + [False] * neither)
    after = np.array([True] * both + [True] * gained + [False] * lost + [False] * neither)
    return before, after


def test_newcombe_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(SEED)
    hits = 0
    for _ in range(1500):
        cells = rng.multinomial(120, [0.70, 0.10, 0.06, 0.14])
        found = s.accuracy_difference(*pairs(*cells))
        hits += found.lower <= 0.04 <= found.upper
    assert 0.935 <= hits / 1500 <= 0.975


def test_newcombe_is_antisymmetric_and_narrower_than_unpaired() -> None:
    before, after = pairs(700, 100, 60, 140)
    forth, back = s.accuracy_difference(before, after), s.accuracy_difference(after, before)
    assert forth.value == pytest.approx(0.04)
    assert (back.lower, back.upper) == (pytest.approx(-forth.upper), pytest.approx(-forth.lower))
    unpaired = 1.96 * math.sqrt(0.8 * 0.2 / 1000 + 0.76 * 0.24 / 1000)
    assert forth.upper - forth.lower < 1.4 * unpaired


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_exact_binomial(gained: int, lost: int) -> None:
    trials, fewer = gained + lost, min(gained, lost)
    tail = sum(Fraction(math.comb(trials, k), 2**trials) for k in range(fewer + 1))
    assert s.mcnemar(*pairs(3, gained, lost, 2)) == pytest.approx(min(1.0, float(2 * tail)))


def test_mcnemar_on_a_million_rows_does_not_overflow() -> None:
    assert 0 < s.mcnemar(*pairs(10, 40_500, 40_000, 10)) < 0.1


def test_mean_refuses_a_handful_of_rows() -> None:
    with pytest.raises(estimates.Unmeasurable, match="5 rows are too few"):
        s.mean(np.ones(5))


def test_rows_needed_puts_the_bound_on_the_limit() -> None:
    rng = np.random.default_rng(SEED)
    found = s.mean(rng.normal(1.0, 2.0, size=200), confidence=0.90)
    distance = 0.1
    rows = estimates.rows_needed(found.error, found.rows, distance=distance, confidence=0.90)
    assert rows is not None
    assert estimates.quantile(0.90) * found.error * math.sqrt(found.rows / rows) == pytest.approx(distance, rel=1e-3)
    assert estimates.rows_needed(1.0, 10, distance=0.0, confidence=0.9) is None


def test_holm_steps_down() -> None:
    # Holm by hand: 4*.01, 3*.013 (not below the one before), 2*.03, 1*.5
    assert estimates.holm([0.03, 0.01, 0.5, 0.013]) == pytest.approx([0.06, 0.04, 0.5, 0.04])
