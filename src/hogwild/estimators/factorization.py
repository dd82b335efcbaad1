"""MatrixFactorization: what users will think of items, from some ratings, behind scikit-learn's interface."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self, final

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from hogwild.data.examples import Examples, check_examples
from hogwild.data.ids import Ids
from hogwild.data.ratings import REPEATED, Rated, checked_ratings, rated
from hogwild.estimators.common import Callbacks, axes, run, warn_if_unfinished
from hogwild.estimators.ranking import best_of
from hogwild.history import History
from hogwild.interfaces import AbstractEngine, AbstractStrategy, Result
from hogwild.limits import check_whole
from hogwild.models.factors import RATE, Factors
from hogwild.models.factors_survey import FactorsSurvey
from hogwild.names import find_name
from hogwild.params import Params
from hogwild.rules.schedules import Schedule
from hogwild.snapshots import Checkpoint
from hogwild.stopping import Stop

NUMBERS_PER_THREAD = 1_000_000  # of rows to learn in an epoch: then a thread more is worth its while
LEAST_PULL = 1e-9  # fewer ratings than factors have many minima without any
BLOCK_NUMBERS = 1 << 22  # scores that `recommend` computes at a time


@final
class MatrixFactorization(BaseEstimator):
    """Matrix factorization of ratings by SGD on as many cores as `n_jobs` says.

    Of the ratings r that users u gave items i it minimises the mean of

        (r - r_ui)^2 / 2 + l2/2 (b_u^2 + c_i^2 + |p_u|^2 + |q_i|^2),        r_ui = mean + b_u + c_i + p_u . q_i

    (Koren, Bell and Volinsky 2009). Ids are whole numbers or text, and are kept.

    Parameters
    ----------
    rank : int, default=50
        Numbers in p_u and q_i. More are better as long as l2 fits, and take longer.
    l2 : float, default=0.08
        Weight of the penalty.
    rate : float or Schedule, default=backoff(0.05, beta=0.92)
        Step size of a rating; a number is a constant one.
    biases : bool, default=True
        Are there a mean, b_u and c_i? Else r_ui = p_u . q_i.
    nonnegative : bool, default=False
        p_u and q_i have no negative number.
    init_scale : float, default=0.03
        Standard deviation of the first p_u and q_i. Small ones generalise better.
    repeated : "error", "mean" or "last", default="error"
        What to do with several ratings of one user for one item: refuse them, or take their mean, or the last.
    max_epochs : int, default=25
        The most passes over the ratings.
    tol : float or None, default=None
        Stop when the objective (with early_stopping: the hold-out loss) has not improved by this relative amount for
        two epochs. None: run all epochs and compute no objective.
    early_stopping : bool, default=False
        Hold out ratings, and keep the weights that are best on them.
    validation_fraction : float, default=0.1
    warm_start : bool, default=False
        `fit` goes on from the rows of the last one, with the first step sizes; new users and items get new rows.
    strategy, engine, callbacks, n_jobs, deterministic, random_state, verbose, time_limit_s, checkpoint, resume
        As of `LinearClassifier`. deterministic=True learns ratings at one time that have no user and no item in common
        (Gemulla et al. 2011).

    Attributes
    ----------
    users_, items_ : ndarray, (n_users,) and (n_items,)
        Their ids, in order.
    mean_ : float
    user_biases_, item_biases_ : ndarray, (n_users,) and (n_items,)
    user_factors_, item_factors_ : ndarray, (n_users, rank) and (n_items, rank)
    n_iter_, history_, stop_reason_
        As of `LinearClassifier`.

    Ctrl-C during `fit` sets all attributes from the best weights so far, and then raises KeyboardInterrupt as usual.

    >>> from hogwild import MatrixFactorization
    >>> pairs = [("ann", "tea"), ("ann", "jam"), ("bob", "tea"), ("bob", "gin"), ("eve", "jam"), ("eve", "gin")]
    >>> model = MatrixFactorization(rank=2, max_epochs=200, random_state=0).fit(pairs, [5, 4, 4, 1, 4, 1])
    >>> items, ratings = model.recommend("ann", 1)
    >>> str(items[0])
    'gin'
    """

    def __init__(
        self,
        rank: int = 50,
        *,
        l2: float = 0.08,
        rate: float | Schedule = RATE,
        biases: bool = True,
        nonnegative: bool = False,
        init_scale: float = 0.03,
        repeated: str = "error",
        max_epochs: int = 25,
        tol: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        strategy: str | AbstractStrategy = "auto",
        engine: str | AbstractEngine | None = None,
        callbacks: Callbacks = None,
        n_jobs: int | None = None,
        deterministic: bool = False,
        random_state: Any = None,
        verbose: int = 0,
        time_limit_s: float | None = None,
        checkpoint: Checkpoint | None = None,
        resume: bool = False,
    ) -> None:
        self.rank = rank
        self.l2 = l2
        self.rate = rate
        self.biases = biases
        self.nonnegative = nonnegative
        self.init_scale = init_scale
        self.repeated = repeated
        self.max_epochs = max_epochs
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.strategy = strategy
        self.engine = engine
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.deterministic = deterministic
        self.random_state = random_state
        self.verbose = verbose
        self.time_limit_s = time_limit_s
        self.checkpoint = checkpoint
        self.resume = resume

    users_: NDArray[Any]
    items_: NDArray[Any]
    history_: History

    # ------------------------------------------------------------------------------------------------- learning

    def fit(self, pairs: Any, ratings: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from ratings.

        pairs : a table of two columns, user and item (array, list of tuples, pandas frame), and `ratings` (n,); or a
            frame of three columns, with the ratings; or the name of a file, see `read_ratings`; or a sparse matrix of
            users by items (any scipy format) whose stored numbers are the ratings.
        sample_weight : (n,) >= 0, not for a sparse matrix

        Raises ValueError or TypeError with one sentence for bad data or parameters, NonFiniteError if weights become
        NaN or infinite; warns ConvergenceWarning when max_epochs was too few for tol.
        """
        before = self if self.warm_start and hasattr(self, "_params") else None
        found = rated(pairs, ratings, sample_weight, self.repeated)
        users, items, seen = found.users, found.items, None
        model = self.check()
        if before is not None:
            users, items = _grown(before.users_, users), _grown(before.items_, items)
            found, seen = found.among(users, items), before._seen_among(users, items)
        model = replace(model, n_users=users.known.size, n_items=items.known.size)
        examples = self._examples(found)
        start = None if before is None else self._start(before, model, users, items)
        strategy, engine = self.plan(examples.n_examples)
        result = run(self, model, strategy, engine, examples, start)
        self._keep(result, users, items, found, seen)
        if result.reason == "interrupted":
            raise KeyboardInterrupt
        warn_if_unfinished(self, [result])
        return self

    def check(self) -> Factors:
        """The model, without data. ValueError or TypeError for parameters that make no sense."""
        axes(self, None)
        find_name("repeated", self.repeated, REPEATED)
        Stop(self.max_epochs, self.time_limit_s, self.tol)
        return Factors(self.rank, self.l2, self.rate, self.biases, self.nonnegative, init_scale=self.init_scale)

    def plan(self, n_ratings: int) -> tuple[AbstractStrategy, AbstractEngine]:
        """Strategy and engine for so many ratings."""
        return axes(self, n_ratings * self.rank // NUMBERS_PER_THREAD)

    def _examples(self, found: Rated) -> Examples:
        """In random order: ratings of one user that follow each other would be learnt together."""
        order = np.random.default_rng(_number(self.random_state)).permutation(found.values.size)
        pairs = np.column_stack([found.user_numbers[order], found.item_numbers[order]])
        weights = None if found.weights is None else found.weights[order]
        return check_examples(pairs, found.values[order], weights, source="ratings")

    def _start(self, before: MatrixFactorization, model: Factors, users: Ids, items: Ids) -> Params:
        """The rows there were, and new ones for those that are new."""
        old = before._params
        mean, shape = float(old.state["mean"][0]), (users.known.size, items.known.size)
        params = model.init(FactorsSurvey(*shape, mean, _number(self.random_state), "ratings"))
        for name, known, ids in (("users", before.users_, users), ("items", before.items_, items)):
            if old[name].shape[1] != params[name].shape[1]:
                raise ValueError(f"warm_start=True wants the rank of the last fit again, {old[name].shape[1] - 1}")
            params[name][ids.numbers(known, name)] = old[name]
        return params  # step sizes begin anew: new rows have all to learn

    def _seen_among(self, users: Ids, items: Ids) -> Any:
        """What was rated, where more users and items are known."""
        seen = self._seen.tocoo()
        u, i = users.numbers(self.users_, "users")[seen.row], items.numbers(self.items_, "items")[seen.col]
        return sp.coo_array((seen.data, (u, i)), (users.known.size, items.known.size)).tocsr()

    def _keep(self, result: Result, users: Ids, items: Ids, found: Rated, seen: Any) -> None:
        """seen: what was rated in earlier fits, among these users and items."""
        seen = found.seen() if seen is None else seen + found.seen()
        self.take(result.params, (users, items), seen, float(self.l2), bool(self.biases))
        self.n_iter_, self.history_, self.stop_reason_ = len(result.history), result.history, result.reason

    def take(self, params: Params, ids: tuple[Ids, Ids], seen: Any, l2: float, biases: bool) -> None:
        """What was learnt, here or before. seen: a CSR array (users, items) with an entry where there was a rating."""
        self._params, self._ids, self._pull = params, ids, (l2, biases)
        self.users_, self.items_ = (each.known for each in ids)
        self._seen = seen
        self.mean_ = float(params.state["mean"][0])
        self.user_factors_, self.item_factors_ = (params[name][:, 1:] for name in ("users", "items"))
        self.user_biases_, self.item_biases_ = (params[name][:, 0] for name in ("users", "items"))

    # ------------------------------------------------------------------------------------------------ predicting

    def predict(self, pairs: Any) -> NDArray[np.floating]:
        """Ratings (n,) of pairs of a user and an item. Of a user or item that was not learnt only the other's bias and
        the mean are known.
        """
        self._check_fitted()
        found = rated(pairs, None, None, "last", labelled=False)
        users, items = (ids.numbers(each.known, "pairs") for ids, each in zip(self._ids, found[:2], strict=True))
        u, i = users[found.user_numbers], items[found.item_numbers]
        scores = self.mean_ + np.where(u >= 0, self.user_biases_[u], 0) + np.where(i >= 0, self.item_biases_[i], 0)
        both = np.flatnonzero((u >= 0) & (i >= 0))
        for some in np.array_split(both, 1 + both.size * self.user_factors_.shape[1] // BLOCK_NUMBERS):
            scores[some] += np.einsum("nf,nf->n", self.user_factors_[u[some]], self.item_factors_[i[some]])
        return np.asarray(scores)

    def score(self, pairs: Any, ratings: ArrayLike) -> float:
        """R^2 of the predictions: 1 - mean squared error / variance."""
        found = rated(pairs, ratings, None, "last", labelled=True, merge=False)
        values = found.values.astype(np.float64)
        residuals = values - self.predict(pairs)
        variance = values.var()
        return float(1.0 - (residuals @ residuals / values.size) / variance) if variance > 0 else 0.0

    def recommend(self, user: Any, n: int = 10, *, exclude_seen: bool = True) -> tuple[NDArray[Any], NDArray[Any]]:
        """The n items that a user is expected to like best, and their ratings, best first.

        user : an id, or a list of ids: then (len, n) each, or as many columns as there are items. Where fewer items are
            left for a user, the last ratings are `-inf`.
        exclude_seen : leave out items that the user has rated.

        ValueError for a user that was not learnt: see `recommend_to_new`.
        """
        self._check_fitted()
        check_whole("n", n)
        many = np.ndim(user) > 0
        wanted = np.asarray(user if many else [user])
        if wanted.ndim > 1:
            raise ValueError(f"user has shape {wanted.shape}: give an id, or a list of ids")
        numbers = self._ids[0].numbers(wanted, "user")
        if (numbers < 0).any():
            who = wanted[int(np.argmax(numbers < 0))]
            raise ValueError(f"user {str(who)!r} was not learnt: give the ratings of new ones to recommend_to_new")
        parts = []
        for some in np.array_split(numbers, max(1, numbers.size * self.items_.size // BLOCK_NUMBERS)):
            scores = self.mean_ + self.user_biases_[some, None] + self.item_biases_
            scores = scores + self.user_factors_[some] @ self.item_factors_.T
            if exclude_seen:
                seen = self._seen[some].tocoo()
                scores[seen.row, seen.col] = -np.inf
            parts.append(best_of(self.items_, scores, n))
        items, ratings = (np.concatenate(each) for each in zip(*parts, strict=True))
        if many:
            return items, ratings
        left = np.isfinite(ratings[0])
        return items[0][left], ratings[0][left]

    def recommend_to_new(
        self, items: ArrayLike, ratings: ArrayLike, n: int = 10
    ) -> tuple[NDArray[Any], NDArray[np.floating]]:
        """As `recommend`, for a user who has rated these items, and was not learnt: see `fold_in`."""
        row = self.fold_in(items, ratings)
        check_whole("n", n)
        scores = (self.mean_ + row[0] + self.item_biases_ + self.item_factors_ @ row[1:])[None]
        scores[0, self._ids[1].numbers(items, "items")] = -np.inf
        best, found = best_of(self.items_, scores, n)
        left = np.isfinite(found[0])
        return best[0][left], found[0][left]

    def fold_in(self, items: ArrayLike, ratings: ArrayLike) -> NDArray[np.floating]:
        """The row (1 + rank,), bias and factors, of a new user who has rated these items: the minimum of the user's
        part of the objective, in closed form. Nothing is changed. (With nonnegative=True it may have negative numbers.)

        ValueError for items that were not learnt, or that come twice, and for ratings that are no numbers.
        """
        self._check_fitted()
        numbers = self._ids[1].numbers(items, "items")
        if numbers.ndim != 1 or numbers.shape != np.shape(ratings) or not numbers.size:
            raise ValueError(f"items of shape {numbers.shape} and ratings of shape {np.shape(ratings)}: give one each")
        names = np.asarray(items)
        if (numbers < 0).any():
            raise ValueError(f"item {str(names[int(np.argmax(numbers < 0))])!r} was not learnt")
        found, first = np.unique(numbers, return_index=True)
        if found.size < numbers.size:
            again = np.setdiff1d(np.arange(numbers.size), first)[0]
            raise ValueError(f"item {str(names[again])!r} is rated twice: give one rating for each item")
        values = checked_ratings(ratings, None, numbers.size)[0].astype(np.float64)
        l2, biases = self._pull
        rows = np.hstack([np.ones((numbers.size, int(biases))), self.item_factors_[numbers].astype(np.float64)])
        pull = max(l2, LEAST_PULL) * numbers.size * np.eye(rows.shape[1])
        residuals = values - self.mean_ - self.item_biases_[numbers]
        row = np.linalg.solve(rows.T @ rows + pull, rows.T @ residuals)
        return row if biases else np.concatenate([np.zeros(1), row])

    def similar_items(self, item: Any, n: int = 10) -> tuple[NDArray[Any], NDArray[np.floating]]:
        """The n items whose factors point in the most similar direction, and the cosines, best first."""
        self._check_fitted()
        check_whole("n", n)
        number = int(self._ids[1].numbers([item], "item")[0])
        if number < 0:
            raise ValueError(f"item {str(item)!r} was not learnt")
        norms = np.linalg.norm(self.item_factors_, axis=1)
        scores = self.item_factors_ @ self.item_factors_[number] / np.maximum(norms * norms[number], 1e-30)
        scores[number] = -np.inf
        best, found = best_of(self.items_, scores[None], n)
        left = np.isfinite(found[0])
        return best[0][left], found[0][left]

    def _check_fitted(self) -> None:
        if not hasattr(self, "_params"):
            raise NotFittedError("This MatrixFactorization instance is not fitted yet: call fit first.")


def _grown(known: NDArray[Any], more: Ids) -> Ids:
    """All that were known, and those that are new."""
    if (known.dtype.kind == "U") != (more.known.dtype.kind == "U"):
        raise TypeError("warm_start=True wants ids of the kind of the last fit: text, or whole numbers")
    return Ids(np.union1d(known, more.known))


def _number(random_state: Any) -> int:
    return int(random_state) if isinstance(random_state, int | np.integer) else 0
