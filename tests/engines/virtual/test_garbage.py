"""The collector is patient while something is simulated, and as before afterwards."""

import gc
import threading
from collections.abc import Iterator

import pytest

from hogwild.engines.virtual.garbage import MANY_OBJECTS, patient_collector


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(701, 11, 12)
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_afterwards_all_is_as_before(error):
    def fail() -> None:
        with patient_collector():
            assert gc.get_threshold() == (MANY_OBJECTS, 11, 12)
            raise error

    with pytest.raises(error):
        fail()
    assert gc.get_threshold() == (701, 11, 12)


def test_who_is_still_more_patient_stays_so():
    gc.set_threshold(MANY_OBJECTS + 1)
    with patient_collector():
        assert gc.get_threshold()[0] == MANY_OBJECTS + 1


def test_who_wants_no_collector_gets_none():
    gc.set_threshold(0)
    with patient_collector():
        assert gc.get_threshold()[0] == 0
    assert gc.get_threshold()[0] == 0


def test_runs_in_several_threads():
    entered, leave = threading.Event(), threading.Event()

    def run() -> None:
        with patient_collector():
            entered.set()
            assert leave.wait(20)

    other = threading.Thread(target=run)
    with patient_collector():
        other.start()
        assert entered.wait(20)
    assert gc.get_threshold()[0] == MANY_OBJECTS, "the other still runs"
    leave.set()
    other.join()
    assert gc.get_threshold() == (701, 11, 12)
