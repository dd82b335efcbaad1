"""Callbacks stay with the driver: the conductor tells it what happens, and waits until it has called them. So it tells
what is logged, without waiting.
"""

from __future__ import annotations

from logging import LogRecord
from queue import SimpleQueue
from typing import final

from hogwild.history import Record


@final
class News:
    """Of one run. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._records: SimpleQueue[Record | LogRecord | None] = SimpleQueue()
        self._raised: SimpleQueue[BaseException | None] = SimpleQueue()

    def tell(self, record: Record) -> None:
        """An epoch has ended; raises what the callbacks have raised."""
        self._records.put(record)
        error = self._raised.get()
        if error is not None:
            raise error

    def log(self, record: LogRecord) -> None:
        """Something was logged."""
        self._records.put(record)

    def next(self) -> Record | LogRecord | None:
        """The next of either; None: there are no more."""
        return self._records.get()

    def heard(self, error: BaseException | None) -> None:
        """The callbacks have been called, and one has perhaps raised this."""
        self._raised.put(error)

    def end(self) -> None:
        """There are no more."""
        self._records.put(None)
