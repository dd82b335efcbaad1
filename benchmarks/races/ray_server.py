"""Rounds of push and pull at a shard of the parameter server on Ray, against two bare actors that do the same, and
against the parameter server of Ray's own examples.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar, Literal, final

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import interleaved
from hogwild.deltas import Change
from hogwild.engines import Ray
from hogwild.engines.ray.cluster import joined
from hogwild.engines.ray.wire import Wire
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.models.linear import Linear
from hogwild.rules.schedules import constant
from hogwild.rules.updates import Update, sgd
from hogwild.stopping import Stop
from hogwild.training import train

WORKERS = 2
SIZES_BYTES = {"4 KB": 4_000, "80 KB": 80_000, "800 KB": 800_000, "8 MB": 8_000_000}
QUICK_SIZES = 2
ROWS = 1_000  # rows of a sparse push
LEAST_RATIO, LEAST_BACKED = 0.8, 0.5
LEAST_ROUNDS, LEAST_OVER_EXAMPLE = 3_000, 3.0  # at 80 KB
CONNECT_S = 20.0  # to be connected with the shard: messages of 8 MB never are
PATIENCE_S = 1.0  # of one measurement
HANDFUL = 5  # rounds between two looks at the clock


@final
@dataclass(frozen=True)
class Asking(AbstractStrategy):
    """Both workers push and pull until their time is over; `counts` says how often, in thousandths a second.

    rows :   are only so many of the first rows sent? 0: all
    connects : do they wait until they are connected with the shard?
    """

    patience_s: float
    rows: int = 0
    connects: bool = False
    needs: ClassVar[frozenset[str]] = frozenset({"server"})
    answer: ClassVar[Literal["server"]] = "server"
    survives: ClassVar[frozenset[str]] = frozenset({"lost shard"})

    @property
    def server(self) -> Update:
        return sgd()

    @property
    def agree(self) -> bool:
        return True

    async def work(self, me: Worker) -> None:
        keys = np.arange(self.rows) if self.rows else None
        values = np.full(self.rows or me.params.weights.size, 1e-6, me.params.weights.dtype)
        change = Change(values, 1, 1, keys)
        begun, here = time.perf_counter(), False
        while not here:
            for _ in range(HANDFUL):
                await me.push(change)
                await me.pull(keys)
            here = not self.connects or any(isinstance(each, Wire) for each in gc.get_objects())
            here |= time.perf_counter() - begun > CONNECT_S
        await me.all_reduce()
        begun, rounds = time.perf_counter(), 0
        while (taken := time.perf_counter() - begun) < self.patience_s:
            for _ in range(HANDFUL):
                await me.push(change)
                await me.pull(keys)
            rounds += HANDFUL
        me.counts["rounds"] = round(1000 * rounds / taken)


class _Shard:
    """What a bare parameter server is."""

    def __init__(self, floats: int) -> None:
        self.w = np.zeros(floats, np.float32)

    def push(self, g: Any) -> None:
        self.w += g

    def pull(self) -> Any:
        return self.w


class _Asker:
    """Pushes and pulls for so long; answers rounds a second."""

    def ask(self, shard: Any, floats: int, patience_s: float) -> float:
        import ray

        g = np.full(floats, 1e-6, np.float32)
        begun, rounds = time.perf_counter(), 0
        while (taken := time.perf_counter() - begun) < patience_s:
            for _ in range(HANDFUL):
                ray.get(shard.push.remote(g))
                ray.get(shard.pull.remote())
            rounds += HANDFUL
        return rounds / taken


class _Learner:
    """Of Ray's example of an asynchronous parameter server: the gradient is known already."""

    def __init__(self, floats: int) -> None:
        self.g = np.full(floats, 1e-6, np.float32)

    def compute_gradients(self, weights: Any) -> Any:
        return self.g


class _Server:
    """Of that example."""

    def __init__(self, floats: int) -> None:
        self.w = np.zeros(floats, np.float32)

    def apply_gradients(self, *gradients: Any) -> Any:
        self.w += sum(gradients)
        return self.w


@final
class _Pair:
    """Two askers and a shard for each size: processes that stay, as hogwild's do."""

    def __init__(self) -> None:
        import ray

        self._ray: Any = ray
        make = ray.remote(num_cpus=0)
        self._make: Any = make(_Shard)
        self._askers = [make(_Asker).remote() for _ in range(WORKERS)]
        self._shards: dict[int, Any] = {}

    def rounds(self, floats: int, patience_s: float) -> float:
        """Of both together, a second."""
        if floats not in self._shards:
            self._shards[floats] = self._make.remote(floats)
            self.rounds(floats, 0.1)
        shard = self._shards[floats]
        return sum(self._ray.get([each.ask.remote(shard, floats, patience_s) for each in self._askers]))

    def example(self, floats: int, patience_s: float) -> float:
        """Updates a second of that example, in which the driver passes on weights and gradients."""
        ray = self._ray
        server = ray.remote(num_cpus=0)(_Server).remote(floats)
        learners = [ray.remote(num_cpus=0)(_Learner).remote(floats) for _ in range(WORKERS)]
        weights = server.apply_gradients.remote()
        ray.get([learner.compute_gradients.remote(weights) for learner in learners])
        under_way = {learner.compute_gradients.remote(weights): learner for learner in learners}
        begun, updates = time.perf_counter(), 0
        while (taken := time.perf_counter() - begun) < patience_s:
            gradient = ray.wait(list(under_way))[0][0]
            learner = under_way.pop(gradient)
            weights = server.apply_gradients.remote(gradient)
            under_way[learner.compute_gradients.remote(weights)] = learner
            updates += 1
        ray.wait(list(under_way), num_returns=len(under_way))
        for actor in (server, *learners):
            ray.kill(actor)
        return updates / taken

    def end(self) -> None:
        """Leave no process behind."""
        for actor in [*self._askers, *self._shards.values()]:
            self._ray.kill(actor)


def _ours(floats: int, patience_s: float, rows: int = 0, *, backups: bool = False) -> float:
    """Rounds a second of both workers together, when they are connected with the shard."""
    X = csr_matrix((4, floats - 1), dtype=np.float32)  # and an intercept
    model, stop = Linear("squared", l2=0.0, schedule=constant(1e-6)), Stop(epochs=1, tol=None)
    asking = Asking(patience_s, rows, connects=patience_s >= PATIENCE_S and find_spec("torch") is not None)
    result = train(model, (X, np.ones(4)), strategy=asking, engine=Ray(WORKERS, backups=backups), stop=stop, seed=0)
    return result.history.counts["rounds"] / 1000


def ray_server(setting: Setting) -> Outcome:
    """Rounds a second of two workers, by the size of what they push and pull."""
    patience_s = 0.05 if setting.quick else PATIENCE_S
    sizes = dict(list(SIZES_BYTES.items())[: QUICK_SIZES if setting.quick else None])
    outcome = Outcome(
        "a parameter server on Ray",
        f"{WORKERS} workers and one shard, processes of this machine: rounds of an awaited push and an awaited pull of "
        "all weights (float32), of all workers together, a second. Bare: an actor that does `w += g` and returns `w`, "
        "and two that ask it. With a copy of the shard each push goes to two processes. The example: updates a second "
        "of the asynchronous parameter server in Ray's documentation, gradients for nothing. Interleaved; medians and "
        "(least..most).",
        (
            "message",
            "hogwild, rounds/s",
            "with a copy",
            "bare, rounds/s",
            "Ray's example, updates/s",
            "hogwild / bare",
            "with a copy / bare",
            "hogwild / example",
        ),
    )
    with joined(cpus=WORKERS):
        pair = _Pair()
        try:
            for name, n_bytes in sizes.items():
                floats = n_bytes // 4
                for backups in (False, True):
                    _ours(floats, 0.0, backups=backups)
                found = interleaved(
                    {
                        "hogwild": lambda _, floats=floats: _ours(floats, patience_s),
                        "backed": lambda _, floats=floats: _ours(floats, patience_s, backups=True),
                        "bare": lambda _, floats=floats: pair.rounds(floats, patience_s),
                        "example": lambda _, floats=floats: pair.example(floats, patience_s),
                    },
                    setting.repeats,
                )
                plain, backed = (found[who].over(found["bare"]) for who in ("hogwild", "backed"))
                example = found["hogwild"].over(found["example"])
                rates = (found[who].text(0) for who in ("hogwild", "backed", "bare", "example"))
                outcome.rows.append((name, *rates, plain.text(2), backed.text(2), example.text(2)))
                outcome.figures |= {(name, who): spread.median for who, spread in found.items()}
                for what, ratio, least in (("", plain, LEAST_RATIO), (", with a copy", backed, LEAST_BACKED)):
                    text = f"{name}{what}: at least {least:g} of the bare actors' rounds"
                    outcome.goals.append(Goal(text, f"{ratio.median:.2f}", setting.judged(ratio.median >= least)))
                if name == "80 KB":
                    rounds, over = found["hogwild"].median, example.median
                    text = f"{name}: at least {LEAST_ROUNDS:,} rounds a second"
                    outcome.goals.append(Goal(text, f"{rounds:,.0f}", setting.judged(rounds >= LEAST_ROUNDS)))
                    text = f"{name}: at least {LEAST_OVER_EXAMPLE:g} times the updates a second of Ray's example"
                    outcome.goals.append(Goal(text, f"{over:.2f}", setting.judged(over >= LEAST_OVER_EXAMPLE)))
            _sparse(setting, outcome, patience_s)
        finally:
            pair.end()
    return outcome


def _sparse(setting: Setting, outcome: Outcome, patience_s: float) -> None:
    """Rows of a large vector: what they cost must not depend on all the others."""
    small, large = SIZES_BYTES["80 KB"] // 4, SIZES_BYTES["8 MB"] // 4
    contenders = {
        f"{ROWS:,} rows of {name}": lambda _, floats=floats: _ours(floats, patience_s, ROWS)
        for name, floats in (("80 KB", small), ("8 MB", large))
    }
    found = interleaved(contenders, setting.repeats)
    for name, spread in found.items():
        outcome.rows.append((name, spread.text(0), "", "", "", "", "", ""))
        outcome.figures[name, "hogwild"] = spread.median
    few, many = found.values()
    ratio = many.over(few).median
    text = f"{ROWS:,} rows cost the same in a vector of 8 MB as in one of 80 KB: at least {LEAST_RATIO:g} of the rounds"
    outcome.goals.append(Goal(text, f"{ratio:.2f}", setting.judged(ratio >= LEAST_RATIO)))
