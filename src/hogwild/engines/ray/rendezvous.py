"""When workers begin to sum among themselves: at a sum that none has come to yet, when all are connected."""

from __future__ import annotations

from queue import SimpleQueue
from typing import final

Address = tuple[str, int]


@final
class Rendezvous:
    """Of one run. Not thread-safe. Sums are numbered from 0 here; the number where it begins is the same for all."""

    def __init__(self, size: int) -> None:
        self._come, self._connected = [0] * size, [False] * size
        self._waits = True  # does each sum wait for all that are there?
        self._over = False
        self.begins: int | None = None  # sums from this one on
        self._addresses: dict[int, Address | None] = {}
        self._answers: list[SimpleQueue[Address | None]] = [SimpleQueue() for _ in range(size)]

    def comes(self, rank: int, *, connected: bool, waits: bool = True) -> None:
        """The worker comes to its next sum. Who does not wait there may be ahead of others, and not hear in time when
        it begins: then it never does.
        """
        self._come[rank] += 1
        self._connected[rank] = self._connected[rank] or connected
        self._waits = self._waits and waits
        if self.begins is None and self._waits and all(self._connected):
            self.begins = max(self._come)

    def admit(self, rank: int, like: int) -> int:
        """The worker comes late, and to the sums that this other one will come to. The number of the first of them."""
        self._come[rank] = self._come[like]
        return self._come[rank]

    def failed(self, rank: int) -> None:
        """What the worker gave was refused: it may come to the same sum again."""
        self._come[rank] -= 1

    def meets(self, rank: int, address: Address | None) -> SimpleQueue[Address | None]:
        """The worker can connect, and the first of them at this address. What comes out of the queue is that address,
        when all can; None if that will never be.
        """
        if self._over:
            self._answers[rank].put(None)
            return self._answers[rank]
        self._addresses[rank] = address
        if len(self._addresses) == len(self._answers):
            for answer in self._answers:
                answer.put(self._addresses[0])
        return self._answers[rank]

    def end(self) -> None:
        """The run is over, or a worker has died: who is not connected will not be."""
        self._waits, self._over = False, True
        for answer in self._answers:
            answer.put(None)
