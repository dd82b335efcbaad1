"""Errors of predicted ratings on real data, against Surprise's SVD."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.outcome import Goal, Outcome
from benchmarks.races.real_data import SHARED
from benchmarks.setting import Setting
from benchmarks.timing import Spread, seconds
from hogwild.estimators import MatrixFactorization
from hogwild.rules.schedules import Schedule, backoff

SPLITS = 5
SHARE = 0.9  # to learn from; and of these again, where parameters are chosen
MOST_WORSE, LEAST_FASTER = 0.002, 10.0
OURS, PEER = "hogwild", "Surprise SVD"
QUICK_RATINGS = 2_000


class Rated(NamedTuple):
    """Ratings of a set, all users and items by numbers. scale: least and most."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    values: NDArray[np.float64]
    scale: tuple[float, float]

    def rows(self, which: NDArray[np.int64]) -> Rated:
        return Rated(self.users[which], self.items[which], self.values[which], self.scale)

    @property
    def pairs(self) -> NDArray[np.int64]:
        return np.column_stack([self.users, self.items])

    def rmse(self, predicted: NDArray[Any]) -> float:
        return float(np.sqrt(np.mean((np.clip(predicted, *self.scale) - self.values) ** 2)))


Options = dict[str, Any]
Fit = Callable[[Rated, Options, int], Callable[[Rated], NDArray[Any]]]
"""fit(ratings, options, seed) -> what predicts."""


def rating_errors(setting: Setting) -> Outcome:
    """RMSE over random splits; parameters are chosen on the first split's part for learning."""
    splits = 1 if setting.quick else SPLITS
    outcome = Outcome(
        "matrix factorization: errors on real data",
        f"Test RMSE on {SPLITS} random splits of nine to one, mean (least..most), and seconds to fit on one thread, "
        "median (least..most). Each contender has the parameters of its grid that are best where a tenth of the first "
        "split's ratings to learn from is held out.",
        ("data", "", "parameters", "test RMSE", "fit, s", "times as fast"),
        notes=["MovieLens: Harper and Konstan 2015. Jester: Goldberg et al. 2001. Surprise: Hug 2020."],
    )
    if not SHARED.is_dir():
        outcome.notes = ["The folder of real data (../shared/data) is not here, so nothing was run."]
        return outcome
    fits: dict[str, Fit] = {OURS: _ours}
    if find_spec("surprise") is not None:
        fits[PEER] = _surprise
    for name, load in SETS.items():
        data = load()
        if setting.quick:
            data = data.rows(np.arange(QUICK_RATINGS))
        errors: dict[str, list[float]] = {who: [] for who in fits}
        times: dict[str, list[float]] = {who: [] for who in fits}
        chosen = {who: _chosen(fit, GRIDS[name, who], data, setting) for who, fit in fits.items()}
        for split in range(splits):
            learn, test = _split(data, split)
            for who, fit in fits.items():
                made: list[Callable[[Rated], NDArray[Any]]] = []
                times[who].append(seconds(lambda: made.append(fit(learn, chosen[who], split))))  # noqa: B023 (called at once)
                errors[who].append(test.rmse(made[0](test)))
        spreads = {who: (Spread(tuple(errors[who])), Spread(tuple(times[who]))) for who in fits}
        for who, (error, time) in spreads.items():
            faster = spreads[PEER][1].over(time) if who == OURS and PEER in fits else None
            mean = float(np.mean(error.values))
            cells = f"{mean:.4f} ({min(error.values):.4f}..{max(error.values):.4f})", time.text(2)
            parameters = ", ".join(f"{key}={_shown(value)}" for key, value in chosen[who].items())
            outcome.rows.append((name, who, parameters, *cells, "" if faster is None else faster.text(1)))
            outcome.figures[who, name] = mean
            if faster is not None:
                outcome.goals += _goals(setting, name, mean, float(np.mean(errors[PEER])), faster)
    return outcome


def _goals(setting: Setting, name: str, ours: float, theirs: float, faster: Spread) -> list[Goal]:
    return [
        Goal(
            f"{name}: a mean RMSE of at most Surprise's + {MOST_WORSE}",
            f"{ours:.4f} against {theirs:.4f}",
            setting.judged(ours <= theirs + MOST_WORSE),
        ),
        Goal(f"{name}: in a tenth of its time", faster.text(1), setting.judged(faster.median >= LEAST_FASTER)),
    ]


def _shown(value: Any) -> str:
    return f"{value.name}({value.eta0}, {value.beta})" if isinstance(value, Schedule) else str(value)


def _split(data: Rated, seed: int) -> tuple[Rated, Rated]:
    order = np.random.default_rng(seed).permutation(data.values.size)
    first = int(SHARE * order.size)
    return data.rows(order[:first]), data.rows(order[first:])


def _chosen(fit: Fit, grid: list[Options], data: Rated, setting: Setting) -> Options:
    learn, held = _split(_split(data, 0)[0], 0)
    if setting.quick:
        grid = grid[:1]
    return min(grid, key=lambda options: held.rmse(fit(learn, options, 0)(held)))


def _ours(learn: Rated, options: Options, seed: int) -> Callable[[Rated], NDArray[Any]]:
    model = MatrixFactorization(random_state=seed, **options).fit(learn.pairs, learn.values)
    return lambda rated: model.predict(rated.pairs)


def _surprise(learn: Rated, options: Options, seed: int) -> Callable[[Rated], NDArray[Any]]:
    import pandas as pd
    from surprise import SVD, Dataset, Reader

    frame = pd.DataFrame({"user": learn.users, "item": learn.items, "rating": learn.values})
    ratings = Dataset.load_from_df(frame, Reader(rating_scale=learn.scale)).build_full_trainset()
    model = SVD(random_state=seed, **options).fit(ratings)

    def predict(rated: Rated) -> NDArray[Any]:
        rows = zip(rated.users.tolist(), rated.items.tolist(), strict=True)
        return np.array([model.predict(user, item).est for user, item in rows])

    return predict


def _movielens() -> Rated:
    archive = zipfile.ZipFile(SHARED / "movielens_latest_small" / "ml-latest-small.zip")
    name = next(name for name in archive.namelist() if name.endswith("ratings.csv"))
    table = np.loadtxt(io.TextIOWrapper(archive.open(name)), delimiter=",", skiprows=1)
    return Rated(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2], (0.5, 5.0))


def _jester() -> Rated:
    archive = zipfile.ZipFile(SHARED / "jester" / "jester-data-1.zip")
    table = np.loadtxt(io.TextIOWrapper(archive.open(archive.namelist()[0])), delimiter=",")[:, 1:]
    users, items = np.nonzero(table != 99)
    return Rated(users, items, table[users, items], (-10.0, 10.0))


SETS: dict[str, Callable[[], Rated]] = {"MovieLens latest-small": _movielens, "Jester": _jester}


def _grid(**choices: list[Any]) -> list[Options]:
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


SMALL, LARGE = SETS
GRIDS: dict[tuple[str, str], list[Options]] = {
    (SMALL, OURS): _grid(rank=[50, 100], l2=[0.06, 0.08, 0.1]),
    (SMALL, PEER): _grid(n_factors=[50, 100], reg_all=[0.08, 0.1], n_epochs=[40, 60], lr_all=[0.01]),
    (LARGE, OURS): _grid(rank=[20, 50], l2=[0.1, 0.15], max_epochs=[20], rate=[backoff(0.005, 0.9)]),
    (LARGE, PEER): _grid(n_factors=[20, 50], reg_all=[0.1, 0.2], n_epochs=[20], lr_all=[0.002]),
}
"""By set and contender, around what their authors recommend."""
