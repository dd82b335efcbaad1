"""Gossip: what is kept, who is heard, and how far workers are apart."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies.watched import watched

from hogwild import Fault, Gossip, Linear, LocalSGD, Simulated, Speeds, Stop, Threads, train
from hogwild.requests import Average, Get, Put
from hogwild.rules.schedules import constant
from hogwild.rules.topologies import TOPOLOGIES, edges, ring
from hogwild.testing import problem
from hogwild.testing.probes import Trial, settled

PROTOCOLS = ("sgp", "gosgd", "d-psgd", "ad-psgd", "pull")
speeds = st.builds(Speeds, spread=st.sampled_from([0.0, 2.0]), straggle=st.sampled_from([0.0, 0.3]))
clusters = st.builds(
    Simulated,
    workers=st.integers(1, 7),
    latency_s=st.sampled_from([0.0, 1e-4, 1.0]),
    bandwidth_bytes_s=st.sampled_from([math.inf, 1e5]),
    speeds=speeds,
)
periods, seeds = st.integers(1, 5), st.integers(0, 999)
graphs = st.sampled_from([None, *TOPOLOGIES])
symmetric = st.sampled_from([None, "ring", "hypercube", "bipartite", "complete"])


def ledger_mean(strategy, engine, seed=0, epochs=2):
    """The mean of all workers' weights in the end: how often each example was learnt, if nothing was lost."""
    result = Trial(stop=Stop(epochs, tol=None), seed=seed).run_strategy(engine, strategy)
    return result.params.weights * engine.size


@given(clusters, graphs, periods, seeds)
def test_pushing_loses_nothing(engine, graph, period, seed):
    """What all workers have learnt is in the mean of their weights, whatever they send each other."""
    found = ledger_mean(Gossip("sgp", graph, period), engine, seed)
    np.testing.assert_allclose(found, 2.0, rtol=1e-9)


@given(clusters, symmetric, periods, seeds)
def test_mixing_with_doubly_stochastic_weights_keeps_the_mean(engine, graph, period, seed):
    found = ledger_mean(Gossip("d-psgd", graph, period), engine, seed)
    np.testing.assert_allclose(found, 2.0, rtol=1e-9)


@given(clusters, graphs, periods, seeds)
def test_averages_of_pairs_keep_the_mean(engine, graph, period, seed):
    found = ledger_mean(Gossip("ad-psgd", graph, period), engine, seed)
    np.testing.assert_allclose(found, 2.0, rtol=1e-9)


@given(clusters, st.sampled_from(["sgp", "gosgd"]), graphs, periods, seeds)
def test_masses_add_up_to_the_number_of_workers(engine, protocol, graph, period, seed):
    """With what has not been read yet."""
    found = []

    async def at_end(me):
        await settled(me)
        mass = me.params.state["mass"].copy()
        for message in await me.inbox():
            mass += message.x[-1:]
        assert mass > 0
        found.append((await me.all_reduce(mass)).sum[0])

    strategy = watched(Gossip(protocol, graph, period), at_end=at_end)
    Trial(stop=Stop(2, tol=None), seed=seed).run_strategy(engine, strategy)
    np.testing.assert_allclose(found, engine.size, rtol=1e-12)


def test_unequal_neighbours_are_weighed_by_their_mass():
    """In a star the middle gets more than it gives: only x / m is a mean of all."""
    star = edges((0, 1), (0, 2), (0, 3))
    masses = []

    async def at_end(me):
        masses.append(me.params.state["mass"][0])

    strategy = watched(Gossip("sgp", star, 1), at_end=at_end)
    result = Trial(stop=Stop(20, tol=None)).run_strategy(Simulated(4), strategy)
    assert max(masses) > 1.5
    np.testing.assert_allclose(result.params.weights * 4, 20.0, rtol=1e-9)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("engine", [Simulated(4, speeds=Speeds(spread=0.5)), Threads(3)], ids=["simulated", "threads"])
def test_all_protocols_reach_the_optimum(protocol, engine):
    task = problem(n=1000)
    model = Linear("squared", l2=0.01, schedule=constant(0.02), average=False)
    strategy = Gossip(protocol, period=1 if protocol == "ad-psgd" else 10)
    result = train(model, task.data, strategy=strategy, engine=engine, stop=Stop(40, tol=0), seed=0)
    judged = [record.objective for record in result.history if record.objective is not None]
    assert task.gap(min(judged)) < 0.02


def test_consensus_is_nearer_the_more_often_they_talk():
    task = problem(n=4000)

    def apart(period, protocol="sgp"):
        model = Linear("squared", l2=0.01, schedule=constant(0.02), average=False)
        engine, stop = Simulated(8), Stop(3, tol=0)
        history = train(
            model, task.data, strategy=Gossip(protocol, period=period), engine=engine, stop=stop, seed=0
        ).history
        return history[0].consensus

    often, seldom = apart(5), apart(100)
    assert 0 < often < 0.7 * seldom
    everybody = LocalSGD(5)
    history = train(task.model, task.data, strategy=everybody, engine=Simulated(8), stop=Stop(1, tol=0), seed=0).history
    assert history[0].consensus < 1e-12, "after an average of all they are one"


def test_nobody_waits_for_who_is_slow_unless_it_must():
    """Synchronous protocols wait for the slowest; the others end when the examples are learnt."""
    task = problem(n=4000)

    def virtual_s(protocol):
        engine = Simulated(8, speeds=Speeds(straggle=0.05, straggle_factor=50), latency_s=1e-6)
        strategy = Gossip(protocol, period=10, minibatch=10 if protocol == "ad-psgd" else 1)
        stop = Stop(2, tol=None)
        return train(
            task.model, task.data, strategy=strategy, engine=engine, stop=stop, seed=0
        ).history.traffic.virtual_s

    waits, others = ("sgp", "d-psgd"), ("gosgd", "ad-psgd", "pull")
    assert max(map(virtual_s, others)) < min(map(virtual_s, waits))


def test_who_asks_whom():
    asked = {}

    def tell(me, request, answer):
        if isinstance(request, Put | Get | Average):
            asked.setdefault(me.rank, []).append(request.peer)

    def peers(strategy):
        asked.clear()
        Trial(stop=Stop(2, tol=None)).run_strategy(Simulated(4), watched(strategy, tell))
        return dict(asked)

    assert all(
        set(found) == {(rank - 1) % 4, (rank + 1) % 4} for rank, found in peers(Gossip("d-psgd", period=2)).items()
    )
    met = peers(Gossip("ad-psgd", period=2))
    assert all(rank < peer and (rank + peer) % 2 for rank, found in met.items() for peer in found), "even ask odd"
    pushed = peers(Gossip(period=2))
    assert pushed[0][:2] == [1, 2], "at distances 1, 2, 4, ..."


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Gossip("chat"), r"^protocol='chat' is not known; use one of sgp, gosgd, d-psgd, ad-psgd, pull$"),
        (
            lambda: Gossip("d-psgd", "exponential"),
            r'^protocol="d-psgd" wants a symmetric topology such as ring\(\), not exp',
        ),
        (lambda: Gossip(topology="star"), r"^topology='star' is not known; use one of ring"),
        (lambda: Gossip(period=0), r"^period=0 must be a whole number of at least 1$"),
    ],
)
def test_bad_gossip(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_topology_that_does_not_connect_the_workers_is_refused():
    task = problem()
    with pytest.raises(ValueError, match=r"^edges\(\(0, 1\)\) does not connect 3 workers: what worker 0 learns never"):
        train(task.model, task.data, strategy=Gossip(topology=edges((0, 1))), engine=Simulated(3))
    assert Gossip(topology="ring").topology == ring()


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_leaves_early_does_not_count_in_the_mean(protocol, rank):
    """Where nothing is judged, the mean of the end is the answer."""
    task = problem(n=400, d=4, l2=0.1)
    X, y = task.data

    def objective(*faults):
        engine, stop = Simulated(5, faults=faults), Stop(epochs=10, tol=None)
        result = train(task.model, task.data, strategy=Gossip(protocol, period=5), engine=engine, stop=stop, seed=0)
        return ((result.predict(X) - y) ** 2).mean() / 2 + 0.05 * (result.params["coef"] ** 2).sum(), result

    calm, result = objective()
    assert objective(Fault.leave(worker=rank, at_s=0.02 * result.history[-1].time_s))[0] <= 1.01 * calm


@pytest.mark.parametrize("fault", [Fault.join(worker=0, at_s=100.0), Fault.kill(worker=0, at_s=0.0)])
def test_graphs_are_checked_whoever_is_there(fault):
    with pytest.raises(ValueError, match=r"^edges\(\(0, 1\)\) does not connect 4 workers"):
        Trial().run_strategy(Simulated(4, faults=(fault,)), Gossip(topology=edges((0, 1))))
