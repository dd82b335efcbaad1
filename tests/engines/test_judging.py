"""Weights are judged block by block, by whoever is free; what comes out does not depend on who that is."""

from typing import final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild import Linear, check_examples
from hogwild.data.blocks import Blocks
from hogwild.engines import judging
from hogwild.engines.judging import JUDGES_HERE, AbstractJudges, Judge

MODEL = Linear("squared", l2=0.1)


@final
class Notes(AbstractJudges):
    """Judges here, and notes who was asked for how many blocks."""

    part = 0.5

    def __init__(self):
        self.asked = []

    def tallier(self, task, params):
        here = JUDGES_HERE.tallier(task, params)

        def tally(rank, blocks):
            self.asked.append((rank, len(blocks)))
            return here(rank, blocks)

        return tally

    def together(self, work):
        for rank in range(2):
            work(rank)


def prepared(n, holdout=0.3):
    rng = np.random.default_rng(0)
    examples = check_examples(rng.normal(size=(n, 3)), rng.normal(size=n))
    survey = MODEL.survey(examples, 0, None)
    params = MODEL.init(survey)
    params.weights[:] = [1.0, -2.0, 3.0, 0.5]
    return MODEL.bind(examples, survey), params, [Blocks(examples, holdout, 0)]


@final
class Interrupted(AbstractJudges):
    """Before a worker has tallied what it took, these others take what they can, one after another."""

    part = 0.75

    def __init__(self, others):
        self.others, self.judge = list(others), None

    def tallier(self, task, params):
        here = JUDGES_HERE.tallier(task, params)

        def tally(rank, blocks):
            if self.others:
                self.judge.work(self.others.pop())
            return here(rank, blocks)

        return tally

    def together(self, work):
        """Not here."""


@given(others=st.lists(st.integers(0, 2), max_size=10), size=st.integers(1, 5))
def test_the_verdict_is_the_same_whoever_judges_what(others, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "JUDGED_EXAMPLES", 7)
        task, params, parts = prepared(100)
        alone, judges = Judge(task, params, parts, 1, JUDGES_HERE), Interrupted(others)
        alone.work(0)
        judges.judge = Judge(task, params, parts, size, judges)
        judges.judge.work(0)
        assert judges.judge.verdict() == alone.verdict()


@given(begun=st.sets(st.integers(0, 2)), order=st.permutations(range(3)))
def test_who_has_begun_before_it_works_does_it_all(begun, order):
    """Also who comes when others have finished what was left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "JUDGED_EXAMPLES", 7)
        task, params, parts = prepared(100)
        alone, ahead = Judge(task, params, parts, 1, JUDGES_HERE), Ahead()
        alone.work(0)
        judge = Judge(task, params, parts, 3, ahead)
        judge.begin(begun)
        assert len(ahead.noted) == len(begun)
        for rank in order:
            judge.work(rank)
        assert judge.verdict() == alone.verdict()


def test_workers_are_asked_for_ever_fewer_blocks(monkeypatch):
    monkeypatch.setattr(judging, "JUDGED_EXAMPLES", 1)
    notes = Notes()
    judge = Judge(*prepared(40, 0.0), 2, notes)
    notes.together(judge.work)
    counts = [count for _, count in notes.asked]
    # One of each size for itself, then what it would have left to the other.
    assert counts == [10, 5, 3, 1, 1] * 2


@final
class Ahead(AbstractJudges):
    """Notes what worker 0 begins and what it waits for, while worker 1 does nothing."""

    part, ahead = 0.5, 2

    def __init__(self):
        self.noted = []

    def tallier(self, task, params):
        here = JUDGES_HERE.tallier(task, params)

        def tally(rank, blocks):
            self.noted.append(("begins", len(blocks)))

            def wait():
                self.noted.append(("waits", len(blocks)))
                return here(rank, blocks)()

            return wait

        return tally

    def together(self, work):
        """Not here."""


def test_a_worker_has_the_next_blocks_before_it_has_finished(monkeypatch):
    monkeypatch.setattr(judging, "JUDGED_EXAMPLES", 1)
    task, params, parts = prepared(8, 0.0)
    ahead = Ahead()
    judge, alone = Judge(task, params, parts, 2, ahead), Judge(task, params, parts, 1, JUDGES_HERE)
    judge.work(0)
    alone.work(0)
    sizes = [2, 1, 1, 2, 1, 1]
    assert [size for what, size in ahead.noted if what == "begins"] == sizes
    assert [size for what, size in ahead.noted if what == "waits"] == sizes
    assert [what for what, _ in ahead.noted[:4]] == ["begins", "begins", "waits", "begins"]
    assert judge.verdict() == alone.verdict()
