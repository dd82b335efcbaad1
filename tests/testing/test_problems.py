"""The built-in problem: its closed form is what scikit-learn finds."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import Ridge
from tests.models.optima import objective

from hogwild import Serial, Stop, Threads, train
from hogwild.testing import problem


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("l2", [0.0, 0.01, 1.0])
def test_the_optimum_is_that_of_scikit_learn(sparse, l2):
    task = problem(n=100, d=5, sparse=sparse, l2=l2, seed=3)
    X, y = task.data
    assert sp.issparse(X) == sparse
    X = X.toarray() if sparse else X
    found = Ridge(alpha=l2 * len(y)).fit(X, y)
    best = objective("squared", X, y, found.coef_, found.intercept_, l2=l2)
    assert task.best == pytest.approx(best, rel=1e-9)
    assert task.start == pytest.approx(objective("squared", X, y, np.zeros(5), l2=l2), rel=1e-9)


def test_the_gap_is_1_at_the_start_and_0_at_the_optimum():
    task = problem()
    assert task.gap(task.start) == 1
    assert task.gap(task.best) == 0
    result = train(task.model, task.data, strategy=Serial(), engine=Threads(1), stop=Stop(epochs=20, tol=0), seed=0)
    assert 0 <= task.gap(result.history[-1].objective) < 1e-4


def test_seeds_make_problems():
    same, other = problem(seed=0), problem(seed=1)
    np.testing.assert_array_equal(problem().data[0], same.data[0])
    assert same.best != other.best
