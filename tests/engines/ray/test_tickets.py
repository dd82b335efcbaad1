"""What a dead process has started and called is not mistaken for what the next one has."""

import threading
from importlib.util import find_spec

import numpy as np
import pytest

from hogwild.requests import Reduce, Ticket

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")


@pytest.fixture
def tickets():
    from hogwild.engines.ray.tickets import Tickets

    return Tickets(2)


def done(answer):
    ticket = Ticket(Reduce(np.ones(1)))
    ticket.answer, ticket.done = answer, True
    return ticket


def test_what_is_done_is_told_under_the_number_of_the_worker(tickets):
    first, second = Ticket(Reduce(np.ones(1))), done("b")
    tickets.begun(0, 1, first)
    tickets.begun(0, 2, second)
    assert tickets.next(0) == (2, "b")
    first.answer = "a"
    tickets.told(0, first)
    assert tickets.next(0) == (1, "a")
    tickets.awaited(0, 1)
    with pytest.raises(KeyError):
        tickets[0, 1]
    assert tickets[0, 2] is second


def test_who_waits_for_a_dead_process_takes_nothing_from_the_next(tickets):
    heard, waits = [], threading.Event()

    def listen():
        queue = tickets._news[0]  # as `next` does, and then waits
        waits.set()
        heard.append(queue.get())

    listener = threading.Thread(target=listen)
    listener.start()
    waits.wait()
    tickets.lost(0)
    tickets.released(0, 7, True)
    listener.join()
    assert heard == [None]
    assert tickets.next(0).number == 7


def test_what_a_dead_process_has_started_is_not_told_to_the_next(tickets):
    old = Ticket(Reduce(np.ones(1)))
    tickets.begun(0, 1, old)
    tickets.lost(0)
    tickets.begun(0, 1, done("mine"))
    old.answer = "not mine"
    tickets.told(0, old)
    tickets.end()
    assert [tickets.next(0), tickets.next(0)] == [(1, "mine"), None]


class Called:
    """A conductor of which process 0 of worker 1 has died."""

    def __init__(self):
        self._membership, self.calls = self, []

    def rank_of(self, seat):
        return {0: 0, 1: None, 3: 1}[seat]

    def ask(self, rank, *arguments, **options):
        self.calls.append((rank, arguments, options))
        return "answer"


class Handle:
    """As of an actor, which answers at once."""

    def __init__(self, conductor):
        self.ask, self.other = type("Method", (), {"remote": staticmethod(conductor.ask)}), "as it is"


def test_who_was_taken_for_dead_is_not_heard(monkeypatch):
    from hogwild.engines.ray import seats
    from hogwild.engines.ray.terms import Over

    monkeypatch.setattr(seats, "CALLS", {"ask": Over()})
    conductor = seats.seated(Called)()
    calls = Handle(conductor)
    assert calls.ask.remote(1, "a") == Over()
    assert seats.ConductorProxy(calls, 2, 1).ask.remote(1, "b", sent=3) == "answer"
    assert calls.ask.remote(0) == "answer"
    assert seats.ConductorProxy(calls, 2, 1).other == "as it is"
    assert conductor.calls == [(1, ("b",), {"sent": 3}), (0, (), {})]
