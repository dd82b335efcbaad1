"""What a factorization must know of the data before its first step: how many users and items, and the mean rating."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from hogwild.data.examples import Examples
from hogwild.models.factors_pairs import MOST, Numbers, numbers_of, ratings_of
from hogwild.params import Params

if TYPE_CHECKING:
    from hogwild.models.factors import Factors

USERS, ITEMS = "users", "items"  # views
ROWS_PER_RATING, SPARE_ROWS = 100, 1_000_000  # more rows than that, and numbers are ids, or wrong


@final
@dataclass(frozen=True)
class FactorsSurvey:
    """What a factorization must know of the data. mean: of ratings; 0 if there are no biases."""

    n_users: int
    n_items: int
    mean: float
    seed: int
    source: str


def survey_factors(model: Factors, examples: Examples, seed: int, start: Params | None) -> FactorsSurvey:
    """ValueError, with one sentence, if rows are no pairs, or do not fit what was learnt before."""
    users, items = numbers_of(examples.X, examples.source, model.n_users or MOST, model.n_items or MOST)
    values = ratings_of(examples)
    n_users = model.n_users or _count(users, "user", examples.source)
    n_items = model.n_items or _count(items, "item", examples.source)
    if start is not None:
        n_users, n_items = _known(model, start, n_users, n_items)
        mean = float(start.state["mean"][0]) if model.biases else 0.0
    else:
        mean = float(np.average(values.astype(np.float64), weights=examples.sample_weight)) if model.biases else 0.0
    return FactorsSurvey(n_users, n_items, mean, seed, examples.source)


def _count(numbers: Numbers, kind: str, source: str) -> int:
    """The largest and one. ValueError if most of so many rows could not be learnt."""
    row = int(numbers.argmax())
    many = int(numbers[row]) + 1
    if many > SPARE_ROWS + ROWS_PER_RATING * numbers.size:
        raise ValueError(
            f"row {row} of {source} has {kind} {many - 1}, which would need {many} rows for {numbers.size} ratings: "
            f"count {kind}s from 0, as MatrixFactorization does, or give n_{kind}s={many}"
        )
    return many


def _known(model: Factors, start: Params, n_users: int, n_items: int) -> tuple[int, int]:
    """How many users and items there are rows for. ValueError if there are more now, or rows are of another kind."""
    width = 1 + model.rank
    missing = {"mean", "examples", "epochs"} - set(start.state)
    if missing:
        raise ValueError(f"start has no {', '.join(sorted(missing))} in its state: give the `params` of a Result")
    if list(start.views) != [USERS, ITEMS] or any(shape[1:] != (width,) for shape in start.views.values()):
        raise ValueError(
            f"start has {', '.join(f'{name} {shape}' for name, shape in start.views.items())}, and cannot go on as "
            f"{model!r}"
        )
    known = start[USERS].shape[0], start[ITEMS].shape[0]
    for kind, now, before in (("users", n_users, known[0]), ("items", n_items, known[1])):
        if now > before:
            raise ValueError(f"there are {now} {kind}, but start knows {before}: give it rows for the new ones")
    return known
