"""No test of an engine may leave a thread behind, and none may hang."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Ctrl-C after PATIENCE_S seconds ends a run that hangs, and fails the test."""
    yield from watched(PATIENCE_S)


def watched(patience_s: float) -> Iterator[None]:
    """The generator of a fixture that fails if what it surrounds hangs or leaves a thread of ours alive."""
    main, hung = threading.main_thread(), threading.Event()

    def bite() -> None:
        hung.set()
        signal.pthread_kill(main.ident, signal.SIGINT)

    dog = threading.Timer(patience_s, bite)
    dog.daemon = True
    dog.start()
    try:
        yield
    finally:
        dog.cancel()
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("hogwild-")]
    assert not hung.is_set(), "the run did not end by itself"
    assert not left, "threads were left behind"


@pytest.fixture
def ctrl_c() -> Iterator[Callable[..., None]]:
    """Call it in a worker: Ctrl-C, and back when the main thread has seen it."""
    seen = threading.Event()

    def handle(*_: object) -> None:
        seen.set()
        raise KeyboardInterrupt

    def press(*_: object) -> None:
        if not seen.is_set():
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            if threading.current_thread() is not threading.main_thread():
                assert seen.wait(PATIENCE_S)

    handler, interval = signal.signal(signal.SIGINT, handle), sys.getswitchinterval()
    # The main thread, once awake, then runs until it waits for something: it has told all others to stop.
    sys.setswitchinterval(1.0)
    yield press
    sys.setswitchinterval(interval)
    signal.signal(signal.SIGINT, handler)
