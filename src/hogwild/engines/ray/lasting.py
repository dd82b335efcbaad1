"""A thread that stays. Ray asks the kernel to end its processes with the thread that has started them, not the process:
a cluster that a short-lived thread had started would die under the runs of all others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import final

_Act = Callable[[], None]


@final
class LastingThread:
    """Does what it is told, one thing after another. Lives as long as the process; it is a daemon."""

    def __init__(self) -> None:
        self._acts: SimpleQueue[tuple[_Act, Future[None]]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def do(self, act: _Act) -> None:
        """Until it is done. What it raises is raised here."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # after a fork there are no threads
                self._thread = threading.Thread(target=self._run, name="local-cluster", daemon=True)
                self._thread.start()
        done: Future[None] = Future()
        self._acts.put((act, done))
        done.result()

    def _run(self) -> None:
        while True:
            act, done = self._acts.get()
            try:
                act()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(None)
