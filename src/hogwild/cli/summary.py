"""What `hogwild train` tells about a run: facts for programs, and a summary of them for people."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hogwild.checkpoint import histories
from hogwild.cli.costs import total_traffic, traffic_rows
from hogwild.cli.parallel import with_options
from hogwild.cli.talking import table
from hogwild.engines import Threads
from hogwild.estimators import LinearClassifier
from hogwild.estimators.common import plan
from hogwild.strategies import AUTO, find_strategy
from hogwild.wording import as_json, epochs_and_reason, how

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hogwild.cli.fitting import Fitted
    from hogwild.data import Examples


def facts(fitted: Fitted, examples: Examples, options: Mapping[str, Any], read_s: float) -> dict[str, Any]:
    """What --json prints."""
    estimator = fitted.estimator
    runs = histories(estimator)
    kept = [run.best for run in runs if run.best is not None]
    holdouts = [record.holdout_score for record in kept if record.holdout_score is not None]
    seen = sum(run[-1].examples for run in runs if len(run))
    _, strategy, engine = plan(estimator, examples)
    traffic = total_traffic(runs)
    name = options["strategy"]
    if name == "auto":
        name = next(known for known in AUTO if with_options(find_strategy(known), options) == strategy)
    return {
        "model": options["out"],
        "loss": estimator.loss if isinstance(estimator.loss, str) else list(estimator.loss),
        "l2": float(estimator.l2),
        "l1": float(estimator.l1),
        "examples": examples.n_examples,
        "features": examples.n_features,
        "classes": estimator.classes_.tolist() if isinstance(estimator, LinearClassifier) else None,
        "trained_problems": len(runs),
        "strategy": name,
        "strategy_options": as_json(strategy),
        "engine": options["engine"],
        "engine_options": as_json(engine),
        "seed": estimator.random_state,
        "how": how(strategy, engine, estimator.random_state),
        "workers": engine.size,
        "threads": engine.size if isinstance(engine, Threads) else None,
        "epochs": int(estimator.n_iter_),
        "stop_reason": "interrupted" if fitted.interrupted else estimator.stop_reason_,
        "eta0": float(estimator.eta0_),
        "objective": float(np.mean([record.objective for record in kept])) if kept else None,
        "holdout_score": float(np.mean(holdouts)) if holdouts else None,
        "nonzero_weights": int(np.count_nonzero(estimator.coef_)),
        "read_s": read_s,
        "train_s": fitted.seconds,
        "examples_per_s": seen / max(fitted.seconds, 1e-9),
        "virtual_s": None if traffic is None else traffic.virtual_s,
        "traffic": None if traffic is None else traffic.as_dict(),
        "counts": dict(sum((run.counts for run in runs), Counter())),
        "history": [run.as_dict() for run in runs],
    }


def summary(fitted: Fitted, found: Mapping[str, Any]) -> str:
    """The same for people."""
    classes, workers = found["classes"], found["workers"]
    size = Path(found["model"]).stat().st_size
    rows = [("loss", f"{found['loss']}, l2 {found['l2']:.6g}" + (f", l1 {found['l1']:g}" if found["l1"] else ""))]
    if classes is not None and len(classes) > 2:
        done = found["trained_problems"]
        text = f"{len(classes)}, one against the rest" + (f"; {done} trained" if done < len(classes) else "")
        rows.append(("classes", text))
    rows.append(("strategy", found["how"]))
    rows.append(("epochs", epochs_and_reason(found["epochs"], found["stop_reason"])))
    if found["virtual_s"] is None:
        kind = "thread" if found["threads"] else "worker"
        rows += [
            ("time", f"{found['train_s']:.3f} s on {workers} {kind}{'s' * (workers > 1)}"),
            ("speed", f"{found['examples_per_s']:,.0f} examples/s"),
        ]
    else:
        what = f"{found['strategy']} on {workers:,} worker{'s' * (workers > 1)}"
        rows += [
            ("simulated", f"{what}, in {found['train_s']:.3f} s"),
            ("time", f"{found['virtual_s']:.4g} s by the virtual clock"),
        ]
    rows += traffic_rows(total_traffic(histories(fitted.estimator)))
    if found["counts"]:
        rows.append(("counted", ", ".join(f"{count:,} {name}" for name, count in found["counts"].items())))
    rows.append(("objective", "not known" if found["objective"] is None else f"{found['objective']:.6g}"))
    if found["holdout_score"] is not None:
        name = "held-out R^2" if classes is None else "held-out accuracy"
        rows.append((name, f"{found['holdout_score']:.4f}"))
    rows += [
        ("weights", f"{found['nonzero_weights']:,} not zero"),
        ("model", f"{found['model']} ({size:,} bytes)"),
    ]
    return table(rows)
