"""One shard: what a push does, exactly once; versions, clocks and staleness; what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.rigs import Rig, change, delta, flat

from hogwild.kernels.updates import compiled
from hogwild.params import Params
from hogwild.rules.penalties import prox as soft
from hogwild.rules.updates import adagrad, adam, momentum, sgd
from hogwild.server import SEQS_OF_A_LIFE, Ranges, Shard
from hogwild.server.messages import CHANGE, DELTA, PushPart

RULES = [sgd(), momentum(), adagrad(), adam(rate=0.01)]


def shard_of(n_weights: int, rule=None, **kwargs) -> Shard:
    return Shard(Ranges(np.arange(n_weights + 1), 1).spans[0], np.zeros(n_weights), rule or sgd(), **kwargs)


def part(seq: int, values=(1.0, 1.0), *, worker=0, others=0, kind=CHANGE, keys=None, rate=0.5, shard=0) -> PushPart:
    keys = None if keys is None else np.array(keys, np.int64)
    values = None if values is None else np.array(values)
    return PushPart(shard, worker, seq, others, 0, kind, keys, values, 1, 1, 0.0, rate, None)


# ----------------------------------------------------------------------------------------------------- what a push does


def test_a_sum_of_gradients_makes_one_step_with_the_sum_of_its_means():
    rig = Rig(flat(3, start=1.0), 2, sgd())
    rig.push(delta([6.0, -3.0, 0.0], steps=2, examples=6), rate=0.1)
    np.testing.assert_allclose(rig.weights, [1 - 0.1 * 2.0, 1 + 0.1 * 1.0, 1.0], rtol=1e-15)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("keys", [None, [0, 2, 3]], ids=["dense", "keyed"])
@pytest.mark.parametrize("fast", [False, True], ids=["NumPy", "kernel"])
def test_a_step_is_the_rules(rule, keys, fast):
    rng, params = np.random.default_rng(3), flat(5, start=0.5)
    rig = Rig(params, 2, rule, move=compiled(rule, np.float64) if fast else None)
    wanted = params.weights.copy()
    state, at = rule.init(wanted), slice(None) if keys is None else np.array(keys)
    for _ in range(20):
        values = rng.standard_normal(wanted[at].size)
        rig.push(delta(values, keys, steps=3, examples=12), rate=0.2)
        wanted[at] -= rule.step(state, values * 3 / 12, 0.2 if rule.rate is None else rule.rate, at)
    np.testing.assert_allclose(rig.weights, wanted, rtol=1e-12)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("fast", [False, True], ids=["NumPy", "kernel"])
def test_values_become_those_of_the_weights(rule, fast):
    found = []
    for dtype in (np.float32, np.float64):
        rig = Rig(flat(4, np.float32), 2, rule, move=compiled(rule, np.float32) if fast else None)
        rig.push(delta(np.linspace(-1, 1, 4), dtype=dtype), rate=0.5)
        assert rig.weights.dtype == np.float32
        found.append(rig.weights)
        rig.push(delta([1e300, 1.0, 1.0, 1.0]), rate=0.5)  # without a warning: whoever reads it looks
        assert np.isfinite(rig.weights).tolist() == [False, True, True, True]
    np.testing.assert_array_equal(*found)


def test_keys_out_of_order_are_refused():
    shard = shard_of(9)
    for keys in ([0, 10**9, 3], [0, -5, 3], [2, 2]):
        with pytest.raises(ValueError, match=r"^keys must increase, but entry \d is .* give each row once"):
            shard.push(part(0, [1.0] * len(keys), keys=keys))
    assert shard.version == 0
    np.testing.assert_array_equal(shard.weights, 0)


def test_scales_are_of_the_weights_type():
    rule, found = adagrad(0.5), []
    for dtype in (np.float32, np.float64):
        scales = np.linspace(0.1, 1, 4, dtype=np.float32).astype(dtype)
        rig = Rig(flat(4, np.float32), 1, rule, move=compiled(rule, np.float32), scales=scales)
        rig.push(delta([1.0, 2.0, 3.0, 4.0], dtype=np.float32))
        found.append(rig.weights)
    np.testing.assert_array_equal(*found)


def test_a_change_is_added_and_so_is_a_plain_vector():
    rig = Rig(flat(3, start=1.0), 3, adagrad())
    rig.push(change([1.0, 2.0, 3.0]))
    rig.push(change([10.0, 20.0], [0, 2]))
    rig.push(np.array([0.0, 100.0, 0.0]))
    np.testing.assert_array_equal(rig.weights, [12.0, 103.0, 24.0])


def test_a_push_without_examples_advances_the_version_and_the_clock_and_nothing_else():
    def never(values, positions, rate, examples):
        raise AssertionError("there is no step, so there is no penalty to pay")

    rig = Rig(flat(3, start=1.0), 2, momentum(), prox=never)
    before = [shard.snapshot() for shard in rig.shards]
    assert rig.push(delta([0.0, 0.0, 0.0], examples=0, steps=0), rate=0.1).versions == (1, 1)
    assert rig.push(delta([0.0], [1], examples=0, steps=0), rate=0.1).versions == (2, 2)
    for shard, old in zip(rig.shards, before, strict=True):
        assert (shard.version, shard.clock(0)) == (2, 2)
        for name in ("weights", "state.0"):
            np.testing.assert_array_equal(shard.snapshot()[name], old[name])


def test_no_examples_make_no_step_also_with_values():
    shard = shard_of(2, momentum())
    shard.push(part(0, [0.0, 0.0], kind=DELTA)._replace(examples=0, steps=0))
    np.testing.assert_array_equal(shard.weights, [0.0, 0.0])
    assert shard.version == 1


def test_float32_stays_float32_whatever_the_numbers_are():
    rig = Rig(flat(3, np.float32), 1, sgd())
    x = delta([1.0, 2.0, 3.0], steps=np.int64(1), examples=np.int64(3), dtype=np.float32)
    rig.push(x, rate=np.float64(0.1))
    other = Rig(flat(3, np.float32), 1, sgd())
    other.push(delta([1.0, 2.0, 3.0], steps=1, examples=3, dtype=np.float32), rate=0.1)
    assert rig.weights.dtype == np.float32
    np.testing.assert_array_equal(rig.weights, other.weights)


def test_sgd_rounds_like_a_worker_that_applies_its_own_gradient():
    values = np.random.default_rng(0).standard_normal(50).astype(np.float32)
    rig = Rig(flat(50, np.float32, start=1.0), 4, sgd())
    rig.push(delta(values, steps=3, examples=7, dtype=np.float32), rate=0.1)
    np.testing.assert_array_equal(rig.weights, np.float32(1.0) - values * np.float32(0.1 * 3 / 7))


# --------------------------------------------------------------------------------------------------------- the penalty


def paying(l1: np.ndarray):
    """The proximal step of sum_i l1_i |w_i|, as a task has it."""

    def prox(values, positions, rate, examples):
        values[:] = soft(values, 1.0, 0.0, l1[positions] * rate)

    return prox


@pytest.mark.parametrize("keys", [None, [1, 2, 4]], ids=["dense", "keyed"])
def test_the_penalty_is_paid_at_positions_of_all_weights(keys):
    calls = []

    def prox(values, positions, rate, examples):
        calls.append((np.arange(5)[positions].tolist(), values.tolist(), rate, examples))
        values += 100

    rig = Rig(flat(5), 2, sgd(), prox=prox)
    values = [1.0] * 5 if keys is None else [1.0] * 3
    rig.push(delta(values, keys, steps=2, examples=2), rate=0.25)
    touched = list(range(5)) if keys is None else keys
    assert sorted(position for positions, *_ in calls for position in positions) == touched
    assert all((set(values), *numbers) == ({-0.25}, 0.5, 2) for _, values, *numbers in calls)
    wanted = np.zeros(5)
    wanted[touched] = 99.75
    np.testing.assert_array_equal(rig.weights, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("rule", [sgd(), momentum(), adagrad(0.5), adam(1e-3)], ids=lambda rule: rule.name)
@pytest.mark.parametrize("keys", [None, [0, 1, 2, 3]], ids=["dense", "keyed"])
def test_gradient_and_penalty_balance_at_the_optimum_under_every_rule(rule, keys):
    # min sum_i h_i/2 (w_i - t_i)^2 + l1 |w_i|: soft(t, l1 / h). It needs a prox at the pace of the rule.
    curvature, target, l1 = np.array([1.0, 2.0, 0.5, 4.0]), np.array([1.0, -1.0, 0.3, 0.02]), 0.2
    rig = Rig(flat(4), 2, rule, prox=paying(np.full(4, l1)))
    for _ in range(4000):
        rig.push(delta(curvature * (rig.weights - target), keys), rate=0.02)
    wanted = soft(target, 1.0, 0.0, l1 / curvature)
    np.testing.assert_allclose(rig.weights, wanted, atol=5e-3)
    assert (rig.weights[2:] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("rule", [sgd(), momentum(), adagrad(0.5), adam(1e-3)], ids=lambda rule: rule.name)
def test_they_balance_also_where_the_model_makes_smaller_steps_for_some_weights(rule):
    # The task's prox takes rate * l1 * factor off a weight whose steps are a fraction `factor` of the rate.
    factors, target, l1 = np.array([1.0, 0.25, 0.04, 0.5]), np.array([1.0, -1.0, 0.5, 0.1]), 0.2
    rig = Rig(flat(4), 1, rule, prox=paying(l1 * factors), scales=np.sqrt(factors))
    for _ in range(10_000):
        rig.push(delta(rig.weights - target), rate=0.02)
    np.testing.assert_allclose(rig.weights, soft(target, 1.0, 0.0, l1), atol=5e-3)


def test_a_warm_start_survives_the_first_push():
    # Where no gradient has come yet, adaptive rules would pay the penalty at rate / eps.
    rig = Rig(flat(3, start=0.7), 1, adagrad(), prox=paying(np.full(3, 1e-3)))
    rig.push(delta([0.0, 0.0, 1.0]))
    np.testing.assert_array_equal(rig.weights[:2], 0.7)


# -------------------------------------------------------------------------------------------------------- exactly once


def test_a_copy_is_answered_as_before_and_does_nothing():
    shard = shard_of(2)
    first = shard.push(part(0))
    shard.push(part(0, worker=1))
    again = shard.push(part(0))
    assert again == first
    assert (first.version, first.staleness, shard.version) == (1, 0, 2)
    assert (shard.clock(0), shard.clock(1), shard.clock(2)) == (1, 1, 0)
    np.testing.assert_array_equal(shard.weights, [2.0, 2.0])


def test_a_message_that_was_overtaken_is_not_a_copy():
    shard = shard_of(2, window=4)
    for seq in (3, 1, 0, 3, 1, 2, 0):
        shard.push(part(seq))
    assert shard.version == 4
    np.testing.assert_array_equal(shard.weights, [4.0, 4.0])


def test_what_is_older_than_the_window_is_a_copy():
    shard = shard_of(2, window=4)
    for seq in range(9):
        shard.push(part(seq))
    for seq in range(9):
        assert shard.push(part(seq)).seq == seq
    assert shard.version == 9
    np.testing.assert_array_equal(shard.weights, [9.0, 9.0])


def test_processes_of_a_worker_are_told_apart_by_their_numbers():
    """What the one before has sent may arrive late: it is new, and counted as its own."""
    shard, later = shard_of(2), 3 * SEQS_OF_A_LIFE
    for seq in (0, 1, later, later + 1, later + 2, 2, 2, later + 2, 1):
        shard.push(part(seq))
    assert (shard.version, shard.weights[0]) == (6, 6.0)
    assert shard.numbers() == {(0, 0): 3, (0, 3): 3}
    again = shard_of(2)
    again.restore(shard.snapshot())
    assert again.numbers() == shard.numbers()
    again.push(part(2))
    assert again.version == 6


def test_what_was_refused_has_used_no_number():
    shard = shard_of(2)
    with pytest.raises(ValueError, match="came to 2 weights"):
        shard.push(part(2 * SEQS_OF_A_LIFE, [1.0]))
    assert shard.numbers() == {}


def test_one_that_was_refused_may_be_sent_again():
    shard = shard_of(2)
    with pytest.raises(ValueError, match=r"values of shape \(3,\) came to 2 weights"):
        shard.push(part(0, [1.0, 1.0, 1.0]))
    assert shard.push(part(0)).version == 1


@pytest.mark.parametrize("scales", [np.ones(3), np.array([1.0, 0.0]), np.array([1.0, np.nan]), np.array([1.0, -1.0])])
def test_bad_scales(scales):
    with pytest.raises(ValueError, match=r"^scales must be positive numbers, one for each weight$"):
        shard_of(2, scales=scales)


@pytest.mark.slow
@given(st.data())
def test_any_order_and_any_copies_give_what_the_first_copies_give(data):
    """Against a plain loop over the first copies, as they arrive at each shard."""
    rule = data.draw(st.sampled_from(RULES))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    n_rows, workers = 7, 3
    rig = Rig(flat(n_rows, np.float32, start=0.5), data.draw(st.integers(1, 4)), rule, clients=workers)
    sent = []
    for _ in range(data.draw(st.integers(1, 12))):
        worker = data.draw(st.integers(0, workers - 1))
        keys = data.draw(st.none() | st.sets(st.integers(0, n_rows - 1)).map(sorted))
        values = rng.standard_normal(n_rows if keys is None else len(keys))
        make = data.draw(st.sampled_from([change, delta]))
        sent += rig.clients[worker].push(make(values, keys, dtype=np.float32), rate=0.25)
    arrivals = data.draw(st.permutations(sent + data.draw(st.lists(st.sampled_from(sent)))))
    answers = {}
    for each in arrivals:
        answer = rig.shards[each.shard].push(each)
        key = (each.shard, each.worker, each.seq)
        assert answers.setdefault(key, answer) == answer
    for shard, span in zip(rig.shards, rig.ranges.spans, strict=True):
        weights = np.full(span.end - span.begin, 0.5, np.float32)
        state, seen = rule.init(weights), set()
        for each in arrivals:
            if each.shard != span.shard or (each.worker, each.seq) in seen:
                continue
            seen.add((each.worker, each.seq))
            if each.values is None:
                continue
            at = slice(None) if each.keys is None else each.keys
            rate = 0.25 if rule.rate is None else rule.rate
            weights[at] -= -each.values if each.kind == CHANGE else rule.step(state, each.values, rate, at)
        np.testing.assert_array_equal(shard.weights, weights)
        assert shard.version == len(seen)
        assert [shard.clock(worker) for worker in range(workers)] == [
            sum(one == worker for one, _ in seen) for worker in range(workers)
        ]


events = st.tuples(st.sampled_from(["send", "arrive", "acknowledge", "old copy"]), st.integers(0, 99))


@given(st.integers(1, 4), st.lists(events, max_size=60))
def test_each_push_is_applied_once_over_a_network_that_loses_copies_and_reorders(window, happens):
    """The window is tiny, and the sender keeps to it (`Client.full`): nothing is lost and nothing is done twice."""
    shard, sent, under_way = shard_of(60, window=window), [], []
    for event, choice in happens:
        if event == "send" and (not under_way or len(sent) - under_way[0].seq < window):
            sent.append(part(len(sent), [1.0], keys=[len(sent)]))
            under_way.append(sent[-1])
        elif event == "arrive" and under_way:  # its acknowledgement gets lost
            shard.push(under_way[choice % len(under_way)])
        elif event == "acknowledge" and under_way:
            shard.push(under_way.pop(choice % len(under_way)))
        elif event == "old copy" and len(under_way) < len(sent):
            done = [each for each in sent if all(each is not other for other in under_way)]
            shard.push(done[choice % len(done)])
    for each in under_way:
        shard.push(each)
    np.testing.assert_array_equal(shard.weights, np.arange(60) < len(sent))
    assert shard.version == shard.clock(0) == len(sent)


# --------------------------------------------------------------------------------- the number of shards changes nothing


@pytest.mark.slow
@given(
    st.sampled_from(RULES),
    st.sampled_from([{"coef": (13,)}, {"coef": (5, 3)}, {"coef": (4, 3), "intercept": (3,), "scale": ()}]),
    st.integers(1, 5),
    st.booleans(),
    st.data(),
)
def test_the_number_of_shards_never_changes_a_bit(rule, views, shards, penalised, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    params = Params(views, np.float32)
    params.weights[:] = rng.standard_normal(params.weights.size)
    prox = paying(rng.uniform(0, 0.1, params.weights.size).astype(np.float32)) if penalised else None
    moves = None, compiled(rule, np.float32)  # the kernel gives the same bits, too
    rigs = [Rig(params, count, rule, prox=prox, move=move) for count, move in zip((1, shards), moves, strict=True)]
    n_rows = params.offsets.size - 1
    for _ in range(8):
        keys = data.draw(st.none() | st.sets(st.integers(0, n_rows - 1)).map(sorted))
        size = params.weights.size if keys is None else params.positions(np.array(keys, np.int64)).size
        x = delta(rng.standard_normal(size), keys, steps=3, examples=11, dtype=np.float32)
        acks = [rig.push(x, rate=0.1) for rig in rigs]
        assert set(acks[1].versions) == set(acks[0].versions)
        wanted = None if keys is None else np.array(keys, np.int64)
        one, many = [rig.pull(wanted) for rig in rigs]
        np.testing.assert_array_equal(one.values, many.values)
    np.testing.assert_array_equal(rigs[0].weights, rigs[1].weights)


# ------------------------------------------------------------------------------------------ versions, clocks, staleness


def test_staleness_is_what_others_have_pushed_since_the_senders_last_pull():
    rig = Rig(flat(4), 2, sgd(), clients=2)
    assert rig.push(np.ones(4), worker=0).staleness == 0
    assert rig.push(np.ones(4), worker=0).staleness == 0  # its own push it knows of
    assert rig.push(np.ones(4), worker=1).staleness == 2
    assert rig.pull(worker=1).versions == (3, 3)
    assert rig.push(np.ones(4), worker=0).staleness == 1
    assert rig.push(np.ones(4), worker=1) == ((5, 5), 1, False)


def test_staleness_counts_only_at_shards_that_are_concerned():
    rig = Rig(flat(4), 2, sgd(), clients=2)
    for _ in range(3):
        rig.push(np.ones(4), worker=1)
    rig.pull(np.array([0]))  # from shard 0 only
    rig.push(np.ones(4), worker=1)
    assert rig.push(change([1.0], [0])) == ((5, 5), 1, False)
    assert rig.push(change([1.0], [3])) == ((6, 6), 4, False)


def test_waiting_for_a_version():
    rig = Rig(flat(4), 2, sgd())
    assert rig.pull(version=0) is not None
    assert rig.pull(version=1) is None
    rig.push(change([1.0], [0]))  # shard 1 holds no such row, and counts it all the same
    assert rig.pull(version=1).versions == (1, 1)
    assert rig.pull(version=2) is None


def test_waiting_for_the_clock_of_all_who_are_still_there():
    shard = shard_of(2)
    shard.push(part(0, worker=0))
    shard.push(part(0, worker=1))
    shard.push(part(1, worker=1))
    assert shard.ready(clock=1, workers={0, 1})
    assert not shard.ready(clock=2, workers={0, 1})
    assert shard.ready(clock=2, workers={1})
    assert not shard.ready(clock=1, workers={0, 1, 2})
    assert shard.ready(clock=0, workers={0, 1, 2})
    assert shard.ready(clock=9, workers=())
    assert not shard.ready(version=4, clock=1, workers={0, 1})


@given(st.lists(st.tuples(st.integers(0, 4), st.sets(st.integers(0, 4)), st.integers(0, 4)), max_size=40))
def test_clocks_are_those_of_the_workers_asked_about_whatever_was_asked_before(events):
    shard, pushed = shard_of(2), [0] * 5
    for worker, others, clock in events:
        shard.push(part(pushed[worker], worker=worker))
        pushed[worker] += 1
        assert shard.ready(clock=clock, workers=others) == all(pushed[each] >= clock for each in others)


def test_a_pull_waits_for_what_its_sender_has_pushed():
    shard = shard_of(2, window=4)
    assert not shard.ready(worker=0, acked=2)
    shard.push(part(2))
    assert shard.ready(worker=0, acked=2)
    assert not shard.ready(worker=0, acked=1)
    assert not shard.ready(worker=1, acked=2)
    assert shard.version == 1  # asking makes no entries


def test_what_is_pulled_is_a_copy():
    shard = shard_of(3)
    for keys in (None, np.array([0, 2])):
        values, stamp = shard.pull(keys)
        values += 9
        assert stamp == (0, 0, 0, 0)
    np.testing.assert_array_equal(shard.weights, np.zeros(3))


def test_weights_are_copied_at_the_start():
    weights = np.zeros(3)
    shard = Shard(Ranges(np.arange(4), 1).spans[0], weights, sgd())
    shard.push(part(0, [1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(weights, np.zeros(3))


def test_weights_that_diverge_are_no_warning():
    shard = shard_of(1, sgd())
    shard.push(part(0, [1e308], kind=DELTA, rate=1e300))
    assert np.isinf(shard.weights).all()


# ----------------------------------------------------------------------------------------------------------- the border


def test_values_so_large_that_their_sum_is_not_finite_are_finite():
    shard = shard_of(2)
    shard.push(part(0, [1.7e308, 1.7e308]))
    np.testing.assert_array_equal(shard.weights, [1.7e308, 1.7e308])


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (part(0, shard=1), r"^a push for shard 1 came to shard 0$"),
        (part(0, [1.0]), r"^values of shape \(1,\) came to 2 weights of shard 0$"),
        (part(0, [1.0, 1.0], keys=[0]), r"^values of shape \(2,\) came to 1 weights"),
        (part(0, [1.0, 1.0], keys=[0, 2]), r"^rows 0 .. 2 are not in shard 0, which has 2 rows$"),
        (part(0, [1.0], keys=[-1]), r"^rows -1 .. -1 are not in shard 0"),
        (part(0, kind="gift"), r"^kind='gift' of a push is not known; it must be one of delta, change, vector$"),
        (part(0, kind=DELTA, rate=None), r"^sgd has no rate of its own: push with that of the model's schedule$"),
    ],
)
def test_bad_pushes(message, sentence):
    shard = shard_of(2)
    with pytest.raises(ValueError, match=sentence):
        shard.push(message)
    assert shard.version == 0


def test_bad_pulls():
    with pytest.raises(ValueError, match=r"^rows 1 .. 2 are not in shard 0, which has 2 rows$"):
        shard_of(2).pull(np.array([1, 2]))


@pytest.mark.parametrize("weights", [np.zeros(2), np.zeros((3, 1)), np.zeros(3, np.int64)])
def test_bad_weights(weights):
    with pytest.raises(ValueError, match=r"do not fit shard 0: give its 3 floating-point weights$"):
        Shard(Ranges(np.arange(4), 1).spans[0], weights, sgd())


@pytest.mark.parametrize("window", [0, -3, 1.5])
def test_bad_windows(window):
    with pytest.raises(ValueError, match=rf"^window={window} must be a whole number of at least 1$"):
        shard_of(2, window=window)
