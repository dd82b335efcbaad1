"""One worker's program, driven from request to request."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import fields, is_dataclass
from typing import Any, final

import numpy as np

from hogwild.engines.waits import Aborted, Deadlock, Failed
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.requests import REQUESTS, Request


class Dead(Exception):
    """A program was to go on that has been killed."""


@final
class Program:
    """A strategy's coroutine for one worker. `advance` gives it an answer and returns what it asks next."""

    def __init__(self, strategy: AbstractStrategy, worker: Worker) -> None:
        self.worker, self.rank, self.rounds = worker, worker.rank, 0
        self._name = type(strategy).__name__
        program = strategy.work(worker)
        if not isinstance(program, Coroutine):
            raise TypeError(f"{self._name}.work must be an async def, not return {program!r}")
        self._program, self._made = program, worker.made
        self._send: Callable[[Any], Any] = program.send
        self._throw: Callable[[Any], Any] = program.throw

    def advance(self, answer: Any) -> Request | None:
        """The next request; None when the program has ended. TypeError for what is no request, or was not awaited."""
        if type(answer) is Failed:
            return self.throw(answer.error)
        try:
            request = self._send(answer)
        except StopIteration:
            return self._end()
        made = self._made
        if not made or (made[0] is request and len(made) == 1):  # as it mostly is
            made.clear()
            if type(request) in REQUESTS:
                return request
        return self._check(request)

    def throw(self, error: BaseException) -> Request | None:
        """As `advance`, but the request has failed."""
        try:
            request = self._throw(error)
        except StopIteration:
            return self._end()
        return self._check(request)

    def run(self, answer: Callable[[Any], Any], over: Callable[[], bool]) -> bool:
        """Answer what it asks until it ends; what `answer` raises is raised where the program awaits, but for
        `Aborted` and `Deadlock`. False: it was `over` before.
        """
        try:
            request = self.advance(None)
            while request is not None:
                if over():  # who never waits would not be told otherwise
                    return False
                try:
                    found = answer(request)
                except (Aborted, Deadlock):
                    raise
                except Exception as error:
                    request = self.throw(error)
                else:
                    request = self.advance(found)
            return True
        finally:
            self.close()

    def _end(self) -> Request | None:
        if self._made:
            raise self._forgotten(self._made) from None
        return None

    def _check(self, request: Any) -> Request:
        others = [other for other in self._made if other is not request]
        if others:
            raise self._forgotten(others)
        self._made.clear()
        if type(request) not in REQUESTS:
            raise TypeError(f"a strategy may only await a worker's requests, not {request!r}")
        checked: Request = request
        return checked

    def close(self) -> None:
        """Give up."""
        self._program.close()

    def kill(self) -> None:
        """Give up, in the middle of whatever it does; from now on it raises `Dead`."""
        self._program.close()
        self._send = self._throw = _dead

    def _forgotten(self, made: list[Request]) -> TypeError:
        return TypeError(f"{self._name}.work has made {_shown(made[0])} and not awaited it: write `await` before it")


def _dead(_: Any) -> Any:
    raise Dead


def _shown(value: Any) -> str:
    """As `repr`, but of arrays only what they are."""
    if isinstance(value, np.ndarray):
        return f"<array of shape {value.shape}>"
    if not is_dataclass(value):
        return repr(value)
    shown = [f"{each.name}={_shown(getattr(value, each.name))}" for each in fields(value) if each.repr]
    return f"{type(value).__name__}({', '.join(shown)})"
