"""Processes of workers and of shards on a real cluster are killed, by random plans, and the run must go on:

python -m hogwild.testing.kills --plans 50 --seed 0
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np

from hogwild.engines import Ray
from hogwild.interfaces import AbstractStrategy, Result, Worker
from hogwild.requests import NextRound, Push, Start, Ticket, Wait
from hogwild.requests.interposed import Interposed
from hogwild.rules.updates import Update
from hogwild.stopping import Stop
from hogwild.testing.probes import must
from hogwild.testing.shard_kills import COPY, LEADERS, ShardKill, doomed, killed
from hogwild.testing.soak import SOAKED
from hogwild.testing.survival import Survival, adds_up, best_objective, in_small_steps
from hogwild.traffic import FaultReport
from hogwild.training import train

MOST_WORKERS = 4
ROUNDS = 30  # in which processes die; each worker has some hundreds
MESSAGES = 60  # of a shard, in which its processes die
PATIENCE_S = 90.0  # a run takes seconds


class Kill(NamedTuple):
    """A process ends by SIGKILL: of this worker, that had so many before; when it makes this request of this round,
    both counted by itself, from 0.
    """

    worker: int
    life: int
    round: int
    request: int


class KillPlan(NamedTuple):
    """strategy : its name in `SOAKED`"""

    strategy: str
    workers: int
    shards: int
    kills: tuple[Kill, ...]
    shard_kills: tuple[ShardKill, ...] = ()


Draw = Callable[[np.random.Generator, AbstractStrategy, int, int], Iterator[Any]]


def _of_workers(rng: np.random.Generator, strategy: AbstractStrategy, workers: int, shards: int) -> Iterator[Kill]:
    """One of them lives, and of another at least one process dies."""
    fixed = strategy.coordinator is not None and "lost coordinator" not in strategy.survives
    lives = strategy.coordinator if fixed else int(rng.integers(workers))
    others = rng.permutation([rank for rank in range(workers) if rank != lives]).tolist()
    for place, rank in enumerate(others):
        for life in range(int(rng.integers(place == 0, 3))):
            # Those that come later may not have as many rounds.
            yield Kill(rank, life, int(rng.integers(ROUNDS if life == 0 else ROUNDS // 3)), int(rng.integers(4)))


def _of_shards(rng: np.random.Generator, strategy: AbstractStrategy, workers: int, shards: int) -> Iterator[ShardKill]:
    """In three of four plans of those that survive it. The first shard loses a process, and perhaps all lose two."""
    if strategy.server is None or "lost shard" not in strategy.survives or rng.random() < 0.25:
        return
    for shard in range(shards):
        for _ in range(int(rng.integers(shard == 0, 3))):
            yield ShardKill(shard, int(rng.integers(MESSAGES)), str(rng.choice([*LEADERS, COPY])))


DRAWN: dict[str, Draw] = {"kills": _of_workers, "shard_kills": _of_shards}
"""What dies, by the field of `KillPlan`."""


def kill_plan(seed: int) -> KillPlan:
    """The same for the same seed; seeds that follow each other take the strategies in turn."""
    names = [name for name, make in SOAKED.items() if _can_be_killed(make())]
    rng, name = np.random.default_rng(seed), names[seed % len(names)]
    strategy = SOAKED[name]()
    workers = int(rng.integers(2, min(MOST_WORKERS, strategy.most_workers or MOST_WORKERS) + 1))
    shards = int(rng.integers(1, 3))
    drawn = {what: tuple(draw(rng, strategy, workers, shards)) for what, draw in DRAWN.items()}
    return KillPlan(name, workers, shards, **drawn)


def _can_be_killed(strategy: AbstractStrategy) -> bool:
    return "lost worker" in strategy.survives and not strategy.needs & {"share", "turns"}


# --------------------------------------------------------------------------------------------------- who kills itself


@final
@dataclass(frozen=True)
class Doomed(AbstractStrategy):
    """The same strategy; its workers kill themselves by the plan, and note that in a folder of this machine."""

    strategy: AbstractStrategy
    plan: KillPlan
    notes: str
    needs: frozenset[str] = field(init=False, repr=False, compare=False)
    least_workers: int = field(init=False, repr=False, compare=False)
    server: Update | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for what in ("needs", "least_workers", "most_workers", "server", "answer", "survives", "coordinator"):
            object.__setattr__(self, what, getattr(self.strategy, what))
        if self.server is not None:  # also where no shard is to die: its process may have had another run
            object.__setattr__(self, "server", doomed(self.server, self.plan.shard_kills, self.notes))

    def __reduce__(self) -> Any:
        return _arrived, (self.strategy, self.plan, self.notes)

    @property
    def agree(self) -> bool:
        return self.strategy.agree

    async def work(self, me: Worker) -> None:
        notes = Path(self.notes)
        life = len(list(notes.glob(f"begun-{me.rank}-*")))
        Path(notes, f"begun-{me.rank}-{life}").touch()
        moments = {(kill.round, kill.request) for kill in self.plan.kills if kill[:2] == (me.rank, life)}
        counter = _Counter(moments, Path(notes, f"died-{me.rank}-{life}"))
        await Interposed(self.strategy.work(me), me.made, counter.ask)
        # When a program ends all that it has sent has arrived.
        Path(notes, f"ended-{me.rank}-{life}").write_text(f"{counter.sent} {counter.sent}")


def _arrived(strategy: AbstractStrategy, plan: KillPlan, notes: str) -> Doomed:
    """In another process, which from now on notes on SIGUSR1 where it is."""
    stacks = os.open(Path(notes, f"stacks-{os.getpid()}"), os.O_WRONLY | os.O_CREAT)
    faulthandler.register(signal.SIGUSR1, stacks, all_threads=True)
    return Doomed(strategy, plan, notes)


@final
class _Counter:
    """sent : pushes so far; told: of how many the program knows that they have arrived"""

    def __init__(self, moments: set[tuple[int, int]], note: Path) -> None:
        self._moments, self._note = moments, note
        self._round, self._request = -1, 0
        self.sent = self.told = 0
        self._last: Any = None
        self._awaited: set[Ticket] = set()

    def ask(self, request: Any) -> Any:
        """The same request."""
        if type(request) is NextRound:
            self._round, self._request = self._round + 1, -1
        self._request += 1
        self._answered(self._last)
        if (self._round, self._request) in self._moments:
            self._note.write_text(f"{self.told} {self.sent}")
            os.kill(os.getpid(), signal.SIGKILL)
        self.sent += type(request) is Push or (type(request) is Start and type(request.request) is Push)
        self._last = request
        return request

    def _answered(self, request: Any) -> None:
        if type(request) is Push:
            self.told += 1
        elif type(request) is Wait and type(request.ticket.request) is Push and request.ticket not in self._awaited:
            self._awaited.add(request.ticket)
            self.told += 1


# ----------------------------------------------------------------------------------------------------- is it right?


@cache
def _rig(name: str, workers: int, shards: int) -> Survival:
    return Survival(in_small_steps(SOAKED[name]()), workers=workers, shards=shards)


def check_kills(seed: int) -> FaultReport:
    """Run the plan of this seed on the cluster that `Ray` finds. AssertionError, with the plan, unless the run ends in
    time, its objective is at most one per cent worse than that of the same run without deaths, the deaths are counted,
    each push that the program of a worker was told of has been applied by each shard, and none twice.
    """
    plan = kill_plan(seed)
    rig, where = _rig(plan.strategy, plan.workers, plan.shards), f"seed {seed}: {plan}"
    with tempfile.TemporaryDirectory() as notes:
        with _watched(notes) as hung:
            try:
                result = _run(plan, rig, seed, notes)
            except Exception as error:
                why = f"it has not ended in {PATIENCE_S:g} s" if hung else f"it raises {type(error).__name__}: {error}"
                raise AssertionError("".join((where, ": ", why, *hung))) from error
        if result.reason == "interrupted":  # `train` keeps the best weights, which are of no use here
            raise KeyboardInterrupt
        begun, died = (sorted(path.name for path in _notes(notes, what)) for what in ("begun", "died"))
        replaced = [who for who in killed(notes) if who in LEADERS]
        pushes = [[*map(int, path.read_text().split())] for what in ("died", "ended") for path in _notes(notes, what)]
    traffic = result.history.traffic
    report = FaultReport() if traffic is None or traffic.faults is None else traffic.faults
    must(report.workers_lost == len(died), f"{where}: {died} have died, {report.workers_lost} are counted")
    joined = [name for name in begun if not name.endswith("-0")]
    must(report.workers_joined == len(joined), f"{where}: {joined} have joined, {report.workers_joined} are counted")
    must(report.shards_replaced == len(replaced), f"{where}: {replaced} were killed, {report.shards_replaced} counted")
    must(adds_up(report), f"{where}: pushes were lost, or applied twice: {report}")
    must(len(pushes) == len(begun), f"{where}: {begun} have begun, and {len(pushes)} have told what they have pushed")
    told, sent = (sum(numbers) for numbers in zip(*pushes, strict=True))
    known = f"{told} to {sent} pushes have arrived, by those who sent them: {report}"
    must(all(told <= applied <= sent for applied in report.applied), f"{where}: {known}")
    worse = best_objective(result) / rig.objective - 1.0
    must(worse <= rig.tolerance, f"{where}: its objective is {worse:.2%} worse than without")
    return report


def _notes(notes: str, what: str) -> Iterator[Path]:
    return Path(notes).glob(f"{what}-*")


def _run(plan: KillPlan, rig: Survival, seed: int, notes: str) -> Result:
    strategy, task = Doomed(rig.strategy, plan, notes), rig.task
    # They mostly wait for each other, and so one small cluster will do for all plans.
    engine = Ray(plan.workers, shards=plan.shards, cpus=2 / MOST_WORKERS, backups=bool(plan.shard_kills))
    stop = Stop(epochs=rig.epochs, tol=0)
    return train(task.model, task.data, strategy=strategy, engine=engine, stop=stop, seed=seed)


@contextmanager
def _watched(notes: str) -> Iterator[list[str]]:
    """If what it surrounds hangs the conductor is killed, which ends it. Gives where all processes were then."""
    found: list[str] = []
    dog = threading.Timer(PATIENCE_S, lambda: found.extend(_ended(notes)))
    dog.start()
    try:
        yield found
    finally:
        dog.cancel()
        dog.join()


def _ended(notes: str) -> Iterator[str]:
    psutil = import_module("psutil")  # Ray brings it
    for process in psutil.Process().children(recursive=True):
        stacks = Path(notes, f"stacks-{process.pid}")
        if stacks.exists():
            with suppress(psutil.NoSuchProcess):
                name = process.name()
                process.send_signal(signal.SIGUSR1)
                time.sleep(0.5)
                yield f"\n{name}\n{stacks.read_text()}"
                if name.startswith("ray::Cond"):
                    process.kill()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what fails; how many fail."""
    parser = argparse.ArgumentParser(prog="python -m hogwild.testing.kills", description=__doc__.splitlines()[0])
    parser.add_argument("--plans", type=int, default=50, help="how many (default 50)")
    parser.add_argument("--seed", type=int, default=0, help="the first one's (default 0)")
    asked = parser.parse_args(arguments)
    failed = workers = shards = 0
    for seed in range(asked.seed, asked.seed + asked.plans):
        try:
            report = check_kills(seed)
            workers, shards = workers + report.workers_lost, shards + report.shards_replaced
        except AssertionError as error:
            failed += 1
            print(error, flush=True)
    print(f"{failed} of {asked.plans} plans failed; the others went on without {workers} workers and {shards} shards")
    return failed


if __name__ == "__main__":
    raise SystemExit(min(main(), 1))
