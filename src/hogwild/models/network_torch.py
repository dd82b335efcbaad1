"""What is global in PyTorch: whether it is there, how many threads it starts, and its random numbers.

All of it is lent to a worker for a while, and given back as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np


def import_torch() -> Any:
    """PyTorch, loaded when it is first needed; ImportError says how to install it."""
    try:
        return import_module("torch")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Network needs PyTorch: pip install 'hogwild[nets]'", name="torch") from error


_INSIDE = threading.Lock()
_inside, _threads_before = 0, 1


@contextmanager
def on_one_core() -> Iterator[None]:
    """Torch starts no threads of its own: a worker is one core, and the bits of a sum would depend on their number.

    Each thread has a number of its own. `set_num_threads` sets that of the calling thread, and the one that threads
    begin with which have not asked for it yet; no other (torch 2.13). So whoever leaves, whether or not others stay,
    takes back for both what the first to enter had found.
    """
    global _inside, _threads_before
    torch = import_torch()
    with _INSIDE:
        # Always asked: a thread's first question (or first large tensor) sets its number to the one that threads begin
        # with, also after it has been given another one.
        now = torch.get_num_threads()
        if _inside == 0:
            _threads_before = now
        _inside += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _INSIDE:
            _inside -= 1
            torch.set_num_threads(_threads_before)


@contextmanager
def learning() -> Iterator[None]:
    """On one core, with gradients whatever the caller's mode; who computes looks for what is not finite, and says so in
    words: NumPy need not warn of it.
    """
    with on_one_core(), import_torch().inference_mode(False), np.errstate(over="ignore", invalid="ignore"):
        yield


_DRAWING = threading.Lock()


@contextmanager
def random_numbers(seed: Sequence[int]) -> Iterator[None]:
    """Layers draw from torch's one global generator: lend it to one thread at a time, seeded, and put it back.

    What is drawn depends on the seed alone, whatever other workers do meanwhile.
    """
    torch = import_torch()
    number = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))
    with _DRAWING:
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(number)
        try:
            yield
        finally:
            torch.set_rng_state(before)
