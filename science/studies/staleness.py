"""Downpour with more replicas than its rate can stand, and what cures it."""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np

from hogwild import Downpour, Linear, Simulated, Speeds, adagrad, constant, damped, sgd
from hogwild.pages import Line, Panel
from hogwild.rules.updates import Update
from science.races import Race, in_words, race
from science.study import Advice, Exhibit, Finding, Found, Setting, Study

CROWD, MINIBATCH, FEATURES, RATE, EPOCHS, WARM = 300, 10, 20, 0.003, 5, 10
FIXED, LOW = f"sgd, rate {RATE:g}", f"sgd, rate {RATE / 6:g}"
ALONE, DAMPED, FIXED_WARM = f"{FIXED}, 1 replica", f"{FIXED}, damped", f"{FIXED}, warm start"
ADAPTIVE, ADAPTIVE_WARM = "Adagrad(0.03)", "Adagrad(0.03), warm start"
MOST = 100.0  # is drawn


@final
class _Server(NamedTuple):
    """rate: of the model, with which a worker makes steps of its own. warm: see `Downpour`."""

    rule: Update
    workers: int = CROWD
    rate: float = RATE
    warm: int = 0


SERVERS = {
    ALONE: _Server(sgd(), workers=1),
    f"{FIXED}, {CROWD // 10} replicas": _Server(sgd(), workers=CROWD // 10),
    f"{FIXED}, {CROWD // 3} replicas": _Server(sgd(), workers=CROWD // 3),
    FIXED: _Server(sgd()),
    f"sgd, rate {RATE / 3:g}": _Server(sgd(), rate=RATE / 3),
    LOW: _Server(sgd(), rate=RATE / 6),
    DAMPED: _Server(damped(sgd(), 0.5)),
    FIXED_WARM: _Server(sgd(), warm=WARM),
    ADAPTIVE: _Server(adagrad(0.03)),
    ADAPTIVE_WARM: _Server(adagrad(0.03), warm=WARM),
}
QUICK = (ALONE, FIXED, LOW, DAMPED, ADAPTIVE, ADAPTIVE_WARM)


def _look(setting: Setting) -> Found:
    rng = np.random.default_rng(setting.seed)
    rows = 8_000 if setting.quick else 20_000
    X = rng.standard_normal((rows, FEATURES)).astype(np.float32)
    weights = rng.standard_normal(FEATURES)
    y = X @ (3 * weights / np.linalg.norm(weights)) + rng.standard_normal(rows)

    def run(server: _Server) -> Race:
        model = Linear("squared", l2=1e-4, schedule=constant(server.rate), average=False)
        strategy = Downpour(MINIBATCH, server=server.rule, warm_start=server.warm)
        engine = Simulated(server.workers, speeds=Speeds(spread=0.2, jitter=0.2))
        return race(model, (X, y), strategy, engine, epochs=EPOCHS, seed=setting.seed)

    races = {name: run(SERVERS[name]) for name in (QUICK if setting.quick else SERVERS)}
    return Found(_findings(races), [_exhibit(races)])


def _findings(races: dict[str, Race]) -> list[Finding]:
    alone, fixed, low, damping = races[ALONE], races[FIXED], races[LOW], races[DAMPED]
    adaptive, warm = races[ADAPTIVE], races[ADAPTIVE_WARM]
    longer = warm.records[0].time_s / adaptive.records[0].time_s
    found = [
        Finding(
            f"with {CROWD} replicas gradients are {low.staleness:.0f} updates old; a rate of {RATE:g} ends at "
            f"{in_words(alone.objective)} with one replica and at {in_words(fixed.objective)} with these, a sixth of "
            f"it at {in_words(low.objective)}",
            fixed.objective > 2 * low.objective and alone.objective < 1.2 * low.objective,
            Advice("so many replicas that Downpour diverges", "a smaller rate, or `adagrad`"),
        ),
        Finding(
            f"Adagrad cures it: it ends at {in_words(adaptive.objective)}, after {in_words(adaptive.at(1))} in its "
            "first epoch, in which it does not know yet how large gradients are",
            adaptive.objective < 1.2 * low.objective,
        ),
        Finding(
            f"Adagrad with a warm start, each replica {WARM} pushes after the one before it, is at "
            f"{in_words(warm.at(1))} after the first epoch, without one at {in_words(adaptive.at(1))}; that epoch "
            f"takes {longer:.0f} times as long",
            warm.at(1) < 0.9 * adaptive.at(1),
            Advice("hundreds of replicas, and a model that has learnt nothing yet", "`Downpour(warm_start=...)`"),
        ),
        Finding(
            f"to divide the rate by the root of the staleness is safe, and slow: {in_words(damping.objective)} at the "
            "end",
            low.objective < damping.objective < 0.8 * fixed.objective,
        ),
    ]
    if (late := races.get(FIXED_WARM)) is not None:
        text = f"a warm start does not cure a rate that stays too large: {in_words(late.objective)} at the end"
        found.append(Finding(text, late.objective > 2 * low.objective))
    return found


def _exhibit(races: dict[str, Race]) -> Exhibit:
    epochs = range(1, EPOCHS + 1)
    lines = [
        Line(name, (k, 0), [float(epoch) for epoch in epochs], [min(of.at(epoch), MOST) for epoch in epochs])
        for k, (name, of) in enumerate(races.items())
    ]
    picture = Panel("cures", "The objective after each epoch", "", "epochs", "objective", False, True, lines)
    table = [[name, f"{of.staleness:.0f}", *(in_words(of.at(epoch)) for epoch in epochs)] for name, of in races.items()]
    return Exhibit(picture, ("server", "staleness", *(f"epoch {epoch}" for epoch in epochs)), table)


STALENESS = Study(
    "staleness",
    "Staleness of Downpour, and its cures",
    "Dean et al., *Large scale distributed deep networks*, NIPS 2012, and Zhang, Gupta, Lian and Liu, "
    "*Staleness-aware async-SGD for distributed deep learning*, 2016.",
    "Adagrad and a warm start, one replica alone at first, all but did away with instability in Dean et al.; Zhang et "
    "al. divide the rate by the staleness, without which 16 and more learners did not converge.",
    f"Least squares on normal data with noise of variance 1, {FEATURES} features, minibatches of {MINIBATCH}; {CROWD} "
    "simulated replicas where nothing else is said. Damped: the rate is divided by the root of the staleness. For "
    "least squares one can say what is stable: rate * curvature * staleness < pi / 2, and the curvature is 1 here.",
    "Here staleness does harm only when it comes to hundreds, as the rate is small: what counts is their product. So "
    "to divide each rate by its staleness, as Zhang et al. do, would be far too careful; even its root is. The more "
    "replicas there are, the smaller the rate must be: a hundred times the replicas do not make a hundred times the "
    "progress.",
    _look,
)
