"""What is told to a copy, in every order of events: nothing that was answered is lost, and nothing happens twice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.engines.ray.stream import Batch, Following, Stream

COMPLETE = "complete"


class Copy:
    """The other end, which applies what is new."""

    def __init__(self, log, known, *, complete):
        self.log, self.following = list(log), Following(known, complete=complete)

    def follow(self, batch):
        for message in self.following.new(batch.first, batch.messages):
            if message == COMPLETE:
                self.following.complete = True
            else:
                self.log.append(message)


class Pair:
    """A primary and its copy; `answered`: the most messages of the primary's log that an answer depended on."""

    def __init__(self):
        self.log, self.stream, self.copy = [], Stream(chained=True), Copy((), 0, complete=True)
        self.marks, self.answered, self.flying, self.number, self.snapshot = [], 0, None, 0, None

    def push(self, _):
        self.log.append(len(self.log))
        self.stream.tell(self.log[-1], 1)
        self.marks.append((self.stream.told, len(self.log)))
        self.answer()

    def answer(self):
        for each in list(self.marks):
            if self.stream.is_safe(each[0]):
                self.marks.remove(each)
                self.answered = max(self.answered, each[1])

    def send(self, _):
        self.flying = self.stream.take() or self.flying

    def arrive(self, confirmed):
        """Twice, if the answer is lost."""
        if self.flying is not None and self.copy is not None and self.flying.copy == self.number:
            self.copy.follow(self.flying)
            if confirmed:
                self.stream.confirm(self.flying)
                self.flying = None
                self.answer()

    def lose_copy(self, _):
        self.copy = self.snapshot = None
        self.stream.stop(self.number)
        self.answer()

    def begin(self, room):
        if self.copy is None and self.snapshot is None:
            self.number += 1
            self.stream.begin(self.number, room)
            self.snapshot = list(self.log), self.stream.told

    def restore(self, _):
        if self.snapshot is not None:
            self.copy, self.snapshot = Copy(*self.snapshot, complete=False), None
            self.stream.complete(self.number, COMPLETE)

    def promote(self, _):
        """The primary dies."""
        if self.copy is None or not self.copy.following.complete:
            return
        assert self.copy.log == self.log[: len(self.copy.log)]
        assert len(self.copy.log) >= self.answered
        self.log, self.stream, self.copy = self.copy.log, Stream(chained=False), None
        self.marks, self.flying, self.number, self.snapshot = [], None, 0, None

    def quiet(self):
        """Nothing is under way any more: all are answered."""
        self.restore(None)
        for _ in range(len(self.log) + 2):
            self.send(None)
            self.arrive(True)
        assert not self.marks


EVENTS = ("push", "send", "arrive", "lose_copy", "begin", "restore", "promote")


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(EVENTS + ("push", "send", "arrive") * 3), st.integers(0, 3)), max_size=80))
def test_nothing_that_was_answered_is_lost(events):
    pair = Pair()
    for name, number in events:
        getattr(pair, name)(number)
    pair.quiet()
    if pair.copy is not None:
        assert pair.copy.log == pair.log
        assert pair.copy.following.complete


def test_answers_wait_for_the_copy_and_a_batch_for_the_one_before():
    stream = Stream(chained=True)
    stream.tell("a", 7)
    assert not stream.is_safe(1)
    first = stream.take()
    stream.tell("b", 1)
    stream.tell("c")
    assert first == Batch(1, ["a"], 0, 7)
    assert stream.take() is None
    stream.confirm(first)
    assert [stream.is_safe(mark) for mark in (0, 1, 2)] == [True, True, False]
    assert stream.take() == Batch(2, ["b", "c"], 0, 1)


def test_while_a_copy_catches_up_answers_wait_only_if_it_falls_far_behind():
    stream = Stream(chained=False)
    stream.tell("before", 1_000)
    stream.begin(1, room_bytes=10)
    stream.tell("a", 10)
    assert stream.is_safe(stream.told)
    assert stream.take() is None
    stream.tell("b", 1)
    assert not stream.is_safe(stream.told)
    stream.complete(1, COMPLETE)
    assert stream.take() == Batch(2, ["a", "b", COMPLETE], 1, 11)


def test_an_older_copy_changes_nothing():
    stream = Stream(chained=True)
    stream.tell("a")
    late = stream.take()
    stream.stop(0)
    stream.begin(1, 100)
    stream.complete(0, COMPLETE)
    stream.stop(0)
    stream.complete(1, COMPLETE)
    stream.confirm(late)
    assert stream.take() == Batch(2, [COMPLETE], 1, 0)


def test_a_copy_takes_each_message_once_and_misses_none():
    following = Following(3, complete=True)
    assert following.new(2, ["2", "3", "4"]) == ["4"]
    assert following.new(4, ["4"]) == []
    with pytest.raises(ValueError, match="message 6 of a shard came to its copy after 4: some are missing"):
        following.new(6, ["6"])
