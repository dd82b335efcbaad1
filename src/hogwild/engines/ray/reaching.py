"""The shards of the server, as a worker reaches them, or the conductor: where one has died its successor is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, final

import ray

from hogwild.engines.ray.errors import LOST, said
from hogwild.engines.ray.relay import Deposed
from hogwild.engines.ray.terms import View

WORKERS = "push", "pull", "operate", "fetch"
CONDUCTORS = "answered", "admit", "clock", "counted", "drop", "left", "remind", "weights"
MOST_TRIES = 3  # to reach a process that others say is alive


class Look(Protocol):
    """See `Succession.lost`."""

    def __call__(self, shard: int, life: int, why: str, *, dead: bool) -> View: ...


@final
class Asked(NamedTuple):
    """A message under way, to the actor that led the shard then."""

    shard: int
    method: str
    arguments: tuple[Any, ...]
    life: int
    answer: Any


@final
class Reaching:
    """Called by any thread. What a worker asks again has the same number, so that a shard knows what it has done.

    methods : that will be asked for: they are looked up once
    look :    see `Succession.lost`
    """

    def __init__(self, views: Sequence[View], methods: Sequence[str], look: Look) -> None:
        self._methods, self._look = methods, look
        self._places = [self._place(view) for view in views]

    def __len__(self) -> int:
        return len(self._places)

    def _place(self, view: View) -> tuple[int, dict[str, Any]]:
        return view.life, {name: getattr(view.actor, name) for name in self._methods}

    def move(self, shard: int, view: View) -> None:
        """Another actor leads it now."""
        self._places[shard] = self._place(view)

    def ask(self, shard: int, method: str, *arguments: Any) -> Asked:
        """Send it."""
        life, methods = self._places[shard]
        return Asked(shard, method, arguments, life, methods[method].remote(*arguments))

    def ask_all(self, method: str, *arguments: Any) -> list[Any]:
        """What all shards answer, when all have."""
        return self.answers([self.ask(shard, method, *arguments) for shard in range(len(self))])

    def answers(self, asked: Sequence[Asked]) -> list[Any]:
        """What is answered, when all is. What a shard has raised is raised here, and what `look` raises."""
        try:
            found: list[Any] = ray.get([each.answer for each in asked])
        except (*LOST, ray.exceptions.RayTaskError):
            return [self._answer(each) for each in asked]
        return found

    def _answer(self, asked: Asked) -> Any:
        tries = 0
        while True:
            try:
                return ray.get(asked.answer)
            except LOST as error:
                tries += 1
                dead = isinstance(error, ray.exceptions.ActorDiedError) or tries > MOST_TRIES
                self._find(asked, error, dead=dead)
            except ray.exceptions.RayTaskError as error:
                if not isinstance(error.cause, Deposed):
                    raise error.cause from error
                self._find(asked, error, dead=True)
            asked = self.ask(asked.shard, asked.method, *asked.arguments)

    def _find(self, asked: Asked, why: Exception, *, dead: bool) -> None:
        """Who leads the shard now?"""
        if self._places[asked.shard][0] == asked.life:
            self.move(asked.shard, self._look(asked.shard, asked.life, said(why), dead=dead))
