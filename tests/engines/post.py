"""A transport that holds messages back until a test lets them go."""

from collections import deque
from collections.abc import Sequence
from typing import final

from hogwild.engines.transport import AbstractTransport, Deliver, Host


@final
class Post(AbstractTransport):
    """`deliver(source, target)` delivers the oldest from one host to another, `deliver_all` all there are."""

    def __init__(self) -> None:
        self.under_way: dict[tuple[Host, Host], deque[Deliver]] = {}
        self.sums: deque[Deliver] = deque()

    def send(self, source: Host, target: Host, n_bytes: int, deliver: Deliver) -> None:
        self.under_way.setdefault((source, target), deque()).append(deliver)

    def exchange(self, ranks: Sequence[int], n_bytes: int, deliver: Deliver) -> None:
        self.sums.append(deliver)

    def deliver(self, source: Host, target: Host) -> None:
        self.under_way[source, target].popleft()()

    def deliver_all(self) -> None:
        while any(self.under_way.values()) or self.sums:
            for queue in [*self.under_way.values(), self.sums]:
                if queue:
                    queue.popleft()()
