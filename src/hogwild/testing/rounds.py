"""What an engine must do with rounds, epochs and the end of a run."""

from __future__ import annotations

import time

import numpy as np

from hogwild.history import Record
from hogwild.interfaces import Worker
from hogwild.stopping import Stop
from hogwild.testing.ledger import Ledger
from hogwild.testing.probes import N_EXAMPLES, MakeEngine, Probe, look, must, same, together, vector

SIZES = (1, 2, 5)


async def sum_of_all(me: Worker) -> None:
    """Synchronous learning: all weights are always those of all."""
    async for _ in me.rounds():
        everybody = await me.all_reduce(await me.gradient(2))
        await me.apply(everybody.sum)


async def sum_at_the_end(me: Worker) -> None:
    """Learning alone; in the end the weights are the sum."""
    async for _ in me.rounds():
        await me.steps(3)
    everybody = await me.all_reduce(me.params.weights)
    me.params.weights[:] = everybody.sum


def rounds_are_counted(make_engine: MakeEngine) -> None:
    """Rounds are numbered from 0, and only the first of a fresh start is `first`."""

    async def work(me: Worker) -> None:
        count = 0
        async for round in me.rounds():
            must(round.number == count, f"round {count} has the number {round.number}")
            must(round.first == (count == 0), f"round.first is {round.first} in round {count} of a fresh start")
            must(not round.late, "a round is late, though no sum has a quorum")
            await me.steps(2)
            count += 1
        # Who does not agree may come when all has been handed out.
        must(count > 0 or not agree, "no round was granted")

    for size in SIZES:
        for agree in (True, False):
            look(make_engine(size), work, probe=Probe(agree=agree), n_examples=200)


def rounds_are_agreed(make_engine: MakeEngine) -> None:
    """Workers that agree run the same rounds, whoever is slow, and whether epochs are judged or not."""

    async def work(me: Worker) -> None:
        count = 0
        async for _ in me.rounds():
            await me.steps(1)
            for _ in range(me.rank):
                await me.inbox()  # some take longer
            count += 1
        counts = await together(me, count)
        must((counts == counts[0]).all(), f"workers that agree ran different numbers of rounds: {counts}")

    for stop in (Stop(epochs=3, tol=None), Stop(epochs=3, tol=0), Stop(epochs=10**6, time_s=2e-4, tol=None)):
        for answer in ("mine", "end"):
            look(make_engine(3), work, probe=Probe(answer=answer), stop=stop)


def peers_are_the_others(make_engine: MakeEngine) -> None:
    """`peers` are the other ranks, in order, while all are in rounds."""

    async def work(me: Worker) -> None:
        must(0 <= me.rank < me.size, f"rank {me.rank} of {me.size}")
        async for _ in me.rounds():
            await me.all_reduce()
            others = [rank for rank in range(me.size) if rank != me.rank]
            must(list(me.peers) == others, f"worker {me.rank} of {me.size} has peers {list(me.peers)}")
            await me.steps(3)
            await me.all_reduce()

    for size in SIZES:
        engine = make_engine(size)
        must(engine.size == size, f"make_engine({size}) gave an engine of {engine.size} workers")
        look(engine, work)


def random_streams_are_seeded(make_engine: MakeEngine) -> None:
    """Each worker has random numbers of its own; the same seed gives the same ones."""

    async def work(me: Worker) -> None:
        me.params.weights[: me.size] = await together(me, float(me.rng.random()))

    def draws(seed: int) -> list[float]:
        return look(make_engine(3), work, seed=seed).params.weights[:3].tolist()

    first = draws(0)
    must(len(set(first)) == 3, f"workers share random numbers: {first}")
    must(draws(0) == first, "the same seed gives other random numbers")
    must(draws(1) != first, "another seed gives the same random numbers")


def examples_are_learnt_once_an_epoch(make_engine: MakeEngine) -> None:
    """Each example is handed out once an epoch, to one worker; agreed or not, judged or not."""
    for size in SIZES:
        for agree in (True, False):
            for n in (N_EXAMPLES, N_EXAMPLES - 1, 5):
                stop = Stop(epochs=3, tol=None)
                result = look(make_engine(size), sum_at_the_end, probe=Probe(agree=agree), stop=stop, n_examples=n)
                same(result.params.weights, np.full(n, 3.0), f"how often each of {n} examples was learnt by {size}")
        result = look(make_engine(size), sum_of_all, probe=Probe(answer="mine"), stop=Stop(epochs=3, tol=0))
        same(result.params.weights, np.full(N_EXAMPLES, 3.0), f"how often each example was learnt by {size}, judged")


def history_is_kept(make_engine: MakeEngine) -> None:
    """A record an epoch, in order, to history and callbacks; the best weights that were judged are the result."""
    for size in SIZES:
        told: list[Record] = []
        trial = {"probe": Probe(answer="mine"), "model": Ledger(goal=2), "stop": Stop(epochs=3, tol=0)}
        result = look(make_engine(size), sum_of_all, callbacks=[told.append], **trial)
        columns = result.history.as_dict()
        same(columns["epoch"], [1, 2, 3], "epochs of the history")
        same(columns["examples"], [N_EXAMPLES, 2 * N_EXAMPLES, 3 * N_EXAMPLES], "examples of the history")
        same(columns["objective"], [0.5, 0.0, 0.5], "objectives of the history")
        same(columns["rate"], [1.0] * 3, "rates of the history")
        times = columns["time_s"]
        must(times == sorted(times) and times[0] >= 0, f"times of the history do not grow: {times}")
        must(told == result.history.records, "callbacks were told something else than the history")
        must(result.reason == "epochs", f"reason {result.reason!r} after all epochs")
        same(result.params.weights, np.full(N_EXAMPLES, 2.0), "weights of the best epoch")
        same(result.params.state["examples"], [2 * N_EXAMPLES], "examples that these weights have seen")


def runs_stop(make_engine: MakeEngine) -> None:
    """Training ends when it no longer improves, when time, examples or bytes are used up, or when a program ends; and
    says why.
    """
    trial = {"probe": Probe(answer="mine"), "model": Ledger(goal=2)}
    result = look(make_engine(3), sum_of_all, stop=Stop(epochs=100, tol=1e-3, patience=2), **trial)
    found = (result.reason, len(result.history))
    must(found == ("converged", 4), f"best in epoch 2, patience 2: ended as {found} instead of converged after 4")

    seconds = 1e-3
    late = Stop(epochs=10**9, time_s=seconds, tol=None)
    for agree in (True, False):
        result = look(make_engine(3), sum_at_the_end, probe=Probe(agree=agree), stop=late)
        must(result.reason == "time", f"time_s was over, but the reason is {result.reason!r}")

    most = 2 * N_EXAMPLES + 1
    for agree in (True, False):
        enough = Stop(epochs=10**9, examples=most, tol=None)
        result = look(make_engine(3), sum_at_the_end, probe=Probe(agree=agree), stop=enough)
        must(result.reason == "examples", f"all examples were used, but the reason is {result.reason!r}")
        seen = result.history[-1].examples
        must(most <= seen < most + N_EXAMPLES, f"{seen} examples were learnt, of {most} and the rest of a round")

    async def talk(me: Worker) -> None:
        async for _ in me.rounds():
            await me.steps(1)
            await me.all_reduce(me.params.weights)

    result = look(make_engine(3), talk, stop=Stop(epochs=10**9, sent_bytes=1_000, tol=None))
    must(result.reason == "bytes", f"all bytes were sent, but the reason is {result.reason!r}")

    def dawdle(record: Record) -> None:
        """The time is up between two epochs."""
        end = time.perf_counter() + 2 * seconds
        while time.perf_counter() < end:
            pass

    for agree in (True, False):
        trial = {"probe": Probe(agree=agree, answer="mine"), "stop": late, "callbacks": [dawdle]}
        weights = look(make_engine(1), sum_of_all, **trial).params
        visits, examples = weights.weights.sum(), weights.state["examples"][0]
        must(visits == examples, f"stopped between two epochs: {visits} visits in the weights of {examples} examples")

    async def two_rounds(me: Worker) -> None:
        async for round in me.rounds():
            await me.steps(1)
            if me.rank == 0 and round.number == 1:
                return

    result = look(make_engine(3), two_rounds, probe=Probe(agree=False), stop=Stop(epochs=10**9, tol=None))
    must(result.reason == "ended by the strategy", f"a program ended by itself, but the reason is {result.reason!r}")


def training_goes_on(make_engine: MakeEngine) -> None:
    """From given weights: they are copied, epochs and examples are counted on, and no round is `first`."""

    async def work(me: Worker) -> None:
        async for round in me.rounds():
            must(not round.first, "round.first, though training goes on from given weights")
            await me.steps(2)
        everybody = await me.all_reduce(me.params.weights - vector(me, 3.0))
        me.params.weights[:] = everybody.sum + 3.0

    start = look(make_engine(2), sum_at_the_end, stop=Stop(epochs=3, tol=None)).params
    result = look(make_engine(2), work, start=start, stop=Stop(epochs=2, tol=None))
    same(start.weights, np.full(N_EXAMPLES, 3.0), "weights to start from, after the run")
    same(result.params.weights, np.full(N_EXAMPLES, 5.0), "visits after 3 and 2 epochs")
    same(result.params.state["examples"], [5 * N_EXAMPLES], "examples after 3 and 2 epochs")
    same(result.params.state["epochs"], [5], "epochs after 3 and 2")
