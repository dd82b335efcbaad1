"""The objective before the first step: what is to be made smaller."""

from __future__ import annotations

from hogwild.data.examples import Examples
from hogwild.engines.judging import JUDGES_HERE, Judge
from hogwild.engines.own_rows import parts_of
from hogwild.interfaces import AbstractModel


def first_objective(model: AbstractModel, examples: Examples, holdout: float, seed: int) -> float:
    """Of the weights that training with this seed begins with, on the examples that are not held out then."""
    survey = model.survey(examples, seed, None)
    judge = Judge(
        model.bind(examples, survey), model.init(survey), parts_of(examples, holdout, seed, None), 1, JUDGES_HERE
    )
    judge.work(0)
    objective = judge.verdict().objective
    assert objective is not None
    return objective
