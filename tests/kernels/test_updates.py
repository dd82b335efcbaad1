"""Compiled update rules against the same formulas in NumPy: not a bit may differ."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.kernels.updates import compiled
from hogwild.rules.updates import adagrad, adam, momentum, sgd

RULES = [sgd(), momentum(beta=0.8), adagrad(), adam(), adam(rate=0.01, beta1=0.5, beta2=0.9, eps=1e-3)]
SIZE = 37  # no multiple of what a processor takes at once


def after(move, rule, slopes, at, *, dtype, rate=0.05, mean=(5, 7), scales=None):
    """Weights and state after these gradients."""
    weights = np.linspace(-1, 1, SIZE, dtype=dtype)
    state = rule.init(weights)
    for slope in slopes:
        move(
            weights,
            state,
            slope,
            at,
            rate,
            mean,
            np.linspace(0.5, 2, SIZE, dtype=dtype) if scales is None else scales,
        )
    return [weights, *state]


def assert_equal_bits(rule, slopes, at, dtype, **how):
    found = after(compiled(rule, dtype), rule, slopes, at, dtype=dtype, **how)
    wanted = after(rule.move, rule, slopes, at, dtype=dtype, **how)
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == dtype
        np.testing.assert_array_equal(one, other)
        numbers = ~np.isnan(one)
        assert one[numbers].tobytes() == other[numbers].tobytes()  # 0.0 is not -0.0


@pytest.mark.slow
@given(
    st.sampled_from(RULES),
    st.sampled_from([np.float32, np.float64]),
    st.none() | st.sets(st.integers(0, SIZE - 1)).map(sorted),
    st.integers(0, 99),
)
def test_a_kernel_has_the_bits_of_numpy(rule, dtype, keys, seed):
    at = slice(None) if keys is None else np.array(keys, np.int64)
    slopes = np.random.default_rng(seed).standard_normal((5, SIZE)).astype(dtype)[:, at]
    assert_equal_bits(rule, slopes, at, dtype)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("value", [1e38, 0.0, np.inf, np.nan])
def test_also_where_numbers_end(rule, value):
    # Nothing is raised and nobody is warned: whoever reads the weights looks whether they are finite.
    assert_equal_bits(rule, [np.full(SIZE, value, np.float32)] * 3, slice(None), np.float32, rate=1e3)


def test_a_division_by_zero_is_no_error():
    never = adam()._replace(numbers=(1.0, 1.0, 1e-8))  # means that nothing moves, corrected by 0
    assert_equal_bits(never, [np.ones(SIZE)], slice(None), np.float64)


def test_a_rule_of_ones_own_is_computed_by_numpy():
    def formula(gradient, rate, constants, state):
        return np.sign(gradient) * rate, ()

    rule = sgd(0.5)._replace(name="sign", formula=formula, linear=False)
    assert compiled(rule, np.float32) == rule.move
    weights = after(rule.move, rule, [np.full(SIZE, 7.0)], slice(None), dtype=np.float64, scales=np.ones(SIZE))[0]
    np.testing.assert_allclose(weights, np.linspace(-1, 1, SIZE) - 0.05)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_weights_that_no_kernel_knows_are_moved_by_numpy(rule, dtype):
    assert compiled(rule, dtype) == rule.move


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("at", [slice(3, 9), slice(30, None), slice(None, None, 2)], ids=repr)
def test_a_slice_is_where_it_says(rule, at):
    assert_equal_bits(rule, [np.linspace(-1, 1, SIZE)[at]] * 2, at, np.float64)


@pytest.mark.parametrize("at", [slice(None), np.array([1, 2, 3]), np.zeros(0, np.int64)], ids=["all", "some", "none"])
def test_as_many_values_as_weights(at):
    with pytest.raises(ValueError, match=r"^2 values cannot move \d+ weights$"):
        after(compiled(sgd(), np.float32), sgd(), [np.ones(2, np.float32)], at, dtype=np.float32)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_it_can_be_sent_to_other_processes(rule):
    move = pickle.loads(pickle.dumps(compiled(rule, np.float32)))
    found = after(move, rule, [np.ones(SIZE, np.float32)], slice(None), dtype=np.float32)
    wanted = after(rule.move, rule, [np.ones(SIZE, np.float32)], slice(None), dtype=np.float32)
    np.testing.assert_array_equal(found[0], wanted[0])
