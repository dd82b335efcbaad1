"""Our strategies keep the promises of a strategy, and those that break one are found out."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, final

import numpy as np
import pytest
from tests.testing.faults import Faulty

from hogwild import ALL, AllReduce, Downpour, Hogwild, LocalSGD, Racy, Replicas, RoundRobin, Serial, Threads, sgd
from hogwild.interfaces import AbstractEngine, AbstractStrategy, Worker
from hogwild.requests import Gradient
from hogwild.strategies import STRATEGIES
from hogwild.testing import check_strategy
from hogwild.testing.strategies import in_small_blocks


@pytest.mark.parametrize("name", STRATEGIES)
def test_those_of_the_table_conform(name):
    check_strategy(in_small_blocks(STRATEGIES[name]()))


OTHERS = {
    "minibatches": AllReduce(minibatch=4),
    "full batch": AllReduce(minibatch=ALL),
    "short periods": LocalSGD(period=3, minibatch=2),
    "replicas of minibatches": Hogwild(Replicas(every_examples=8), minibatch=4),
    "small blocks": Hogwild(Racy(), block_examples=10),
    "blocking": Downpour(minibatch=4, fetch="wait"),
    "of rows": Downpour(minibatch=8, fetch="rows"),
    "in waves": Downpour(minibatch=4, warm_start=5),
    "rarely": Downpour(minibatch=2, fetch_every=3, push_every=5),
    "without state": Downpour(minibatch=2, server=sgd()),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_conform(name):
    check_strategy(OTHERS[name], workers=(1, 3))


def test_what_is_not_promised_is_not_asked_for():
    check_strategy(AllReduce(minibatch=4, backups=1), repeats=False)
    check_strategy(RoundRobin())
    check_strategy(Hogwild(Replicas(ordered=True)), repeats=True)


# ---- strategies that break a promise


async def learn(me: Worker) -> None:
    async for _ in me.rounds():
        await me.steps(4)


@final
@dataclass(frozen=True)
class Broken(AbstractStrategy):
    """Any program as a strategy whose workers have weights of their own."""

    work_of: Any
    agree: bool = True
    most_workers: int | None = None
    answer: ClassVar[Literal["mine"]] = "mine"

    async def work(self, me: Worker) -> None:
        await self.work_of(me)


def refuses(sentence: str, strategy: AbstractStrategy, **options: Any) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_strategy(strategy, **{"workers": (1, 3), **options})


def test_a_sound_one_is_not_refused():
    check_strategy(Broken(learn))
    check_strategy(Broken(learn, most_workers=2))


def test_random_numbers_of_its_own_are_found():
    async def work(me):
        rng = np.random.default_rng()
        async for _ in me.rounds():
            await me.steps(4)
            me.params.weights += 1e-9 * rng.normal()

    refuses(r"Broken on Threads\(1\) does not repeat bit for bit", Broken(work))
    refuses(r"Broken on Simulated\(1\) does not repeat bit for bit", Broken(work, agree=False))


def test_other_bits_on_another_engine_are_found():
    def rounded(me, request, answer):
        return replace(answer, values=answer.values.astype(np.float32)) if isinstance(request, Gradient) else answer

    engines = {"Threads": Threads, "a sloppy one": lambda n: Faulty(n, fault=rounded)}
    sentence = r"AllReduce with 1 workers gives other bits on Threads than on a sloppy one"
    refuses(sentence, AllReduce(4), engines=engines)


def test_learning_nothing_is_found():
    async def work(me):
        async for _ in me.rounds():
            await me.gradient(4)

    refuses(r"Broken on Threads\(1\) has learnt nothing: the objective is 1 of what", Broken(work))


def test_being_far_from_the_optimum_is_found():
    refuses(r"Broken on Threads\(1\) leaves 0\.\d+ of what there was to gain, Serial only", Broken(slowly, agree=False))
    check_strategy(Broken(slowly))  # of those that agree it is not asked


async def slowly(me: Worker) -> None:
    async for _ in me.rounds():
        await me.steps(4, 1e-4)


def test_errors_are_found_and_located():
    async def work(me):
        if me.rank == 2:
            raise ZeroDivisionError("here")
        await learn(me)

    refuses(r"Broken on Threads\(3\) raises ZeroDivisionError: here \(in worker 2 of 3", Broken(work))


def test_one_that_runs_nowhere_is_found():
    class Wishful(AbstractStrategy):
        needs = frozenset({"a miracle"})
        agree = True

        async def work(self, me):
            raise AssertionError("must not begin")

    refuses(r"no engine runs Wishful with 1 workers", Wishful())
    refuses(r"no engine runs Serial with 1 workers", Serial(), engines={})


def test_refusing_what_runs_is_found():
    # Says that it takes one worker, and the engine does not ask.
    refuses(
        r"Unsupported was expected",
        Broken(learn, most_workers=1),
        engines={"careless": lambda n: Careless(n)},
    )


@final
@dataclass(frozen=True)
class Careless(AbstractEngine):
    """`Threads` that takes any strategy for one of any number of workers."""

    workers: int
    can = Threads.can

    @property
    def size(self):
        return self.workers

    def run(self, job):
        object.__setattr__(job.strategy, "most_workers", None)
        try:
            return Threads(self.size).run(job)
        finally:
            object.__setattr__(job.strategy, "most_workers", 1)
