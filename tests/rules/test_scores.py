"""R^2 against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from hogwild.rules.scores import r2, variance_of


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
def test_r2_is_that_of_scikit_learn_also_where_squares_are_no_float32(dtype, scale):
    rng = np.random.default_rng(0)
    y, weights = (scale * rng.normal(3.0, size=200)).astype(dtype), rng.choice([0.5, 1.0, 2.0], 200).astype(dtype)
    p = y.astype(np.float64) + 0.3 * scale * rng.normal(size=200)
    error = float(np.average((p - y) ** 2, weights=weights))
    expected = r2_score(y.astype(np.float64), p, sample_weight=weights)
    assert r2(error, variance_of(y, weights)) == pytest.approx(expected, rel=1e-9)


def test_targets_that_do_not_vary_have_no_r2():
    assert r2(1.0, variance_of(np.full(5, 2.5, np.float32), np.ones(5, np.float32))) == 0.0
