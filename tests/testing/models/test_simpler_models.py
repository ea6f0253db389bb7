from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeRegressor

from mlops_gitops.testing import logistic
from mlops_gitops.testing.models import trees
from mlops_gitops.testing.models.features import Features


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_tree_is_that_of_scikit_learn(depth: int) -> None:
    rng = np.random.default_rng(depth)
    matrix = rng.integers(0, 40, size=(3000, 4)).astype(float)
    wanted = (matrix[:, 0] > 17) * 2.0 + (matrix[:, 1] > 30) * (matrix[:, 2] < 9) + rng.normal(size=3000)
    peer = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=trees.FEWEST, random_state=0).fit(matrix, wanted)
    found = trees.grown(matrix, wanted, depth=depth)
    np.testing.assert_allclose(found.answers(matrix), peer.predict(matrix), rtol=1e-9)


def test_a_tree_of_nothing_to_learn_is_a_leaf() -> None:
    assert trees.grown(np.zeros((100, 2)), np.ones(100), depth=3).answers(np.zeros((2, 2))).tolist() == [1.0, 1.0]
    assert trees.grown(np.zeros((0, 2)), np.zeros(0), depth=3).value == 0.0


def test_the_ridge_of_the_line_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(2000, 5))
    came = (rng.random(2000) < logistic.chances(matrix @ np.array([1, -2, 0.5, 0, 0]) - 0.3)).astype(float)
    peer = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(matrix, came)
    found = logistic.fit(np.column_stack([np.ones(2000), matrix]), came, ridge=1.0)
    np.testing.assert_allclose(found.weights[1:], peer.coef_[0], rtol=1e-4)
    assert found.weights[0] == pytest.approx(peer.intercept_[0], rel=1e-4)


def test_columns_of_any_type_become_numbers_without_holes() -> None:
    columns = {
        "number": np.ma.masked_array([1.0, np.nan, 3.0, np.inf], mask=[False, False, False, False]),
        "text": np.ma.masked_array(np.array(["a", "b", "a", "c"], dtype=object), mask=[False, False, False, True]),
        "truth": np.array([True, False, True, False]),
        "time": np.array(["2026-01-01", "2026-01-02", "2026-01-03", "NaT"], dtype="datetime64[us]"),
        "empty": np.ma.masked_all(4, dtype=float),
    }
    matrix = Features.of(columns).matrix(columns)
    assert np.isfinite(matrix).all()
    assert matrix[:, 1].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert matrix[:, 2].tolist() == [1.0, 0.0, 1.0, 0.0]
