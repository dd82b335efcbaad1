"""Who is given which portion, and who waits."""

import pytest

from hogwild.engines.portions import MANY, MOST_COPIES, Portions
from hogwild.engines.waits import deadlock
from hogwild.requests import Take


class Hand:
    """`Portions` of some workers, all in their first round, and how many passes were finished."""

    def __init__(self, size=3, n=48):
        self.finished, self.rounds = 0, [1] * size
        self.portions = Portions(n, size, self.rounds, self._finish)

    def _finish(self):
        self.finished += 1

    def ask(self, rank):
        """A list that will hold the answer."""
        answers = []
        self.portions.take(rank, Take(), answers.append)
        return answers

    def number(self, rank):
        """Of the portion, which must be there at once; None at the end."""
        (answer,) = self.ask(rank)
        return None if answer is None else answer.number

    def push(self, rank, number, late=False):
        self.portions.sent(rank, number)
        self.portions.pushed(rank, number, late=late)

    def until(self, left, rank=0):
        """All portions but the last so many are done by this worker."""
        for number in range(48 - left):
            assert self.number(rank) == number
            self.push(rank, number)


@pytest.mark.parametrize(
    ("workers", "n", "count"),
    [(1, 1000, 16), (3, 1000, 48), (3, 7, 7), (128, 10**6, MANY), (1000, 10**6, 2000), (5000, 10**6, 10_000)],
)
def test_many_workers_have_fewer_portions_each(workers, n, count):
    hand = Hand(workers, n)
    (first,) = hand.ask(0)
    assert abs(first.count - n / count) < 1
    found = [first]
    for _ in range(count - 1):
        found += hand.ask(0)
    assert sum(portion.count for portion in found) == n
    assert [portion.first for portion in found[1:]] == [portion.first + portion.count for portion in found[:-1]]


def test_a_few_copies_are_made_the_fewest_first_and_then_one_waits():
    hand = Hand(size=5)
    hand.until(left=2)
    assert [hand.number(rank) for rank in (0, 1)] == [46, 47]
    assert [hand.number(rank) for rank in (2, 3, 2, 3)] == [46, 47, 47, 46]
    assert MOST_COPIES == 3
    waiting = hand.ask(4)
    assert waiting == []
    hand.push(0, 46)
    assert waiting == [], "47 is still to come"
    hand.push(2, 47)
    assert waiting == [None]
    hand.push(1, 47)
    assert hand.finished == 1
    assert hand.number(0) is None


def test_nobody_copies_what_is_on_its_way():
    hand = Hand()
    hand.until(left=2)
    assert [hand.number(rank) for rank in (0, 1)] == [46, 47]
    hand.portions.sent(0, 46)
    assert [hand.number(rank) for rank in (2, 0)] == [47, 47]
    assert hand.ask(2) == []


def test_of_what_comes_too_late_another_copy_is_made():
    hand = Hand()
    hand.until(left=1)
    assert hand.number(0) == 47
    hand.portions.sent(0, 47)
    waiting = hand.ask(1)
    hand.portions.pushed(0, 47, late=True)
    assert [portion.number for portion in waiting] == [47]
    assert hand.number(0) == 47, "also by who was late"


def test_what_a_lost_worker_was_sending_goes_to_one_that_waits():
    hand = Hand()
    hand.until(left=1)
    assert hand.number(0) == 47
    hand.portions.sent(0, 47)
    one, other = hand.ask(1), hand.ask(2)
    hand.portions.returned(0)
    assert [portion.number for portion in one + other] == [47, 47]
    hand.push(2, 47)
    assert hand.finished == 1


def test_a_lost_worker_waits_no_more():
    hand = Hand()
    hand.until(left=1)
    assert hand.number(0) == 47
    hand.portions.sent(0, 47)
    lost = hand.ask(1)
    hand.portions.returned(1)
    hand.push(0, 47)
    assert lost == []


def test_who_asks_again_without_pushing_is_given_it_again():
    hand = Hand(size=1, n=2)
    assert [hand.number(0) for _ in range(5)] == [0, 1, 0, 1, 0]


def test_who_comes_rounds_later_finds_every_pass_over():
    # Not a pass of its own, of which nobody would take the other portions.
    hand = Hand(size=2, n=2)
    for round in (1, 2, 3, 4):
        hand.rounds[0] = round
        for _ in range(2):
            hand.push(0, hand.number(0))
        assert hand.number(0) is None
    for round in (1, 2, 3, 4):
        hand.rounds[1] = round
        assert hand.number(1) is None
    assert hand.finished == 4
    hand.rounds[1] = 5
    assert hand.number(1) == 8


def test_it_is_told_who_waits_for_whom():
    hand = Hand()
    hand.until(left=1)
    assert hand.number(2) == 47
    hand.portions.sent(2, 47)
    hand.ask(0)
    ((_, text),) = hand.portions.waits()
    sentence = "all workers wait for each other: worker 0 waits for a portion, of which worker 2 has not pushed all"
    assert str(deadlock([(0, text)])) == sentence
