"""Which way of running SGD in parallel wins on one's own data: all under one budget, with one model and hold-out."""

from hogwild.comparison.budgets import find_budget
from hogwild.comparison.contestants import Contestant
from hogwild.comparison.results import Comparison
from hogwild.comparison.running import AbstractSpectator, compare
from hogwild.comparison.runs import Run

__all__ = ["AbstractSpectator", "Comparison", "Contestant", "Run", "compare", "find_budget"]
