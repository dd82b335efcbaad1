"""Requests that are answered where the worker is: with its memory, and with its share of the examples."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple, Protocol, final

import numpy as np

from hogwild.data.blocks import Block
from hogwild.deltas import Change
from hogwild.engines.hands import Learner
from hogwild.engines.supply import Taken
from hogwild.interfaces import AbstractTask, Unsupported
from hogwild.memory import InTurn, Locking, Memory, Replicas, Sharing
from hogwild.params import Params
from hogwild.requests import ALL, Apply, Compute, Gradient, Portion, Share, Steps, Upcoming


class Plan(NamedTuple):
    """What answers a request, before it is done: whoever keeps a virtual clock must know how much it is."""

    examples: int
    run: Callable[[], Any]


class Source(Protocol):
    """What examples come from: see `Supply`."""

    @property
    def apart(self) -> bool: ...
    def take(self, rank: int, examples: int, minibatch: int = 1, *, together: bool = False) -> Taken: ...
    def take_rest(self, rank: int) -> Taken: ...
    def reserve(self, rank: int, examples: int) -> list[Block]: ...
    def portion(self, rank: int, portion: Portion) -> Taken: ...


class Workplace(Protocol):
    """What must be known of a run where workers compute: see `Session`."""

    size: int
    shares: bool
    needs: frozenset[str]
    task: AbstractTask
    sharing: Lock
    params: list[Params]
    memories: list[Memory]

    @property
    def supply(self) -> Source: ...


@final
class Computing:
    """Answers `Compute` requests; from any thread, but for one worker from one thread at a time. `learner`: who learns,
    if it is not the task itself.
    """

    def __init__(self, session: Workplace, learner: Learner | None = None) -> None:
        self._session, self._size = session, session.size
        self._task: AbstractTask = session.task
        self._learner: Learner = session.task if learner is None else learner
        self._plans: dict[type, Callable[[int, Any], Plan]] = {
            Steps: self._steps,
            Gradient: self._gradient,
            Apply: self._apply,
            Upcoming: self._upcoming,
            Share: self._share,
        }

    def plan(self, rank: int, request: Compute) -> Plan:
        """Takes the examples that the request is about, and says what is to be done with them."""
        return self._plans[type(request)](rank, request)

    def _apply(self, rank: int, request: Apply) -> Plan:
        params, delta = self._session.params[rank], request.delta
        if delta.keys is not None:
            params.rows.check(delta.keys)
        size = params.weights.size if delta.keys is None else params.rows.size(delta.keys)
        if delta.values.shape != (size,):
            raise ValueError(f"apply() of values of shape {delta.values.shape} does not fit {size} weights")
        return Plan(0, lambda: self._task.apply(params, delta) if delta.examples else None)

    def _upcoming(self, rank: int, request: Upcoming) -> Plan:
        return Plan(0, lambda: self._task.keys(self._session.supply.reserve(rank, request.n)))

    def _share(self, rank: int, request: Share) -> Plan:
        return Plan(0, lambda: self._give_memory(rank, request.how))

    def _steps(self, rank: int, request: Steps) -> Plan:
        session, memory = self._session, self._session.memories[rank]
        if memory.how is None and self._size > 1 and session.shares:
            raise Unsupported("a strategy that needs shared memory must share() before its first steps()")
        how = memory.how
        together = _in_turns(how)
        blocks, moment, count = session.supply.take(
            rank, request.n * request.minibatch, request.minibatch, together=together
        )

        def run() -> Change | None:
            before = memory.shared.copy() if request.record else None
            if blocks:
                self._learner.steps(memory, blocks, moment, request)
            if before is None:
                return None
            return Change(memory.shared - before, count, -(-count // request.minibatch))

        return Plan(count // self._size if together else count, run)

    def _gradient(self, rank: int, request: Gradient) -> Plan:
        session, of = self._session, request.of
        if self._size > 1 and isinstance(session.memories[rank].how, Replicas):
            raise Unsupported(
                "weights that are shared as Replicas have no gradient() while others train them: use steps()"
            )
        if request.keys is not None:
            session.params[rank].rows.check(request.keys)
        number = None
        if isinstance(of, Portion):
            blocks, moment, count = session.supply.portion(rank, of)
            number = of.number
        elif of is not ALL:
            blocks, moment, count = session.supply.take(rank, int(of), int(of))
        else:
            blocks, moment, count = session.supply.take_rest(rank)
        params = session.params[rank]

        def run() -> Any:
            delta = self._learner.gradient(params, blocks, moment, request.keys)
            return delta if number is None else delta.of_portion(number)

        return Plan(count, run)

    def _give_memory(self, rank: int, how: Sharing) -> None:
        """Give the worker what this way of sharing needs."""
        if not isinstance(how, Sharing):
            raise TypeError(f"share() wants Replicas, Racy, Locking or InTurn, not {how!r}")
        session = self._session
        self._task.check(how, apart=session.supply.apart)
        memory, weights = session.memories[rank], session.params[rank].weights
        if self._size > 1 and not session.shares:
            raise Unsupported('a strategy that shares its memory must say so: needs = frozenset({"share"})')
        if _in_turns(how) and "turns" not in session.needs:
            raise Unsupported(
                f'workers that share by {how} take turns, and their strategy must say so: needs = frozenset({{"share", '
                '"turns"})'
            )
        if isinstance(how, Replicas) and self._size > 1:
            memory.mine, memory.base = np.empty_like(weights), np.empty_like(weights)
        with session.sharing:
            others = {each.how for each in session.memories if each.how is not None}
            if others - {how}:
                raise Unsupported(f"all workers must share in the same way, not {how} and {others.pop()}")
            memory.how = how
            # What follows is one array for all.
            if isinstance(how, Replicas) and how.ordered and not memory.deltas.size:
                deltas = np.zeros((self._size, weights.size), weights.dtype)
                for each in session.memories:
                    each.deltas = deltas
            elif isinstance(how, Locking) and not memory.locks.size:
                locks = np.zeros(weights.size, np.uint32)
                for each in session.memories:
                    each.locks = locks


def _in_turns(how: Sharing | None) -> bool:
    """Do workers wait for each other within a block?"""
    return isinstance(how, InTurn) or (isinstance(how, Replicas) and how.ordered)
