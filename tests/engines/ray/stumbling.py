"""Strategies and models with which something goes wrong in one process."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.engines.ray.waiting import wait_for

from hogwild.interfaces import AbstractModel, AbstractStrategy


@dataclass(frozen=True)
class Stumbles(AbstractStrategy):
    """Worker 1 does this in its round of this number, while the others wait for it."""

    how: object
    number: int = 3
    agree = True

    async def work(self, me):
        async for round in me.rounds():
            await me.steps(5)
            if me.rank == 1 and round.number == self.number:
                self.how()
            mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class DiesOnce:
    """The first that comes here leaves a note, and dies when there is a checkpoint."""

    note: str
    folder: str

    def __call__(self):
        if not Path(self.note).exists():
            Path(self.note).write_text("once")
            wait_for(lambda: any(Path(self.folder).glob("*/manifest.json")))
            die()


def is_a(actor):
    """Is this process one of an actor of this class?"""
    return f"ray::{actor}" in Path("/proc/self/cmdline").read_text()


@dataclass(frozen=True)
class Surprising(AbstractModel):
    """Another model, of which something is done in each process that is told of its survey."""

    model: object
    does: object

    def survey(self, examples, seed, start):
        return Survey(self.model.survey(examples, seed, start), self.does)

    def init(self, survey):
        return self.model.init(survey.of)

    def bind(self, examples, survey):
        return self.model.bind(examples, survey.of)

    def predict(self, params, X):
        return self.model.predict(params, X)


@dataclass(frozen=True)
class Survey:
    of: object
    does: object

    def __reduce__(self):
        return _told, (self.of, self.does)


def _told(of, does):
    does()
    return Survey(of, does)


@dataclass(frozen=True)
class NoRoom:
    """For more than so many workers, one after the other."""

    folder: str
    workers: int

    def __call__(self):
        if is_a("Deputy"):
            Path(self.folder, str(os.getpid())).touch()
            if len(os.listdir(self.folder)) > self.workers:
                raise MemoryError("there is no room here")


def hang():
    """If this is the process of a shard."""
    if is_a("ShardHost"):
        os.kill(os.getpid(), signal.SIGSTOP)


def title(process):
    """What a process calls itself; nothing if it has just ended."""
    import psutil  # Ray brings it

    try:
        return "".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
