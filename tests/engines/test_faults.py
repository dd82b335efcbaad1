"""Plans of faults: what they say, what is refused, and what they are stored as."""

import json
from math import inf, nan

import pytest
from tests.engines.hubs import nothing

from hogwild import Downpour, Fault, Faults, Hogwild, LocalSGD, Serial, Simulated, Stop, Unsupported, train
from hogwild.checkpoint.encoding import decode, encode
from hogwild.engines.faults import SURVIVES
from hogwild.interfaces import AbstractStrategy
from hogwild.strategies import STRATEGIES
from hogwild.testing import problem
from hogwild.testing.probes import Probe

KILL = Fault.kill(worker=3, at_s=1.5)
ONE_OF_EACH = (
    KILL,
    Fault.kill(worker=1, at_s=1.0, back_s=2.5),
    Fault.kill(shard=0, at_s=1.0),
    Fault.kill(shard=1, at_s=1.0, back_s=1.5),
    Fault.slow(shard=1, factor=4.0, from_s=0.5),
    Fault.slow(worker=2, factor=10.0),
    Fault.slow(worker=2, factor=3.0, from_s=1.0, to_s=2.0),
    Fault.partition(workers=(1, 2), shards=(1,), from_s=0.5, to_s=0.75),
    Fault.partition(workers=[0], from_s=1.0),
    Fault.lose(0.05),
    Fault.duplicate(0.05),
    Fault.reorder(0.05, by_s=0.001),
    Fault.join(worker=4, at_s=1.0),
    Fault.leave(worker=2, at_s=1.0),
)


@pytest.mark.parametrize("fault", ONE_OF_EACH, ids=repr)
def test_a_fault_shows_how_it_is_made(fault):
    made = eval(repr(fault), {"Fault": Fault, "math": __import__("math")})
    assert made == fault
    assert hash(made) == hash(fault)


def test_plans_go_into_files_and_come_back():
    engine = Simulated(5, shards=2, faults=ONE_OF_EACH)
    assert decode(json.loads(json.dumps(encode(engine)))) == engine
    assert hash(engine) == hash(Simulated(5, shards=2, faults=Faults(ONE_OF_EACH)))
    assert Simulated(5, faults=[KILL]) == Simulated(5, faults=(KILL,)) == Simulated(5, faults=Faults((KILL,)))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Fault.kill(at_s=1.0), "wants either worker= or shard="),
        (lambda: Fault.kill(worker=0, shard=0, at_s=1.0), "wants either worker= or shard="),
        (lambda: Fault.kill(shard=0, at_s=1.0, back_s=0.5), "back_s=0.5 of a fault must come after at_s=1.0"),
        (lambda: Fault.slow(factor=2.0), r"Fault.slow\(\) wants either worker= or shard="),
        (lambda: Fault.slow(worker=0, shard=0, factor=2.0), "wants either worker= or shard="),
        (lambda: Fault.slow(shard=0, factor=0.5), "factor=0.5 .* at least 1"),
        (lambda: Fault.slow(shard=-1, factor=2.0), r"shard=-1 of Fault.slow\(\) must be the number of a shard"),
        (lambda: Fault.kill(worker=0, at_s=-1.0), r"at_s=-1.0 of a fault must be a finite number .* at least 0"),
        (lambda: Fault.kill(worker=0, at_s=nan), "at_s=nan"),
        (lambda: Fault.kill(worker=0, at_s=inf), "at_s=inf"),
        (lambda: Fault.kill(worker=0, at_s=1.0, back_s=1.0), "back_s=1.0 of a fault must come after at_s=1.0"),
        (lambda: Fault.kill(worker=-1, at_s=1.0), r"worker=-1 of Fault.kill\(\) must be the number of a worker"),
        (lambda: Fault.kill(shard="a", at_s=1.0), "shard='a'"),
        (lambda: Fault.slow(worker=0, factor=0.5), "factor=0.5 .* at least 1"),
        (lambda: Fault.slow(worker=0, factor=inf), "factor=inf"),
        (lambda: Fault.slow(worker=0, factor=2.0, from_s=2.0, to_s=1.0), "to_s=1.0 of a fault must come after from_s"),
        (lambda: Fault.partition(from_s=1.0), "cuts off nobody"),
        (lambda: Fault.lose(1.0), r"share=1.0 of Fault.lose\(\) must lie in \[0, 1\)"),
        (lambda: Fault.duplicate(-0.1), "share=-0.1"),
        (lambda: Fault.reorder(0.1, by_s=0.0), "by_s=0.0"),
        (lambda: Fault("burn"), "there is no fault 'burn': use one of kill, slow"),
        (lambda: Faults(KILL), "must be a tuple of faults"),
        (lambda: Faults((1,)), "must be a tuple of faults"),
        (lambda: Faults((), detect_s=0.0), "detect_s=0.0 must be a positive number of virtual seconds, or None"),
        (lambda: Faults((), retry_s=-1.0), "retry_s=-1.0"),
    ],
)
def test_faults_that_make_no_sense_are_refused(make, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        make()


@pytest.mark.parametrize(
    ("faults", "sentence"),
    [
        ((Fault.kill(worker=4, at_s=1.0),), "names worker 4, which is not there: there are workers 0 to 3"),
        ((Fault.kill(shard=1, at_s=1.0),), "names shard 1, which is not there: there is only shard 0"),
        ((Fault.slow(worker=9, factor=2.0),), "worker 9"),
        ((Fault.slow(shard=2, factor=2.0),), "names shard 2, which is not there: there is only shard 0"),
        (
            (Fault.kill(shard=0, at_s=1.0, back_s=1.0005), Fault.kill(shard=0, at_s=1.0004)),
            "kills both copies of shard 0",
        ),
        ((Fault.partition(workers=(0, 7), from_s=0.0),), "worker 7"),
        ((KILL, Fault.kill(worker=3, at_s=2.0)), "worker 3 has died at 1.5 s, and is not there then"),
        ((KILL, Fault.leave(worker=3, at_s=2.0)), "worker 3 has died at 1.5 s"),
        ((Fault.leave(worker=3, at_s=1.0), KILL), "worker 3 has left at 1 s"),
        (
            (Fault.kill(worker=3, at_s=1.0, back_s=2.0), Fault.kill(worker=3, at_s=1.5)),
            "worker 3 is not there at 1.5 s",
        ),
        ((Fault.join(worker=3, at_s=1.0), Fault.join(worker=3, at_s=2.0)), "worker 3 is there already at 2 s"),
        ((Fault.kill(worker=3, at_s=0.5), Fault.join(worker=3, at_s=1.0)), "worker 3 is not there at 0.5 s"),
        (tuple(Fault.kill(worker=rank, at_s=1.0 + rank) for rank in range(4)), "leaves no worker at 4 s"),
        (tuple(Fault.join(worker=rank, at_s=1.0) for rank in range(4)), "all workers join later"),
        ((Fault.kill(shard=0, at_s=1.0), Fault.kill(shard=0, at_s=1.0)), "kills both copies of shard 0"),
    ],
)
def test_plans_that_make_no_sense_are_refused(faults, sentence):
    with pytest.raises(ValueError, match=sentence):
        Simulated(4, faults=faults)


def test_killing_all_is_fine_where_some_come_back_before():
    Simulated(2, faults=(Fault.kill(worker=0, at_s=1.0, back_s=2.0), Fault.kill(worker=1, at_s=3.0)))


def test_a_shard_may_lose_another_host_when_one_has_come_back():
    first = Fault.kill(shard=0, at_s=1.0, back_s=1.1)
    Simulated(2, faults=Faults((first, Fault.kill(shard=0, at_s=1.2)), detect_s=1.0))
    with pytest.raises(ValueError, match="kills both copies of shard 0"):
        Simulated(2, faults=Faults((Fault.kill(shard=0, at_s=1.0), Fault.kill(shard=0, at_s=1.2)), detect_s=1.0))


def test_patience_goes_by_the_latency():
    assert Faults().patience_s(1.0) == 10.0
    assert Faults().patience_s(0.0) == 1e-4
    assert Faults().lease_s(1.0) == 100.0
    assert Faults(retry_s=0.5).lease_s(1.0) == 5.0
    assert Faults(detect_s=3.0).lease_s(1.0) == 3.0


# ---- which strategy survives what

OF_WORDS = {
    "lost worker": [KILL, Fault.leave(worker=3, at_s=1.0), Fault.join(worker=3, at_s=1.0)],
    "lost shard": [Fault.kill(shard=0, at_s=1.0), Fault.kill(shard=0, at_s=1.0, back_s=2.0)],
    "lost message": [
        Fault.lose(0.1),
        Fault.partition(workers=(1,), from_s=0.0),
        Fault.reorder(0.1, by_s=1.0),
    ],
    "duplicate message": [Fault.duplicate(0.1)],
    "slow worker": [Fault.slow(worker=0, factor=2.0), Fault.slow(shard=0, factor=2.0)],
    "lost coordinator": [Fault.kill(worker=0, at_s=1.0), Fault.leave(worker=0, at_s=1.0)],
}


def strategy(**members) -> AbstractStrategy:
    made = Probe(answer="mine").strategy(nothing)
    return type("Fragile", (type(made),), members)()


def refused(how, fault, workers=4):
    task = problem()
    with pytest.raises(Unsupported) as caught:
        train(task.model, task.data, strategy=how, engine=Simulated(workers, faults=(fault,)), stop=Stop(epochs=1))
    return str(caught.value)


@pytest.mark.parametrize("word", SURVIVES)
def test_a_fault_that_is_not_survived_is_refused_and_named(word):
    others = frozenset(SURVIVES) - {word}
    for fault in OF_WORDS[word]:
        told = refused(strategy(survives=others, coordinator=0), fault)
        assert told.startswith(f"Fragile does not survive a {word!r}, as in {fault!r}; it survives '{min(others)}', '")
    assert "it survives no faults" in refused(strategy(survives=frozenset()), OF_WORDS["slow worker"][0])


def test_the_first_worker_is_an_ordinary_one_where_nobody_depends_on_it():
    assert KILL.word(coordinator=0) == "lost worker"
    assert Fault.kill(worker=0, at_s=1.0).word(coordinator=None) == "lost worker"
    assert Fault.kill(worker=0, at_s=1.0).word(coordinator=0) == "lost coordinator"


def test_a_word_that_does_not_exist_is_named():
    assert "survives 'fire': it must be one of 'lost worker'" in refused(strategy(survives=frozenset({"fire"})), KILL)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_refuses_what_it_does_not_declare(name):
    how = STRATEGIES[name]()
    workers = 1 if how.most_workers == 1 or "turns" in how.needs else 4
    for word in SURVIVES.keys() - how.survives - {"lost coordinator"}:
        if workers == 1 and word == "lost worker":
            continue  # the plan itself is refused: nobody would be left
        assert f"{type(how).__name__} does not survive a {word!r}" in refused(how, OF_WORDS[word][0], workers)


@pytest.mark.parametrize("how", [Serial(), Hogwild(), LocalSGD(), Downpour()], ids=lambda how: type(how).__name__)
def test_what_strategies_declare_are_words_of_the_table(how):
    assert how.survives <= SURVIVES.keys()
    assert "slow worker" in how.survives


@pytest.mark.parametrize(
    ("make", "kind", "sentence"),
    [
        (
            lambda: Fault.partition(workers=3, from_s=0.0),
            TypeError,
            r"^workers=3 of Fault.partition\(\) must be a tuple",
        ),
        (lambda: Fault("kill"), ValueError, r"^Fault.kill\(\) is about 1 host: write "),
        (lambda: Fault("lose", workers=(3,), amount=0.1), ValueError, r"^Fault.lose\(\) is about no host: write "),
        (lambda: Faults(replicate="no"), TypeError, r"^replicate='no' must be True or False$"),
        (
            lambda: Faults((Fault.reorder(0.1, by_s=1.0), Fault.reorder(0.2, by_s=2.0))),
            ValueError,
            r"^a plan has one Fault.reorder\(\) at most",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(make, kind, sentence):
    with pytest.raises(kind, match=sentence):
        make()


def test_a_fault_is_what_it_shows():
    fault = Fault.kill(worker=1, at_s=0.123456789, back_s=2.0)
    assert repr(fault) == "Fault.kill(worker=1, at_s=0.123456789, back_s=2)"
    assert eval(repr(fault)) == fault
    assert Faults([fault]) == Faults((fault,))
