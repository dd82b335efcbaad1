"""The council of a run whose workers sum among themselves: who waits long, dies, or is told that it is over."""

import pytest
from tests.engines.hubs import Rig

from hogwild.engines import Deadlock
from hogwild.engines.council import AbstractSums, Council
from hogwild.engines.transport import Direct
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
