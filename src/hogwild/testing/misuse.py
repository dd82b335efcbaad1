"""What an engine must do with programs that are wrong, fail, or wait for ever: one clear sentence, and no hang."""

from __future__ import annotations

import re
from typing import Any

from hogwild.engines import Deadlock
from hogwild.interfaces import Unsupported, Worker
from hogwild.params import NonFiniteError
from hogwild.requests import Ticket
from hogwild.rules.updates import sgd
from hogwild.stopping import Stop
from hogwild.strategies import Serial
from hogwild.testing.ledger import Ledger
from hogwild.testing.probes import MakeEngine, Probe, Trial, Work, look, must, raised, served, vector

FOREVER = Stop(epochs=10**9, tol=None)


class Stumbled(RuntimeError):
    """What a probing program raises."""


def _named(error: BaseException, rank: int, size: int, round: int | None = None) -> None:
    """Do the notes of the error say in which worker and round it was raised, once?"""
    notes = getattr(error, "__notes__", [])
    where = rf"worker {rank} of {size}, round {r'[0-9]+' if round is None else round}, epoch [0-9]+"
    found = [note for note in notes if re.search(where, note)]
    must(len(found) == 1, f"the notes of the error must once say {where!r}, but are {notes}")


def needs_are_checked_first(make_engine: MakeEngine) -> None:
    """Unsupported, before any program begins, for what the engine has not, or for too many workers."""

    async def begins(me: Worker) -> None:
        raise AssertionError("a strategy that cannot run here has begun")

    probe = Probe(needs={"a miracle", *make_engine(1).can} - {"server"})
    error = raised(Unsupported, "Probe needs a miracle", look, make_engine(2), begins, probe=probe)
    must(re.search(r"[Uu]se |would", str(error)), f"{str(error)!r} does not say what would work")

    for need in {"share", "server"} - make_engine(1).can:
        asking = Probe(needs={need}, server=sgd() if need == "server" else None)
        raised(Unsupported, "Probe", look, make_engine(2), begins, probe=asking)

    raised(Unsupported, "Serial runs on 1 worker", Trial().run_strategy, make_engine(2), Serial())


def sizes_are_checked(make_engine: MakeEngine) -> None:
    """ValueError for zero workers."""
    raised(ValueError, "workers=0", make_engine, 0)
    for size in (1, 3):
        must(make_engine(size).size == size, f"make_engine({size}).size is {make_engine(size).size}")


def errors_are_located(make_engine: MakeEngine) -> None:
    """What a worker raises comes out, with its rank and round in a note; whoever waits for it is let go."""

    def stumbling(wait: Work) -> Work:
        async def work(me: Worker) -> None:
            async for round in me.rounds():
                await me.steps(1)
                if me.rank == 1 and round.number == 2:
                    raise Stumbled("here")
                if me.rank == 0 and round.number == 2:
                    await wait(me)

        return work

    async def alone(me: Worker) -> None:
        raise Stumbled("at once")

    async def in_all_reduce(me: Worker) -> None:
        await me.all_reduce()

    async def in_inbox(me: Worker) -> None:
        await me.inbox((1,))

    async def in_ticket(me: Worker) -> None:
        await (await me.start(me.all_reduce()))

    async def in_pull(me: Worker) -> None:
        await me.pull(version=10**6)

    _named(raised(Stumbled, "at once", look, make_engine(1), alone), 0, 1, 0)
    waits: list[tuple[Work, Probe]] = [(each, Probe()) for each in (in_all_reduce, in_inbox, in_ticket)]
    if "server" in make_engine(1).can:
        waits.append((in_pull, served(sgd(), agree=True)))
    for wait, probe in waits:
        for tol in (None, 0):  # worker 2 goes on, or waits for the end of the epoch
            probe = probe._replace(answer="mine" if tol == 0 else "end")
            trial = {"probe": probe, "stop": Stop(epochs=3, tol=tol)}
            error = raised(Stumbled, "here", look, make_engine(3), stumbling(wait), **trial)
            _named(error, 1, 3, 3)


def errors_of_callbacks_come_out(make_engine: MakeEngine) -> None:
    """An error in a callback ends the run."""

    async def work(me: Worker) -> None:
        async for _ in me.rounds():
            await me.steps(1)

    def callback(record: object) -> None:
        raise Stumbled("in the callback")

    for size in (1, 3):
        for tol in (None, 0):
            trial = {"probe": Probe(answer="mine"), "stop": Stop(epochs=3, tol=tol), "callbacks": [callback]}
            raised(Stumbled, "in the callback", look, make_engine(size), work, **trial)


def gradients_that_are_no_numbers_stop_the_run(make_engine: MakeEngine) -> None:
    """NonFiniteError of the model comes out, from steps and from gradient, while others wait."""

    async def stepping(me: Worker) -> None:
        async for _ in me.rounds():
            await me.steps(1)
            await me.all_reduce()

    async def applying(me: Worker) -> None:
        async for _ in me.rounds():
            await me.apply((await me.all_reduce(await me.gradient(1))).sum)

    for work in (stepping, applying):
        for size in (1, 3):
            trial = {"model": Ledger(fails_after=10), "stop": FOREVER}
            error = raised(NonFiniteError, "NaN", look, make_engine(size), work, **trial)
            must(len(getattr(error, "__notes__", [])) == 1, f"the notes of the error are {error.__notes__}")


def forgotten_awaits_are_named(make_engine: MakeEngine) -> None:
    """TypeError that names the request: at the next request, and at the end of the program."""

    async def steps(me: Worker) -> None:
        async for _ in me.rounds():
            me.steps(3)

    async def at_the_end(me: Worker) -> None:
        me.all_reduce()

    async def apply_among_others(me: Worker) -> None:
        async for _ in me.rounds():
            delta = await me.gradient(1)
            me.apply(delta)
            await me.all_reduce()

    for work, name in ((steps, "Steps"), (at_the_end, "Reduce"), (apply_among_others, "Apply")):
        raised(TypeError, rf"(?s)Probe\.work .*{name}.*await", look, make_engine(2), work)


def only_requests_are_awaited(make_engine: MakeEngine) -> None:
    """TypeError for awaiting anything else, and for a `work` that is no coroutine."""

    class Rubbish:
        def __await__(self) -> Any:
            return (yield 42)

    async def rubbish(me: Worker) -> None:
        await Rubbish()

    def no_coroutine(me: Worker) -> Any:
        return None

    raised(TypeError, "42", look, make_engine(2), rubbish)
    raised(TypeError, "async def", look, make_engine(2), no_coroutine)


def deadlocks_are_described(make_engine: MakeEngine) -> None:
    """Deadlock says who waits for what, if all wait and nothing is under way; pulls that wait are let go first."""

    async def each_other(me: Worker) -> None:
        await me.inbox(((me.rank + 1) % me.size,))

    async def sum_and_message(me: Worker) -> None:
        if me.rank == 0:
            await me.inbox((1,))
        await me.all_reduce()

    async def tickets(me: Worker) -> None:
        ticket: Ticket = await me.start(me.all_reduce() if me.rank else me.inbox((1,)))
        await ticket

    async def epoch(me: Worker) -> None:
        async for _ in me.rounds():
            if me.rank == 1:
                await me.inbox((0,))
            await me.steps(1)

    async def myself(me: Worker) -> None:
        await me.inbox((me.rank,))

    async def pulls(me: Worker) -> None:
        # What was started is let go, too, and wakes nobody.
        await me.start(me.pull(version=10**6))
        await me.inbox(((me.rank + 1) % me.size,))

    async def returned(me: Worker) -> None:
        if me.rank == 0:
            await me.inbox((1,))
        elif me.rank == 1:
            await me.inbox((0,))

    programs: list[tuple[Work, str, dict[str, Any]]] = [
        (each_other, "worker 0 waits for .*worker 1.*; worker 1 waits for .*worker 0", {}),
        (sum_and_message, "worker 0 waits for .*worker 1.*; worker 1 waits for all_reduce.*worker 0", {}),
        (tickets, "worker 0 waits for .*; worker 1 waits for ", {}),
        (epoch, "worker 0 waits for the end of the epoch", {"probe": Probe(answer="mine"), "stop": Stop(2, tol=0)}),
        (myself, "worker 0 waits for .*worker 0", {}),
        (returned, "worker 0 waits for .*worker 1.*; worker 1 waits for .*worker 0", {}),
    ]
    if "server" in make_engine(1).can:
        programs.append((pulls, "worker 0 waits for .*worker", {"probe": served(sgd())}))
    for work, sentence, trial in programs:
        _sorted_deadlock(make_engine, work, sentence, 3 if work is returned else 2, trial)


def _sorted_deadlock(make_engine: MakeEngine, work: Work, sentence: str, size: int, trial: dict[str, Any]) -> None:
    """The deadlock of this program, whose waits may be told in any order."""
    try:
        outcome = look(make_engine(size), work, **trial)
    except Deadlock as error:
        waits = "; ".join(sorted(re.findall(r"worker \d+ waits for [^;]*", str(error))))
        must(re.search(sentence, waits), f"a deadlock must say {sentence!r}, but says {str(error)!r}")
        return
    raise AssertionError(f"{getattr(work, '__name__', work)}: all wait for each other, but it ended with {outcome!r}")


def long_waits_are_not_deadlocks(make_engine: MakeEngine) -> None:
    """As long as one works, those who wait for it wait."""

    async def work(me: Worker) -> None:
        if me.rank:
            await me.inbox((0,))
            return
        for _ in range(20):
            delta = await me.gradient(1)
            await me.apply(delta)
        for peer in range(1, me.size):
            await me.put(peer, vector(me))

    look(make_engine(4), work, probe=Probe(agree=False), n_examples=100)
