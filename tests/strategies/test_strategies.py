"""The table of strategies: what each asks for, and in which order."""

import inspect
import re

import numpy as np
import pytest

from hogwild import Threads, adam, sgd
from hogwild.answers import Ack, Reduced, Round, Stamp, Versioned
from hogwild.deltas import Change, Delta
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.memory import InTurn, Locking, Racy, Replicas
from hogwild.params import Params
from hogwild.requests import (
    ALL,
    Apply,
    Gradient,
    Inbox,
    NextRound,
    OnServer,
    Pull,
    Push,
    Put,
    Reduce,
    Share,
    Start,
    Steps,
    Take,
    Ticket,
    Upcoming,
    Wait,
)
from hogwild.rules.sample_sizes import linear_size
from hogwild.rules.schedules import Moment
from hogwild.strategies import (
    ALIASES,
    STRATEGIES,
    AllReduce,
    Alone,
    Downpour,
    GrowingBatches,
    Hogwild,
    LocalSGD,
    Locked,
    RoundRobin,
    Sandblaster,
    Serial,
    find_strategy,
)

BLOCK = 32_768
DELTA = Delta(np.zeros(1, np.float32), 2, 1, 0.0, Moment(0, 0.0, 0))

# What comes before the rounds, in each of them, and after them.
ASKS = {
    "serial": ([], [Steps(2 * BLOCK)], []),
    "hogwild": ([Share(Replicas())], [Steps(BLOCK)], []),
    "hogwild-ordered": ([Share(Replicas(ordered=True))], [Steps(BLOCK)], []),
    "racy": ([Share(Racy())], [Steps(BLOCK)], []),
    "locked": ([Share(Locking())], [Steps(BLOCK)], []),
    "round-robin": ([Share(InTurn())], [Steps(BLOCK)], []),
    "all-reduce": ([], [Gradient(1), Reduce, Apply(DELTA)], []),
    "full-batch": ([], [Gradient(ALL), Reduce, Apply(DELTA)], []),
    "local-sgd": ([], [Steps(1000), Reduce], []),
    "alone": ([], [Steps(BLOCK)], [Reduce]),
    "bounded-staleness": ([], [Pull, Steps(100, record=True), Push], []),
    "elastic-averaging": ([], [Steps(10), Pull, Push], []),
    "gossip": ([], [Steps(100), Inbox], [Reduce]),
    "parzen-asgd": ([], [Steps(100, record=True), Inbox], [Reduce]),
}
AGREE = {"hogwild-ordered", "round-robin", "all-reduce", "full-batch", "local-sgd", "alone", "gossip"}


def answered(request):
    """What an engine of one worker would say, in short."""
    match request:
        case Gradient():
            return DELTA
        case Put():
            return True
        case Inbox():
            return []
        case Reduce(x):
            return Reduced(x, 1)
        case Steps(n, record=True):
            return Change(np.zeros(1, np.float32), min(n, 4), min(n, 4))
        case Pull(keys):
            return Versioned(np.zeros(1, np.float32), keys, (Stamp(0, 0, 0, 0),), True)
        case Push():
            return Ack((1,), 0, False)
        case Start(inner):
            ticket = Ticket(inner)
            ticket.done, ticket.answer = True, answered(inner)
            return ticket
        case Wait(ticket):
            return ticket.answer
        case Upcoming():
            return np.arange(1)
        case OnServer():
            return 0.0
    return None  # of Take, too: all portions have been pushed


def requests(
    strategy: AbstractStrategy,
    rounds: int,
    *,
    late: bool = False,
    rank: int = 0,
    size: int = 1,
    peers: tuple[int, ...] = (),
) -> list[object]:
    """What a worker asks for when it is granted so many rounds."""
    worker = Worker(rank, size, np.random.default_rng(0), Params({"coef": (1,)}), peers=peers)
    program, asked, answer = strategy.work(worker), [], None
    try:
        while True:
            request = program.send(answer)
            asked.append(request)
            answer = answered(request)
            if isinstance(request, NextRound) and rounds > 0:
                answer = Round(sum(isinstance(r, NextRound) for r in asked) - 1, False, late)
                rounds -= 1
    except StopIteration:
        return asked


def are_like(asked: list[object], wanted: list[object]) -> bool:
    """A type stands for any request of it."""
    pairs = zip(asked, wanted, strict=False)
    return len(asked) == len(wanted) and all(a == b if not isinstance(b, type) else isinstance(a, b) for a, b in pairs)


def test_every_strategy_is_in_these_tests():
    assert set(ASKS) == set(STRATEGIES) - {"downpour", "growing-batches", "sandblaster"}


@pytest.mark.parametrize("name", ASKS)
def test_what_it_asks_for(name):
    before, each, after = ASKS[name]
    strategy = STRATEGIES[name]()
    assert strategy.agree is (name in AGREE)
    wanted = [*before, NextRound, *each, NextRound, *each, NextRound, *after]
    assert are_like(requests(strategy, 2), wanted)
    assert are_like(requests(strategy, 0), [*before, NextRound, *after])


def test_who_is_late_listens():
    asked = requests(AllReduce(4, backups=1), 1, late=True, size=3)
    assert asked == [NextRound(), Reduce(None, 2), NextRound()]


def kinds(asked: list[object]) -> list[type]:
    return [type(request.request) if isinstance(request, Start) else type(request) for request in asked]


def test_downpour_fetches_and_pushes_at_its_periods():
    asked = kinds(requests(Downpour(8, fetch_every=2, push_every=3), 6))
    rounds = [asked[i + 1 :] for i, kind in enumerate(asked) if kind is NextRound]
    rounds = [part[: part.index(NextRound)] if NextRound in part else part for part in rounds]
    assert [Pull in part for part in rounds] == [True, False, True, False, True, False, False]
    assert [Push in part for part in rounds] == [False, False, True, False, False, True, False]
    assert all(part.count(Gradient) == part.count(Apply) == 1 for part in rounds[:-1])


def test_downpour_pushes_what_is_left():
    asked = requests(Downpour(8, push_every=3), 4)
    pushed = [
        request.request.x if isinstance(request, Start) else request.x for request in asked if Push in kinds([request])
    ]
    assert [x.steps for x in pushed] == [3, 1]


def test_downpour_warms_up():
    assert requests(Downpour(warm_start=20), 0) == [NextRound()]
    assert requests(Downpour(warm_start=20), 0, rank=3, size=4) == [Pull(version=60), NextRound()]


def test_downpour_by_rows():
    asked = kinds(requests(Downpour(8, fetch="rows"), 1))
    assert asked[:4] == [NextRound, Upcoming, Pull, Wait]


def test_only_the_coordinator_of_sandblaster_asks_for_operations():
    asked = kinds(requests(Sandblaster(), 1))
    assert asked[:8] == [NextRound, OnServer, OnServer, OnServer, Reduce, Pull, Take, OnServer]
    assert kinds(requests(Sandblaster(), 0)) == [NextRound, Reduce]
    other = requests(Sandblaster(), 1, rank=1, size=2, peers=(0,))
    assert other == [NextRound(), Reduce(None, 1), NextRound(), Reduce(None, 1)], "nobody has moved the weights"
    late = requests(Sandblaster(), 1, rank=1, size=2, late=True)
    assert late == other, "who is late has been led, though the others are gone"


def test_growing_batches_push_whole_samples_and_then_what_is_left():
    asked = requests(GrowingBatches(linear_size(6)), 7)  # steps find 4 examples at most
    assert [request.n for request in asked if isinstance(request, Steps)] == [6, 2, 12, 8, 4, 18, 14]
    pushed = [request.request.x for request in asked if kinds([request]) == [Push] and isinstance(request, Start)]
    assert [x.examples for x in pushed] == [6, 12]
    assert asked[-1].x.examples == 8
    started = [kind for kind, request in zip(kinds(asked), asked, strict=True) if isinstance(request, Start)]
    assert started == [Pull, Push, Pull, Push], "a broadcast is asked for before the push that it waits for"


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_says_what_it_needs(name):
    strategy = STRATEGIES[name]()
    asked = {kind.__name__ for kind in kinds(requests(strategy, 1))}
    turns = {"turns"} if name in ("round-robin", "hogwild-ordered") else set()
    assert strategy.needs == turns | ({"share"} if "Share" in asked else set()) | (
        {"server"} if asked & {"Push", "OnServer"} else set()
    )
    assert (strategy.server is not None) == ("server" in strategy.needs)
    assert strategy.needs <= Threads.can
    assert strategy.most_workers == (1 if name == "serial" else None)
    assert inspect.iscoroutinefunction(strategy.work)


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_it_has_other_names(alias, name):
    assert find_strategy(alias) == STRATEGIES[name]()


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_is_found_by_its_name_and_equals_its_like(name):
    assert find_strategy(name) == STRATEGIES[name]()
    assert hash(find_strategy(name)) == hash(STRATEGIES[name]())


@pytest.mark.parametrize(
    ("name", "hint"),
    [("", ""), ("rumour", ""), ("Hogwild", " (did you mean hogwild?)"), ("local", " (did you mean local-sgd?)")],
)
def test_unknown_names_are_refused_with_a_list(name, hint):
    sentence = f"strategy={name!r} is not known{hint}; use one of {', '.join([*STRATEGIES, *ALIASES])}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        find_strategy(name)


def test_a_strategy_is_itself_and_nothing_else_is_one():
    mine = LocalSGD(7)
    assert find_strategy(mine) is mine
    with pytest.raises(TypeError, match=r"^strategy must be a name, .*, not the class LocalSGD: write LocalSGD"):
        find_strategy(LocalSGD)
    with pytest.raises(TypeError, match=r"^strategy=7 must be a name, or e\.g\. LocalSGD\(period=100\)$"):
        find_strategy(7)


def test_the_size_of_blocks_is_a_parameter():
    for kind in (Serial, Hogwild, Locked, RoundRobin, Alone):
        assert Steps(100) in requests(kind(block_examples=100), 1)


def test_minibatches_are_steps():
    for kind in (Serial, Hogwild, Alone):
        assert Steps(12, minibatch=8) in requests(kind(block_examples=100, minibatch=8), 1)
    assert Steps(5, minibatch=8) in requests(LocalSGD(5, minibatch=8), 1)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: AllReduce(0), "minibatch=0 must be a whole number of at least 1, or ALL"),
        (lambda: AllReduce(backups=-1), "backups=-1 must be a whole number of at least 0"),
        (lambda: LocalSGD(0), "period=0 must be"),
        (lambda: LocalSGD(minibatch=1.5), "minibatch=1.5 must be"),
        (lambda: Alone(minibatch=0), "minibatch=0 must be"),
        (lambda: Serial(minibatch=0), "minibatch=0 must be"),
        (lambda: Hogwild(minibatch=0), "minibatch=0 must be"),
        (lambda: Locked(block_examples=0), "block_examples=0 must be"),
        (lambda: RoundRobin(minibatch=True), "minibatch=True must be"),
        (lambda: Downpour(push_every=0, server=sgd()), "push_every=0 must be"),
        (lambda: Downpour(warm_start=-1), "warm_start=-1 must be"),
        (lambda: Downpour(server="adagard"), "'adagard' is not known.*; use one of sgd, momentum, adagrad, adam"),
        (lambda: Downpour(fetch="later"), 'fetch=\'later\' must be "ahead", "wait" or "rows"'),
        (lambda: Downpour(fetch="rows", push_every=2), "fetch_every and push_every must be 1"),
    ],
)
def test_bad_numbers_are_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_rules_of_servers_have_names():
    assert Downpour(server="adam") == Downpour(server=adam())
    with pytest.raises(TypeError, match="an update rule must be a name or an Update such as adagrad"):
        Downpour(server=adam)


@pytest.mark.parametrize("every", [0, -1])
def test_replicas_merge_after_at_least_one_example(every):
    with pytest.raises(ValueError, match=rf"every_examples={every} must be a whole number of at least 1"):
        Replicas(every_examples=every)
