"""Update rules against plain loops over one weight at a time, against PyTorch, and against what they promise."""

import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.rules.updates import UPDATES, Update, adagrad, adam, find_update, momentum, sgd

ALL = slice(None)
RULES = [
    sgd(),
    momentum(beta=0.8),
    adagrad(),
    adam(),
    adam(rate=0.01, beta1=0.5, beta2=0.9, eps=1e-3),
    momentum(beta=0.0),
]
NAMES = [rule.name for rule in RULES]


def gradients(steps: int, size: int, dtype=np.float64) -> np.ndarray:
    made = np.random.default_rng(7).standard_normal((steps, size))
    made[made < -1.5] = 0.0  # some weights are without a gradient now and then
    return made.astype(dtype)


def follow(rule: Update, weights: np.ndarray, slopes, rate: float, at=ALL) -> np.ndarray:
    """The weights after these gradients."""
    weights = weights.copy()
    state = rule.init(weights)
    for slope in slopes:
        weights[at] -= rule.step(state, slope, rate, at)
    return weights


# ------------------------------------------------------------------------------------------------------------ oracles


def plain_sgd(w, slopes, rate):
    for g in slopes:
        w -= rate * g
    return w


def plain_momentum(w, slopes, rate, beta=0.8):
    v = 0.0
    for g in slopes:
        v = beta * v + g
        w -= rate * v
    return w


def plain_adagrad(w, slopes, rate, eps=1e-8):
    total = 0.0
    for g in slopes:
        total += g * g
        w -= rate * g / (math.sqrt(total) + eps)
    return w


def plain_adam(w, slopes, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m = v = 0.0
    for t, g in enumerate(slopes, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        w -= rate * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
    return w


PLAIN = {"sgd": plain_sgd, "momentum": plain_momentum, "adagrad": plain_adagrad, "adam": plain_adam}


@pytest.mark.parametrize("rule", [sgd(), momentum(beta=0.8), adagrad(), adam()], ids=lambda rule: rule.name)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_a_rule_is_its_formula(rule, dtype, tolerance):
    slopes, start = gradients(60, 9, dtype), np.linspace(-1, 1, 9, dtype=dtype)
    found = follow(rule, start, slopes, 0.05)
    wanted = [PLAIN[rule.name](float(w), slopes[:, j].astype(float).tolist(), 0.05) for j, w in enumerate(start)]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)
    assert found.dtype == dtype


@pytest.mark.slow
@pytest.mark.parametrize("rule", [sgd(), momentum(beta=0.8), adagrad(), adam()], ids=lambda rule: rule.name)
def test_pytorch_agrees(rule):
    torch = pytest.importorskip("torch", reason="the peer of this test, PyTorch, is not installed")
    slopes, start = gradients(60, 9), np.linspace(-1, 1, 9)
    weights = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    peer = {
        "sgd": lambda: torch.optim.SGD([weights], lr=0.05),
        "momentum": lambda: torch.optim.SGD([weights], lr=0.05, momentum=0.8),
        "adagrad": lambda: torch.optim.Adagrad([weights], lr=0.05, eps=1e-8),
        "adam": lambda: torch.optim.Adam([weights], lr=0.05),
    }[rule.name]()
    for slope in slopes:
        weights.grad = torch.from_numpy(slope.copy())
        peer.step()
    np.testing.assert_allclose(follow(rule, start, slopes, 0.05), weights.detach().numpy(), rtol=0, atol=1e-12)


def test_downpours_adagrad():
    # gamma / sqrt(sum of squares so far), this one included: the first step is gamma long whatever the gradient.
    found = follow(adagrad(), np.zeros(3), [np.array([1e-3, 5.0, -40.0])], 0.1)
    np.testing.assert_allclose(found, [-0.1, -0.1, 0.1], rtol=1e-4)


def test_adam_of_a_constant_gradient_makes_steps_of_its_rate_also_in_float32():
    # Both means are then exactly the gradient, as their corrections have the same rounding errors.
    slopes = np.full((2000, 1), 3.0, np.float32)
    found = follow(adam(), np.zeros(1, np.float32), slopes, 2**-10)
    np.testing.assert_allclose(found, -2000 * 2**-10, rtol=1e-5)


# ------------------------------------------------------------------------------------------------------------- sparse


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_positions_are_like_a_vector_of_their_own(rule):
    slopes, start, at = gradients(30, 4), np.linspace(-1, 1, 9), np.array([1, 2, 5, 8])
    found = follow(rule, start, slopes, 0.05, at)
    np.testing.assert_array_equal(found[at], follow(rule, start[at], slopes, 0.05))
    rest = np.setdiff1d(np.arange(9), at)
    np.testing.assert_array_equal(found[rest], start[rest])


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_state_changes_only_at_the_positions(rule):
    weights = np.ones(6)
    state = rule.init(weights)
    rule.step(state, np.ones(6), 0.1, ALL)
    before = [array.copy() for array in state]
    rule.step(state, np.ones(2), 0.1, np.array([1, 4]))
    for old, new in zip(before, state, strict=True):
        np.testing.assert_array_equal(np.delete(new, [1, 4]), np.delete(old, [1, 4]))


def test_adam_counts_for_each_weight():
    # A weight that is first met after many pushes is new: its step is the rate, and not 3.2 times that.
    rule, weights = adam(), np.zeros(2)
    state = rule.init(weights)
    for _ in range(1000):
        rule.step(state, np.ones(1), 0.001, np.array([0]))
    assert rule.step(state, np.array([5.0]), 0.001, np.array([1])) == pytest.approx([0.001])


@pytest.mark.parametrize("rule", [sgd(), adagrad()], ids=lambda rule: rule.name)
def test_sparse_and_dense_pushes_are_the_same_where_nothing_decays(rule):
    slopes, at = gradients(30, 4), np.array([0, 2, 3, 6])
    dense = np.zeros((30, 8))
    dense[:, at] = slopes
    np.testing.assert_array_equal(follow(rule, np.ones(8), dense, 0.1), follow(rule, np.ones(8), slopes, 0.1, at))


@pytest.mark.slow
@given(st.sampled_from(RULES), st.sampled_from([np.float32, np.float64]), st.sets(st.integers(1, 39)), st.booleans())
def test_where_weights_are_split_never_changes_a_bit(rule, dtype, cuts, keyed):
    slopes, start = gradients(12, 40, dtype), np.linspace(-1, 1, 40, dtype=dtype)
    whole = follow(rule, start, slopes, 0.1)
    bounds = [0, *sorted(cuts), 40]
    for first, last in pairwise(bounds):
        at = np.arange(last - first) if keyed else ALL
        part = follow(rule, start[first:last], slopes[:, first:last], 0.1, at)
        np.testing.assert_array_equal(part, whole[first:last])


# ----------------------------------------------------------------------------------------------------- what is promised


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
@pytest.mark.parametrize("at", [ALL, np.array([0, 1, 2])], ids=["slice", "positions"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_is_left_alone_and_the_step_is_new(rule, at, dtype):
    state = rule.init(np.zeros(3, dtype))
    assert all(array.shape == (3,) and array.dtype == dtype for array in state)
    slope = np.array([1.0, -2.0, 0.5], dtype)
    kept = slope.copy()
    step = rule.step(state, slope, 0.5, at)
    assert step.dtype == dtype
    assert not any(np.shares_memory(step, other) for other in (slope, *state))
    np.testing.assert_array_equal(slope, kept)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_pace_is_what_a_lasting_gradient_ends_up_with(rule):
    weights, slope = np.zeros(3), np.array([0.5, -2.0, 4.0])
    state = rule.init(weights)
    for _ in range(3000):
        step = rule.step(state, slope, 0.05, ALL)
    np.testing.assert_allclose(rule.pace(state, 0.05, ALL) * slope, step, rtol=1e-6)
    np.testing.assert_allclose(rule.pace(state, 0.05, np.array([2])) * slope[2], step[2], rtol=1e-6)


@pytest.mark.parametrize("rule", [adagrad(), adam()], ids=lambda rule: rule.name)
def test_a_weight_without_a_gradient_yet_has_no_pace(rule):
    state = rule.init(np.zeros(2))
    rule.step(state, np.array([0.0, 3.0]), 0.1, ALL)
    pace = rule.pace(state, 0.1, ALL)
    assert pace[0] == 0
    assert pace[1] > 0


def test_only_sgd_is_linear():
    assert {name: make().linear for name, make in UPDATES.items()} == {
        "sgd": True,
        "momentum": False,
        "adagrad": False,
        "adam": False,
    }


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_rules_can_be_sent_to_other_processes(rule):
    slopes = gradients(5, 4)
    again = pickle.loads(pickle.dumps(rule))
    np.testing.assert_array_equal(follow(again, np.zeros(4), slopes, 0.1), follow(rule, np.zeros(4), slopes, 0.1))


# --------------------------------------------------------------------------------------------------------- other units


def moved(
    rule: Update, weights: np.ndarray, slopes, rate: float, scales: np.ndarray, at=ALL, mean=(1, 1)
) -> np.ndarray:
    """The weights after these gradients, in units of the scales."""
    weights = weights.copy()
    state = rule.init(weights)
    for slope in slopes:
        rule.move(weights, state, slope, at, rate, mean, scales)
    return weights


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
@pytest.mark.parametrize("at", [ALL, np.array([0, 2, 3])], ids=["slice", "positions"])
def test_a_move_is_a_step_in_other_units(rule, at):
    scales, start = np.array([0.1, 1.0, 3.0, 0.5]), np.linspace(-1, 1, 4)
    slopes = gradients(30, start[at].size)
    found = moved(rule, start, slopes, 0.05, scales, at, mean=(2, 8))
    wanted = scales * follow(rule, start / scales, 0.25 * slopes * scales[at], 0.05, at)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_move_in_units_of_one_is_a_step(rule):
    slopes, start = gradients(9, 4, np.float32), np.zeros(4, np.float32)
    kept = slopes.copy()
    found = moved(rule, start, slopes, 0.1, np.ones(4, np.float32))
    np.testing.assert_array_equal(found, follow(rule, start, slopes, 0.1))
    np.testing.assert_array_equal(slopes, kept)
    assert found.dtype == np.float32


# ----------------------------------------------------------------------------------------------------------- the border


def test_defaults():
    assert {name: make().rate for name, make in UPDATES.items()} == {
        "sgd": None,
        "momentum": None,
        "adagrad": 0.1,
        "adam": 0.001,
    }
    assert adagrad(rate=None).rate is None


@pytest.mark.parametrize("name", UPDATES)
def test_a_rule_is_found_by_name(name):
    found = find_update(name)
    assert found.name == name
    assert find_update(found) is found


def test_numbers_of_numpy_do_not_widen_the_weights():
    rule = adam(np.float64(0.1), np.float64(0.9), np.float64(0.99), np.float64(1e-8))
    weights = np.zeros(2, np.float32)
    assert type(rule.rate) is float
    assert rule.step(rule.init(weights), np.ones(2, np.float32), rule.rate, ALL).dtype == np.float32


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: sgd(0), r"^rate=0 must be a positive number, or None for the model's schedule$"),
        (lambda: sgd(True), r"^rate=True must be a positive number"),
        (lambda: momentum(rate=math.nan), r"^rate=nan must be a positive number"),
        (lambda: momentum(rate=math.inf), r"^rate=inf must be a positive number"),
        (lambda: momentum(beta=1.0), r"^beta=1.0 must lie in \[0, 1\)$"),
        (lambda: momentum(beta=True), r"^beta=True must lie in"),
        (lambda: adagrad(eps=0), r"^eps=0 must be a positive number$"),
        (lambda: adagrad(rate="fast"), r"^rate='fast' must be"),
        (lambda: adam(beta1=-0.1), r"^beta1=-0.1 must lie in"),
        (lambda: adam(beta2=2), r"^beta2=2 must lie in"),
        (lambda: adam(eps=-1), r"^eps=-1 must be"),
        (lambda: find_update("lion"), r"^update='lion' is not known; use one of sgd, momentum, adagrad, adam$"),
    ],
)
def test_bad_numbers_and_names(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_something_else_is_no_rule():
    with pytest.raises(TypeError, match=r"a name or an Update such as adagrad\(rate=0.5\), not <function adagrad"):
        find_update(adagrad)


def test_equal_rules_are_equal_and_say_what_they_are():
    assert adagrad() == adagrad(0.1) != adagrad(0.2)
    assert hash(adam()) == hash(adam(0.001))
    assert momentum(0.5) != momentum(0.5, 0.5)
    assert repr(sgd()) == "sgd(None)"
    assert repr(momentum(0.5)) == "momentum(0.5, 0.9)"
