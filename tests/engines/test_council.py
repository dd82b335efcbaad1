"""The council of a run whose workers sum among themselves: who waits long, dies, or is told that it is over."""

import os
import threading

import pytest
from tests.engines.hubs import Rig

from hogwild.engines import Deadlock
from hogwild.engines.council import AbstractSums, Council
from hogwild.engines.transport import Direct
from hogwild.engines.turn import Turn
from hogwild.engines.waits import Aborted
from hogwild.requests import Inbox
from hogwild.traffic import Traffic


class Come(AbstractSums):
    """All have come to the first sum."""

    def come(self, ranks):
        return [1 for _ in ranks]


def council():
    return Council(Rig(size=2).session, Direct(Traffic()), None, sums=Come())


def test_who_waits_in_a_sum_to_which_all_have_come_is_about_to_go_on():
    found = council()
    found.lingers(1, 0)
    found.lingers(0, 0)
    found.goes_on(0)
    found.goes_on(1)


def test_who_has_died_in_a_sum_hides_no_deadlock():
    found = council()
    found.lingers(1, 0)
    found.lost(1)
    with pytest.raises(Deadlock, match="worker 0 waits for a message of worker 0"):
        found.communicate(0, Inbox((0,)))


def test_who_waited_when_the_run_was_ended_may_say_that_it_goes_on():
    found = council()
    found.abort()
    found.goes_on(0)


@pytest.mark.parametrize("dead", [2, 0])
def test_who_is_found_dead_while_they_meet_begins_no_second_meeting(monkeypatch, dead):
    """Its weights are asked for when all have met: only then it is known. It may be 0, who comes last: then nobody must
    wait in its name for what the process in its place is told.
    """
    session = Rig(size=3).session
    found = Council(session, Direct(Traffic()), None)
    done, closed, answers = threading.Event(), [], {}

    def close(met):
        closed.append(met)
        found.lost(dead)

    monkeypatch.setattr(session, "turn", lambda rank, number: Turn.GO if done.is_set() else Turn.MEET)
    monkeypatch.setattr(session, "close", close)
    monkeypatch.setattr(session, "judge", lambda rank: None)
    monkeypatch.setattr(session, "decide", done.set)

    def come(rank):
        try:
            answers[rank] = found.next_round(rank, 0, ())
        except Aborted:
            answers[rank] = None

    threads = [threading.Thread(target=come, args=(rank,)) for rank in (1, 2)]
    for thread in threads:
        thread.start()
    while found._blocked != {1, 2}:
        os.sched_yield()
    come(0)
    for thread in threads:
        thread.join()
    assert closed == [{0, 1, 2}]
    assert answers.pop(dead) is None
    assert [round.number for round, _ in answers.values()] == [0, 0]
    # Nothing is left that would pass for the answer to their next request.
    assert all(slot.empty() for slot in found._slots)
