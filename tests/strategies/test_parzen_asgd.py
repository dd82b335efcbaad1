"""ParzenASGD: whom it believes, what it sends, and how often."""

import numpy as np
import pytest
from tests.strategies.watched import watched

from hogwild import Linear, LocalSGD, ParzenASGD, Simulated, Speeds, Stop, Threads, train
from hogwild.deltas import PartialState
from hogwild.requests import Inbox, Put, Start, Steps
from hogwild.rules.schedules import constant
from hogwild.testing import problem
from hogwild.testing.probes import Trial

TASK = problem(n=2000, d=8)
MODEL = Linear("squared", l2=0.01, schedule=constant(0.02), average=False)


def run(strategy, engine, epochs=3, tol=0, seed=0):
    return train(MODEL, TASK.data, strategy=strategy, engine=engine, stop=Stop(epochs, tol=tol), seed=seed)


@pytest.mark.parametrize("engine", [Simulated(6, speeds=Speeds(jitter=0.5)), Threads(2)], ids=["simulated", "threads"])
@pytest.mark.parametrize("strategy", [ParzenASGD(10), ParzenASGD(10, filter=False), ParzenASGD(10, blocks=3)], ids=repr)
def test_it_reaches_the_optimum(strategy, engine):
    result = run(strategy, engine, epochs=20)
    judged = [record.objective for record in result.history if record.objective is not None]
    assert TASK.gap(min(judged)) < 0.02


def test_every_state_is_counted_once():
    """What was sent has been judged, overwritten, or lies in a mailbox still."""
    counts = run(ParzenASGD(10), Simulated(6)).history.counts
    assert counts["accepted"] > 0
    assert counts["rejected"] > 0
    assert counts["accepted"] + counts["rejected"] <= counts["sent"]
    assert run(ParzenASGD(10, filter=False), Simulated(6)).history.counts["rejected"] == 0
    assert not run(ParzenASGD(10), Simulated(1)).history.counts, "alone there is nobody to send to"


def test_it_goes_towards_what_lies_ahead_and_nowhere_else():
    """A peer's states are put where we want them, and the step is that of the formula."""
    seen = {}

    def tell(me, request, answer):
        if me.rank:
            return
        if isinstance(request, Steps):
            seen["after"], seen["d"] = me.params.weights.copy(), answer.values
            w, d = seen["after"] - seen["d"], seen["d"]
            states = seen["states"] = [w + 3 * d, w - d, w + 10 * d]
            keys = np.arange(w.size)
            kind = type("Message", (), {})
            seen["messages"] = [kind() for _ in states]
            for message, state in zip(seen["messages"], states, strict=True):
                message.x = PartialState(state, keys)
        elif isinstance(request, Inbox):
            answer[:] = seen["messages"]
        elif isinstance(request, Start) and isinstance(request.request, Put):
            before = seen["after"] - seen["d"]
            towards = (seen["states"][0] - before + seen["states"][2] - before) / 3
            np.testing.assert_allclose(me.params.weights, seen["after"] + 0.5 * towards, rtol=1e-9, atol=1e-12)
            seen["checked"] = seen.get("checked", 0) + 1

    def tell_twice(me, request, answer):
        tell(me, request, answer)

    history = Trial(stop=Stop(1, tol=None)).run_strategy(Simulated(2), watched(ParzenASGD(4), tell_twice)).history
    assert seen["checked"] >= 2
    assert history.counts["accepted"] >= 2 * seen["checked"]


def test_a_message_holds_one_block():
    sizes, starts = set(), set()

    def tell(me, request, answer):
        if isinstance(request, Start):
            keys = request.request.x.keys
            sizes.add(keys.size)
            starts.add(int(keys[0]))

    Trial(stop=Stop(4, tol=None)).run_strategy(Simulated(3), watched(ParzenASGD(1, blocks=4), tell))
    assert sizes == {6}
    assert starts == {0, 6, 12, 18}


def test_a_network_that_cannot_carry_all_is_sent_less():
    fast, slow = (
        run(ParzenASGD(10), Simulated(4, bandwidth_bytes_s=bandwidth, latency_s=1e-6), epochs=30).history
        for bandwidth in (1e9, 2e6)
    )
    assert slow.counts["sent"] < 0.5 * fast.counts["sent"]
    assert slow.traffic.virtual_s < 1.5 * fast.traffic.virtual_s, "few are still under way when all has been learnt"


def test_nobody_waits_before_the_end():
    engine = Simulated(8, speeds=Speeds(straggle=0.1, straggle_factor=20))
    busy = {
        type(strategy): run(strategy, engine, tol=None).history.traffic.summary().utilisation
        for strategy in (ParzenASGD(10), LocalSGD(10))
    }
    assert busy[LocalSGD] < 0.5
    assert busy[ParzenASGD] > 0.8, "only for the mean of all states"


@pytest.mark.parametrize("wrong", [{"period": 0}, {"minibatch": 0}, {"blocks": 0}, {"attraction": 0.0}])
def test_bad_numbers(wrong):
    with pytest.raises(ValueError, match=rf"^{next(iter(wrong))}=.* must (be a|lie in)"):
        ParzenASGD(**wrong)
