"""A program that plays scenes on hosts which are network namespaces, and prints what has come of each: JSON, a line
each. To be started by `lan.APART`, with a folder and the names of scenes.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from tests.engines.ray import lan
from tests.engines.ray.plots import EASY, Averaging, begun, epochs, is_as_good, run, until

from hogwild import AbstractStrategy, ActorLost, DataError, Local, Ray

HOST = 2
TWO = Ray(2, resources={"disk": 1})  # one on each host


@dataclass(frozen=True)
class Summing(AbstractStrategy):
    """From worker to worker, by gloo: so much that a connection is full of it when it is cut."""

    notes: str
    agree = True
    survives = frozenset({"lost worker"})

    async def work(self, me):
        Path(self.notes, str(me.rank)).touch()
        async for round in me.rounds():
            connected = 0.0 if round.number == 0 else me.size
            while connected < me.size:
                here = any(thread.name == "hogwild-summing" for thread in threading.enumerate())
                connected = (await me.all_reduce(np.array([float(here)]))).sum[0]
            await me.steps(5)
            await me.all_reduce(np.ones(500_000))
            mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count


@dataclass(frozen=True)
class Fragile(Averaging):
    """Says that it survives nothing."""

    survives = frozenset()


class Scenes:
    """On one cluster; each leaves it as it was. `began`: when it happened, `noticed_s`: until the next epoch ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cluster = lan.Lan(str(folder), disk=1)
        lan.connect(HOST)
        self.cluster.add(HOST, disk=1)

    def play(self, name: str) -> dict[str, Any]:
        self.notes = self.folder / name
        self.notes.mkdir()
        self.began = self.noticed_s = 0.0
        return getattr(self, name)()

    def _until_noticed(self) -> Iterator[None]:
        self.began = time.monotonic()
        yield
        self.noticed_s = time.monotonic() - self.began

    def _found(self, strategy: AbstractStrategy, plot: Iterator[None]) -> dict[str, Any]:
        found = run(TWO, strategy, plot)
        faults = found.history.traffic.faults
        counted = (0, 0) if faults is None else (faults.workers_lost, faults.workers_joined)
        return {
            "noticed_s": self.noticed_s,
            "counted": counted,
            "good": is_as_good(found, Averaging(str(self.notes)), 2),
        }

    def _gone_and_back(self, go: Callable[[int], None], back: Callable[[int], None]) -> dict[str, Any]:
        """Another process takes the place of the host's worker when it is back."""

        def plot() -> Iterator[None]:
            yield from epochs(2)
            go(HOST)
            yield from self._until_noticed()
            yield from epochs(10)
            back(HOST)
            self.cluster.add(HOST, disk=1)
            yield from until(lambda: begun(self.notes) == 3)
            yield from epochs(5)

        return self._found(Averaging(str(self.notes)), plot())

    def cut_and_healed(self) -> dict[str, Any]:
        return self._gone_and_back(lan.cut, lan.heal)

    def killed(self) -> dict[str, Any]:
        return self._gone_and_back(lan.kill, lambda host: None)

    def cut_for_a_moment(self) -> dict[str, Any]:
        def plot() -> Iterator[None]:
            yield from epochs(2)
            lan.cut(HOST)
            threading.Timer(0.5, lan.heal, (HOST,)).start()
            yield from self._until_noticed()
            yield from epochs(5)

        return self._found(Averaging(str(self.notes)), plot())

    def cut_while_they_sum(self) -> dict[str, Any]:
        def plot() -> Iterator[None]:
            yield from epochs(2)
            threading.Timer(0.02, lan.cut, (HOST,)).start()
            yield from self._until_noticed()
            yield from epochs(5)

        found = self._found(Summing(str(self.notes)), plot())
        lan.heal(HOST)
        self.cluster.add(HOST, disk=1)
        return found

    def not_survived(self) -> dict[str, Any]:
        def plot() -> Iterator[None]:
            yield from epochs(2)
            lan.cut(HOST)
            self.began = time.monotonic()
            yield from epochs(1_000)

        try:
            run(TWO, Fragile(str(self.notes)), plot())
        except ActorLost as error:
            found = {"noticed_s": time.monotonic() - self.began, "said": str(error)}
            lan.heal(HOST)
            self.cluster.add(HOST, disk=1)
            return found
        raise AssertionError("it has survived")

    def missing(self) -> dict[str, Any]:
        try:
            run(TWO, Averaging(str(self.notes)), epochs(1), Local(_part))
        except DataError as error:
            return {"said": str(error)}
        raise AssertionError("it was not missed")


def _part(rank: int, size: int) -> Any:
    """Only on the first host."""
    if import_module("ray").util.get_node_ip_address() != lan.OURS:
        raise FileNotFoundError("not here")
    X, y = EASY.data
    return X[rank::size], y[rank::size]


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    scenes = Scenes(Path(folder))
    for name in names:
        print(json.dumps({"scene": name, **scenes.play(name)}), flush=True)
