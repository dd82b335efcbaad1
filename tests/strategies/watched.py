"""A strategy that tells a test what each worker asks, and what it is answered."""

from collections.abc import Callable
from typing import Any

from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.testing.probes import Probe


class _Watch:
    """Awaits what a program awaits, and tells."""

    def __init__(self, program: Any, me: Worker, tell: Callable[[Worker, Any, Any], None], before: Any) -> None:
        self.program, self.me, self.tell, self.before = program, me, tell, before

    def __await__(self):
        answer = None
        while True:
            try:
                request = self.program.send(answer)
            except StopIteration:
                return
            self.before(self.me, request)
            answer = yield request
            self.tell(self.me, request, answer)


def watched(
    strategy: AbstractStrategy,
    after: Callable[[Worker, Any, Any], None] = lambda me, request, answer: None,
    *,
    before: Callable[[Worker, Any], None] = lambda me, request: None,
    at_end: Callable[[Worker], Any] | None = None,
) -> AbstractStrategy:
    """The same strategy. `before(me, request)` and `after(me, request, answer)` are called for each request, and the
    program `at_end(me)` is run when the strategy's has ended.
    """

    async def work(me: Worker) -> None:
        await _Watch(strategy.work(me), me, after, before)
        if at_end is not None:
            await at_end(me)

    probe = Probe(strategy.agree, strategy.needs, strategy.server, strategy.answer)
    return probe.strategy(work)
