"""How a worker asks the hub: an answer comes at once, or later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from hogwild.engines.hub import Hub
from hogwild.requests import Communicate

LATER = object()  # there is no answer yet


@final
class Asking:
    """One request at a time. Answers that do not come at once are given to `later(rank, answer)`."""

    def __init__(self, hub: Hub, size: int, later: Callable[[int, Any], None]) -> None:
        self._hub, self._later = hub, later
        self._lines = [_Line(self, rank, later) for rank in range(size)]
        self._replies = [line.reply for line in self._lines]
        self.rank: int | None = None  # whose request is being answered
        self.answer: Any = None

    def ask(self, rank: int, request: Communicate) -> Any:
        """The answer; LATER if it is still to come."""
        self.rank, self.answer = rank, LATER
        try:
            self._hub.ask(rank, request, self._replies[rank])
        finally:
            self.rank = None
        return self.answer

    def hang_up(self, rank: int) -> None:
        """The worker is dead: what it is still told nobody hears. Another takes its place."""
        self._lines[rank].later = _unheard
        self._lines[rank] = _Line(self, rank, self._later)
        self._replies[rank] = self._lines[rank].reply


@final
class _Line:
    """Where the answers to one worker go."""

    __slots__ = ("_asking", "_rank", "later")

    def __init__(self, asking: Asking, rank: int, later: Callable[[int, Any], None]) -> None:
        self._asking, self._rank, self.later = asking, rank, later

    def reply(self, answer: Any) -> None:
        asking = self._asking
        if asking.rank == self._rank:
            asking.answer = answer
        else:
            self.later(self._rank, answer)


def _unheard(rank: int, answer: Any) -> None:
    """The worker died before."""
