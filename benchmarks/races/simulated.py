"""A thousand simulated workers on one laptop."""

from __future__ import annotations

from benchmarks.child import run_child
from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import Spread

WORKERS, ROUNDS = 1_000, 100
MOST_BYTES = 2e9
STRATEGIES = (  # with shards, and in how many seconds
    *(("AllReduce", 1, 10.0), ("LocalSGD", 1, 10.0), ("Alone", 1, 10.0), ("Downpour", 1, 10.0), ("Downpour", 3, 15.0)),
    *(("BoundedStaleness", 1, 15.0), ("ElasticAveraging", 1, 15.0), ("Gossip", 1, 15.0), ("ParzenASGD", 1, 15.0)),
    *(("GrowingBatches", 1, 15.0), ("Sandblaster", 1, 15.0)),
)


def simulated(setting: Setting) -> Outcome:
    """Real seconds and memory of simulating each strategy, each run in a process of its own."""
    workers, rounds = (20, 5) if setting.quick else (WORKERS, ROUNDS)
    outcome = Outcome(
        "a thousand simulated workers",
        f"{workers:,} workers x {rounds} rounds of 2 examples, a linear model with 1,000 features, one server unless "
        "said otherwise; real seconds of `train` on one core, kernels compiled before. Memory: largest resident set of "
        "the process, the data included.",
        ("strategy", "s", "virtual s", "messages", "peak, MB", "of which data, MB"),
    )
    for strategy, shards, most_s in STRATEGIES:
        arguments = strategy, str(workers), str(rounds), str(shards)
        runs = [run_child("simulated_run", *arguments) for _ in range(min(3, setting.repeats))]
        name = strategy if shards == 1 else f"{strategy}, {shards} shards"
        seconds, last = Spread(tuple(run["seconds"] for run in runs)), runs[-1]
        outcome.rows.append(
            (
                name,
                seconds.text(1),
                f"{last['virtual_s']:.3f}",
                f"{last['messages']:,}",
                f"{last['peak_bytes'] / 1e6:.0f}",
                f"{last['data_bytes'] / 1e6:.0f}",
            )
        )
        outcome.figures |= {(name, "s"): seconds.median, (name, "peak bytes"): float(last["peak_bytes"])}
        reached = setting.judged(seconds.median <= most_s and last["peak_bytes"] < MOST_BYTES)
        measured = f"{seconds.median:.1f} s, {last['peak_bytes'] / 1e9:.2f} GB"
        outcome.goals.append(Goal(f"{name}: at most {most_s:g} s and 2 GB", measured, reached))
    return outcome
