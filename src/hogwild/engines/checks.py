"""Can this strategy run on this engine? Asked before anything starts."""

from __future__ import annotations

from hogwild.interfaces import AbstractEngine, Job, Unsupported

MEANING = {
    "share": "memory that all workers share",
    "turns": "workers that wait for each other within a block",
    "server": "a parameter server",
}


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
        raise Unsupported(
            f"{name} runs on {strategy.most_workers} worker and {where}({engine.size}) has {engine.size}: "
            f"use {where}({strategy.most_workers}), or Hogwild() to use them all"
        )
    if engine.size < strategy.least_workers:
        raise Unsupported(
            f"{name} needs {strategy.least_workers} workers at least and {where}({engine.size}) has {engine.size}: use "
            f"{where}({strategy.least_workers}), or change {strategy!r}"
        )
    if (strategy.server is None) == ("server" in strategy.needs):
        raise Unsupported(f'{name} must both need "server" and give a rule for it, or neither')
