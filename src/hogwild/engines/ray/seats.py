"""A process that was taken for dead may be alive, and heard again when the network is whole: its place is taken then.

So each process calls the conductor by a number that no other has, its seat.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, final

from hogwild.engines.ray.terms import Over

Class = TypeVar("Class", bound=type)
_ANSWERED = ("enter", "ask", "turn", "supply", "sum", "broken", "lingers", "goes_on", "start", "wait", "park")
CALLS = {
    **dict.fromkeys((*_ANSWERED, "sending", "pushed", "arrived", "ended", "counted", "fail"), Over()),
    **dict.fromkeys(("meet", "done", "so_far"), None),
}
"""The methods of the conductor whose first argument is a rank, and what a dead process is answered."""


def seat_of(rank: int, life: int, size: int) -> int:
    """The seat of a process of a worker of which so many have died before."""
    return rank + size * life


@final
class ConductorProxy:
    """The conductor, as called by a process of a worker of which so many have died."""

    def __init__(self, conductor: Any, size: int, life: int) -> None:
        self._conductor, self._before = conductor, seat_of(0, life, size)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._conductor, name)
        return _MethodProxy(method, self._before) if name in CALLS else method


@final
class _MethodProxy:
    def __init__(self, method: Any, before: int) -> None:
        self._method, self._before = method, before

    def remote(self, rank: int, *arguments: Any, **options: Any) -> Any:
        return self._method.remote(rank + self._before, *arguments, **options)


def seated(kind: Class) -> Class:
    """Decorator of the conductor's class: its methods that are called so do nothing for who is taken for dead."""
    for name, answer in CALLS.items():
        setattr(kind, name, _only_for_the_living(getattr(kind, name), answer))
    return kind


def _only_for_the_living(method: Callable[..., Any], otherwise: Any) -> Callable[..., Any]:
    @wraps(method)
    def act(self: Any, seat: int, *arguments: Any, **options: Any) -> Any:
        rank = self._membership.rank_of(seat)
        return otherwise if rank is None else method(self, rank, *arguments, **options)

    return act
