"""No test of an engine may leave a thread behind, and none may hang."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

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
    """Call it in a worker: Ctrl-C once all are started, and back when the main thread has seen it."""
    main, seen, unpressed = threading.main_thread(), threading.Event(), [True]

    def handle(_: object, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code.co_name == "_remove":
            # A callback of a weak reference (of threading's own): what is raised there is lost. Press again.
            threading.Timer(0.001, signal.pthread_kill, (main.ident, signal.SIGINT)).start()
            return
        seen.set()
        raise KeyboardInterrupt

    def press(*_: object) -> None:
        if not _take(unpressed):
            return
        if threading.current_thread() is main:
            signal.raise_signal(signal.SIGINT)
        while _is_in(main, "start"):
            seen.wait(0.001)
        # The main thread, once awake, then runs until it waits for something: it has told all others to stop.
        sys.setswitchinterval(1.0)
        signal.pthread_kill(main.ident, signal.SIGINT)
        assert seen.wait(PATIENCE_S)

    handler, interval = signal.signal(signal.SIGINT, handle), sys.getswitchinterval()
    yield press
    sys.setswitchinterval(interval)
    signal.signal(signal.SIGINT, handler)


def _is_in(thread: threading.Thread, function: str) -> bool:
    """Does this thread run a function of that name?"""
    frame = sys._current_frames()[thread.ident]
    while frame is not None and frame.f_code.co_name != function:
        frame = frame.f_back
    return frame is not None


def _take(tokens: list[bool]) -> bool:
    """Take one token; False for whoever comes late."""
    try:
        return tokens.pop()
    except IndexError:
        return False
