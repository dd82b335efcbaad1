"""The actors of a run. Those of one that has ended wait for the next: to start a process takes seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, final

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from hogwild.engines.ray.away import Hosts
from hogwild.engines.ray.conductor import Conductor
from hogwild.engines.ray.deputy import Deputy
from hogwild.engines.ray.shard import ShardHost

LEAST_THREADS = 64  # of a conductor, so that the next run may have more workers
PATIENCE_S = 10.0  # for those that have rested to answer: as long as it takes to start others
FURTHER_THREADS = 8  # of it, beside three in which each worker may wait: for the driver


@final
class _Resting(NamedTuple):
    """An actor, and what will tell that it has let go of its last run."""

    actor: Any
    rested: Any


# By connection to a cluster, kind of actor, and what it was given.
_resting: dict[tuple[object, ...], list[_Resting]] = {}


@final
class Cast:
    """A conductor, a deputy for each worker and the shards of a server, for one run:
    `with Cast(2, 1, {"CPU": 1}, {}, stays=True) as cast`.

    apiece :  what each deputy needs of its host
    runtime_env : what Ray makes ready for each process
    backed :  has each shard a copy?
    stays :   do they wait for another run when this one has ended? They keep their cores.
    at_rest : set it then, with or without an error; who may still wait for somebody is killed
    """

    def __init__(
        self,
        size: int,
        shards: int,
        apiece: Mapping[str, float],
        runtime_env: Mapping[str, Any],
        *,
        stays: bool,
        backed: bool = False,
    ) -> None:
        context, self._stays = ray.get_runtime_context(), stays
        job = context.get_job_id(), context.get_node_id()  # the first job of each cluster has the same number
        for key in [key for key in _resting if key[0] != job]:  # of a cluster that we have left
            del _resting[key]
        kind = repr((sorted(apiece.items()), runtime_env))
        for key in [key for key in _resting if key[1] is Deputy and key[2] != kind]:  # they hold cores
            _end([each.actor for each in _resting.pop(key)])
        threads = max(LEAST_THREADS, 3 * size + FURTHER_THREADS)
        common = {"runtime_env": dict(runtime_env)} if runtime_env else {}
        self._conductors = _alive(_resting.setdefault((job, Conductor, (threads, repr(runtime_env))), []))
        self._deputies = deputies = _alive(_resting.setdefault((job, Deputy, kind), []))
        groups = ShardHost.backed_groups if backed else ShardHost.groups
        self._resting = _alive(_resting.setdefault((job, ShardHost, (backed, repr(runtime_env))), []))
        # Where the driver is: when that host dies the run ends anyway, and when another does it need not.
        here = NodeAffinitySchedulingStrategy(context.get_node_id(), soft=False)
        conduct = partial(_actor, Conductor, max_concurrency=threads, scheduling_strategy=here, **common)
        self.conductor = self._conductors.pop().actor if self._conductors else conduct()
        needs = dict(apiece)
        needed = {"num_cpus": needs.pop("CPU"), "num_gpus": needs.pop("GPU", 0), "resources": needs, **common}
        self._make = partial(_actor, Deputy, concurrency_groups=Deputy.groups, **needed)
        self.deputies = [deputies.pop().actor if deputies else self._make() for _ in range(size)]
        self._make_host = partial(_actor, ShardHost, concurrency_groups=groups, **common)
        self._hosts: list[Any] = []  # all that hold a shard or its copy, or have done so
        nodes = _nodes()
        places = [nodes[number % len(nodes)] for number in range(shards)]
        leads = [self._host(place) for place in places]
        self.hosts = Hosts(leads, [self.another_copy([place]) for place in places] if backed else ())
        self._missing: set[int] = set()
        self.at_rest = False

    def another(self, rank: int) -> Any:
        """The actor of another process in the place of a dead one. It begins when the cluster has room for it."""
        ray.kill(self.deputies[rank])  # it may only be out of reach, and come back
        self.deputies[rank] = self._make()
        return self.deputies[rank]

    def another_copy(self, elsewhere: Sequence[str]) -> Any:
        """An actor for the copy of a shard, if possible on none of these nodes, the worst of them first."""
        return self._host(another_node(_nodes(), elsewhere))

    def _host(self, node: str) -> Any:
        """There, if it is still there. Actors that need no core are not spread by Ray, nor do they go where it is only
        asked for softly.
        """
        where = NodeAffinitySchedulingStrategy(node, soft=False) if len(_nodes()) > 1 else None
        self._hosts.append(self._resting.pop().actor if self._resting else self._make_host(scheduling_strategy=where))
        return self._hosts[-1]

    def go_without(self, ranks: Set[int]) -> None:
        """These have died, or the run has ended before they could begin."""
        _end([self.deputies[rank] for rank in ranks])
        self._missing |= ranks

    def __enter__(self) -> Cast:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.at_rest and self._stays:
            there = [deputy for rank, deputy in enumerate(self.deputies) if rank not in self._missing]
            for actors, place in (
                (there, self._deputies),
                (self._hosts, self._resting),
                ([self.conductor], self._conductors),
            ):
                place += [_Resting(actor, actor.rest.remote()) for actor in actors]
        else:
            _end([*self.deputies, *self._hosts, self.conductor])


def _alive(resting: list[_Resting]) -> list[_Resting]:
    """Take out those that have died, and those that hang."""
    asked = [(each, each.actor.__ray_ready__.remote()) for each in resting]
    resting.clear()
    deadline = time.monotonic() + PATIENCE_S
    for each, answer in asked:
        with suppress(ray.exceptions.RayActorError):
            try:
                ray.get([each.rested, answer], timeout=max(0.0, deadline - time.monotonic()))
                resting.append(each)
            except ray.exceptions.GetTimeoutError:
                ray.kill(each.actor)
    return resting


def another_node(nodes: Sequence[str], taken: Sequence[str]) -> str:
    """One that is not taken, or the last of those that are. The one after the first of these, so that copies of shards
    that are spread are spread, too.
    """
    first = nodes.index(taken[0]) + 1 if taken[0] in nodes else 0
    worth = {node: len(taken) - number for number, node in enumerate(taken)}
    return min([*nodes[first:], *nodes[:first]], key=lambda node: worth.get(node, 0))


def _nodes() -> list[str]:
    """The machines that are there."""
    return [str(node["NodeID"]) for node in ray.nodes() if node["Alive"]]


def _end(actors: list[Any]) -> None:
    for actor in actors:
        ray.kill(actor)


def _actor(kind: type, **options: Any) -> Any:
    make: Any = ray.remote
    return make(**{"num_cpus": 0, **options})(kind).remote()
