"""How a worker asks the hub: an answer comes at once, or later."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, final

from hogwild.engines.hub import Hub
from hogwild.requests import Communicate

LATER = object()  # there is no answer yet


@final
class Asking:
    """One request at a time. Answers that do not come at once are given to `later(rank, answer)`."""

    def __init__(self, hub: Hub, size: int, later: Callable[[int, Any], None]) -> None:
        self._hub, self._later = hub, later
        self._replies = [partial(self._reply, rank) for rank in range(size)]
        self.rank: int | None = None  # whose request is being answered
        self._answer: Any = None

    def ask(self, rank: int, request: Communicate) -> Any:
        """The answer; LATER if it is still to come."""
        self.rank, self._answer = rank, LATER
        try:
            self._hub.ask(rank, request, self._replies[rank])
        finally:
            self.rank = None
        return self._answer

    def _reply(self, rank: int, answer: Any) -> None:
        if self.rank == rank:
            self._answer = answer
        else:
            self._later(rank, answer)
