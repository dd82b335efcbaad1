"""Atomic cells, locks and the barrier under real threads: counts come out exact, and a stop frees all who wait."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import njit

from hogwild.kernels.atomics import atomic_add, atomic_load, atomic_store, atomic_swap, barrier, lock, unlock, wait_for
from hogwild.memory import ARRIVED, CONTROL_CELLS, PHASE, STOP

THREADS = 4


def together(function, *arguments) -> list:
    """Run function(rank, *arguments) on THREADS threads at once."""
    with ThreadPoolExecutor(THREADS) as pool:
        return [task.result() for task in [pool.submit(function, rank, *arguments) for rank in range(THREADS)]]


@pytest.fixture
def control() -> np.ndarray:
    return np.zeros(CONTROL_CELLS, np.int64)


@njit
def _cell(cells):
    found = atomic_load(cells, 1)
    atomic_store(cells, 1, 7)
    swapped = atomic_swap(cells, 1, 9)
    added = atomic_add(cells, 1, 5)
    return found, swapped, added, atomic_load(cells, 1)


@pytest.mark.parametrize("dtype", [np.int64, np.uint32])
def test_cells_of_one_thread(dtype):
    cells = np.array([1, 3, 1], dtype)
    assert _cell(cells) == (3, 7, 9, 14)
    assert cells.tolist() == [1, 14, 1]


@njit(nogil=True)
def _count(rank, cells, times):
    for _ in range(times):
        atomic_add(cells, 0, 1)


def test_no_addition_is_lost(control):
    together(_count, control, 50_000)
    assert control[0] == THREADS * 50_000


@njit(nogil=True)
def _locked_count(rank, locks, cells, times, control):
    for _ in range(times):
        if not lock(locks, 3, control):
            return False
        cells[0] += 1  # a plain read and write: exact only if nobody else is here
        unlock(locks, 3)
    return True


def test_a_lock_lets_one_thread_in(control):
    locks, cells = np.zeros(8, np.uint32), np.zeros(1, np.int64)
    assert all(together(_locked_count, locks, cells, 20_000, control))
    assert cells[0] == THREADS * 20_000
    assert not locks.any()


def test_who_waits_for_a_lock_leaves_when_the_run_is_stopped(control):
    locks, cells = np.zeros(8, np.uint32), np.zeros(1, np.int64)
    locks[3] = 1  # held by nobody who would give it back
    control[STOP] = 1
    assert not any(together(_locked_count, locks, cells, 5, control))
    assert cells[0] == 0


@njit(nogil=True)
def _meet(rank, log, control):
    late = 0
    for k in range(log.shape[0]):
        log[k, rank] = 1
        if not barrier(log.shape[1], control):
            return -1
        late += log.shape[1] - log[k].sum()  # whoever has not come is missing here
        if not barrier(log.shape[1], control):
            return -1
    return late


def test_nobody_leaves_the_barrier_before_all_have_come(control):
    log = np.zeros((200, THREADS), np.int64)
    assert together(_meet, log, control) == [0] * THREADS
    assert control[PHASE] == 400
    assert control[ARRIVED] == 0


def test_a_stop_frees_all_who_wait_at_the_barrier(control):
    control[STOP] = 1
    assert set(together(_meet, np.zeros((1, THREADS + 1), np.int64), control)) == {-1}


@njit(nogil=True)
def _relay(rank, size, order, control):
    for k in range(rank, order.size, size):
        if not wait_for(control, PHASE, k, control):
            return False
        order[k] = rank
        atomic_store(control, PHASE, k + 1)
    return True


def test_turns_are_taken_in_order(control):
    order = np.full(400, -1)
    assert all(together(_relay, THREADS, order, control))
    np.testing.assert_array_equal(order, np.arange(400) % THREADS)


def test_who_waits_for_a_turn_leaves_when_the_run_is_stopped(control):
    control[PHASE], control[STOP] = -1, 1
    assert not any(together(_relay, THREADS, np.zeros(4, np.int64), control))
