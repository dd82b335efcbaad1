"""One file a race, and the table of all."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.outcome import Outcome
from benchmarks.races.comparing import comparing
from benchmarks.races.epoch import epoch
from benchmarks.races.file_to_model import file_to_model
from benchmarks.races.kernel import kernel
from benchmarks.races.memory import memory
from benchmarks.races.overhead import overhead
from benchmarks.races.published import published
from benchmarks.races.rating_errors import rating_errors
from benchmarks.races.rating_speed import rating_speed
from benchmarks.races.ray_memory import ray_memory
from benchmarks.races.ray_predicted import ray_predicted
from benchmarks.races.ray_server import ray_server
from benchmarks.races.ray_sums import ray_sums
from benchmarks.races.ray_threads import ray_threads
from benchmarks.races.real_data import real_data
from benchmarks.races.simulated import simulated
from benchmarks.races.start_up import start_up
from benchmarks.races.threads import threads
from benchmarks.races.time_to_objective import time_to_objective
from benchmarks.setting import Setting

RACES: dict[str, Callable[[Setting], Outcome]] = {
    "kernel": kernel,
    "epoch": epoch,
    "threads": threads,
    "published": published,
    "time_to_objective": time_to_objective,
    "file_to_model": file_to_model,
    "start_up": start_up,
    "memory": memory,
    "real_data": real_data,
    "rating_speed": rating_speed,
    "rating_errors": rating_errors,
    "overhead": overhead,
    "simulated": simulated,
    "comparing": comparing,
    "ray_threads": ray_threads,
    "ray_server": ray_server,
    "ray_sums": ray_sums,
    "ray_memory": ray_memory,
    "ray_predicted": ray_predicted,
}
"""The races by name, in the order in which they are run and reported."""
