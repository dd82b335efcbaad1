"""A program inside another, which sees all that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any, final


@final
class Interposed:
    """Awaiting it awaits all that another program awaits, with each request changed first.

    program : `strategy.work(me)`
    made :    `me.made`, requests that are not awaited yet
    change :  of a request: the one that is asked instead; what it raises is raised where the program awaits
    """

    def __init__(self, program: Coroutine[Any, Any, None], made: list[Any], change: Callable[[Any], Any]) -> None:
        self._program, self._made, self._change = program, made, change

    def __await__(self) -> Generator[Any, Any, None]:
        program, answer, error = self._program, None, None
        while True:
            try:
                asked = program.send(answer) if error is None else program.throw(error)
            except StopIteration:
                return
            answer, error = None, None
            try:
                request = self._change(asked)
                self._made[:] = [request if made is asked else made for made in self._made]
                answer = yield request
            except GeneratorExit:
                program.close()
                raise
            except Exception as failure:
                error = failure
