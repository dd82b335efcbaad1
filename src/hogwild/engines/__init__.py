"""Where workers run."""

from __future__ import annotations

from hogwild.engines.ending import history_of, result_of, start_of
from hogwild.engines.faults import Fault
from hogwild.engines.first import first_objective
from hogwild.engines.plan import Faults
from hogwild.engines.ray.engine import Ray
from hogwild.engines.ray.terms import ActorLost, ClusterError
from hogwild.engines.simulated import Simulated
from hogwild.engines.threads import Threads
from hogwild.engines.virtual.links import Link
from hogwild.engines.virtual.mail import Unreachable
from hogwild.engines.virtual.speeds import Speeds
from hogwild.engines.waits import Deadlock
from hogwild.interfaces import AbstractEngine
from hogwild.names import find_made

ENGINES: dict[str, type[AbstractEngine]] = {"threads": Threads, "simulated": Simulated, "ray": Ray}
"""The engines by name."""


def find_engine(given: str | AbstractEngine) -> AbstractEngine:
    """The engine itself, or the one of that name with its defaults; ValueError lists the names there are, TypeError
    for anything else.
    """
    found: AbstractEngine = find_made("engine", given, ENGINES, AbstractEngine, "Simulated(200)")
    return found


__all__ = [
    "ActorLost",
    "ClusterError",
    "Deadlock",
    "ENGINES",
    "Fault",
    "Faults",
    "Link",
    "Ray",
    "Simulated",
    "Speeds",
    "Threads",
    "Unreachable",
    "find_engine",
    "first_objective",
    "history_of",
    "result_of",
    "start_of",
]
