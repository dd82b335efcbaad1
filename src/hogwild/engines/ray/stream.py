"""What the process that leads a shard tells the copy of it: in order, one batch at a time; and who must wait for that.

Primary and backup (Alsberg and Day 1976): an answer may go out when the copy knows all that was told before it. So
nothing that a worker was answered can be lost with one process. No thread, no Ray: see `Relay`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, NamedTuple, final


class _State(Enum):
    ALONE = auto()  # there is no copy
    CATCHING_UP = auto()  # a copy is on its way to where the shard was when it began
    CHAINED = auto()  # answers wait for it


@final
class Batch(NamedTuple):
    """Messages that follow one another. first: the number of the first of them; copy: for whom."""

    first: int
    messages: list[Any]
    copy: int
    n_bytes: int


@final
class Stream:
    """Of the process that leads. Messages are numbered from 1 on; `told`: how many there were."""

    def __init__(self, *, chained: bool) -> None:
        """chained: there is a copy, number 0, that is as new as the shard itself."""
        self.told = 0
        self._state = _State.CHAINED if chained else _State.ALONE
        self._copy = 0
        self._confirmed = 0  # so many messages are known to the copy
        self._outbox: list[Any] = []  # those that were not sent yet
        self._outbox_bytes, self._room_bytes = 0, 0
        self._sending = False

    def tell(self, message: Any, n_bytes: int = 0) -> None:
        """This has happened to the shard."""
        self.told += 1
        if self._state is not _State.ALONE:
            self._outbox.append(message)
            self._outbox_bytes += n_bytes

    def is_safe(self, mark: int) -> bool:
        """May an answer go out that is made of the first `mark` messages? While a copy catches up nobody waits for it,
        unless what it is still to be told takes more room than itself.
        """
        if self._state is _State.CHAINED:
            return self._confirmed >= mark
        return self._state is _State.ALONE or self._outbox_bytes <= self._room_bytes

    def take(self) -> Batch | None:
        """All that is to be sent now; None: nothing, or the copy has not answered yet."""
        if self._state is not _State.CHAINED or self._sending or not self._outbox:
            return None
        batch = Batch(self._confirmed + 1, self._outbox, self._copy, self._outbox_bytes)
        self._outbox, self._outbox_bytes, self._sending = [], 0, True
        return batch

    def confirm(self, batch: Batch) -> None:
        """The copy knows it."""
        if batch.copy == self._copy and self._state is _State.CHAINED:
            self._confirmed += len(batch.messages)
            self._sending = False

    def begin(self, copy: int, room_bytes: int) -> None:
        """Another copy, with a number of its own, is sent all that the shard is now, so many bytes; and then what
        happens.
        """
        self.stop(self._copy)
        self._copy, self._room_bytes = copy, room_bytes
        self._confirmed, self._state = self.told, _State.CATCHING_UP

    def complete(self, copy: int, message: Any) -> None:
        """It has come there: from now on answers wait for it, and it is told that by this message."""
        if copy == self._copy and self._state is _State.CATCHING_UP:
            self._state = _State.CHAINED
            self.tell(message)

    def stop(self, copy: int) -> None:
        """This copy is dead: nobody waits for it."""
        if copy == self._copy:
            self._state = _State.ALONE
            self._outbox, self._outbox_bytes, self._sending = [], 0, False


@final
class Following:
    """Of a copy: what it knows of the stream. `complete`: could it lead?"""

    def __init__(self, known: int = 0, *, complete: bool) -> None:
        self.known, self.complete = known, complete

    def new(self, first: int, messages: Sequence[Any]) -> Sequence[Any]:
        """Those that it did not know, from now on known. ValueError if some before them are missing."""
        if first > self.known + 1:
            raise ValueError(f"message {first} of a shard came to its copy after {self.known}: some are missing")
        fresh = messages[self.known + 1 - first :]
        self.known += len(fresh)
        return fresh
