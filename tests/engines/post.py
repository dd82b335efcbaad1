"""A transport that holds messages back until a test lets them go."""

from collections import deque
from collections.abc import Sequence
from typing import final

from hogwild.engines.transport import AbstractCarrier, Act, Host


@final
class Post(AbstractCarrier):
    """`deliver(source, target)` delivers the oldest from one host to another, `deliver_all` all there are."""

    def __init__(self) -> None:
        self.under_way: dict[tuple[Host, Host], deque[Act]] = {}
        self.sums: deque[Act] = deque()
        self._ways: list[tuple[Host, Host]] = []

    def carry(self, source: Host, target: Host, n_bytes: int) -> float:
        self._ways.append((source, target))
        return len(self._ways) - 1  # a "time" that tells which message it was

    @property
    def left(self) -> float:
        return -1  # now

    def at(self, time_s: float, act: Act) -> None:
        if time_s < 0:
            act()
            return
        self.under_way.setdefault(self._ways[int(time_s)], deque()).append(act)

    def exchange(self, ranks: Sequence[int], n_bytes: int, deliver: Act) -> None:
        self.sums.append(deliver)

    def deliver(self, source: Host, target: Host) -> None:
        self.under_way[source, target].popleft()()

    def deliver_all(self) -> None:
        while any(self.under_way.values()) or self.sums:
            for queue in [*self.under_way.values(), self.sums]:
                if queue:
                    queue.popleft()()
