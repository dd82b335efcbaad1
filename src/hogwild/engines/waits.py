"""Who waits for what: how answers come, and what is said when they cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, final

Reply = Callable[[Any], None]
"""Called once with the answer to a request: before whoever asks has returned, or later."""


@final
class Failed(NamedTuple):
    """The answer to a request that has failed: its error is raised where the request is awaited."""

    error: Exception


class Aborted(Exception):
    """Another worker has failed, or the run was interrupted: nobody is answered any more."""


Waits = Iterable[tuple[Reply, str]]
"""Requests that wait: whom to tell, and what for."""

MOST_SHOWN = 6


class Deadlock(RuntimeError):
    """All workers wait, and nothing is under way that could wake one of them; says who waits for what."""


def deadlock(waits: Sequence[tuple[int, str]]) -> Deadlock:
    """The error for (rank, what it waits for) of all that wait; names the first few."""
    lines = [f"worker {rank} waits for {what}" for rank, what in sorted(waits)]
    more = f"; and {len(lines) - MOST_SHOWN} more" if len(lines) > MOST_SHOWN else ""
    return Deadlock(f"all workers wait for each other: {'; '.join(lines[:MOST_SHOWN])}{more}")


def workers(ranks: Sequence[int]) -> str:
    """ "worker 3", or "workers 0, 1, ..." with the first few."""
    shown = ", ".join(map(str, ranks[: MOST_SHOWN - 1])) + (", ..." if len(ranks) >= MOST_SHOWN else "")
    return f"worker{'s' if len(ranks) != 1 else ''} {shown}"
