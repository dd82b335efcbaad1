"""Compressed messages: fewer bytes, nothing lost over time, and one sentence where nothing can be compressed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies.watched import watched

from hogwild import (
    ALL,
    AllReduce,
    Alone,
    BoundedStaleness,
    Compressed,
    Downpour,
    ElasticAveraging,
    Gossip,
    Hogwild,
    Linear,
    LocalSGD,
    ParzenASGD,
    Sandblaster,
    Serial,
    Simulated,
    Speeds,
    Stop,
    Threads,
    Unsupported,
    float16,
    sgd,
    sign,
    topk,
    train,
)
from hogwild.deltas import Delta
from hogwild.requests import Start
from hogwild.rules.schedules import constant
from hogwild.testing import problem
from hogwild.testing.probes import Probe, Trial, served

CODECS = [float16(), topk(0.3), sign()]
SENDERS = [
    AllReduce(4), LocalSGD(5), Downpour(4), Downpour(4, fetch="wait", server=sgd()),
    BoundedStaleness(period=5), ElasticAveraging(5), ElasticAveraging(5, synchronous=True),
]  # fmt: skip
every_codec = pytest.mark.parametrize("codec", CODECS, ids=repr)
every_sender = pytest.mark.parametrize("strategy", SENDERS, ids=repr)
TASK = problem(n=1000, d=16)
MODEL = Linear("squared", l2=0.01, schedule=constant(0.02), average=False)


def run(strategy, engine=None, epochs=3, tol=0):
    where = Simulated(4) if engine is None else engine
    return train(MODEL, TASK.data, strategy=strategy, engine=where, stop=Stop(epochs, tol=tol), seed=0)


# ---- what is sent


@every_sender
def test_with_all_values_sent_nothing_changes(strategy):
    plain, coded = run(strategy), run(Compressed(strategy, topk(1.0)))
    np.testing.assert_allclose(coded.params.weights, plain.params.weights, rtol=1e-9, atol=1e-12)
    assert coded.history.traffic.sent_bytes == plain.history.traffic.sent_bytes, "coded, it would be more"


@pytest.mark.parametrize("engine", [Simulated(4), Threads(1)], ids=["simulated", "threads"])
@pytest.mark.parametrize("strategy", [AllReduce(4), LocalSGD(5)], ids=repr)
def test_half_precision_takes_a_quarter_of_doubles(strategy, engine):
    plain, coded = run(strategy, engine), run(Compressed(strategy, float16()), engine)
    assert coded.history.traffic.sent_bytes == plain.history.traffic.sent_bytes // 4
    assert coded.history.traffic.messages == plain.history.traffic.messages


@every_codec
def test_pushes_are_smaller_on_all_shards(codec):
    def pushed(strategy):
        traffic = run(strategy, Simulated(3, shards=2)).history.traffic
        return traffic.sent_bytes - 64 * traffic.messages

    plain, coded = pushed(BoundedStaleness(period=5)), pushed(Compressed(BoundedStaleness(period=5), codec))
    half = plain / 2  # weights come back as they are
    ratio = codec.n_bytes(np.zeros(17)) / (17 * 8)
    assert coded == pytest.approx(half + half * ratio, rel=0.03)


# ---- nothing is lost


@given(
    st.builds(
        Simulated, st.integers(1, 4), st.integers(1, 3), speeds=st.builds(Speeds, spread=st.sampled_from([0, 1.0]))
    ),
    st.sampled_from(CODECS),
    st.integers(1, 6),
    st.booleans(),
)
def test_what_was_sent_and_what_is_kept_add_up(engine, codec, period, started):
    """Weight i of the ledger counts how often example i was learnt."""
    found = []

    async def pushing(me):
        tickets = []
        async for _ in me.rounds():
            me.params.weights[:] = 0
            tickets.append(await me.start(me.push(await me.steps(period, record=True))))
            if not started:
                await tickets.pop()
        for ticket in tickets:
            await ticket

    async def at_end(me):
        await me.all_reduce()
        kept = (await me.all_reduce(np.append(me.params.state["residual"], 0.0))).sum[:-1]
        found[:] = [(await me.pull()).values + kept]

    strategy = Compressed(served(sgd()).strategy(pushing), codec)
    Trial(stop=Stop(2, tol=None)).run_strategy(engine, watched(strategy, at_end=at_end))
    np.testing.assert_allclose(found[0], 2.0, rtol=0, atol=1e-9)


def test_sums_over_few_examples_are_not_overwhelmed_by_what_was_left_of_many():
    """What is kept is the mean gradient, as sums over 100 and over 2 examples make steps of one size."""
    sent = []

    def tell(me, request, answer):
        x = getattr(request.request if isinstance(request, Start) else request, "x", None)
        if isinstance(x, Delta) and x.examples:
            sent.append(np.abs(x.values).max() / x.examples)

    trial = Trial(stop=Stop(3, tol=None), n_examples=25)
    for codec in (topk(0.5), sign()):
        sent.clear()
        strategy = Compressed(Downpour(12, fetch="wait", server=sgd(0.1)), codec)
        trial.run_strategy(Simulated(1), watched(strategy, tell))
        assert max(sent) <= 2.0, "of gradients that are 1 / 12 or 1 each, some came twice"


@every_codec
@every_sender
def test_the_optimum_is_reached_all_the_same(strategy, codec):
    model = Linear("squared", l2=0.01, schedule=constant(0.05), average=False)
    strategy = Compressed(strategy, codec)
    history = train(model, TASK.data, strategy=strategy, engine=Simulated(4), stop=Stop(40, tol=0), seed=0).history
    assert TASK.gap(min(record.objective for record in history if record.objective is not None)) < 0.03


def test_it_repeats_bit_for_bit():
    one, other = (run(Compressed(Downpour(4), sign())).params.weights for _ in range(2))
    np.testing.assert_array_equal(one, other)


# ---- what passes through


def test_errors_are_raised_where_the_strategy_awaits():
    async def work(me):
        async for _ in me.rounds():
            try:
                await me.push(np.zeros(3))
            except ValueError as error:
                me.counts[str(error)] += 1
                return

    strategy = Compressed(served(sgd()).strategy(work), float16())
    counts = Trial().run_strategy(Simulated(1), strategy).history.counts
    assert len(counts) == 1
    assert "a vector of shape (3,) does not fit" in next(iter(counts))


def test_it_is_as_its_strategy():
    inner = AllReduce(4, backups=2)
    outer = Compressed(inner, "sign")
    for name in ("agree", "needs", "answer", "least_workers", "most_workers", "server", "survives"):
        assert getattr(outer, name) == getattr(inner, name)
    assert Compressed(Downpour(), sign()).server == Downpour().server
    assert outer == Compressed(inner, sign()) != Compressed(inner, topk())


# ---- what cannot be compressed


REFUSED = [Serial(), Hogwild(), Alone(), Gossip(), ParzenASGD(), Sandblaster()]


@pytest.mark.parametrize("strategy", REFUSED, ids=lambda strategy: type(strategy).__name__)
def test_who_sends_nothing_of_the_kind_is_refused(strategy):
    sentence = f"^messages of {type(strategy).__name__} cannot be compressed: use one that pushes or all-reduces"
    with pytest.raises(ValueError, match=sentence):
        Compressed(strategy, sign())


def test_also_who_is_found_out_later():
    async def putting(me):
        async for _ in me.rounds():
            await me.put(0, me.params.weights)

    async def accruing(me):
        async for _ in me.rounds():
            await me.push(await me.gradient(await me.take()))

    for probe, work, what in (
        (Probe(agree=False), putting, "puts weights into mailboxes"),
        (served(sgd()), accruing, "adds up portions exactly"),
    ):
        with pytest.raises(Unsupported, match=rf"^Probe {what}, which cannot be compressed: use it as it is"):
            Trial().run_strategy(Simulated(2), Compressed(probe.strategy(work), sign()))


@pytest.mark.parametrize(
    ("make", "kind", "sentence"),
    [
        (
            lambda: Compressed("downpour", sign()),
            TypeError,
            r"^strategy='downpour' must be a strategy such as Downpour",
        ),
        (lambda: Compressed(Compressed(LocalSGD(), sign()), sign()), TypeError, r"not compressed yet$"),
        (lambda: Compressed(Downpour(), "gzip"), ValueError, r"^codec='gzip' is not known; use one of float16, topk"),
        (lambda: Compressed(Downpour(), sign), TypeError, r"^codec=<function sign"),
    ],
)
def test_bad_wrappings(make, kind, sentence):
    with pytest.raises(kind, match=sentence):
        make()


def test_full_batches_too():
    assert TASK.gap(run(Compressed(AllReduce(ALL), float16()), epochs=60).history[-1].objective) < 0.9
