from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from mlops_gitops.testing import clusters, statistics
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.student import student_excess, student_quantile


@pytest.mark.parametrize("freedom", [9, 12, 30, 200])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_the_quantile_is_that_of_student(freedom: int, confidence: float) -> None:
    assert student_quantile(0.5 + confidence / 2, freedom) == pytest.approx(
        t.ppf(0.5 + confidence / 2, freedom), rel=2e-3
    )


@pytest.mark.parametrize("freedom", [1, 3, 20, 500])
@pytest.mark.parametrize("share", [0.3, 0.025, 1e-4, 1e-9, 1e-40])
def test_what_is_exceeded_ever_so_rarely_is_that_of_student(freedom: int, share: float) -> None:
    assert student_excess(share, freedom) == pytest.approx(t.isf(share, freedom), rel=1e-7)


def test_rows_that_err_together_have_the_interval_of_their_blocks() -> None:
    rng = np.random.default_rng(1)
    blocks = np.repeat(np.arange(20), 50)
    covered = naive = 0
    for _ in range(300):
        values = rng.normal(size=20)[blocks] + rng.normal(size=1000)
        found, alone = clusters.mean(values, blocks), statistics.mean(values)
        assert found.value == pytest.approx(alone.value)
        covered += found.lower <= 0 <= found.upper
        naive += alone.lower <= 0 <= alone.upper
    assert 0.91 <= covered / 300 <= 0.985
    assert naive / 300 < 0.5


def test_blocks_of_one_row_are_rows() -> None:
    values = np.random.default_rng(2).normal(size=500)
    assert clusters.mean(values, np.arange(500)).error == pytest.approx(statistics.mean(values).error, rel=1e-12)


def test_few_blocks_say_nothing() -> None:
    with pytest.raises(Unmeasurable, match="9 blocks of rows are too few"):
        clusters.mean(np.arange(90.0), np.arange(90) // 10)
    with pytest.raises(Unmeasurable, match="0 blocks"):
        clusters.mean(np.zeros(0), np.zeros(0, dtype=np.int64))
