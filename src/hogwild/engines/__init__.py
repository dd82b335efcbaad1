"""Where workers run."""

from __future__ import annotations

from hogwild.engines.simulated import Simulated
from hogwild.engines.threads import Threads
from hogwild.engines.virtual.speeds import Speeds
from hogwild.engines.waits import Deadlock
from hogwild.interfaces import AbstractEngine

ENGINES: dict[str, type[AbstractEngine]] = {"threads": Threads, "simulated": Simulated}
"""The engines by name."""

__all__ = ["ENGINES", "Deadlock", "Simulated", "Speeds", "Threads"]
