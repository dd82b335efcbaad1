"""Figures of data sets and models, and how they read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogwild.checkpoint import Estimator
from hogwild.cli.measures import problems, spell
from hogwild.data import Examples, describe
from hogwild.engines import Threads
from hogwild.estimators import LinearClassifier
from hogwild.models.linear import Linear
from hogwild.wording import epochs_and_reason, how, in_short

Rows = list[tuple[str, str]]
# Above this chance that an update meets another one, plain sharing spends its time on waiting for cache lines.
RARE = 0.1


def describe_data(examples: Examples) -> dict[str, Any]:
    """Shape, labels and the statistics of Niu et al. 2011, eq. 2.6."""
    found = describe(examples)
    counts = found.label_counts
    return {
        "kind": "data",
        "source": examples.source,
        "examples": found.n_examples,
        "features": found.n_features,
        "sparse": examples.is_sparse,
        "nonzeros": found.nnz,
        "density": found.density,
        "nonzeros_per_example": {
            "min": found.nnz_per_row_min,
            "mean": found.nnz_per_row_mean,
            "max": found.nnz_per_row_max,
        },
        "labels": None if counts is None else {spell(label): count for label, count in counts.items()},
        "label_range": None if found.label_range is None else list(found.label_range),
        "omega": found.omega,
        "delta": found.delta,
        "rho": found.rho,
        "rho_is_lower_bound": found.rho_is_lower_bound,
        "plain_sharing_collides": found.rho > RARE or found.delta > RARE,
    }


def data_text(facts: dict[str, Any]) -> Rows:
    """The same for people."""
    per_row = facts["nonzeros_per_example"]
    bound = "at least " if facts["rho_is_lower_bound"] else ""
    rows = [
        ("data", facts["source"]),
        ("examples", f"{facts['examples']:,}"),
        ("features", f"{facts['features']:,}"),
        ("nonzeros", f"{facts['nonzeros']:,} ({100 * facts['density']:.3g} % of all entries)"),
        ("", f"{per_row['min']:,} to {per_row['max']:,} an example, {per_row['mean']:.1f} on average"),
    ]
    if facts["labels"] is not None:
        rows.append(("labels", ", ".join(f"{label} ({count:,})" for label, count in facts["labels"].items())))
    elif facts["label_range"] is not None:
        low, mean, high = facts["label_range"]
        rows.append(("labels", f"numbers from {low:.6g} to {high:.6g}, {mean:.6g} on average"))
    else:
        rows.append(("labels", "none"))
    return [
        *rows,
        ("Omega", f"{facts['omega']:,}: the most features in one example, so the most weights that a step writes"),
        ("Delta", f"{facts['delta']:.4f}: the part of the examples that have the most frequent feature"),
        ("rho", f"{bound}{facts['rho']:.4f}: the part of the examples that share a feature with the busiest one"),
        ("sharing", _verdict(facts)),
    ]


def _verdict(facts: dict[str, Any]) -> str:
    if facts["plain_sharing_collides"]:
        return (
            "threads that write one vector without locks (--strategy racy) would often collide here; the default "
            "gives each a copy and merges those now and then"
        )
    return "threads that write one vector without locks (--strategy racy) would seldom collide here"


# ------------------------------------------------------------------------------------------------------ models


def describe_model(estimator: Estimator, examples: Examples | None, top: int, first: int) -> dict[str, Any]:
    """Hyper-parameters, weights and heaviest features (numbered from `first`); margins on the examples."""
    is_classifier = isinstance(estimator, LinearClassifier)
    rule = Linear(estimator.loss).terms.loss
    engine = Threads(estimator.n_jobs or 1) if estimator.engine is None else estimator.engine
    facts: dict[str, Any] = {
        "kind": "classifier" if is_classifier else "regressor",
        "loss": rule.name,
        "loss_parameter": {rule.parameter: Linear(estimator.loss).terms.parameter} if rule.parameter else None,
        "formula": rule.formula,
        "l2": float(estimator.l2),
        "l1": float(estimator.l1),
        "classes": estimator.classes_.tolist() if is_classifier else None,
        "features": int(estimator.n_features_in_),
        "dtype": str(estimator.coef_.dtype),
        "strategy": in_short(estimator.strategy),
        "engine": in_short(engine),
        "seed": estimator.random_state,
        "how": how(estimator.strategy, engine, estimator.random_state),
        "epochs": int(estimator.n_iter_),
        "stop_reason": estimator.stop_reason_,
        "nonzero_weights": int(np.count_nonzero(estimator.coef_)),
        "problems": [_weights(estimator, k, top, first) for k in range(np.atleast_2d(estimator.coef_).shape[0])],
    }
    if examples is not None:
        if not is_classifier or not rule.is_binary:
            raise ValueError(f"--data counts support vectors, which a model with loss {rule.name} does not have")
        facts["data"] = examples.source
        for problem, margins in zip(facts["problems"], _margins(estimator, examples), strict=True):
            norm = problem["norm"]
            problem["examples"] = examples.n_examples
            problem["support_vectors"] = int(np.count_nonzero(margins <= 1.0))
            problem["smallest_margin"] = float(margins.min())
            problem["smallest_distance"] = float(margins.min() / norm) if norm > 0 else None
    return facts


def _weights(estimator: Estimator, k: int, top: int, first: int) -> dict[str, Any]:
    """One problem: its class, |w|, margin, intercept, and the features that say most for it and against it."""
    coef = np.atleast_2d(estimator.coef_)[k]
    names = getattr(estimator, "feature_names_in_", None)
    norm = float(np.linalg.norm(coef.astype(np.float64)))
    label = None
    if isinstance(estimator, LinearClassifier):
        label = estimator.classes_[1 if estimator.classes_.size == 2 else k].item()

    def heaviest(order: NDArray[np.intp]) -> list[list[Any]]:
        return [[str(names[j]) if names is not None else int(j) + first, float(coef[j])] for j in order]

    order = np.argsort(coef, kind="stable")
    positive = [j for j in order[::-1][:top] if coef[j] > 0]
    negative = [j for j in order[:top] if coef[j] < 0]
    return {
        "class": label,
        "norm": norm,
        "margin": 2.0 / norm if norm > 0 and label is not None else None,
        "intercept": float(estimator.intercept_[k]),
        "heaviest_for": heaviest(np.array(positive, dtype=np.intp)),
        "heaviest_against": heaviest(np.array(negative, dtype=np.intp)),
    }


def _margins(estimator: LinearClassifier, examples: Examples) -> Iterator[NDArray[np.floating]]:
    """y p for each problem."""
    found = estimator.decision_function(examples.X)
    columns = found.reshape(examples.n_examples, -1).T
    for problem, column in zip(problems(estimator, examples), columns, strict=True):
        yield problem.targets * column


def model_text(facts: dict[str, Any]) -> Rows:
    """The same for people."""
    parameter = "".join(f", {name} {value:g}" for name, value in (facts["loss_parameter"] or {}).items())
    rows = [
        ("model", f"linear {facts['kind']}"),
        ("loss", f"{facts['loss']}{parameter}: {facts['formula']}"),
        ("penalty", f"l2 {facts['l2']:.6g}, l1 {facts['l1']:.6g}"),
        ("strategy", facts["how"]),
        ("epochs", epochs_and_reason(facts["epochs"], facts["stop_reason"])),
        ("features", f"{facts['features']:,}, weights {facts['dtype']}, {facts['nonzero_weights']:,} not zero"),
    ]
    classes = facts["classes"]
    if classes is not None:
        rows.insert(1, ("classes", ", ".join(map(spell, classes))))
    if "data" in facts:
        rows.append(("data", facts["data"]))
    for problem in facts["problems"]:
        rows += _problem_text(problem, classes)
    return rows


def _problem_text(problem: dict[str, Any], classes: list[Any] | None) -> Rows:
    rows: Rows = []
    towards, against = "upwards", "downwards"
    if classes is not None:
        towards, against = f"for {spell(problem['class'])}", "against"
        if len(classes) == 2:
            against = f"for {spell(classes[0])}"
        else:
            rows.append(("", ""))
            rows.append(("class", spell(problem["class"])))
        margin = "none, all weights are zero" if problem["margin"] is None else f"{problem['margin']:.6g}"
        rows.append(("margin 2/|w|", margin))
    rows.append(("intercept", f"{problem['intercept']:.6g}"))
    if "support_vectors" in problem:
        share = 100 * problem["support_vectors"] / problem["examples"]
        rows.append(("support vectors", f"{problem['support_vectors']:,} with y p <= 1 ({share:.1f} %)"))
        distance = problem["smallest_distance"]
        away = "" if distance is None else f", {distance:.4g} from the boundary"
        rows.append(("smallest margin", f"y p = {problem['smallest_margin']:.4g}{away}"))
    for name, heaviest in ((towards, problem["heaviest_for"]), (against, problem["heaviest_against"])):
        if heaviest:
            rows.append((name, "  ".join(f"{feature}: {weight:+.3g}" for feature, weight in heaviest)))
    return rows
