"""For those who write an engine or a strategy: does it keep its promises?"""

from __future__ import annotations

from hogwild.testing.engines import ENGINE_CHECKS, check_engine
from hogwild.testing.plans import fault_plans, random_plan
from hogwild.testing.problems import Problem, problem
from hogwild.testing.strategies import check_strategy
from hogwild.testing.survival import Survival

__all__ = [
    "ENGINE_CHECKS",
    "Problem",
    "Survival",
    "check_engine",
    "check_strategy",
    "fault_plans",
    "problem",
    "random_plan",
]
