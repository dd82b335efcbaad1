"""Steps of a linear model without an engine: true weights for whoever is alone, one divisor for those who share."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.bound import LAYOUTS, RELAX, Bound, single, slope

from hogwild.data.blocks import Block
from hogwild.interfaces import Unsupported
from hogwild.memory import CONTROL_CELLS, InTurn, Locking, Memory, Racy, Replicas
from hogwild.params import NonFiniteError
from hogwild.requests import Steps
from hogwild.rules.schedules import Moment, auto, backoff, constant, inverse

SCHEDULES = {
    "inverse": inverse(0.1),
    "inverse^0.75": inverse(0.1, power=0.75),
    "auto": auto(0.1),
    "constant": constant(0.1),
    "backoff": backoff(0.1),
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
ORDER = np.random.default_rng(3).permutation(90)


def tolerance(dtype):
    return {"rtol": 1e-4, "atol": 1e-5} if dtype is np.float32 else {"rtol": 1e-9, "atol": 1e-12}


def serial(bound, w, order, done=0, minibatch=1):
    """Minibatch SGD in float64 on true weights w (9,): the penalty by its proximal step, in each step."""
    w, d = w.astype(np.float64), slice(0, 8)
    relax, intercept = bound.relax[d], bound.relax[-1]
    for first in range(0, len(order), minibatch):
        rows = order[first : first + minibatch]
        rate = bound.task.rate(Moment(0, 0.0, done + first))
        x = bound.X[rows] - (bound.centre if bound.centre.size else 0.0)
        s = bound.s[rows] * len(bound.s) / bound.s.sum()
        p = x @ w[d] + w[-1]
        slopes = s * [slope(bound.loss, q, t) for q, t in zip(p, bound.y[rows], strict=True)]
        w[d] -= rate * relax * (x.T @ slopes) / rows.size
        w[-1] -= rate * intercept * slopes.mean()
        soft = np.sign(w[d]) * np.maximum(np.abs(w[d]) - rate * bound.l1 * relax, 0.0)
        w[d] = soft / (1 + rate * bound.l2 * relax)
    return w


# ---- alone


@every_layout
@every_dtype
@every_schedule
@pytest.mark.parametrize("minibatch", [1, 4])
@pytest.mark.parametrize("how", [None, Replicas()], ids=["private", "one replica"])
def test_weights_are_true_after_each_call(layout, dtype, schedule, minibatch, how):
    # One step a call: the penalty is then paid in each, whatever the intervals.
    bound = Bound(layout=layout, dtype=dtype, l2=0.3, l1=0.01, schedule=schedule)
    params = bound.params()
    (memory,) = bound.memories(params, how=how)
    expected = params.weights.copy()
    for first in range(0, 40, minibatch):
        rows = ORDER[first : first + minibatch]
        bound.steps(memory, rows, first, minibatch)
        expected = serial(bound, expected, rows, first, minibatch)
        np.testing.assert_allclose(params.weights, expected, **tolerance(dtype))


@pytest.mark.parametrize("layout", ["sparse", "dense"])
@every_dtype
def test_calls_of_any_length_are_one_long_run(layout, dtype):
    bound = Bound(layout=layout, dtype=dtype, l2=0.5)
    if layout == "dense":  # even columns, so that l2 telescopes
        survey = bound.survey
        bound.task = bound.model.bind(bound.examples, type(survey)(8, survey.dtype, 0.1, 0.3, RELAX[:0], survey.centre))
    one, other = bound.params(), bound.params()
    rng = np.random.default_rng(0)
    cuts = [0, *np.sort(rng.integers(0, 90, 12)), 90]
    bound.steps(bound.memories(one)[0], ORDER, 0)
    for first, last in itertools.pairwise(cuts):
        bound.steps(bound.memories(other)[0], ORDER[first:last], int(first))
    np.testing.assert_allclose(other.weights, one.weights, **tolerance(dtype))
    shrunk = 1 + 0.5 * 0.1 * 90  # a divisor that were left in would show
    assert np.abs(one.weights).max() * shrunk > 2 * np.abs(other.weights).max()


@settings(max_examples=40)
@given(st.sampled_from(LAYOUTS), st.sampled_from([1, 2, 7, 100]), st.data())
def test_it_does_not_matter_how_rows_are_cut_into_blocks(layout, minibatch, data):
    # Chunks of 6 rows, and pieces of them, as they come when steps end within a chunk.
    bound = Bound("squared_hinge", layout, l2=0.0)
    blocks, rows = [], []
    for _ in range(data.draw(st.integers(1, 4))):
        chunk = data.draw(st.sampled_from([1, 2, 6]))
        starts = data.draw(st.lists(st.integers(0, 89), min_size=0, max_size=4))
        blocks.append(Block(np.array(starts, np.int64), chunk))
        rows += [i for start in starts for i in range(start, min(start + chunk, 90))]
    one, other = bound.params(), bound.params()
    bound.steps(bound.memories(one)[0], rows, 5, minibatch)
    bound.task.steps(bound.memories(other)[0], blocks, Moment(0, 0.0, 5), Steps(99, None, minibatch))
    np.testing.assert_allclose(other.weights, one.weights, rtol=1e-9)


@every_layout
@every_dtype
@every_schedule
@pytest.mark.parametrize("penalty", [(0.0, 0.0), (0.01, 0.0), (0.0, 0.002), (0.01, 0.002)])
def test_minibatch_steps_are_gradients_and_applies(layout, dtype, schedule, penalty):
    # Not to the bit: l2 is paid after a step rather than with it, and by intervals of several steps where it must.
    bound = Bound("logistic", layout, dtype, *penalty, schedule=schedule)
    one, other, task = bound.params(), bound.params(), bound.task
    bound.steps(bound.memories(one)[0], ORDER, 0, minibatch=8)
    for first in range(0, 90, 8):
        blocks = single(ORDER[first : first + 8])
        task.apply(other, task.gradient(other, blocks, Moment(0, 0.0, first), None))
    moved = np.abs(other.weights - bound.params().weights).max()
    assert np.abs(one.weights - other.weights).max() < 0.01 * moved
    if penalty == (0.0, 0.0):
        np.testing.assert_allclose(one.weights, other.weights, **tolerance(dtype))


@every_layout
@every_dtype
@pytest.mark.parametrize("rate", [None, 50.0])
def test_minibatch_steps_are_limited_as_gradients_are(layout, dtype, rate):
    # Not row by row: a mean in which long rows weigh less has another minimum.
    bound = Bound("squared", layout, dtype, l2=0.0, schedule=constant(), found=50.0)
    one, other, task = bound.params(), bound.params(), bound.task
    for first in range(0, 90, 8):
        blocks = single(ORDER[first : first + 8])
        task.apply(other, task.gradient(other, blocks, Moment(0, 0.0, first), None))
    bound.steps(bound.memories(one)[0], ORDER, 0, minibatch=8, rate=rate)
    np.testing.assert_allclose(one.weights, other.weights, **tolerance(dtype))
    assert np.abs(one.weights).max() < 10


@pytest.mark.parametrize("minibatch", [1, 5])
@every_layout
def test_a_rate_of_the_strategy_is_used_as_it_is(minibatch, layout):
    given, known = Bound(layout=layout), Bound(layout=layout, schedule=constant(0.025))
    one, other = given.params(), known.params()
    given.steps(given.memories(one)[0], ORDER, 0, minibatch, rate=0.025)
    known.steps(known.memories(other)[0], ORDER, 0, minibatch)
    np.testing.assert_array_equal(one.weights, other.weights)


@pytest.mark.parametrize("blocks", [[], single([]), [*single([]), *single([])]], ids=["none", "empty", "two empty"])
@pytest.mark.parametrize("minibatch", [1, 3])
@pytest.mark.parametrize("how", [None, Replicas()])
def test_no_rows_are_no_steps(blocks, minibatch, how):
    bound = Bound(l1=1.0)
    params = bound.params()
    bound.task.steps(bound.memories(params, how=how)[0], blocks, Moment(0, 0.0, 7), Steps(4, None, minibatch))
    np.testing.assert_array_equal(params.weights, bound.params().weights)


@pytest.mark.parametrize("minibatch", [1, 3])
def test_predictions_that_are_not_finite_name_the_block(minibatch):
    bound = Bound("squared", dtype=np.float32)
    params = bound.params()
    params.weights[-1] = np.inf
    sentence = r"predictions became NaN .* epoch 1, in a block of 3 rows of the test that begins with row 7 \(counted"
    with pytest.raises(NonFiniteError, match=sentence):
        bound.steps(bound.memories(params)[0], [7, 9, 11], 0, minibatch)


# ---- together


def run_together(bound, how, size, epochs=3, minibatch=1, each=11):
    """Workers take stretches of the order in turn, so that each sees all that was merged: serial SGD."""
    params = bound.params()
    memories, done, turn = bound.memories(params, size, how), 0, 0
    if isinstance(how, Replicas) and how.ordered:
        for memory in memories:
            memory.deltas = np.zeros((size, 9), bound.dtype)
    answers = []
    for epoch in range(epochs):
        for first in range(0, 90, each):
            rows = ORDER[first : first + each]
            bound.steps(memories[turn % size], rows, done, minibatch, epoch=epoch)
            done, turn = done + len(rows), turn + 1
        answers.append(bound.task.answer(params, memories, Moment(epoch, 0.0, done)))
    return params, answers


@every_layout
@every_dtype
@every_schedule
@pytest.mark.parametrize("average", [False, True], ids=["last", "mean"])
def test_the_answers_of_those_who_take_turns_are_those_of_one(layout, dtype, schedule, average):
    # A penalty that does not telescope is paid once an interval, and several workers have shorter ones than one.
    l2 = 0.5 if layout == "sparse" and schedule == SCHEDULES["inverse"] else 0.0
    bound = Bound(layout=layout, dtype=dtype, l2=l2, schedule=schedule, average=average)
    _, alone = run_together(bound, None, 1)
    _, shared = run_together(bound, Replicas(), 2)
    if average:  # of each worker's own iterates: means of half as many
        assert np.abs(shared[-1].weights - alone[-1].weights).max() < 0.1 * np.abs(alone[-1].weights).max()
        return
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_allclose(other.weights, one.weights, **tolerance(dtype))


def test_the_divisor_goes_on_growing_over_the_whole_run():
    bound = Bound(l2=0.5)
    params, answers = run_together(bound, Replicas(), 2)
    divisor = 1 + 0.5 * 0.1 * 270
    np.testing.assert_allclose(params["coef"], divisor * answers[-1]["coef"], rtol=1e-12)
    np.testing.assert_array_equal(params["intercept"], answers[-1]["intercept"])


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("average", [False, True])
@every_layout
def test_an_answer_is_a_copy_and_changes_nothing(size, average, layout):
    bound = Bound(layout=layout, average=average)
    params = bound.params()
    memories = bound.memories(params, size, Replicas())
    bound.steps(memories[0], ORDER, 60)
    kept = [params.weights.copy(), *(memory.mean.copy() for memory in memories)]
    state = {name: array.copy() for name, array in params.state.items()}
    answer = bound.task.answer(params, memories, Moment(4, 1000.0, 150))
    assert answer.state["examples"][0] == 1150
    assert answer.state["epochs"][0] == 5
    answer.weights[:] = np.nan
    for now, before in zip([params.weights, *(memory.mean for memory in memories)], kept, strict=True):
        np.testing.assert_array_equal(now, before)
    for name, array in state.items():
        np.testing.assert_array_equal(params.state[name], array)


@every_layout
def test_what_entered_comes_out_again(layout):
    bound = Bound(layout=layout)
    true = bound.params()
    params = true.copy()
    bound.task.enter(params)
    np.testing.assert_array_equal(params["coef"], true["coef"])
    shift = true["coef"] @ bound.centre if layout == "dense" else 0.0
    assert params["intercept"][0] == pytest.approx(true["intercept"][0] + shift)
    answer = bound.task.answer(params, [], Moment(0, 0.0, 0))
    np.testing.assert_allclose(answer.weights, true.weights, rtol=1e-12)


@every_layout
def test_an_intercept_that_is_not_learnt_is_dropped_at_the_door(layout):
    bound = Bound(layout=layout, fit_intercept=False)
    params = bound.params()
    params["intercept"][0] = 5.0
    bound.task.enter(params)
    assert params["intercept"][0] == 0.0
    bound.steps(bound.memories(params)[0], ORDER, 0)
    assert params["intercept"][0] == 0.0


def test_the_answer_is_the_mean_that_the_workers_kept():
    bound = Bound(layout="dense", average=True)
    params = bound.params()
    memories = bound.memories(params, 3, Replicas())
    for memory, mass in zip(memories, (30.0, 0.0, 10.0), strict=True):
        memory.mean[:], memory.mass[0] = mass, mass
    answer = bound.task.answer(params, memories, Moment(1, 0.0, 0))
    np.testing.assert_allclose(answer["coef"], 25.0)
    assert answer["intercept"][0] == pytest.approx(25.0 - 25.0 * bound.centre.sum())


def test_an_answer_that_is_not_finite_is_told():
    bound = Bound()
    params = bound.params()
    params.weights[3] = np.nan
    with pytest.raises(NonFiniteError, match=r"1 of 8 weights in 'coef' .* number 3\) after 1090 examples, in epoch 3"):
        bound.task.answer(params, [], Moment(2, 1000.0, 90))


@pytest.mark.parametrize("minibatch", [2, 8])
@pytest.mark.parametrize("layout", ["sparse", "relaxed"])
def test_minibatches_of_replicas_are_those_of_one_but_for_when_the_penalty_is_paid(minibatch, layout):
    bound = Bound(layout=layout, l2=0.01)
    one, alone = run_together(bound, None, 1, minibatch=minibatch, each=16)
    bound = Bound(layout=layout, l2=0.01)
    other, shared = run_together(bound, Replicas(), 2, minibatch=minibatch, each=16)
    np.testing.assert_allclose(shared[-1].weights, alone[-1].weights, rtol=5e-3)
    np.testing.assert_array_equal(shared[-1].weights, other.weights)  # there is no divisor
    np.testing.assert_array_equal(alone[-1].weights, one.weights)


# ---- what is refused


@pytest.mark.parametrize("how", [Racy(), Locking(), InTurn()])
@pytest.mark.parametrize("size", [1, 2])
def test_minibatches_of_the_published_schemes_are_refused(how, size):
    bound = Bound()
    memory = bound.memories(bound.params(), size, how)[0]
    sentence = r"takes one example a step: for minibatch=4 use Hogwild\(Replicas\(\)\), or a strategy whose workers"
    with pytest.raises(Unsupported, match=sentence):
        bound.steps(memory, range(8), 0, minibatch=4)


def test_one_shared_vector_has_one_form():
    bound = Bound()
    first, second = bound.memories(bound.params(), 2, Replicas())
    bound.steps(first, range(8), 0)
    with pytest.raises(Unsupported, match=r"steps\(\) on shared memory must all have minibatch=1, or none of them"):
        bound.steps(second, range(8), 8, minibatch=4)
    alone = bound.memories(bound.params())[0]
    bound.steps(alone, range(8), 8, minibatch=4)
    bound.steps(alone, range(8), 16)


def test_a_rate_in_all_steps_or_in_none():
    bound = Bound()
    memory: Memory = bound.memories(bound.params())[0]
    bound.steps(memory, range(8), 0)
    with pytest.raises(Unsupported, match=r"a strategy must give a rate in all of its steps\(\) or in none"):
        bound.steps(memory, range(8), 8, rate=0.1)


def test_a_mean_that_nobody_keeps_is_refused():
    bound = Bound(average=True)
    params = bound.params()
    memory = Memory(0, 2, params.weights, np.zeros(CONTROL_CELLS, np.int64))  # one of several, each for itself
    sentence = r"average=True needs steps\(\) on one vector: use Serial\(\) or Hogwild\(\), or leave average out"
    with pytest.raises(Unsupported, match=sentence):
        bound.steps(memory, range(8), 0)
    with pytest.raises(Unsupported, match=sentence):
        bound.task.gradient(params, single(range(8)), Moment(0, 0.0, 0), None)
