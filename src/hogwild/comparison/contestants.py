"""Who takes part in a comparison: a strategy, and perhaps an engine or a model of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, final

from hogwild.engines import find_engine
from hogwild.interfaces import AbstractEngine, AbstractModel, AbstractStrategy
from hogwild.limits import check_whole
from hogwild.names import wrong_type
from hogwild.strategies import find_strategy
from hogwild.wording import in_short

LIKE = 'a strategy such as "hogwild" or LocalSGD(period=50), or a Contestant'


@final
@dataclass(frozen=True)
class Contestant:
    """A strategy that takes part in a comparison in its own way: `Contestant("all-reduce", model=Linear(...))`.

    strategy : a name of `hogwild.STRATEGIES`, or a strategy
    engine, model : its own; None: those of the comparison. Strategies want different step sizes: those of all-reduce
               may be larger, and a model has a `schedule`
    name :     in tables and pictures; None: as the strategy is called
    group :    what it has in common with others: one strategy on engines of several sizes. None: nothing
    """

    strategy: str | AbstractStrategy
    engine: str | AbstractEngine | None = None
    model: AbstractModel | None = None
    name: str | None = None
    group: str | None = None


@final
class Entry(NamedTuple):
    """A contestant with all that its runs need. `group`: what those of different sizes have in common."""

    name: str
    group: str
    model: AbstractModel
    strategy: AbstractStrategy
    engine: AbstractEngine


def entries(
    given: Sequence[Any] | Mapping[str, Any],
    model: AbstractModel,
    engine: AbstractEngine,
    sizes: Sequence[int] = (),
) -> list[Entry]:
    """All of them, each with a name of its own. `sizes`: each with so many workers, as far as it can have them.

    TypeError or ValueError for what is none, ValueError for two of one name.
    """
    for size in sizes:
        check_whole("workers", size)
    named = given.items() if isinstance(given, Mapping) else [(None, each) for each in _listed(given)]
    found: list[Entry] = []
    for name, each in named:
        contestant = each if isinstance(each, Contestant) else Contestant(each)
        entry = _entry(contestant, name or contestant.name, model, engine)
        found += _at_sizes(entry, sizes) if sizes else [entry]
    if not found:
        raise ValueError(f"there is nobody to compare: give {LIKE}")
    names = [entry.name for entry in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two contestants are called {name!r}: give a dict of them by names of your own")
    return found


def _listed(given: Any) -> Sequence[Any]:
    if isinstance(given, str | AbstractStrategy | Contestant) or not isinstance(given, Sequence):
        raise wrong_type("strategies", given, f"a list of strategies, or a dict of them by name: {LIKE}")
    return given


def _entry(contestant: Contestant, name: str | None, model: AbstractModel, engine: AbstractEngine) -> Entry:
    strategy = find_strategy(contestant.strategy)
    own = contestant.engine is not None
    where = find_engine(contestant.engine) if contestant.engine is not None else engine
    what = model if contestant.model is None else contestant.model
    if not isinstance(what, AbstractModel):
        raise wrong_type("model", what, 'a model such as Linear("hinge")')
    if name is None:
        name = contestant.strategy if isinstance(contestant.strategy, str) else in_short(strategy)
        name += f" on {in_short(where)}" if own else ""
    group = name if contestant.group is None else contestant.group
    return Entry(name, group, what, strategy, where if own else with_workers(where, strategy, where.size))


def _at_sizes(entry: Entry, sizes: Sequence[int]) -> list[Entry]:
    found: dict[int, Entry] = {}
    for size in sizes:
        engine = with_workers(entry.engine, entry.strategy, size)
        found.setdefault(engine.size, entry._replace(name=f"{entry.name} x {engine.size}", engine=engine))
    return list(found.values())


def with_workers(engine: AbstractEngine, strategy: AbstractStrategy, size: int) -> AbstractEngine:
    """The engine with so many workers, or as many as the strategy can have: serial on an engine of many is the
    baseline on one. Engines without a field `workers` are as they are.
    """
    size = size if strategy.most_workers is None else min(size, strategy.most_workers)
    if size == engine.size or not hasattr(engine, "workers"):
        return engine
    record: Any = engine
    changed: AbstractEngine = replace(record, workers=size)
    return changed
