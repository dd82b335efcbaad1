"""One worker's program, driven from request to request."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, final

from hogwild.engines.waits import Failed
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.requests import REQUESTS, Request


@final
class Program:
    """A strategy's coroutine for one worker. `advance` gives it an answer and returns what it asks next."""

    def __init__(self, strategy: AbstractStrategy, worker: Worker) -> None:
        self.worker, self.rounds = worker, 0
        self._name = type(strategy).__name__
        program = strategy.work(worker)
        if not isinstance(program, Coroutine):
            raise TypeError(f"{self._name}.work must be an async def, not return {program!r}")
        self._program = program

    def advance(self, answer: Any) -> Request | None:
        """The next request; None when the program has ended. TypeError for what is no request, or was not awaited."""
        if type(answer) is Failed:
            return self.throw(answer.error)
        return self._resume(self._program.send, answer)

    def throw(self, error: BaseException) -> Request | None:
        """As `advance`, but the request has failed."""
        return self._resume(self._program.throw, error)

    def _resume(self, how: Callable[[Any], Any], value: Any) -> Request | None:
        made = self.worker.made
        try:
            request = how(value)
        except StopIteration:
            if made:
                raise self._forgotten(made) from None
            return None
        if made:
            if len(made) > 1 or made[0] is not request:
                raise self._forgotten([other for other in made if other is not request])
            made.clear()
        if type(request) not in REQUESTS:
            raise TypeError(f"a strategy may only await a worker's requests, not {request!r}")
        return request

    def close(self) -> None:
        """Give up."""
        self._program.close()

    def _forgotten(self, made: list[Request]) -> TypeError:
        return TypeError(f"{self._name}.work has made {made[0]!r} and not awaited it: write `await` before it")
