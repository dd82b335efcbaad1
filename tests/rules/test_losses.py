"""Every loss of the table against its formula, scikit-learn, finite differences and the definition of convexity."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import huber as scipy_huber
from sklearn.metrics import hinge_loss, log_loss, mean_pinball_loss, mean_squared_error

from hogwild.rules.losses import ALIASES, LOSSES, find_loss

PARAMETERS = {None: (0.0,), "epsilon": (0.1, 0.7, 2.5), "quantile": (0.1, 0.5, 0.9)}
CASES = [
    pytest.param(loss, a, y, id=f"{loss.name}-a={a}-y={y}")
    for loss in LOSSES.values()
    for a in PARAMETERS[loss.parameter]
    for y in ((-1.0, 1.0) if loss.is_binary else (-1.3, 0.0, 2.0))
]
every_loss = pytest.mark.parametrize(("loss", "a", "y"), CASES)

# What the docstrings say, written again with NumPy.
CLOSED_FORMS = {
    "hinge": lambda p, y, a: np.maximum(0, 1 - y * p),
    "squared_hinge": lambda p, y, a: np.maximum(0, 1 - y * p) ** 2,
    "perceptron": lambda p, y, a: np.maximum(0, -y * p),
    "logistic": lambda p, y, a: np.logaddexp(0, -y * p),
    "modified_huber": lambda p, y, a: np.where(y * p >= -1, np.maximum(0, 1 - y * p) ** 2, -4 * y * p),
    "squared": lambda p, y, a: (p - y) ** 2 / 2,
    "huber": lambda p, y, a: scipy_huber(a, p - y),
    "epsilon_insensitive": lambda p, y, a: np.maximum(0, np.abs(p - y) - a),
    "squared_epsilon_insensitive": lambda p, y, a: np.maximum(0, np.abs(p - y) - a) ** 2,
    "quantile": lambda p, y, a: np.maximum(a * (y - p), (a - 1) * (y - p)),
}


def grid(y: float, a: float) -> list[float]:
    """Predictions on both sides of every place where a loss may have a kink, and these places themselves."""
    kinks = {-1.0, 0.0, 1.0, y, y - a, y + a}
    return sorted({*map(float, np.linspace(-6, 6, 97)), *kinks})


@every_loss
def test_value_is_its_formula(loss, a, y):
    points = np.array(grid(y, a))
    values = [loss.value(p, y, a) for p in points]
    np.testing.assert_allclose(values, CLOSED_FORMS[loss.name](points, y, a), rtol=1e-12, atol=1e-15)


@every_loss
def test_value_is_never_negative_and_reaches_zero(loss, a, y):
    values = [loss.value(p, y, a) for p in [*grid(y, a), 1e3 * (y or 1.0)]]
    assert min(values) >= 0.0
    assert min(values) < 1e-12


@every_loss
def test_value_is_convex(loss, a, y):
    points = grid(y, a)
    value = {p: loss.value(p, y, a) for p in points}
    for p in points:
        for q in points:
            middle = loss.value((p + q) / 2, y, a)
            assert middle <= (value[p] + value[q]) / 2 + 1e-12


@every_loss
def test_slope_is_a_subgradient_everywhere_also_at_kinks(loss, a, y):
    points = grid(y, a)
    value = {p: loss.value(p, y, a) for p in points}
    for p in points:
        slope = loss.slope(p, y, a)
        for q in points:
            assert value[q] >= value[p] + slope * (q - p) - 1e-12


@every_loss
def test_slope_is_the_derivative_away_from_kinks(loss, a, y):
    h = 1e-4
    kinks = (-1.0, 0.0, 1.0, y, y - a, y + a)
    points = [p for p in np.linspace(-6, 6, 500) if min(abs(p - kink) for kink in kinks) > 3 * h]
    for p in points:
        left2, left, right, right2 = (loss.value(p + k * h, y, a) for k in (-2, -1, 1, 2))
        derivative = (left2 - 8 * left + 8 * right - right2) / (12 * h)
        assert loss.slope(p, y, a) == pytest.approx(derivative, rel=1e-7, abs=1e-8)


@every_loss
def test_smoothness_is_the_lipschitz_constant_of_the_slope(loss, a, y):
    points = np.unique(np.concatenate([np.linspace(-6, 6, 4001), [p + s for p in grid(y, a) for s in (-1e-9, 1e-9)]]))
    slopes = np.array([loss.slope(p, y, a) for p in points])
    steepness = np.abs(np.diff(slopes)) / np.diff(points)
    if math.isinf(loss.smoothness):
        assert steepness.max() > 1e6, "no kink in sight, so the slope has a Lipschitz constant"
    else:
        wide = np.diff(points) > 1e-4  # differences of close slopes are rounding
        assert steepness[wide].max() == pytest.approx(loss.smoothness, rel=1e-4)
        assert np.all(np.abs(np.diff(slopes)) <= loss.smoothness * np.diff(points) + 1e-12)


@every_loss
def test_steepest_bounds_the_slope_for_every_parameter(loss, a, y):
    def steepest(a: float) -> float:
        return max(abs(loss.slope(sign * p, y, a)) for p in (0.0, 0.5, 1.0, 3.0, 1e2, 1e4) for sign in (-1, 1))

    if math.isinf(loss.steepest):
        assert steepest(a if loss.parameter is None else 1.0 if loss.parameter == "quantile" else 2e3) > 1e3
    else:
        assert steepest(a) <= loss.steepest


@every_loss
def test_nothing_overflows_far_away(loss, a, y):
    for p in (-1e4, 1e4):
        assert math.isfinite(loss.value(p, y, a))
        assert math.isfinite(loss.slope(p, y, a))


def test_logistic_keeps_its_precision_at_both_ends():
    loss = LOSSES["logistic"]
    for p in (1e4, 1e300):
        assert loss.value(-p, 1.0, 0.0) == p
        assert loss.value(p, 1.0, 0.0) == 0.0
        assert loss.slope(-p, 1.0, 0.0) == -1.0
        assert loss.slope(p, 1.0, 0.0) == 0.0
    # log(1 + e) = e - e^2 / 2 + ...: a plain log(1 + exp(-p)) would give 0 or lose half the digits.
    assert loss.value(40.0, 1.0, 0.0) == pytest.approx(math.exp(-40), rel=1e-15)
    assert loss.slope(40.0, 1.0, 0.0) == pytest.approx(-math.exp(-40), rel=1e-15)


def mean(name: str, p: np.ndarray, y: np.ndarray, a: float = 0.0) -> float:
    return float(np.mean([LOSSES[name].value(float(q), float(t), a) for q, t in zip(p, y, strict=True)]))


def test_means_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    p = rng.normal(0, 2, 200)
    signs, reals = rng.choice([-1.0, 1.0], 200), rng.normal(0, 2, 200)
    assert mean("hinge", p, signs) == pytest.approx(hinge_loss(signs, p))
    assert mean("logistic", p, signs) == pytest.approx(log_loss(signs, 1 / (1 + np.exp(-p))))
    assert mean("squared", p, reals) == pytest.approx(mean_squared_error(reals, p) / 2)
    for quantile in (0.1, 0.5, 0.9):
        assert mean("quantile", p, reals, quantile) == pytest.approx(mean_pinball_loss(reals, p, alpha=quantile))


def test_perceptron_starts_from_zero_weights():
    assert [LOSSES["perceptron"].slope(0.0, y, 0.0) for y in (-1.0, 1.0)] == [1.0, -1.0]


def test_codes_count_up_from_zero_and_names_are_the_keys():
    assert [loss.code for loss in LOSSES.values()] == list(range(len(LOSSES)))
    assert [loss.name for loss in LOSSES.values()] == list(LOSSES)


def test_defaults_lie_within_what_the_parameter_means():
    for loss in LOSSES.values():
        assert (loss.parameter is None) == (loss.default == 0.0)
        assert 0.0 <= loss.default < 1.0
        assert loss.domain == ("binary" if loss.is_binary else "real")


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_names_of_scikit_learn_are_understood(alias, name):
    assert find_loss(alias) is LOSSES[name]


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_found_by_its_name(name):
    assert find_loss(name) is LOSSES[name]


@pytest.mark.parametrize("name", ["", "Hinge", "hinge ", "cross_entropy", None, 3, ["hinge"]])
def test_unknown_names_are_refused_with_a_list(name):
    with pytest.raises(ValueError, match=r"is not known.*; use one of hinge, .*squared_error$") as caught:
        find_loss(name)
    assert repr(name) in str(caught.value)


def test_losses_of_a_larger_margin_are_not_larger():
    for loss in LOSSES.values():
        if loss.is_binary:
            values = [loss.value(p, 1.0, 0.0) for p in grid(1.0, 0.0)]
            assert all(later <= earlier for earlier, later in pairwise(values))
