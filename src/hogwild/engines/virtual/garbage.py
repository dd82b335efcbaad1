"""Python's collector of cyclic garbage, told that many objects are no garbage."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MANY_OBJECTS = 100_000  # more than before, until garbage is collected

_lock, _before = threading.Lock(), list[tuple[int, int, int]]()  # one entry for each run under way


@contextmanager
def patient_collector() -> Iterator[None]:
    """The collector looks at everything once some hundred or thousand objects more are alive than before. The messages
    of a thousand workers are many more: it would look again and again, for a seventh of the time, and find nothing.

    Of several runs at once, in threads, the last to end restores what the first has found.
    """
    entered = False
    try:
        with _lock:
            _before.append(_before[0] if _before else gc.get_threshold())
            entered = True
            often, *rest = _before[0]
            if often:  # 0: never
                gc.set_threshold(max(often, MANY_OBJECTS), *rest)
        yield
    finally:
        with _lock:
            if entered:
                found = _before.pop()
                if not _before:
                    gc.set_threshold(*found)
