"""Named vectors on the shards, and sums of gradients that are accrued portion by portion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.rigs import Rig, delta, flat

from hogwild.params import Params
from hogwild.rules.updates import sgd
from hogwild.server import Ranges, Shard
from hogwild.server.messages import DELTA, PushPart


def started(shards: int, weights=(1.0, 2.0, 3.0, 4.0, 5.0)) -> Rig:
    params = flat(len(weights))
    params.weights[:] = weights
    return Rig(params, shards, sgd(), clients=2, accrue=True)


def accrued(rig: Rig) -> np.ndarray:
    rig.operate("copy", "seen", "accrued")
    kept = rig.weights.copy()
    rig.operate("copy", "kept", "weights")
    rig.operate("copy", "weights", "seen")
    found = rig.weights.copy()
    rig.operate("copy", "weights", "kept")
    np.testing.assert_array_equal(rig.weights, kept)
    return found


# ---------------------------------------------------------------------------------------------------------- operations


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_operations(shards):
    rig = started(shards)
    assert rig.operate("dot", "weights", "weights") == 55.0
    assert rig.operate("copy", "d", "weights") == 0.0
    assert rig.operate("scale", "d", -2) == 0.0
    assert rig.operate("dot", "d", "weights") == -110.0
    assert rig.operate("axpy", "weights", 0.5, "d") == 0.0
    np.testing.assert_array_equal(rig.weights, np.zeros(5))
    rig.operate("axpy", "d", 3.0, "d")
    rig.operate("copy", "weights", "d")
    np.testing.assert_array_equal(rig.weights, [-8.0, -16.0, -24.0, -32.0, -40.0])
    rig.operate("axpy", "weights", -2.0, "d", 0.5, "weights", 1.0, "d")  # one after the other
    np.testing.assert_array_equal(rig.weights, 4.0 * np.arange(1, 6))
    rig.operate("copy", "d", "accrued")  # one that is there is overwritten
    assert rig.operate("dot", "d", "d") == 0.0


def test_units_are_those_of_the_model():
    scales = np.array([2.0, 4.0, 0.5])
    span = Ranges(flat(3).offsets, 1).spans[0]
    shard = Shard(span, np.array([1.0, 1.0, 1.0]), sgd(), scales=scales)
    for power, expected in ((1, scales), (-2.0, 1 / scales), (np.int64(1), np.ones(3))):
        assert shard.operate(("units", "weights", power)) == 0.0
        np.testing.assert_array_equal(shard.weights, expected)
    again = Shard(span, np.zeros(3), sgd(), scales=scales)
    again.restore(shard.snapshot())
    again.operate(("units", "weights", 1.0))
    np.testing.assert_array_equal(again.weights, scales)
    plain = Shard(span, np.array([1.0, 2.0, 3.0], np.float32), sgd())
    plain.operate(("units", "weights", -1.0))
    np.testing.assert_array_equal(plain.weights, np.array([1.0, 2.0, 3.0], np.float32))


def test_a_copy_is_one():
    rig = started(2)
    rig.operate("copy", "d", "weights")
    rig.operate("scale", "weights", 0.0)
    assert rig.operate("dot", "d", "d") == 55.0


def test_numbers_of_numpy_do_not_widen_the_vectors():
    rig = Rig(flat(3, np.float32, start=1.0), 1, sgd())
    rig.operate("scale", "weights", np.float64(0.1))
    rig.operate("axpy", "weights", np.float64(0.1), "weights")
    assert rig.weights.dtype == np.float32
    np.testing.assert_array_equal(rig.weights, np.full(3, np.float32(0.1) + np.float32(0.1) * np.float32(0.1)))


def test_a_product_of_float32_vectors_is_summed_in_float64():
    rig = Rig(flat(100_000, np.float32, start=1 / 3), 2, sgd())
    assert rig.operate("dot", "weights", "weights") == pytest.approx(1e5 * float(np.float32(1 / 3)) ** 2, rel=1e-12)


def test_an_operation_that_comes_twice_happens_once_and_is_answered_again():
    shard = Shard(Ranges(np.arange(4), 1).spans[0], np.ones(3), sgd())
    assert [shard.operate(("dot", "weights", "weights"), (0, 0)) for _ in range(2)] == [3.0, 3.0]
    for _ in range(2):
        shard.operate(("axpy", "weights", 1.0, "weights"), (0, 1))
    assert shard.operate(("dot", "weights", "weights"), (0, 0)) == 3.0
    np.testing.assert_array_equal(shard.weights, np.full(3, 2.0))
    shard.operate(("axpy", "weights", 1.0, "weights"), (1, 1))  # somebody else's
    shard.operate(("axpy", "weights", 1.0, "weights"))  # nobody's
    np.testing.assert_array_equal(shard.weights, np.full(3, 8.0))
    assert shard.version == 0  # that counts pushes


def test_pushes_and_operations_of_a_worker_are_numbered_together():
    rig = started(2)
    for _ in range(100):
        rig.push(np.ones(5))
        rig.operate("axpy", "weights", 0.0, "weights")
    np.testing.assert_array_equal(rig.weights, np.arange(1, 6) + 100)


@pytest.mark.parametrize(
    ("op", "sentence"),
    [
        (
            ("multiply", "x", "y"),
            r"^operation \('multiply', 'x', 'y'\) is not known; use one of \('copy', to, of\), \(",
        ),
        ((), r"^operation \(\) is not known"),
        ("loss", r"^operation 'loss' is not known"),
        (([],), r"^operation \(\[\],\) is not known"),
        (("axpy", "x", "y"), r"has 2 arguments; its form is \('axpy', y, a, x, \.\.\.\)$"),
        (("axpy", "x", "y", 1.0), r"^a='y' in operation .* must be a finite number; its form is \('axpy', y, a, x, "),
        (("axpy", "x", 1.0, "y", 2.0), r"has 4 arguments; its form is"),
        (("axpy", "x", 1.0, "y", "z", 2.0), r"^a='z' in operation"),
        (("axpy", "weights", 1.0, "d", 1.0, "q"), r"^the server has no vector 'q'"),
        (("scale", "weights", np.nan), r"^a=nan in operation"),
        (("scale", 1.0, 1.0), r"^x=1.0 in operation .* must be the name of a vector, such as 'weights'$"),
        (("copy", "", "weights"), r"^to='' in operation"),
        (
            ("dot", "q", "weights"),
            r"^the server has no vector 'q', only weights, accrued, d; \('copy', 'q', of\) makes it$",
        ),
        (("axpy", "q", 1.0, "weights"), r"^the server has no vector 'q'"),
        (("copy", "q", "q"), r"^the server has no vector 'q'"),
    ],
)
def test_bad_operations(op, sentence):
    shard = Shard(Ranges(np.arange(4), 1).spans[0], np.ones(3), sgd())
    shard.operate(("copy", "d", "weights"), (0, 0))
    with pytest.raises(ValueError, match=sentence):
        shard.operate(op, (0, 1))
    shard.operate(("copy", "q", "weights"), (0, 1))  # the number was not used
    assert shard.operate(("dot", "q", "weights")) == 3.0


# ------------------------------------------------------------------------------------------------------------- accrual


def test_portions_are_kept_and_not_applied():
    rig = started(2)
    rig.push(delta([1.0] * 5, portion=0, loss=1.5, examples=4), rate=0.1)
    rig.push(delta([1.0, 1.0], [0, 4], portion=1, loss=2.5), rate=0.1)
    np.testing.assert_array_equal(rig.weights, [1.0, 2.0, 3.0, 4.0, 5.0])
    np.testing.assert_array_equal(accrued(rig), [2.0, 1.0, 1.0, 1.0, 2.0])
    assert rig.operate("loss") == 4.0
    assert rig.shards[0].version == rig.shards[1].version == 2


def test_without_a_portion_or_without_accruing_gradients_are_applied():
    for rig, portion in ((started(2), None), (Rig(flat(5), 2, sgd()), 0)):
        before = rig.weights.copy()
        rig.push(delta([1.0] * 5, portion=portion), rate=0.5)
        np.testing.assert_array_equal(rig.weights, before - 0.5)
        assert rig.operate("dot", "accrued", "accrued") == rig.operate("loss") == 0.0


def test_the_first_result_of_a_portion_wins():
    rig = started(2)
    rig.push(delta([1.0] * 5, portion=1, loss=1.0), worker=0)
    rig.push(delta([7.0] * 5, portion=1, loss=7.0), worker=1)  # waits for its turn: known already
    rig.push(delta([2.0] * 5, portion=0, loss=2.0), worker=0)
    rig.push(delta([7.0] * 5, portion=0, loss=7.0), worker=1)  # has been added
    np.testing.assert_array_equal(accrued(rig), np.full(5, 3.0))
    rig.push(delta([7.0] * 5, portion=1, loss=7.0), worker=1)  # after closing
    np.testing.assert_array_equal(accrued(rig), np.full(5, 3.0))
    assert rig.operate("loss") == 3.0


def test_what_waits_for_its_turn_is_a_copy():
    rig = started(1)
    rig.push(delta([0.0] * 5, portion=2))
    for part in rig.clients[0].push(delta([1.0] * 5, portion=1)):
        rig.shards[0].push(part)
        part.values[:] = 99
    np.testing.assert_array_equal(accrued(rig), np.ones(5))


@pytest.mark.slow
@given(
    st.integers(1, 8).flatmap(lambda n: st.permutations(list(range(n)) * 2)),
    st.integers(1, 3),
    st.sets(st.integers(0, 7), max_size=3),
    st.integers(0, 99),
)
def test_the_order_of_addition_is_fixed(arrivals, shards, lost, seed):
    """Bit for bit the plain sum in the order of numbers, whatever comes first and whatever never comes."""
    rng = np.random.default_rng(seed)
    size = max(arrivals) + 1
    values = (rng.standard_normal((size, 5)) * 10.0 ** rng.integers(-4, 5, (size, 1))).astype(np.float32)
    losses = rng.standard_normal(size) * 1e8
    keys = [None if rng.random() < 0.5 else np.array([0, 3]) for _ in range(size)]
    params = Params({"coef": (5,)}, np.float32)
    rig = Rig(params, shards, sgd(), clients=2, accrue=True)
    for turn, number in enumerate(arrivals):
        if number not in lost:
            some = values[number] if keys[number] is None else values[number][:2]
            x = delta(some, keys[number], portion=number, loss=losses[number], dtype=np.float32)
            rig.push(x, worker=turn % 2)
    total, loss = np.zeros(5, np.float32), 0.0
    for number in sorted(set(arrivals) - lost):
        at = slice(None) if keys[number] is None else keys[number]
        total[at] += values[number][: total[at].size]
        loss += losses[number]
    np.testing.assert_array_equal(accrued(rig), total)
    assert rig.operate("loss") == loss


def test_a_portion_without_examples_has_had_its_turn():
    rig = started(2)
    rig.push(delta([0.0] * 5, examples=0, steps=0, portion=0))
    rig.push(delta([1.0] * 5, portion=1))
    np.testing.assert_array_equal(accrued(rig), np.ones(5))


def portion(number: int, seq: int, cleared: int) -> PushPart:
    return PushPart(0, 0, seq, 0, cleared, DELTA, None, np.ones(2), 1, 1, 1.0, None, number)


def accruing() -> Shard:
    return Shard(Ranges(np.arange(3), 1).spans[0], np.zeros(2), sgd(), accrue=True)


def test_a_portion_of_an_older_clock_is_told_and_dropped():
    shard = accruing()
    assert not shard.push(portion(0, 0, cleared=0)).late
    shard.operate(("clear",))
    assert shard.operate(("dot", "accrued", "accrued")) == 0.0
    shard.operate(("clear",))
    late = shard.push(portion(1, 1, cleared=1))
    assert late.late
    assert shard.push(portion(1, 1, cleared=1)) == late  # also when it comes twice
    assert (shard.version, shard.clock(0)) == (2, 2)  # it counts as a push: its sender may be waited for
    assert shard.pull().stamp.cleared == 2
    assert not shard.push(portion(1, 2, cleared=2)).late
    assert shard.operate(("loss",)) == 1.0


def test_a_portion_that_comes_after_the_sum_was_read_is_told_and_dropped():
    shard = accruing()
    shard.push(portion(0, 0, cleared=0))
    shard.push(portion(2, 1, cleared=0))
    assert shard.operate(("dot", "accrued", "accrued")) == 8.0
    assert shard.push(portion(1, 2, cleared=0)).late
    assert shard.push(portion(3, 3, cleared=0)).late
    for seq, number in ((4, 0), (5, 2)):  # duplicates are in the sum: nobody need do them again
        assert not shard.push(portion(number, seq, cleared=0)).late
    assert shard.operate(("dot", "accrued", "accrued")) == 8.0


def test_a_worker_that_pulls_after_the_clear_is_in_time():
    rig = started(2)
    rig.operate("clear", worker=0)
    parts = rig.clients[1].push(delta([1.0] * 5, portion=0))
    replies = [rig.shards[part.shard].push(part) for part in parts]
    assert [reply.late for reply in replies] == [True, True]
    rig.clients[1].acknowledged(replies)
    rig.pull(worker=1)
    rig.push(delta([1.0] * 5, portion=0), worker=1)
    np.testing.assert_array_equal(accrued(rig), np.ones(5))


@pytest.mark.parametrize("shards", [1, 3])
def test_descent_by_operations_only_finds_the_optimum(shards):
    """min mean_k |w - t_k|^2 / 2, a portion an example; the weights never leave the server but to be pulled."""
    targets = np.random.default_rng(1).standard_normal((6, 5))
    rig = started(shards)
    for _ in range(60):
        rig.operate("clear")
        for worker in range(2):
            weights = rig.pull(worker=worker).values
            for number in range(6)[:: 1 - 2 * worker]:  # both compute all, from both ends
                gap = weights - targets[number]
                rig.push(delta(gap, portion=number, loss=0.5 * gap @ gap), worker=worker)
        rig.operate("axpy", "weights", -0.5 / 6, "accrued")
    np.testing.assert_allclose(rig.weights, targets.mean(axis=0), atol=1e-12)
    spread = 0.5 * ((targets - targets.mean(axis=0)) ** 2).sum()
    assert rig.operate("loss") == pytest.approx(spread, rel=1e-12)
