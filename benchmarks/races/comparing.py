"""What `compare` costs beside the runs that it compares."""

from __future__ import annotations

from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import interleaved, seconds
from hogwild.comparison import compare, find_budget
from hogwild.engines import Threads
from hogwild.models.linear import Linear
from hogwild.training import train

STRATEGIES = ("serial", "hogwild", "local-sgd")
BUDGET, QUICK_BUDGET = "5s", "0.2s"
SEEDS = 2
MOST_MORE = 0.02


def comparing(setting: Setting) -> Outcome:
    """Wall time of a comparison over that of its runs, each alone."""
    examples, model, engine = setting.corpus(), Linear("hinge", l2=setting.l2), Threads()
    budget = QUICK_BUDGET if setting.quick else BUDGET
    stop = find_budget(budget)

    def alone(repeat: int) -> float:
        def run() -> None:
            for seed in range(SEEDS):
                for strategy in STRATEGIES:
                    where = Threads(1) if strategy == "serial" else engine
                    train(model, examples, strategy=strategy, engine=where, stop=stop, seed=seed)

        return seconds(run)

    def compared(repeat: int) -> float:
        return seconds(lambda: compare(model, examples, STRATEGIES, engine=engine, budget=stop, seeds=SEEDS))

    alone(0)  # kernels are compiled
    found = interleaved({"alone": alone, "compared": compared}, setting.repeats)
    ratio = found["compared"].over(found["alone"])
    outcome = Outcome(
        "what comparing costs",
        f"{examples.n_examples:,} x {examples.n_features:,}, hinge: {', '.join(STRATEGIES)} for {budget} each with "
        f"{SEEDS} seeds, by `train` alone and by `compare`, which also learns a few examples with each before, and "
        "judges the first weights.",
        ("", "wall time, s"),
    )
    for name, spread in found.items():
        outcome.rows.append((name, spread.text(2)))
    outcome.rows.append(("compared over alone", ratio.text(3)))
    outcome.figures["compared", "ratio"] = ratio.median
    text = f"`compare` adds at most {100 * MOST_MORE:g} % to the time of its runs"
    more = ratio.median - 1
    outcome.goals.append(Goal(text, f"{100 * more:+.2f} %", setting.judged(more <= MOST_MORE)))
    return outcome
