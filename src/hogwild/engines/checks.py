"""Can this strategy run on this engine? Asked before anything starts."""

from __future__ import annotations

from hogwild.engines.faults import SURVIVES
from hogwild.engines.plan import Faults
from hogwild.interfaces import AbstractEngine, Job, Unsupported

MEANING = {
    "share": "memory that all workers share",
    "turns": "workers that wait for each other within a block",
    "server": "a parameter server",
}
ANSWERS = {"mine": None, "end": None, "shared": "share", "server": "server"}  # and what each needs


def check_job(job: Job, engine: AbstractEngine) -> None:
    """Unsupported, with what would work, if the strategy needs what the engine has not."""
    strategy, name, where = job.strategy, type(job.strategy).__name__, type(engine).__name__
    missing = sorted(strategy.needs - engine.can)
    if missing:
        wanted = " and ".join(MEANING.get(need, need) for need in missing)
        instead = "Threads()" if strategy.needs <= MEANING.keys() and where != "Threads" else "an engine that has it"
        if missing == ["turns"] and engine.size > 1:
            instead += f", or {where}(1)"
        raise Unsupported(f"{name} needs {wanted}, which {where} does not have: use {instead}")
    if strategy.most_workers is not None and engine.size > strategy.most_workers:
        most = strategy.most_workers
        raise Unsupported(
            f"{name} runs on {most} worker{'s' if most > 1 else ''} and {where}({engine.size}) has {engine.size}: "
            f"use {where}({most}), or a strategy for more, such as Hogwild()"
        )
    if engine.size < strategy.least_workers:
        raise Unsupported(
            f"{name} needs {strategy.least_workers} workers at least and {where}({engine.size}) has {engine.size}: use "
            f"{where}({strategy.least_workers}), or change {strategy!r}"
        )
    if strategy.answer not in ANSWERS:
        raise Unsupported(f"{name} has answer={strategy.answer!r}: it must be one of {', '.join(ANSWERS)}")
    needed = ANSWERS[strategy.answer]
    if needed is not None and needed not in strategy.needs:
        raise Unsupported(f'{name} has answer="{strategy.answer}", so it must need "{needed}"')
    if (strategy.server is None) == ("server" in strategy.needs):
        raise Unsupported(f'{name} must both need "server" and give a rule for it, or neither')


def check_least(job: Job, least: int, size: int) -> None:
    """Unsupported if so many of the workers are too few to begin: the others would come later."""
    strategy, name = job.strategy, type(job.strategy).__name__
    if least < size and "lost worker" not in strategy.survives:
        raise Unsupported(
            f"{name} does not survive a 'lost worker', so it cannot begin with {least} of {size} workers: leave out "
            f"least={least}, or use a strategy that has the word in `survives`"
        )
    if strategy.coordinator is not None and strategy.coordinator >= least:
        raise Unsupported(
            f"worker {strategy.coordinator} coordinates {name}, so it must be there from the beginning: "
            f"least={least} is too few"
        )
    if least < size and (job.bounds is not None or job.local is not None):
        raise Unsupported(
            f"rows that stay with their workers (Partitioned, Local) need all {size} of them from the beginning: leave "
            f"out least={least}, or give the data to all"
        )


def check_faults(job: Job, plan: Faults) -> None:
    """Unsupported if the strategy does not say that it survives all of the plan, or data were lost with a worker."""
    strategy, taken = job.strategy, plan.takes_away()
    if taken is not None and job.bounds is not None:
        raise Unsupported(
            f"{taken!r} takes rows away for good, as these stay with their worker (Partitioned): let it come back "
            "(back_s=...), or give the data to all"
        )
    name, can = type(strategy).__name__, sorted(strategy.survives)
    unknown = sorted(strategy.survives - SURVIVES.keys())
    if unknown:
        raise Unsupported(f"{name} survives {unknown[0]!r}: it must be one of {', '.join(map(repr, SURVIVES))}")
    for fault in plan.faults:
        word = fault.word(strategy.coordinator)
        if word not in can:
            others = f"it survives {', '.join(map(repr, can))}" if can else "it survives no faults"
            raise Unsupported(
                f"{name} does not survive a {word!r}, as in {fault!r}; {others}: leave this fault out, or use a "
                "strategy that has the word in `survives`"
            )
