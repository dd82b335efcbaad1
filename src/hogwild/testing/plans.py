"""Random plans of faults, for Hypothesis and for long runs: whatever happens, one worker lives through all of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hogwild.engines.faults import SURVIVES, Fault
from hogwild.engines.plan import Faults

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Pick = Callable[[Sequence[Any]], Any]  # one of these; the first is the simplest

MOMENTS = 16  # at which something may happen


def fault_plans(
    workers: int, shards: int, horizon_s: float, survives: Collection[str] = frozenset(SURVIVES)
) -> SearchStrategy[Faults]:
    """A Hypothesis strategy (the package hypothesis must be there) for plans that make sense with so many workers and
    shards, between 0 and `horizon_s` virtual seconds, of those kinds that are survived. It shrinks to fewer faults.

    >>> from hypothesis import find
    >>> from hogwild.testing import fault_plans
    >>> find(fault_plans(4, 1, 1.0), lambda plan: plan.kills_shards)
    Faults(faults=(Fault.kill(shard=0, at_s=0),), detect_s=0.0625, retry_s=0.00625, replicate=False)
    """
    from hypothesis import strategies as st

    @st.composite
    def plans(draw: Callable[[Any], Any]) -> Faults:
        return _plan(lambda options: draw(st.sampled_from(options)), workers, shards, horizon_s, survives)

    found: SearchStrategy[Faults] = plans()
    return found


def random_plan(
    seed: int, workers: int, shards: int, horizon_s: float, survives: Collection[str] = frozenset(SURVIVES)
) -> Faults:
    """One plan, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return _plan(lambda options: options[int(rng.integers(len(options)))], workers, shards, horizon_s, survives)


def _plan(pick: Pick, workers: int, shards: int, horizon_s: float, survives: Collection[str]) -> Faults:
    moments = [float(f"{horizon_s * k / MOMENTS:.6g}") for k in range(MOMENTS + 1)]  # so that plans can be read
    faults = list(_of_messages(pick, workers, shards, moments, survives))
    if "lost worker" in survives:
        faults += _of_workers(pick, workers, moments, "lost coordinator" in survives)
    if "slow worker" in survives and pick((False, True)):
        faults.append(Fault.slow(worker=pick(range(workers)), factor=pick((2.0, 10.0, 100.0))))
    if "slow worker" in survives and pick((False, True)):
        begin, length = pick(range(MOMENTS)), pick((1, 4, MOMENTS))
        end_s = moments[min(begin + length, MOMENTS)]
        shard, factor = pick(range(shards)), pick((2.0, 10.0, 100.0))
        faults.append(Fault.slow(shard=shard, factor=factor, from_s=moments[begin], to_s=end_s))
    if "lost shard" in survives:
        faults += _of_shards(pick, shards, moments)
    return Faults(tuple(faults), detect_s=moments[1], retry_s=moments[1] / 10)


def _of_shards(pick: Pick, shards: int, moments: list[float]) -> Iterator[Fault]:
    """Hosts that come back do so before anybody has noticed, or after."""
    for number in range(shards):
        match pick(("stays", "dies", "returns")):
            case "dies":
                yield Fault.kill(shard=number, at_s=pick(moments))
            case "returns":
                at_s, after = pick(moments), pick((0.25, 1, 4))
                yield Fault.kill(shard=number, at_s=at_s, back_s=float(f"{at_s + after * moments[1]:.6g}"))


def _of_messages(
    pick: Pick, workers: int, shards: int, moments: list[float], survives: Collection[str]
) -> Iterator[Fault]:
    if "lost message" in survives:
        share, late = pick((0.0, 0.05, 0.3)), pick((0.0, 0.1, 0.5))
        if share:
            yield Fault.lose(share)
        if late:
            yield Fault.reorder(late, by_s=pick((float(f"{moments[1] / 10:.6g}"), moments[1])))
        if pick((False, True)):
            begin, length = pick(range(MOMENTS)), pick((1, 4))
            apart = range(workers) if pick((False, True)) else [pick(range(workers))]
            cut = [number for number in range(shards) if pick((False, True))]
            yield Fault.partition(
                workers=[rank for rank in apart if pick((True, False))] or [0],
                shards=cut,
                from_s=moments[begin],
                to_s=moments[min(begin + length, MOMENTS)],
            )
    if "duplicate message" in survives and (share := pick((0.0, 0.05, 0.3))):
        yield Fault.duplicate(share)


def _of_workers(pick: Pick, workers: int, moments: list[float], first: bool) -> Iterator[Fault]:
    """One of them neither dies nor leaves, and is there from the beginning; where the first must live, that one."""
    lives = pick(range(workers)) if first else 0
    for rank in range(workers):
        fate = "stays" if rank == lives else pick(("stays", "dies", "returns", "leaves", "joins"))
        at = 0 if fate == "stays" else pick(range(MOMENTS))
        match fate:
            case "dies":
                yield Fault.kill(worker=rank, at_s=moments[at])
            case "returns":
                yield Fault.kill(worker=rank, at_s=moments[at], back_s=moments[min(at + pick((1, 4)), MOMENTS)])
            case "leaves":
                yield Fault.leave(worker=rank, at_s=moments[at])
            case "joins":
                yield Fault.join(worker=rank, at_s=moments[at])
