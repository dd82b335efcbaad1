"""The one place where tests on real processes look again and again."""

import time
from collections.abc import Callable, Iterator

PAUSE_S = 0.02
PATIENCE_S = 30.0  # to start processes on a busy machine


def looks(happens: Callable[[], bool]) -> Iterator[None]:
    """One after the other, until this is so. There is no event to wait for: it is about processes of others, the files
    that they write, and the hosts that Ray knows.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(PAUSE_S)
        yield


def wait_for(happens: Callable[[], bool]) -> None:
    """Until this is so."""
    for _ in looks(happens):
        pass
