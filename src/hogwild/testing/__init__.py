"""For those who write an engine or a strategy: does it keep its promises?"""

from __future__ import annotations

from hogwild.testing.engines import ENGINE_CHECKS, check_engine
from hogwild.testing.problems import Problem, problem
from hogwild.testing.strategies import check_strategy

__all__ = ["ENGINE_CHECKS", "Problem", "check_engine", "check_strategy", "problem"]
