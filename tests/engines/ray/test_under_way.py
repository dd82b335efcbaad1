"""What the conductor is told of pushes that were started: with questions, and by a call only if none comes."""

import threading

import pytest

from hogwild.engines.ray.under_way import UnderWay
from hogwild.engines.waits import Aborted


class Conductor:
    """Hears what would be a call of the actor."""

    def __init__(self):
        self.arrived, self.heard = self, []

    def remote(self, rank, number):
        self.heard.append((rank, number))


class Rig:
    def __init__(self):
        self.conductor, self.beside = Conductor(), []
        self.under_way = UnderWay(3, self.conductor, self.beside.append)

    def tell(self):
        """What a thread beside the program does."""
        self.beside.pop()()
        assert not self.beside


def test_numbers_are_those_of_the_last_that_has_not_arrived():
    found = Rig().under_way
    assert found.number() == 0
    for number in (1, 2):
        found.begins()
        assert found.number() == number
    found.arrived()
    assert found.number() == 2
    found.arrived()
    assert found.number() == 0
    found.continue_from(1000)
    found.begins()
    assert found.number() == 1001


def test_who_waits_for_an_answer_is_not_taken_for_one_who_still_sends():
    rig = Rig()
    rig.under_way.begins()
    rig.under_way.number()
    rig.under_way.arrived()
    rig.tell()
    assert rig.conductor.heard == [(3, 1)]


def test_nobody_calls_when_the_conductor_does_not_know_or_knows_better():
    rig = Rig()
    rig.under_way.begins()
    rig.under_way.arrived()
    assert not rig.beside  # it was never told
    rig.under_way.begins()
    rig.under_way.number()
    rig.under_way.arrived()
    rig.under_way.number()  # with the next question
    rig.tell()
    rig.under_way.begins()
    rig.under_way.number()
    rig.under_way.arrived()
    rig.under_way.begins()  # more was started
    rig.tell()
    assert not rig.conductor.heard


def test_one_thread_tells_of_all():
    rig = Rig()
    for _ in range(3):
        rig.under_way.begins()
        rig.under_way.number()
        rig.under_way.arrived()
    rig.tell()
    assert rig.conductor.heard == [(3, 3)]
    rig.under_way.begins()
    rig.under_way.number()
    rig.under_way.arrived()
    rig.tell()
    assert rig.conductor.heard == [(3, 3), (3, 4)]


def test_when_the_run_is_over_nobody_calls():
    rig = Rig()
    rig.under_way.begins()
    rig.under_way.number()
    rig.under_way.arrived()
    rig.under_way.end()
    rig.tell()
    assert not rig.conductor.heard


def test_who_waits_until_all_have_arrived_is_woken_or_told_that_it_will_not_be():
    found = Rig().under_way
    found.begins()
    checks = []
    waiting = threading.Thread(target=found.wait, args=(lambda: checks.append(None), 60.0))
    waiting.start()
    found.arrived()
    waiting.join(10)
    assert not waiting.is_alive()

    def over():
        raise Aborted

    found.begins()
    with pytest.raises(Aborted):
        found.wait(over, 60.0)
