"""What is logged in the processes of a run is logged in the one that called train(), too: there somebody looks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from logging import LogRecord
from logging.handlers import QueueHandler
from typing import final

Tell = Callable[[LogRecord], object]


@final
class Forwarding:
    """Of one process, of which several runs may make use one after another. Warnings and errors only, and none of
    Ray's own.
    """

    def __init__(self) -> None:
        self._handler: QueueHandler | None = None

    def begin(self, who: str, tell: Tell) -> None:
        """From now on they go there, beginning with this: who has logged them."""
        self.end()
        handler = self._handler = QueueHandler(_Outbox(tell))  # type: ignore[arg-type]  # it puts, and never gets
        handler.setLevel(logging.WARNING)
        handler.setFormatter(logging.Formatter(f"{who}%(message)s"))
        handler.addFilter(_is_not_rays)
        logging.getLogger().addHandler(handler)

    def end(self) -> None:
        """They go nowhere else any more."""
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
            self._handler = None


def log_again(record: LogRecord) -> None:
    """As if it had been logged here."""
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


@final
class _Outbox:
    """What a `QueueHandler` needs of a queue."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def put_nowait(self, record: LogRecord) -> None:
        self._tell(record)


def _is_not_rays(record: LogRecord) -> bool:
    return record.name.split(".")[0] != "ray"
