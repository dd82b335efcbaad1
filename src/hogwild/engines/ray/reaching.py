"""The shards of the server, as a worker reaches them, or the conductor: where one has died its successor is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, final

import ray

from hogwild.engines.calls import Call
from hogwild.engines.ray.errors import LOST, said
from hogwild.engines.ray.relay import Deposed
from hogwild.engines.ray.terms import ActorLost, View
from hogwild.engines.ray.wire import Awaited, Unanswered
from hogwild.engines.ray.wiring import Wiring

WORKERS = "push", "pull", "operate", "fetch"
CONDUCTORS = "answered", "admit", "clock", "counted", "drop", "left", "remind", "weights"
PAUSE_S = 0.2  # before somebody is asked again who could not be reached, but others say lives


class Look(Protocol):
    """See `Succession.lost`."""

    def __call__(self, shard: int, life: int, why: str, *, dead: bool) -> View: ...


@final
class Asked(NamedTuple):
    """A message under way, to the actor that led the shard then. answer: a reference, or an `Awaited`."""

    shard: int
    method: str
    arguments: tuple[Any, ...]
    life: int
    answer: Any


@final
class Posted(NamedTuple):
    """A call of a worker, whose messages have been sent. `number`: what the worker calls it, if it is a pull."""

    call: Call
    parts: list[Any]
    asked: list[Asked]
    number: int


@final
class _Place(NamedTuple):
    view: View
    methods: dict[str, Any]


@final
class Reaching:
    """Called by any thread. What a worker asks again has the same number, so that a shard knows what it has done.

    methods : that will be asked for: they are looked up once
    look :    see `Succession.lost`
    patience_s : so long one is asked again that cannot be reached from here, though others say it lives
    wiring :  is asked first whether it can send a message
    """

    def __init__(
        self, views: Sequence[View], methods: Sequence[str], look: Look, patience_s: float, wiring: Wiring | None = None
    ) -> None:
        self._methods, self._look, self._patience_s, self._wiring = methods, look, patience_s, wiring
        self._places = [self._place(view) for view in views]

    def __len__(self) -> int:
        return len(self._places)

    def _place(self, view: View) -> _Place:
        return _Place(view, {name: getattr(view.actor, name) for name in self._methods})

    def move(self, shard: int, view: View) -> None:
        """Another actor leads it now."""
        self._places[shard] = self._place(view)

    def ask(self, shard: int, method: str, *arguments: Any) -> Asked:
        """Send it."""
        view, wiring = self._places[shard].view, self._wiring
        awaited = None if wiring is None else wiring.ask(shard, view, method, arguments)
        if awaited is None:
            return self._call(shard, method, arguments)
        return Asked(shard, method, arguments, view.life, awaited)

    def _call(self, shard: int, method: str, arguments: tuple[Any, ...]) -> Asked:
        view, methods = self._places[shard]
        return Asked(shard, method, arguments, view.life, methods[method].remote(*arguments))

    def end(self) -> None:
        """Nothing more is asked."""
        if self._wiring is not None:
            self._wiring.end()

    def ask_all(self, method: str, *arguments: Any) -> list[Any]:
        """What all shards answer, when all have."""
        return self.answers([self.ask(shard, method, *arguments) for shard in range(len(self))])

    def answers(self, asked: Sequence[Asked]) -> list[Any]:
        """What is answered, when all is. What a shard has raised is raised here, and what `look` raises; ActorLost if
        one cannot be reached for too long.
        """
        if any(isinstance(each.answer, Awaited) for each in asked):
            return [self._answer(each) for each in asked]
        try:
            found: list[Any] = ray.get([each.answer for each in asked])
        except (*LOST, ray.exceptions.RayTaskError):
            return [self._answer(each) for each in asked]
        return found

    def _answer(self, asked: Asked) -> Any:
        life, since_s = asked.life, time.monotonic()
        while True:
            try:
                return asked.answer.get() if isinstance(asked.answer, Awaited) else ray.get(asked.answer)
            except Unanswered:
                asked = self._call(asked.shard, asked.method, asked.answer.arguments())
                continue
            except LOST as error:
                dead = isinstance(error, ray.exceptions.ActorDiedError)
                self._find(asked, error, dead=dead)
                if self._places[asked.shard].view.life != life:
                    life, since_s = self._places[asked.shard].view.life, time.monotonic()
                elif time.monotonic() - since_s > self._patience_s:
                    raise self._unreached(asked, error) from error
                else:  # whoever decides that has found it alive
                    time.sleep(PAUSE_S)
            except ray.exceptions.RayTaskError as error:
                if not isinstance(error.cause, Deposed):
                    raise error.cause from error
                self._find(asked, error, dead=True)
            asked = self.ask(asked.shard, asked.method, *asked.arguments)

    def _unreached(self, asked: Asked, why: Exception) -> ActorLost:
        return ActorLost(
            f"shard {asked.shard} of {len(self)} could not be reached for {self._patience_s:g} s (`patience_s` of the "
            f"engine) by a process that needs it, though it lives: {said(why)}"
        )

    def _find(self, asked: Asked, why: Exception, *, dead: bool) -> None:
        """Who leads the shard now?"""
        if self._places[asked.shard].view.life == asked.life:
            self.move(asked.shard, self._look(asked.shard, asked.life, said(why), dead=dead))
