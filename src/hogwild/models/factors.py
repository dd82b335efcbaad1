"""Matrix factorization: each user and each item has a vector, and what a user thinks of an item is their product."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.interfaces import AbstractModel
from hogwild.kernels.ratings import Form
from hogwild.limits import check_bool, check_fields, check_positive, check_whole, is_number
from hogwild.models.factors_pairs import MOST, numbers_of, pairs_of
from hogwild.models.factors_survey import ITEMS, USERS, FactorsSurvey, survey_factors
from hogwild.models.factors_task import FactorsTask
from hogwild.params import Params
from hogwild.rules.schedules import Schedule, backoff, find_schedule

RATE = backoff(0.05, beta=0.92)  # good on MovieLens: see benchmarks/races/rating_errors.py


@final
@dataclass(frozen=True)
class Factors(AbstractModel):
    """A factorization of a matrix of which some entries are known: user u gave item i the rating r. It minimises the
    mean over these of

        (r - r_ui)^2 / 2 + l2/2 (b_u^2 + c_i^2 + |p_u|^2 + |q_i|^2),        r_ui = mean + b_u + c_i + p_u . q_i

    so that a user or item pays for its row once for each of its ratings (Koren, Bell and Volinsky 2009, eq. 5; in Niu
    et al. 2011, eq. 2.4, once in all, as each rating pays one part in so many). With sample weights the mean is a
    weighted one.

    Rows to learn from are pairs (n, 2) of whole numbers, user and item, both counted from 0, in random order: those of
    one user that follow each other are learnt together, and held out together. Labels are ratings.
    `MatrixFactorization` takes ids of any kind, in any order.

    Parameters
    ----------
    rank : numbers in p_u and q_i.
    l2 : weight of the penalty, >= 0.
    rate : step size of a rating: a number, for a constant one, or a `Schedule` with its eta0; default
        `backoff(0.05, beta=0.92)`. It is not searched. `inverse`, which leans on l2, is constant here.
    biases : are there a mean, b_u and c_i? Else r_ui = p_u . q_i.
    nonnegative : are p_u and q_i to have no negative number? Each step then ends with a projection.
    n_users, n_items : how many there are; None: as many as the data know, that is the largest number and one. Give
        them where workers open data of their own (`Local`): nobody sees all of these before.
    init_scale : standard deviation of the first p_u and q_i; of nonnegative ones the mean. Small ones
        generalise better; but with all 0 nothing would be learnt.

    Weights are two views, "users" (n_users, 1 + rank) and "items" (n_items, 1 + rank), the bias of a row first;
    `Params.state["mean"]` has the mean. Precision: float32.

    On shared memory, `Hogwild(Replicas())` gives workers private copies only of the items, and only if these are few:
    all others write to the shared rows at once, as two ratings rarely have a row in common. `Replicas(ordered=True)`
    learns ratings at one time that have none in common (Gemulla et al. 2011), so that it costs no copies and loses
    nothing.

    Raises ValueError or TypeError for numbers that make no sense.
    """

    rank: int = 50
    l2: float = 0.08
    rate: float | Schedule = RATE
    biases: bool = True
    nonnegative: bool = False
    n_users: int | None = None
    n_items: int | None = None
    init_scale: float = 0.03

    def __post_init__(self) -> None:
        check_fields(self, "rank")
        if not (is_number(self.l2) and 0 <= self.l2 < math.inf):
            raise ValueError(f"l2={self.l2!r} must be a finite number of at least 0")
        check_bool("biases", self.biases)
        check_bool("nonnegative", self.nonnegative)
        check_positive("init_scale", self.init_scale)
        for name in ("n_users", "n_items"):
            if getattr(self, name) is not None:
                _check_many(name, getattr(self, name))
        _ = self.schedule

    @property
    def schedule(self) -> Schedule:
        """The step sizes, with a number."""
        given = self.rate
        if isinstance(given, Schedule):
            if given.eta0 is None:
                raise ValueError(
                    f"rate={given.name} has no number, and the step size of a factorization is not searched: give one, "
                    "or a Schedule that has one, such as backoff(0.05)"
                )
            return find_schedule(given)
        check_positive("rate", given, ", or a Schedule such as backoff(0.05)")
        return Schedule("constant", float(given))

    # -------------------------------------------------------------------------------------------------- the model

    def survey(self, examples: Examples, seed: int, start: Params | None) -> FactorsSurvey:
        """How many users and items there are, and their mean rating; ValueError for rows that are no pairs."""
        return survey_factors(self, examples, seed, start)

    def init(self, survey: FactorsSurvey) -> Params:
        """Biases are 0; factors are small random numbers."""
        width = 1 + self.rank
        state = {"examples": np.zeros(1), "epochs": np.zeros(1), "mean": np.array([survey.mean])}
        params = Params({USERS: (survey.n_users, width), ITEMS: (survey.n_items, width)}, np.float32, state)
        rng = np.random.default_rng(survey.seed)
        for name in (USERS, ITEMS):
            drawn = rng.standard_normal((params[name].shape[0], self.rank), np.float32) * np.float32(self.init_scale)
            # The mean size of a normal number is sqrt(2 / pi) standard deviations.
            params[name][:, 1:] = np.abs(drawn) * math.sqrt(math.pi / 2) if self.nonnegative else drawn
        return params

    def bind(self, examples: Examples, survey: FactorsSurvey) -> FactorsTask:
        """Ready to run on these ratings."""
        schedule = self.schedule
        curve = schedule.curve(float(schedule.eta0 or 0.0), 0.0, examples.n_in_all)  # rows shrink at their own pace
        ratings = pairs_of(examples, survey.n_users, survey.n_items)
        return FactorsTask(ratings, self._form(survey), curve, survey, examples.whole)

    def _form(self, survey: FactorsSurvey) -> Form:
        floor = 0.0 if self.nonnegative else -math.inf
        return Form(survey.n_users, 1 + self.rank, float(self.biases), survey.mean, float(self.l2), floor)

    def predict(self, params: Params, X: Any) -> NDArray[Any]:
        """r_ui (n,) for pairs X (n, 2). ValueError for users or items that were not learnt."""
        users, items = params[USERS], params[ITEMS]
        u, i = numbers_of(X, "X", users.shape[0], items.shape[0])
        biases = float(params.state["mean"][0]) + users[u, 0] + items[i, 0]
        return np.asarray(biases + np.einsum("nf,nf->n", users[u, 1:], items[i, 1:]))


def _check_many(name: str, value: Any) -> None:
    check_whole(name, value, 1, ", or None to count them")
    if value > MOST:
        raise ValueError(f"{name}={value!r} must be at most {MOST}")
