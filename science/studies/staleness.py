"""Downpour with more replicas than its rate can stand, and what cures it."""

from __future__ import annotations

import math
from typing import NamedTuple, final

import numpy as np

from hogwild import Downpour, Linear, Simulated, Speeds, adagrad, constant, damped, sgd
from hogwild.pages import Line, Panel
from hogwild.rules.updates import Update
from science.races import Race, race
from science.study import Advice, Exhibit, Finding, Found, Setting, Study

CROWD, MINIBATCH, FEATURES, RATE, EPOCHS, WARM = 300, 10, 20, 0.003, 5, 10
FIXED, LOW = f"sgd, rate {RATE:g}", f"sgd, rate {RATE / 6:g}"
ADAPTIVE, ADAPTIVE_WARM, FIXED_WARM = "Adagrad(0.03)", "Adagrad(0.03), warm start", f"{FIXED}, warm start"
MOST = 100.0  # is drawn


@final
class _Server(NamedTuple):
    """rate: of the model, with which a worker makes steps of its own. warm: see `Downpour`."""

    rule: Update
    workers: int = CROWD
    rate: float = RATE
    warm: int = 0


SERVERS = {
    f"{FIXED}, 1 replica": _Server(sgd(), workers=1),
    f"{FIXED}, {CROWD // 10} replicas": _Server(sgd(), workers=CROWD // 10),
    f"{FIXED}, {CROWD // 3} replicas": _Server(sgd(), workers=CROWD // 3),
    FIXED: _Server(sgd()),
    f"sgd, rate {RATE / 3:g}": _Server(sgd(), rate=RATE / 3),
    LOW: _Server(sgd(), rate=RATE / 6),
    f"{FIXED}, damped": _Server(damped(sgd(), 0.5)),
    FIXED_WARM: _Server(sgd(), warm=WARM),
    ADAPTIVE: _Server(adagrad(0.03)),
    ADAPTIVE_WARM: _Server(adagrad(0.03), warm=WARM),
}


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

    needed = (FIXED, LOW, ADAPTIVE) if setting.quick else tuple(SERVERS)
    races = {name: run(SERVERS[name]) for name in needed}
    return Found(_findings(races), [_exhibit(races)])


def _findings(races: dict[str, Race]) -> list[Finding]:
    fixed, low, adaptive = races[FIXED], races[LOW], races[ADAPTIVE]
    found = [
        Finding(
            f"gradients of {CROWD} replicas are {fixed.staleness:.0f} updates old; a rate of {RATE:g}, which is good "
            f"for one, ends at {_text(fixed.objective)}, a sixth of it at {_text(low.objective)}",
            fixed.objective > 2 * low.objective,
            Advice("so many replicas that Downpour diverges", "a rate that goes as 1 / replicas, or `adagrad`"),
        ),
        Finding(
            f"Adagrad cures it: {_text(adaptive.objective)}, after {_text(adaptive.records[0].objective)} in its first "
            "epoch, in which nobody has told it yet how large gradients are",
            adaptive.objective < 0.5 * fixed.objective,
        ),
    ]
    if ADAPTIVE_WARM not in races:
        return found
    warm, fixed_warm = races[ADAPTIVE_WARM], races[FIXED_WARM]
    return [
        *found,
        Finding(
            f"a warm start, each replica {WARM} pushes after the one before it, cures that: "
            f"{_text(warm.records[0].objective)} after the first epoch. It does not cure a rate that stays too large: "
            f"{_text(fixed_warm.objective)} at the end",
            _value(warm.records[0].objective) < _value(adaptive.records[0].objective)
            and fixed_warm.objective > 2 * low.objective,
            Advice("hundreds of replicas, and a model that has learnt nothing yet", "`Downpour(warm_start=...)`"),
        ),
    ]


def _exhibit(races: dict[str, Race]) -> Exhibit:
    shown = {name: [_value(each.objective) for each in of.records] for name, of in races.items()}
    lines = [
        Line(name, (k, 0), [float(epoch + 1) for epoch in range(len(found))], [min(each, MOST) for each in found])
        for k, (name, found) in enumerate(shown.items())
    ]
    picture = Panel("cures", "The objective after each epoch", "", "epochs", "objective", False, True, lines)
    table = [
        [name, f"{races[name].staleness:.0f}", *(f"{each:.4g}" for each in found), *[""] * (EPOCHS - len(found))]
        for name, found in shown.items()
    ]
    return Exhibit(picture, ("server", "staleness", *(f"epoch {k + 1}" for k in range(EPOCHS))), table)


def _value(objective: float | None) -> float:
    return math.inf if objective is None else objective


def _text(objective: float | None) -> str:
    return "infinity" if math.isinf(_value(objective)) else f"{objective:.3g}"


STALENESS = Study(
    "staleness",
    "Staleness of Downpour, and its cures",
    "Dean et al., *Large scale distributed deep networks*, NIPS 2012, and Zhang, Gupta, Lian and Liu, "
    "*Staleness-aware async-SGD for distributed deep learning*, 2016.",
    "Adagrad and a warm start, one replica alone at first, all but did away with instability in Dean et al.; Zhang et "
    "al. divide the rate by the staleness, without which 16 and more learners did not converge.",
    f"Least squares on normal data, {FEATURES} features, minibatches of {MINIBATCH}; the optimum is about 0.5; "
    f"{CROWD} simulated replicas where nothing else is said. Damped: the rate is divided by the root of the staleness. "
    "For least squares one can say what is stable: rate * curvature * staleness < pi / 2, and the curvature is 1 here.",
    "They do not. A hundred times the replicas do not make a hundred times the progress: the rate goes as 1 / "
    "staleness, and staleness as the number of replicas.",
    _look,
)
