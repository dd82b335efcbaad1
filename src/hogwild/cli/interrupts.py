"""Ctrl-C: it ends training, but nothing that must be finished after it."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self, final


@final
class Interrupts:
    """Within `with`, Ctrl-C raises KeyboardInterrupt as always, until `hold()`; from then on it is only noted.

    The second Ctrl-C is only noted in any case: people press it twice, and the first is just being obeyed.

    Python loses what is raised while it calls back a weak reference or collects garbage: call `remind()` now and
    then, say at the end of each epoch.
    """

    def __init__(self) -> None:
        self.noted = 0
        self._held = False
        self._before: Any = None

    def __enter__(self) -> Self:
        # Who started us with Ctrl-C ignored (nohup, a shell's &) wants it so.
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def hold(self) -> None:
        """From now on, do not disturb."""
        self._held = True

    def remind(self) -> None:
        """Raise KeyboardInterrupt if one was noted, and the program runs on nevertheless."""
        if self.noted and not self._held:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.noted += 1
        if not self._held and self.noted != 2:
            raise KeyboardInterrupt
