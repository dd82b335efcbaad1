"""The table of strategies: what each asks for, and in which order."""

import inspect

import numpy as np
import pytest

from hogwild import Threads
from hogwild.interfaces import AbstractStrategy, NextRound, Round, Share, Steps, Worker
from hogwild.memory import InTurn, Locking, Racy, Replicas
from hogwild.params import Params
from hogwild.strategies import STRATEGIES, Hogwild, Locked, RoundRobin, Serial, find_strategy

ASKS = {
    "serial": (None, False),
    "hogwild": (Replicas(), False),
    "hogwild-ordered": (Replicas(ordered=True), True),
    "racy": (Racy(), False),
    "locked": (Locking(), False),
    "round-robin": (InTurn(), True),
}


def requests(strategy: AbstractStrategy, rounds: int) -> list[object]:
    """What a worker asks for when it is granted so many rounds."""
    worker = Worker(0, 1, np.random.default_rng(0), Params({"coef": (1,)}))
    program, asked, answer = strategy.work(worker), [], None
    try:
        while True:
            request = program.send(answer)
            answer = None
            asked.append(request)
            if isinstance(request, NextRound) and rounds > 0:
                answer = Round(sum(isinstance(r, NextRound) for r in asked) - 1, False)
                rounds -= 1
    except StopIteration:
        return asked


def test_every_strategy_is_in_these_tests():
    assert set(ASKS) == set(STRATEGIES)


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_it_asks_for(name):
    how, agree = ASKS[name]
    strategy = STRATEGIES[name]()
    assert strategy.agree is agree
    beginning = [] if how is None else [Share(how)]
    asked = requests(strategy, 2)
    assert asked[: len(beginning)] == beginning
    rest = asked[len(beginning) :]
    assert [type(request) for request in rest] == [NextRound, Steps, NextRound, Steps, NextRound]
    assert all(request == Steps(strategy.block_examples) for request in rest if isinstance(request, Steps))
    assert requests(strategy, 0) == [*beginning, NextRound()]


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_says_what_it_needs(name):
    strategy = STRATEGIES[name]()
    asked = {"share"} & {type(request).__name__.lower() for request in requests(strategy, 1)}
    assert strategy.needs == asked
    assert strategy.needs <= Threads.can
    assert strategy.most_workers == (None if asked else 1)
    assert inspect.iscoroutinefunction(strategy.work)


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_is_found_by_its_name_and_equals_its_like(name):
    assert find_strategy(name) == STRATEGIES[name]()
    assert hash(find_strategy(name)) == hash(STRATEGIES[name]())


@pytest.mark.parametrize("name", ["", "Hogwild", "downpour"])
def test_unknown_names_are_refused_with_a_list(name):
    with pytest.raises(ValueError, match=rf"strategy='{name}' is not known; use one of serial, .*round-robin$"):
        find_strategy(name)


def test_the_size_of_blocks_is_a_parameter():
    for kind in (Serial, Hogwild, Locked, RoundRobin):
        assert Steps(100) in requests(kind(block_examples=100), 1)


@pytest.mark.parametrize("every", [0, -1])
def test_replicas_merge_after_at_least_one_example(every):
    with pytest.raises(ValueError, match=rf"every_examples={every} must be at least 1"):
        Replicas(every_examples=every)
