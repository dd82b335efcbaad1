"""Gradients of a linear model against finite differences of its objective; the step that follows; sparse gradients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models import optima
from tests.models.bound import LAYOUTS, Bound, single

from hogwild import LOSSES
from hogwild.data.blocks import Block
from hogwild.deltas import Delta
from hogwild.params import NonFiniteError
from hogwild.rules.schedules import Moment, constant
from hogwild.rules.updates import adagrad, momentum, sgd

every_layout = pytest.mark.parametrize("layout", LAYOUTS)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
NOW = Moment(2, 100.0, 40)


@pytest.mark.parametrize("loss", LOSSES)
@every_layout
@every_dtype
def test_finite_differences_of_the_objective(loss, layout, dtype):
    # l1 is no part of a gradient, and neither step factors nor the step of the intercept are.
    bound = Bound(loss, layout, dtype, l1=0.1)
    params = bound.params()
    delta = bound.task.gradient(params, single(np.arange(90)), NOW, None)

    def total(weights: np.ndarray) -> float:
        coef, intercept = bound.true(weights)
        return 90 * optima.objective(loss, bound.X, bound.y, coef, intercept, bound.l2, s=bound.s)

    w, h = params.weights.astype(np.float64), 1e-5
    differences = [(total(w + h * e) - total(w - h * e)) / (2 * h) for e in np.eye(9)]
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype is np.float32 else {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(delta.values, differences, **tolerance)
    assert delta.values.dtype == params.weights.dtype == dtype
    precision = 1e-5 if dtype is np.float32 else 1e-12
    assert delta.loss == pytest.approx(total(w), rel=precision), "it is the gradient of that"
    assert (delta.examples, delta.steps, delta.moment, delta.keys) == (90, 1, NOW, None)


@every_layout
def test_gradients_of_parts_add_up(layout):
    bound = Bound(layout=layout)
    params, task = bound.params(), bound.task
    whole = task.gradient(params, [Block(np.arange(0, 90, 30), 30)], NOW, None)
    parts = [[Block(np.array([4]), 3), Block(np.array([7, 13]), 6), Block(np.array([0]), 4)], single(range(19, 80))]
    parts.append([Block(np.array([80]), 12)])  # the last chunk is short
    deltas = [task.gradient(params, blocks, NOW, None) for blocks in parts]
    total = deltas[0] + deltas[1] + deltas[2]
    np.testing.assert_allclose(total.values, whole.values, rtol=1e-11)
    assert total.loss == pytest.approx(whole.loss)
    assert [delta.examples for delta in deltas] == [19, 61, 10]
    assert (total.examples, total.steps) == (90, 3)


@every_layout
@pytest.mark.parametrize("blocks", [[], single([])], ids=["no block", "no rows"])
def test_no_examples_have_a_gradient_of_zeros(layout, blocks):
    bound = Bound(layout=layout)
    delta = bound.task.gradient(bound.params(), blocks, NOW, None)
    assert (delta.examples, delta.steps, delta.loss) == (0, 0, 0.0)
    np.testing.assert_array_equal(delta.values, np.zeros(9))
    some = bound.task.gradient(bound.params(), blocks, NOW, np.array([0, 8]))
    assert (some.examples, some.steps, some.values.tolist()) == (0, 0, [0.0, 0.0])


@every_layout
def test_an_intercept_that_is_not_learnt_stays_what_it_is(layout):
    bound = Bound(layout=layout, fit_intercept=False)
    params, blocks = bound.params(), single(range(20))
    delta = bound.task.gradient(params, blocks, NOW, None)
    assert delta.values[-1] == 0.0
    assert delta.values[:-1].all()
    bound.task.apply(params, delta)
    assert params.weights[-1] == 0.0
    assert 8 not in bound.task.keys(blocks)


@pytest.mark.parametrize("keys", [None, np.array([0, 1, 8])])
def test_a_gradient_that_is_not_finite_names_the_block(keys):
    bound = Bound()
    params = bound.params()
    params.weights[1] = np.nan
    rows = np.flatnonzero(bound.X[:, 1])[:3]
    sentence = rf"gradients became NaN .* epoch 3, in a block of 3 rows of the test that begins with row {rows[0]} \("
    with pytest.raises(NonFiniteError, match=sentence):
        bound.task.gradient(params, single(rows), NOW, keys)
    assert np.isfinite(bound.task.gradient(bound.params(), single(rows), NOW, keys).values).all()


# ---- the step


def stepped(bound, weights, delta, rate):
    """What `apply` should do, in float64; the values of the delta are spread over all weights."""
    values = np.zeros(9)
    at = np.arange(9) if delta.keys is None else delta.keys
    values[at] = delta.values
    w = weights.astype(np.float64) - rate * delta.steps / delta.examples * bound.relax * values
    cut, touched = np.zeros(9), np.ones(9) if delta.keys is None else bound.touched(delta.examples)
    cut[at] = (rate * delta.steps * bound.l1 * bound.relax / touched)[at]
    cut[-1] = 0.0
    return np.sign(w) * np.maximum(np.abs(w) - cut, 0.0)


@every_layout
@every_dtype
@pytest.mark.parametrize("l1", [0.0, 0.3])
@pytest.mark.parametrize("keys", [None, np.array([1, 2, 6]), np.array([0, 8])], ids=["all", "some", "intercept"])
def test_apply_is_a_step_of_sgd_and_a_prox(layout, dtype, l1, keys):
    bound = Bound("squared", layout, dtype, l1=l1)
    params, task = bound.params(), bound.task
    before = params.weights.copy()
    one, other = (task.gradient(params, single(rows), NOW, keys) for rows in (range(10), range(10, 17)))
    delta = one + other
    delta.values.flags.writeable = False  # a sum that others read too
    task.apply(params, delta)
    rate = 0.1 / (1 + 0.02 * 0.1 * 140)
    assert task.rate(NOW) == pytest.approx(rate)
    expected = stepped(bound, before, delta, rate)
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype is np.float32 else {"rtol": 1e-11, "atol": 1e-13}
    np.testing.assert_allclose(params.weights, expected, **tolerance)
    np.testing.assert_array_equal(params.weights == 0, expected == 0)
    if keys is not None:
        others = np.setdiff1d(np.arange(9), keys)
        np.testing.assert_array_equal(params.weights[others], before[others])


@every_layout
@every_dtype
@pytest.mark.parametrize("loss", ["squared", "squared_hinge"])
@pytest.mark.parametrize("keys", [None, np.arange(9)], ids=["all", "keyed"])
def test_an_eta0_that_was_found_is_limited_where_a_step_would_overshoot(loss, layout, dtype, keys):
    bound = Bound(loss, layout, dtype, l2=0.0, schedule=constant(), found=50.0)
    params, task = bound.params(), bound.task
    before, curvature = params.weights.copy(), bound.curvature(range(17))
    one, other = (task.gradient(params, single(rows), NOW, keys) for rows in (range(10), range(10, 17)))
    assert one.curvature == pytest.approx(curvature[:10].sum(), rel=1e-6)
    task.apply(params, one + other)
    expected = stepped(bound, before, one + other, 17 / (2 * curvature.sum()))
    np.testing.assert_allclose(params.weights, expected, rtol=1e-4, atol=1e-5)
    again = task.gradient(params, single(range(17)), NOW, None)
    assert again.loss < one.loss + other.loss


@pytest.mark.parametrize(("loss", "schedule"), [("squared", constant(50.0)), ("logistic", constant())])
def test_an_eta0_of_the_users_and_a_loss_with_modest_slopes_have_no_limit(loss, schedule):
    bound = Bound(loss, l2=0.0, schedule=schedule, found=50.0)
    params, before = bound.params(), bound.params().weights
    delta = bound.task.gradient(params, single(range(17)), NOW, None)
    bound.task.apply(params, delta)
    assert delta.curvature == 0.0
    np.testing.assert_allclose(params.weights, stepped(bound, before, delta, 50.0), rtol=1e-11)


def test_a_delta_of_no_examples_changes_nothing():
    bound = Bound(l1=10.0)
    params = bound.params()
    bound.task.apply(params, Delta(np.full(9, np.nan), 0, 0, 0.0, NOW))
    np.testing.assert_array_equal(params.weights, bound.params().weights)


@pytest.mark.parametrize("keys", [None, np.array([2, 3, 5])])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e39])
def test_a_step_to_what_is_not_finite_is_told(keys, bad):
    bound = Bound(dtype=np.float32, schedule=constant(10.0))
    params = bound.params()
    values = np.zeros(9 if keys is None else 3, np.float32)
    with np.errstate(over="ignore"):
        values[2] = np.float32(bad)
    with pytest.raises(NonFiniteError, match=r"in 'coef' are NaN or infinite .* of 7 examples, in epoch 3; use a sma"):
        bound.task.apply(params, Delta(values, 7, 1, 0.0, NOW, keys))


@settings(max_examples=50)
@given(st.sampled_from(LAYOUTS), st.floats(0, 2), st.data())
def test_prox_is_soft_thresholding_wherever_the_weights_lie(layout, rate, data):
    bound = Bound(layout=layout, l1=0.2)
    w = bound.params().weights
    first = data.draw(st.integers(0, 9))
    shard = slice(first, data.draw(st.integers(first, 9)))
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, 8)))), np.int64)
    for positions, touched in ((shard, np.ones(9)), (rows, bound.touched(3))):
        cut = 0.2 * rate * bound.relax / touched
        cut[-1] = 0.0
        expected = (np.sign(w) * np.maximum(np.abs(w) - cut, 0.0))[positions]
        for each in (rate, np.full(w[positions].size, rate)):
            values = w[positions].copy()
            bound.task.prox(values, positions, each, 3)
            np.testing.assert_allclose(values, expected, rtol=1e-11, atol=1e-15)


def test_prox_without_l1_is_nothing():
    assert Bound().task.prox is None


# ---- some rows


@every_layout
def test_keys_are_the_columns_of_the_rows_and_the_intercept(layout):
    bound = Bound(layout=layout)
    for blocks, rows in (
        (single([5]), [5]),
        ([Block(np.array([10, 40]), 2), Block(np.array([88]), 5)], [10, 11, 40, 41, 88, 89]),
    ):
        keys = bound.task.keys(blocks)
        seen = np.arange(8) if layout == "dense" else np.flatnonzero((bound.X[rows] != 0).any(axis=0))
        np.testing.assert_array_equal(keys, [*seen, 8])
        assert keys.dtype == np.int64
    assert bound.task.keys([]).size == bound.task.keys(single([])).size == 0


@every_layout
@every_dtype
def test_a_gradient_of_the_keys_is_the_whole_gradient_but_for_the_penalty(layout, dtype):
    bound = Bound("squared", layout, dtype, l2=0.0)
    params, blocks = bound.params(), single([3, 50, 51])
    keys = bound.task.keys(blocks)
    some, whole = (bound.task.gradient(params, blocks, NOW, k) for k in (keys, None))
    np.testing.assert_array_equal(some.values, whole.values[keys])
    np.testing.assert_array_equal(some.keys, keys)
    assert (some.loss, some.examples, some.steps) == (whole.loss, 3, 1)
    assert not np.delete(whole.values, keys).any()


@every_layout
def test_the_penalty_of_sparse_gradients_is_right_on_average(layout):
    # Over all pairs of examples, which is exactly what a minibatch of two drawn with replacement can be.
    bound = Bound(layout=layout, n=30)
    free = Bound(layout=layout, n=30, l2=0.0)
    params, total = bound.params(), np.zeros(9)
    for i in range(30):
        for j in range(30):
            blocks = single([i, j])
            keys = bound.task.keys(blocks)
            total[keys] += bound.task.gradient(params, blocks, NOW, keys).values
            total[keys] -= free.task.gradient(params, blocks, NOW, keys).values
    expected = 2 * bound.l2 * np.append(params["coef"], 0.0)
    np.testing.assert_allclose(total / 900, expected, rtol=1e-9, atol=1e-12)


@every_layout
@pytest.mark.parametrize("rule", [sgd(), momentum(), adagrad()], ids=lambda rule: rule.name)
def test_l1_of_sparse_gradients_is_right_on_average(layout, rule):
    # As l2, at the pace of the rule; the penalty is too small to make a weight 0.
    bound = Bound(layout=layout, n=30, l1=1e-4)
    weights, total = np.full(9, 0.5), np.zeros(9)
    state = rule.init(weights)
    rule.step(state, np.linspace(0.5, 2, 9), 0.1, slice(None))

    def paid(positions) -> np.ndarray:
        values = weights[positions].copy()
        bound.task.prox(values, positions, rule.pace(state, 0.1, positions), 2)
        return weights[positions] - values

    for i in range(30):
        for j in range(30):
            keys = bound.task.keys(single([i, j]))
            total[keys] += paid(keys)
    expected = paid(slice(0, 9))
    assert (expected[:-1] > 0).all()
    np.testing.assert_allclose(total / 900, expected, rtol=1e-9)


@every_layout
def test_no_penalty_of_a_sparse_gradient_turns_a_weight_over(layout):
    bound = Bound("perceptron", layout, l2=5.0, schedule=constant(0.5), weighted=False)
    params = bound.params()
    params.weights[:] = np.sign(params.weights + 0.1)
    for i in range(90):
        before, blocks = params.weights.copy(), single([i])
        delta = bound.task.gradient(params, blocks, NOW, bound.task.keys(blocks))
        values = delta.values.copy()
        p = bound.X[i] @ before[:-1] + before[-1]
        if layout != "dense" and bound.y[i] * p > 0:  # the loss says nothing: all is penalty
            bound.task.apply(params, delta)
            assert np.all(before * params.weights >= 0)
            assert np.abs(values).max() > 0
            params.weights[:] = before


@pytest.mark.parametrize("keys", [[9], [-1, 0]])
def test_keys_that_are_no_rows_are_refused(keys):
    bound = Bound()
    with pytest.raises(ValueError, match=r"keys must be rows of the parameters, 0 to 8"):
        bound.task.gradient(bound.params(), single([0]), NOW, np.array(keys))


@pytest.mark.parametrize("keys", [None, np.array([0, 2])], ids=["all rows", "some"])
def test_values_of_another_type_are_those_of_the_weights(keys):
    bound = Bound(weighted=False)
    params, same = bound.params(), bound.params()
    size = params.weights.size if keys is None else keys.size
    assert params.weights.dtype == np.float64
    values = np.linspace(-1, 1, 2 * size, dtype=np.float32)[::2]  # not in one piece, either
    bound.task.apply(params, Delta(values, 1, 1, 0.0, NOW, keys))
    bound.task.apply(same, Delta(values.astype(np.float64), 1, 1, 0.0, NOW, keys))
    np.testing.assert_array_equal(params.weights, same.weights)
    assert not np.array_equal(params.weights, bound.params().weights)


@pytest.mark.parametrize("keys", [[10**6], [-1], [0, 10**9]])
def test_a_step_on_rows_that_are_not_there_is_refused(keys):
    bound = Bound()
    params = bound.params()
    before = params.weights.copy()
    with pytest.raises(ValueError, match=r"^keys must be rows of the parameters, 0 to 8$"):
        bound.task.apply(params, Delta(np.ones(len(keys)), 1, 1, 0.0, NOW, np.array(keys)))
    np.testing.assert_array_equal(params.weights, before)


@pytest.mark.parametrize("keys", [None, np.array([0, 1, 2])], ids=["all rows", "some"])
def test_a_step_on_too_few_values_is_refused(keys):
    bound = Bound()
    with pytest.raises(ValueError, match=r"^2 values of a gradient do not fit [39] weights$"):
        bound.task.apply(bound.params(), Delta(np.ones(2), 1, 1, 0.0, NOW, keys))
