"""Weights are judged block by block, by whoever is free; what comes out does not depend on who that is."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild import Linear, check_examples
from hogwild.data.blocks import Blocks
from hogwild.engines import judging
from hogwild.engines.judging import JUDGES_HERE, AbstractJudges, Judge

MODEL = Linear("squared", l2=0.1)


class Notes(AbstractJudges):
    """Judges here, and notes who was asked for how many blocks."""

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


@given(turns=st.lists(st.integers(0, 2), max_size=30))
def test_the_verdict_is_the_same_whoever_judges_what(turns):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "JUDGED_EXAMPLES", 7)
        task, params, parts = prepared(100)
        alone = Judge(task, params, parts, 1, JUDGES_HERE)
        alone.work(0)
        locks = [threading.Lock() for _ in range(3)]
        for lock in locks:
            lock.acquire()

        class InTurn(AbstractJudges):
            """Worker `rank` goes on when its lock is free."""

            def tallier(self, task, params):
                here = JUDGES_HERE.tallier(task, params)

                def tally(rank, blocks):
                    locks[rank].acquire()
                    return here(rank, blocks)

                return tally

            def together(self, work):
                """Not here."""

        judge = Judge(task, params, parts, 3, InTurn())
        threads = [threading.Thread(target=judge.work, args=(rank,)) for rank in range(3)]
        for thread in threads:
            thread.start()
        for rank in turns:
            if locks[rank].locked():
                locks[rank].release()
        while any(thread.is_alive() for thread in threads):
            for lock in locks:
                if lock.locked():
                    lock.release()
            threads[0].join(0.001)
        assert judge.verdict() == alone.verdict()


def test_workers_are_asked_for_ever_fewer_blocks(monkeypatch):
    monkeypatch.setattr(judging, "JUDGED_EXAMPLES", 1)
    notes = Notes()
    judge = Judge(*prepared(40, 0.0), 2, notes)
    notes.together(judge.work)
    counts = [count for _, count in notes.asked]
    assert sum(counts) == 40
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 10
    assert counts[-1] == 1
