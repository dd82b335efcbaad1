"""Who is there when a run begins: as many workers as must be, and those whose processes come at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import ray

TOGETHER_S = 1.0  # between two processes that start at the same time, on a busy machine


@final
class Gathered(NamedTuple):
    """The actors of the workers by rank, those that are `absent` last."""

    deputies: list[Any]
    absent: frozenset[int]


def gather(deputies: Sequence[Any], least: int, start_s: float) -> Gathered:
    """Wait until so many of them have processes, and then as long as another one comes soon: sums are slow until all
    are there, see `Rendezvous`. GetTimeoutError if there are too few after so many seconds, RayActorError if one of
    those that have come has died.
    """
    by_answer = {deputy.__ray_ready__.remote(): deputy for deputy in deputies}
    come, left = ray.wait(list(by_answer), num_returns=least, timeout=start_s)
    if len(come) < least:
        raise ray.exceptions.GetTimeoutError
    while left:
        more, left = ray.wait(left, num_returns=1, timeout=TOGETHER_S)
        if not more:
            break
        come += more
    ray.get(come)
    there = [answer for answer in by_answer if answer not in left]
    found = [by_answer[answer] for answer in [*there, *left]]
    return Gathered(found, frozenset(range(len(there), len(found))))
