"""What becomes of a message, and of what is sent again until it arrives."""

from math import inf

import numpy as np
import pytest

from hogwild import Fault, Faults
from hogwild.engines.virtual.agenda import Agenda
from hogwild.engines.virtual.links import Links
from hogwild.engines.virtual.mail import Letter, Mail, Unreachable
from hogwild.engines.virtual.retrying import Retrying
from hogwild.engines.virtual.unreliable import Unreliable
from hogwild.traffic import FaultReport

HERE, THERE = ("worker", 0), ("worker", 1)


class Rig:
    """A network with a latency of 1 s; who has no answer sends again after 3 s more, and deaths are known after 100."""

    def __init__(self, *faults: Fault, seed: int = 0) -> None:
        self.agenda, self.report, self.arrived = Agenda(0), FaultReport(), []
        links, plan = Links(latency_s=1.0), Faults(faults)
        self.mail = Mail(self.agenda, links, plan, 3.0, 100.0, seed, self.report)
        self.network = Unreliable(self.agenda, links, self.mail, Retrying(self.mail, 2, 1))

    def at(self, what: object) -> object:
        return lambda: self.arrived.append((round(self.agenda.now, 6), what))

    def run(self) -> list[tuple[float, object]]:
        while self.agenda.step():
            pass
        return self.arrived


def test_where_nothing_goes_wrong_it_arrives():
    rig = Rig()
    rig.mail.transmit(Letter(HERE, THERE, 10, rig.at("letter")))
    assert rig.run() == [(1.0, "letter")]
    assert rig.report == FaultReport()


def test_a_letter_is_sent_again_until_it_arrives():
    rig = Rig(Fault.partition(workers=(0,), from_s=0.0, to_s=20.0))
    rig.mail.transmit(Letter(HERE, THERE, 10, rig.at("letter")))
    # Tries at 0, 1 + 3, 4 + 1 + 6, and, as it is healed at 20, at 20 + 3.
    assert rig.run() == [(24.0, "letter")]
    assert (rig.report.lost_messages, rig.report.sent_again) == (3, 3)


def test_shares_are_those_of_the_plan():
    rig, n = Rig(Fault.lose(0.1), Fault.duplicate(0.2), Fault.reorder(0.3, by_s=0.5)), 20_000
    for _ in range(n):
        rig.mail.transmit(Letter(HERE, THERE, 0, rig.at("letter"), rig.at("lost")))
    what = [each for _, each in rig.run()]
    assert what.count("lost") == pytest.approx(0.1 * n, rel=0.1) == rig.report.lost_messages
    assert what.count("letter") == pytest.approx(0.9 * 1.2 * n, rel=0.02)
    late = sum(time > 1.4 for time, each in rig.arrived if each == "letter")
    assert late == pytest.approx(0.9 * 0.3 * n, rel=0.05)


def test_with_a_larger_share_the_same_messages_are_lost_and_some_more():
    def lost(share):
        rig = Rig(Fault.lose(share))
        for number in range(1000):
            rig.mail.transmit(Letter(HERE, THERE, 0, rig.at(None), rig.at(number)))
        return {number for _, number in rig.run()} - {None}

    assert lost(0.05) < lost(0.1)


def test_the_dead_send_nothing_but_what_they_had_sent_arrives():
    rig = Rig()
    rig.mail.transmit(Letter(HERE, THERE, 10, rig.at("before")))
    rig.mail.die(HERE)
    rig.mail.transmit(Letter(HERE, THERE, 10, rig.at("after")))
    rig.mail.transmit(Letter(THERE, HERE, 10, rig.at("to the dead"), rig.at("not there")))
    assert rig.run() == [(1.0, "before"), (4.0, "not there")]


def test_another_process_does_not_go_on_with_what_the_dead_has_sent():
    rig = Rig(Fault.partition(workers=(0,), from_s=0.0, to_s=5.0))
    rig.mail.transmit(Letter(HERE, THERE, 10, rig.at("old")))
    rig.mail.die(HERE)
    rig.mail.rise(HERE)
    rig.mail.transmit(Letter(HERE, THERE, 10, rig.at("new")))
    assert [what for _, what in rig.run()] == ["new"]


def test_a_partition_without_end_is_told():
    rig = Rig(Fault.partition(workers=(0,), from_s=0.0, to_s=inf))
    rig.mail.transmit(Letter(HERE, THERE, 10, rig.at("letter")))
    with pytest.raises(Unreachable, match="worker 0 cannot reach worker 1 since 0 s: a partition"):
        rig.run()
    assert 100 < rig.agenda.now < 250


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
def test_a_stage_waits_for_the_message_that_is_lost_most_often(share):
    rig, messages = Rig(Fault.lose(share)), 8
    found = np.array([rig.mail.stage_s(messages) for _ in range(4000)])
    times = np.log2(found / 3.0 + 1.0)
    for k in range(3):
        assert np.mean(times < k + 0.5) == pytest.approx((1 - share ** (k + 1)) ** messages, abs=0.03)


def test_messages_that_are_sent_arrive_once_and_in_order():
    rig = Rig(Fault.lose(0.3), Fault.duplicate(0.3), Fault.reorder(0.3, by_s=2.0))
    for number in range(300):
        rig.network.send(HERE, THERE, 10, rig.at(number))
    assert [what for _, what in rig.run()] == list(range(300))
    assert rig.report.duplicates_dropped > 0


def test_of_news_only_the_newest_counts_and_each_is_told_to_be_lost_or_not():
    rig = Rig(Fault.lose(0.3), Fault.duplicate(0.3), Fault.reorder(0.3, by_s=2.0))
    for number in range(300):
        rig.network.post(HERE, THERE, 10, rig.at(number), rig.at((number, "lost")))
    found = [what for _, what in rig.run()]
    delivered = [what for what in found if isinstance(what, int)]
    lost = [what[0] for what in found if isinstance(what, tuple)]
    assert delivered == sorted(delivered)
    assert sorted(delivered + lost) == list(range(300))
    assert len(lost) > 90


def test_what_is_on_its_way_from_the_dead_or_to_them_is_lost_when_all_know():
    rig = Rig(Fault.partition(workers=(0,), from_s=0.0, to_s=50.0))
    rig.network.send(HERE, THERE, 10, rig.at("sent"), rig.at("not sent"))
    rig.network.post(THERE, HERE, 10, rig.at("posted"), rig.at("not posted"))
    rig.mail.die(THERE)
    rig.network.forget(THERE)
    assert [what for _, what in rig.run()] == ["not sent", "not posted"]


def test_messages_to_oneself_take_no_time():
    rig = Rig(Fault.lose(0.9))
    rig.network.send(HERE, HERE, 10, rig.at("sent"))
    rig.network.post(HERE, HERE, 10, rig.at("posted"))
    assert rig.arrived == [(0.0, "sent"), (0.0, "posted")]
