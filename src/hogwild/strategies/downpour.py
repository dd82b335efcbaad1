"""Downpour SGD: replicas push gradients to a parameter server and fetch weights from it, whenever they are ready."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, final

from hogwild.deltas import Delta
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_whole
from hogwild.requests import Ticket
from hogwild.rules.updates import Update, adagrad, find_update


@final
@dataclass(frozen=True)
class Downpour(AbstractStrategy):
    """Asynchronous SGD with a sharded parameter server (Dean et al. 2012, section 4.1, and the appendix).

    Each replica, for each minibatch: every `fetch_every` steps begins to fetch the weights, and goes on with the old
    ones until they have come; w -= rate * g on its own copy; accrues g, and every `push_every` steps begins to push
    the *sum* of what it has accrued, to which the server applies its rule (Adagrad, kept in the shards).

    minibatch : examples of a step
    fetch_every, push_every : steps between two of each; 1 and 1 in the paper's experiments. Fetching more rarely costs
        little; pushing more rarely makes staler steps, and larger ones.
    server : its rule: `adagrad()` (default, as in the paper), `sgd()`, `momentum()`, `adam()`, or a name of these,
        with rates of their own (`sgd()`: the model's schedule)
    warm_start : pushes that replica 0 makes alone before others join, each of them after as many more (the paper trains
        one replica for ten hours first; joining in waves is Yang and Farrell's remedy, 2016). 0: all begin at once.
    fetch : "ahead" (default): go on with old weights until new ones have come. "wait" for each fetch and each push:
        with one replica and `sgd()` that is serial SGD. "rows": wait, but for no more than the rows that the next
        minibatch touches, and push only these (sparse data; wants fetch_every = push_every = 1).

    Staleness grows with the number of replicas, and with it the step sizes that are too large: hundreds of replicas
    diverge at a rate that is best for one. Smaller rates cure it, or Adagrad, whose bad first epoch a warm start
    cures; a warm start alone does not.

    Differences from the paper: at most one fetch and one push of a replica are under way at a time; a replica is one
    worker, not many machines.
    """

    needs = frozenset({"server"})
    answer: ClassVar[Literal["server"]] = "server"
    survives = frozenset({"lost worker", "lost shard", "lost message", "duplicate message", "slow worker"})
    minibatch: int = 1
    fetch_every: int = 1
    push_every: int = 1
    server: Update = field(default_factory=adagrad)
    warm_start: int = 0
    fetch: Literal["ahead", "wait", "rows"] = "ahead"

    def __post_init__(self) -> None:
        for name, least in (("minibatch", 1), ("fetch_every", 1), ("push_every", 1), ("warm_start", 0)):
            check_whole(name, getattr(self, name), least)
        object.__setattr__(self, "server", find_update(self.server))  # a name will do
        if self.fetch not in ("ahead", "wait", "rows"):
            raise ValueError(f'fetch={self.fetch!r} must be "ahead", "wait" or "rows"')
        if self.fetch == "rows" and (self.fetch_every, self.push_every) != (1, 1):
            raise ValueError(
                'fetch="rows" fetches and pushes the rows of one minibatch: fetch_every and push_every must be 1'
            )

    @property
    def agree(self) -> bool:
        return False

    async def work(self, me: Worker) -> None:
        if self.warm_start and me.rank:
            await me.pull(version=self.warm_start * me.rank)
        accrued: Delta | None = None
        fetch: Ticket | None = None
        push: Ticket | None = None
        step = 0
        async for _ in me.rounds():
            keys = await me.upcoming(self.minibatch) if self.fetch == "rows" else None
            if fetch is not None and fetch.done:
                (await fetch).copy_to(me.params)
                fetch = None
            if step % self.fetch_every == 0 and fetch is None:
                fetch = await me.start(me.pull(keys))
                if self.fetch != "ahead" or fetch.done or step == 0:
                    (await fetch).copy_to(me.params)
                    fetch = None
            delta = await me.gradient(self.minibatch, keys)
            if delta.examples == 0:  # others have taken the last of the epoch
                continue
            await me.apply(delta)
            accrued = delta if accrued is None else accrued + delta
            step += 1
            if step % self.push_every == 0:
                if push is not None:
                    await push
                push, accrued = await me.start(me.push(accrued)), None
                if self.fetch == "wait":
                    await push
        if accrued is not None:
            await me.push(accrued)
