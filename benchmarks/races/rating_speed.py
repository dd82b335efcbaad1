"""Ratings a second of matrix factorization, against LIBMF."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.libmf import Libmf, is_installed
from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import Spread, interleaved, seconds
from hogwild.data import check_examples, movielens_like
from hogwild.engines import Threads
from hogwild.memory import Replicas
from hogwild.models.factors import Factors
from hogwild.rules.schedules import backoff
from hogwild.stopping import Stop
from hogwild.strategies import Hogwild, Serial
from hogwild.training import train

RATINGS_PER_ROW = 25  # 10 million by default
RANK, L2, MORE = 32, 0.05, 10
RATE = backoff(0.06, 0.8)
LEAST_RATIO = 1.3
OURS, ORDERED, PEER = "hogwild", "hogwild, deterministic", "LIBMF"


def rating_speed(setting: Setting) -> Outcome:
    """Epochs of both, from the time of eleven and the time of one."""
    n = RATINGS_PER_ROW * setting.rows
    pairs, ratings = movielens_like(n, seed=1)
    train_rows = int(0.9 * n)
    test, values = pairs[train_rows:], ratings[train_rows:].astype(np.float64)
    examples = check_examples(pairs[:train_rows], ratings[:train_rows])
    model = Factors(rank=RANK, l2=L2, rate=RATE, n_users=int(pairs[:, 0].max()) + 1, n_items=int(pairs[:, 1].max()) + 1)
    outcome = Outcome(
        "matrix factorization: ratings a second",
        f"SYNTHETIC ratings in the shape of MovieLens-10M, {train_rows:,} to learn and {n - train_rows:,} to test. "
        f"Rank {RANK}, l2 {L2:g}. An epoch is a tenth of what {MORE + 1} take longer than one, so that neither reading "
        f"nor preparing counts. Test RMSE after {MORE + 1} epochs, at {RATE.name}({RATE.eta0}, {RATE.beta}) and at "
        "LIBMF's own step sizes.",
        ("", "threads", "M ratings/s", "test RMSE", "/ LIBMF"),
        notes=["LIBMF: Chin et al. 2015; its program mf-train, on the PATH."],
    )
    errors: dict[str, float] = {}

    def rmse(found: np.ndarray) -> float:
        return float(np.sqrt(np.mean((np.clip(found, 0.5, 5.0) - values) ** 2)))

    def ours(threads: int, ordered: bool, seed: int) -> float:
        how = Hogwild(Replicas(ordered=True)) if ordered else Hogwild() if threads > 1 else Serial()

        def fit(epochs: int) -> None:
            stop = Stop(epochs=epochs, tol=None)
            result = train(model, examples, strategy=how, engine=Threads(threads), stop=stop, seed=seed)
            errors[name(ORDERED if ordered else OURS, threads)] = rmse(result.predict(test))

        one, more = seconds(lambda: fit(1)), seconds(lambda: fit(MORE + 1))
        return MORE * train_rows / (more - one)

    def theirs(peer: Libmf, threads: int) -> float:
        one, more = (peer.fit_s(RANK, L2, epochs, threads) for epochs in (1, MORE + 1))
        errors[name(PEER, threads)] = rmse(peer.predict(test))
        return MORE * train_rows / (more - one)

    def name(who: str, threads: int) -> str:
        return f"{who} {threads}"

    with tempfile.TemporaryDirectory() as folder:
        peer = Libmf(Path(folder), pairs[:train_rows], ratings[:train_rows]) if is_installed() else None
        contenders = {}
        for threads in setting.threads:
            contenders[name(OURS, threads)] = lambda seed, t=threads: ours(t, False, seed)
            if peer is not None:
                contenders[name(PEER, threads)] = lambda seed, t=threads: theirs(peer, t)
        contenders[name(ORDERED, setting.threads[-1])] = lambda seed: ours(setting.threads[-1], True, seed)
        ours(1, False, 0)  # kernels are compiled
        speeds = interleaved(contenders, setting.repeats)
    for contender, speed in speeds.items():
        who, _, threads = contender.rpartition(" ")
        rival = speeds.get(name(PEER, int(threads)))
        ratio = None if rival is None or who == PEER else speed.over(rival)
        cells = (speed.text(1, 1e-6), f"{errors[contender]:.4f}", "" if ratio is None else ratio.text(2))
        outcome.rows.append((who, threads, *cells))
        outcome.figures[contender, "M ratings/s"] = speed.median / 1e6
        outcome.figures[contender, "RMSE"] = errors[contender]
        if who == OURS:
            outcome.goals += _goals(setting, threads, ratio, errors.get(name(PEER, int(threads))), errors[contender])
    return outcome


def _goals(setting: Setting, threads: str, ratio: Spread | None, theirs: float | None, ours: float) -> list[Goal]:
    text = f"{threads} thread(s): at least {LEAST_RATIO} times LIBMF's ratings a second, at no worse test RMSE"
    if ratio is None or theirs is None:
        return [Goal(text, "LIBMF is not here", None)]
    reached = ratio.median >= LEAST_RATIO and ours <= theirs
    return [Goal(text, f"{ratio.text(2)}, RMSE {ours:.4f} against {theirs:.4f}", setting.judged(reached))]
