"""What asking costs: a request that is answered at once, and a message through three shards of a server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal, final

import numpy as np

from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import interleaved
from hogwild.data import check_examples
from hogwild.engines import Simulated, Threads
from hogwild.interfaces import AbstractEngine, AbstractStrategy, Worker
from hogwild.models.linear import Linear
from hogwild.rules.schedules import constant
from hogwild.rules.updates import Update, sgd
from hogwild.stopping import Stop
from hogwild.training import train

FLOATS, SHARDS = 1_000, 3
MOST_BARE_US, MOST_MESSAGE_US = 3.0, 30.0
ENGINES: dict[str, Callable[[], AbstractEngine]] = {
    "Threads": lambda: Threads(1, shards=SHARDS),
    "Simulated": lambda: Simulated(1, shards=SHARDS),
}


@final
@dataclass(frozen=True)
class Asking(AbstractStrategy):
    """Asks the same thing many times; `seconds` gets how long each kind took, a request."""

    times: int
    seconds: dict[str, float] = field(default_factory=dict)
    needs: ClassVar[frozenset[str]] = frozenset({"server"})
    answer: ClassVar[Literal["server"]] = "server"
    server: Update = field(default_factory=lambda: sgd(1e-9))

    @property
    def agree(self) -> bool:
        return False

    async def work(self, me: Worker) -> None:
        delta = await me.gradient(10)
        asked = {"bare": lambda: me.inbox(), "push": lambda: me.push(delta), "pull": lambda: me.pull()}
        for name, ask in asked.items():
            await ask()
            begun = time.perf_counter()
            for _ in range(self.times):
                await ask()
            self.seconds[name] = (time.perf_counter() - begun) / self.times


def overhead(setting: Setting) -> Outcome:
    """Microseconds a request on each engine, with one worker and nothing in its way."""
    rng = np.random.default_rng(0)
    data = check_examples(rng.normal(size=(100, FLOATS - 1)).astype(np.float32), np.tile([-1.0, 1.0], 50))
    model = Linear("hinge", l2=0.0, schedule=constant(1e-6))
    times = 2000 if setting.quick else 20_000
    found: dict[tuple[str, str], list[float]] = {}

    def run(name: str, repeat: int) -> float:
        asking = Asking(times)
        train(model, data, strategy=asking, engine=ENGINES[name](), stop=Stop(epochs=1, tol=None), seed=repeat)
        for kind, seconds in asking.seconds.items():
            found.setdefault((name, kind), []).append(seconds)
        return asking.seconds["bare"]

    interleaved({name: lambda repeat, name=name: run(name, repeat) for name in ENGINES}, setting.repeats)
    outcome = Outcome(
        "what a request costs",
        f"One worker, nothing in its way: an empty inbox (answered at once), and a push and a pull of {FLOATS:,} "
        f"float32 through {SHARDS} shards, each answered before the next is asked. The simulated ones travel through "
        "links and events; what is shown is real time. Medians.",
        ("engine", "bare request, us", "push, us", "pull, us"),
    )
    for name in ENGINES:
        bare, push, pull = (float(np.median(found[name, kind])) * 1e6 for kind in ("bare", "push", "pull"))
        outcome.rows.append((name, f"{bare:.2f}", f"{push:.1f}", f"{pull:.1f}"))
        outcome.figures |= {(name, "bare"): bare, (name, "push"): push, (name, "pull"): pull}
        text = f"{name}: a bare request at most {MOST_BARE_US:g} us"
        outcome.goals.append(Goal(text, f"{bare:.2f} us", setting.judged(bare <= MOST_BARE_US)))
        worst = max(push, pull)
        text = f"{name}: a message through {SHARDS} shards at most {MOST_MESSAGE_US:g} us"
        outcome.goals.append(Goal(text, f"{worst:.1f} us", setting.judged(worst <= MOST_MESSAGE_US)))
    return outcome
