"""`hogwild train --model mf`: from files of ratings to a matrix factorization."""

from __future__ import annotations

import secrets
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from click.core import ParameterSource
from sklearn.exceptions import ConvergenceWarning

from hogwild.checkpoint import save_model
from hogwild.cli.boarding import boards
from hogwild.cli.flags import wrong_usage
from hogwild.cli.interrupts import Interrupts
from hogwild.cli.parallel import STRATEGY_OPTIONS, axes
from hogwild.cli.progress import waiting, watching
from hogwild.cli.talking import INTERRUPTED, say, table, write_json, write_stdout
from hogwild.data import DataError
from hogwild.data.rating_files import RatingTable, read_ratings
from hogwild.engines import Simulated
from hogwild.estimators import MatrixFactorization
from hogwild.models.factors import RATE
from hogwild.report import plot_histories
from hogwild.wording import as_json, epochs_and_reason, how

LINEAR = (
    *("loss", "epsilon", "quantile", "c", "l1", "no_intercept", "schedule", "average", "class_weight", "features"),
    *("zero_based", "no_cache", "checkpoint", "checkpoint_every"),
)
"""Options that it has not."""


def train_factors(ctx: click.Context, options: Mapping[str, Any]) -> None:
    """All of the command; UsageError for options that it has not. Ctrl-C writes the best rows so far."""
    model = _build(ctx, options)
    begun = time.perf_counter()
    with waiting(f"reading {len(options['files'])} file{'s' * (len(options['files']) > 1)}", quiet=options["quiet"]):
        ratings = _read(options["files"])
    read_s = time.perf_counter() - begun
    if not options["quiet"]:
        say(f"{', '.join(options['files'])}: {ratings.ratings.size:,} ratings, read in {read_s:.2f} s")
    virtual = isinstance(model.engine, Simulated)
    show = {"quiet": options["quiet"], "verbose": options["verbose"], "virtual": virtual}
    with Interrupts() as interrupts:
        begun = time.perf_counter()
        with watching(model.max_epochs, **show) as watches, boards(options["tensorboard"]) as boarded:
            model.set_params(callbacks=[*watches, *boarded, lambda record: interrupts.remind()])
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)  # the summary says why training ended
                    model.fit(ratings)
                interrupts.hold()
            except KeyboardInterrupt:
                interrupts.hold()
                if not hasattr(model, "history_"):
                    raise
            model.set_params(callbacks=None)
        train_s = time.perf_counter() - begun
        save_model(model, options["out"])
        found = _facts(model, ratings, options, read_s, train_s)
        if options["plot"] is not None and model.history_.judged:
            plot_histories({"training": model.history_}, options["plot"], title="hogwild train --model mf")
        if options["as_json"]:
            write_json(found)
        elif not options["quiet"]:
            write_stdout(_summary(found))
    if interrupts.noted:
        if not options["quiet"]:
            say(f"hogwild: interrupted; what was learnt so far is in {options['out']}")
        raise SystemExit(INTERRUPTED)


def _build(ctx: click.Context, options: Mapping[str, Any]) -> MatrixFactorization:
    given = {name for name in options if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    flags = {str(each.name): each.opts[0] for each in ctx.command.params}
    for name in LINEAR:
        if name in given:
            raise click.UsageError(f"{flags[name]} is of linear models, and goes not with --model mf")
    if options["strategy"] == "auto" and given & set(STRATEGY_OPTIONS):
        name = next(iter(given & set(STRATEGY_OPTIONS)))
        raise click.UsageError(f"{flags[name]} goes with --strategy NAME")
    if "-" in options["files"]:
        raise click.UsageError("--model mf reads files, and not standard input")
    with wrong_usage():
        strategy, engine = axes(options)
        threads = -1 if options["threads"] is None else options["threads"]
        model = MatrixFactorization(
            early_stopping=options["early_stopping"] or options["validation_fraction"] is not None,
            validation_fraction=0.1 if options["validation_fraction"] is None else options["validation_fraction"],
            strategy=strategy,
            engine=engine,
            n_jobs=threads if engine is None else None,
            deterministic=options["deterministic"],
            random_state=secrets.randbelow(2**31) if options["seed"] is None else options["seed"],
            time_limit_s=options["time_limit"],
        )
        if options["eta0"] is not None:
            model.set_params(rate=RATE._replace(eta0=options["eta0"]))
        names = {"rank": "rank", "l2": "l2", "epochs": "max_epochs", "tol": "tol"}
        model.set_params(**{names[name]: options[name] for name in given & set(names)})
        if "tol" not in given and (model.early_stopping or options["plot"] is not None):
            model.set_params(tol=options["tol"] if model.early_stopping else 0.0)  # else nothing is judged
        if options["repeated"] is not None:
            model.set_params(repeated=options["repeated"])
        model.check()
    return model


def _read(files: Sequence[str]) -> RatingTable:
    tables = [read_ratings(file) for file in files]
    for k, name in enumerate(("users", "items")):
        text = [table[k].dtype.kind == "U" for table in tables]
        if any(text) and not all(text):
            raise DataError(
                f"{name} are text in {files[text.index(True)]}, but whole numbers in {files[text.index(False)]}: call "
                "them alike in all files"
            )
    return RatingTable(*map(np.concatenate, zip(*tables, strict=True)))


def _facts(
    model: MatrixFactorization, ratings: RatingTable, options: Mapping[str, Any], read_s: float, train_s: float
) -> dict[str, Any]:
    """What --json prints."""
    history, best = model.history_, model.history_.best
    strategy, engine = model.plan(ratings.ratings.size)
    error = ratings.ratings - model.predict(ratings)
    traffic = history.traffic
    return {
        "model": options["out"],
        "ratings": ratings.ratings.size,
        "users": model.users_.size,
        "items": model.items_.size,
        "rank": model.rank,
        "l2": float(model.l2),
        "strategy_options": as_json(strategy),
        "engine_options": as_json(engine),
        "seed": model.random_state,
        "how": how(strategy, engine, model.random_state),
        "workers": engine.size,
        "epochs": model.n_iter_,
        "stop_reason": model.stop_reason_,
        "rmse": float(np.sqrt(np.mean(error**2))),
        "holdout_rmse": None if best is None or best.holdout_loss is None else float(np.sqrt(2 * best.holdout_loss)),
        "read_s": read_s,
        "train_s": train_s,
        "ratings_per_s": (history[-1].examples if len(history) else 0) / max(train_s, 1e-9),
        "virtual_s": None if traffic is None else traffic.virtual_s,
        "traffic": None if traffic is None else traffic.as_dict(),
        "history": history.as_dict(),
    }


def _summary(found: Mapping[str, Any]) -> str:
    """The same for people."""
    size = Path(found["model"]).stat().st_size
    rows = [
        ("ratings", f"{found['ratings']:,} of {found['items']:,} items by {found['users']:,} users"),
        ("factors", f"rank {found['rank']}, l2 {found['l2']:g}"),
        ("strategy", found["how"]),
        ("epochs", epochs_and_reason(found["epochs"], found["stop_reason"])),
        ("time", f"{found['train_s']:.3f} s"),
        ("speed", f"{found['ratings_per_s']:,.0f} ratings/s"),
    ]
    if found["virtual_s"] is not None:
        rows.append(("simulated", f"{found['virtual_s']:.4g} s by the virtual clock"))
    rows.append(("RMSE", f"{found['rmse']:.4f} of all these ratings"))
    if found["holdout_rmse"] is not None:
        rows.append(("held out", f"{found['holdout_rmse']:.4f} RMSE"))
    return table([*rows, ("model", f"{found['model']} ({size:,} bytes)")])
