"""Where workers run."""

from __future__ import annotations

from hogwild.engines.threads import Threads
from hogwild.interfaces import AbstractEngine

ENGINES: dict[str, type[AbstractEngine]] = {"threads": Threads}
"""The engines by name."""

__all__ = ["ENGINES", "Threads"]
