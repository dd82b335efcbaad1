"""Graphs for any number of workers: connected, as symmetric as they say, and mixing without losing anything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.rules.topologies import (
    TOPOLOGIES,
    Place,
    complete,
    edges,
    exponential,
    find_topology,
    metropolis,
    random,
    ring,
)

SYMMETRIC = ("ring", "hypercube", "bipartite", "complete")
every = pytest.mark.parametrize("name", TOPOLOGIES)
sizes, rounds = st.integers(1, 40), st.integers(0, 100)


def metropolis_matrix(graph, round, size):
    """W[i, j]: how much i has of j's weights afterwards."""
    W = np.zeros((size, size))
    for rank in range(size):
        for peer, weight in metropolis(graph, round, rank, size).items():
            W[rank, peer] = weight
        W[rank, rank] = 1 - W[rank].sum()
    return W


def push_matrix(graph, round, size):
    """The same where everybody keeps as much as it sends to each of its peers."""
    W = np.zeros((size, size))
    for rank in range(size):
        peers = graph.peers(round, rank, size)
        W[[rank, *peers], rank] = 1 / (1 + len(peers))
    return W


def pull_matrix(graph, round, size):
    """The same where everybody takes the mean of itself and its peers."""
    return push_matrix(graph, round, size).T


@every
@given(sizes, rounds)
def test_nobody_talks_to_itself_or_to_who_is_not_there(name, size, round):
    graph = TOPOLOGIES[name]()
    for rank in range(size):
        for found in (graph.peers(round, rank, size), graph.senders(round, rank, size)):
            assert list(found) == sorted(set(found) - {rank})
            assert set(found) <= set(range(size))


@every
@given(sizes, rounds)
def test_who_is_sent_to_hears_of_it(name, size, round):
    graph = TOPOLOGIES[name]()
    sent = {(rank, peer) for rank in range(size) for peer in graph.peers(round, rank, size)}
    assert sent == {(peer, rank) for rank in range(size) for peer in graph.senders(round, rank, size)}
    assert graph.symmetric == (name in SYMMETRIC)
    if graph.symmetric:
        assert sent == {(peer, rank) for rank, peer in sent}


@every
@given(sizes)
def test_all_sizes_are_connected(name, size):
    TOPOLOGIES[name]().check(size)


@pytest.mark.parametrize("name", SYMMETRIC)
@given(sizes, rounds)
def test_metropolis_weights_are_doubly_stochastic(name, size, round):
    W = metropolis_matrix(TOPOLOGIES[name](), round, size)
    assert (W >= 0).all()
    np.testing.assert_allclose(W.sum(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(W.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(W, W.T)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=20))
def test_also_in_a_graph_of_ones_own(pairs):
    W = metropolis_matrix(edges(*pairs), 0, 8)
    assert (W >= -1e-15).all()
    np.testing.assert_allclose(W.sum(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(W.sum(axis=1), 1, rtol=1e-12)


@every
@given(sizes, rounds)
def test_pushing_loses_nothing_and_pulling_keeps_a_mean_a_mean(name, size, round):
    graph = TOPOLOGIES[name]()
    np.testing.assert_allclose(push_matrix(graph, round, size).sum(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(pull_matrix(graph, round, size).sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("size", [2, 4, 8, 16, 64])
def test_powers_of_two_agree_exactly_after_as_many_rounds_as_bits(size):
    for graph in (exponential(), TOPOLOGIES["hypercube"]()):
        W = np.eye(size)
        for round in range(size.bit_length() - 1):
            W = push_matrix(graph, round, size) @ W
        np.testing.assert_array_equal(W, 1 / size)


@every
@pytest.mark.parametrize("size", [2, 3, 5, 12, 23])
def test_all_come_to_agree(name, size):
    """Push-sum: whatever the graph, x / m becomes the mean of all."""
    graph, x, m = TOPOLOGIES[name](), np.arange(size, dtype=float), np.ones(size)
    for round in range(40 * size):
        W = push_matrix(graph, round, size)
        x, m = W @ x, W @ m
    np.testing.assert_allclose(x / m, (size - 1) / 2, rtol=1e-6)
    assert m.sum() == pytest.approx(size)


def test_random_circles_differ_from_round_to_round_and_repeat_with_the_seed():
    circles = [tuple(random(3).peers(round, rank, 20) for rank in range(20)) for round in range(5)]
    assert len(set(circles)) == 5
    assert circles[2] == tuple(random(3).peers(2, rank, 20) for rank in range(20))
    assert circles[2] != tuple(random(4).peers(2, rank, 20) for rank in range(20))


def test_a_graph_in_two_parts_is_refused():
    with pytest.raises(
        ValueError, match=r"^edges\(\(0, 1\), \(2, 3\)\) does not connect 4 workers: what worker 0 learns "
    ):
        edges((0, 1), (2, 3)).check(4)
    edges((0, 1), (2, 3), (1, 2)).check(4)
    with pytest.raises(ValueError, match=r"learns never reaches worker 4$"):
        edges((0, 1), (2, 3), (1, 2)).check(5)
    one_way = exponential()._replace(outgoing=lambda *at: (0,), incoming=lambda *at: (1, 2))
    with pytest.raises(ValueError, match="what worker 0 learns never reaches worker 1"):
        one_way.check(3)
    other_way = one_way._replace(outgoing=lambda numbers, round, rank, size: (1, 2) if rank == 0 else ())
    with pytest.raises(ValueError, match=r"worker 0 never hears of worker 1$"):
        other_way.check(3)


@given(st.sets(st.integers(0, 30), min_size=1), st.data(), rounds)
def test_who_is_gone_is_left_out(ranks, data, round):
    """The graph is that of the others, numbered anew."""
    live = sorted(ranks)
    rank = data.draw(st.sampled_from(live))
    place = Place(ring(), round, rank, [other for other in live if other != rank])
    at = live.index(rank)
    expected = sorted({live[(at - 1) % len(live)], live[(at + 1) % len(live)]} - {rank})
    assert list(place.peers) == list(place.senders) == expected
    assert list(place.metropolis) == expected


@pytest.mark.parametrize(
    ("make", "kind", "sentence"),
    [
        (lambda: find_topology("star"), ValueError, r"^topology='star' is not known; use one of ring, exponential"),
        (lambda: find_topology(7), TypeError, r"^topology=7 must be a name or a Topology such as ring\(\)$"),
        (lambda: find_topology(ring), TypeError, r"^topology=<function ring"),
        (lambda: random(-1), ValueError, r"^seed=-1 must be a whole number of at least 0$"),
        (lambda: edges((0, 1, 2)), ValueError, r"^edges\(\(0, 1, 2\)\) must be pairs of ranks, such as edges"),
        (lambda: edges((0, -1)), ValueError, r"must be pairs of ranks"),
    ],
)
def test_bad_graphs(make, kind, sentence):
    with pytest.raises(kind, match=sentence):
        make()


def test_a_graph_says_what_it_is():
    assert repr(complete()) == "complete()"
    assert repr(edges((0, 1))) == "edges((0, 1))"
    assert find_topology("ring") == ring()
