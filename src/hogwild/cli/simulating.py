"""What `hogwild simulate` does."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from hogwild.cli.contests import Contest, deliver, find_contest, named_cluster, numbers_of_workers, warn_of_pages
from hogwild.cli.files import check_writable
from hogwild.cli.flags import wrong_usage
from hogwild.cli.parallel import CLUSTER_OPTIONS, ENGINE_OPTIONS
from hogwild.cli.progress import waiting
from hogwild.cli.spectators import seeing
from hogwild.cli.talking import say
from hogwild.engines import Ray, Speeds
from hogwild.pages import machine
from hogwild.simulation import Cluster, calibrate, simulate, write_cluster
from hogwild.simulation.sheet import sentences, table
from hogwild.strategies import find_strategy

OF_PROBES = {"--probe", "--ray-workers", "--address"}
OF_CLUSTERS = {"--cluster", "--workers", "--price", *(ENGINE_OPTIONS[name].flag for name in CLUSTER_OPTIONS)}
OF_RUNS = {"--strategies", "--budget", "--seeds", "--holdout", "--target", "--weak"}
OF_RESULTS = {"--out", "--tensorboard", "--json", "--json-lines"}


def run(options: Mapping[str, Any], given: Set[str]) -> None:
    """The whole command. given: the options that the user has named."""
    out = Path(options["out"])
    if options["calibrate"] is not None:
        _refuse(given & (OF_CLUSTERS | OF_RUNS | OF_RESULTS), "says what to simulate, and --calibrate does not")
        if options["probe"] == "core":
            _refuse(given & {"--ray-workers", "--address"}, "goes with --probe ray")
        _calibrate(options)
        return
    _refuse(given & OF_PROBES, "goes with --calibrate")
    cluster, sizes = _cluster(options), numbers_of_workers("--workers", options["workers"])
    warn_of_pages(options)
    model, field, budget, examples = find_contest(options)
    out.mkdir(parents=True, exist_ok=True)
    total = sum(_runs(each.strategy, sizes, weak=bool(options["weak"])) for each in field.values()) * options["seeds"]
    with seeing(total, options, title="simulating") as spectator:
        found = simulate(
            model,
            examples,
            field,
            cluster,
            workers=sizes,
            budget=budget,
            target=options["target"],
            seeds=int(options["seeds"]),
            weak=bool(options["weak"]),
            folder=out,
            spectator=spectator,
            command=shlex.join(["hogwild", *sys.argv[1:]]),
        )
    deliver(found, found.runs.runs, "simulation.json", table(found), sentences(found), options)


def _refuse(flags: Set[str], why: str) -> None:
    if flags:
        raise click.UsageError(f"{min(flags)} {why}")


def _runs(strategy: Any, sizes: Sequence[int], *, weak: bool) -> int:
    """How many of it there are, of one seed."""
    most = find_strategy(strategy).most_workers or max(sizes)
    return max(1, sum(size <= most for size in sizes)) + (
        sum(size <= most for size in sorted(sizes)[:-1]) if weak else 0
    )


def _cluster(options: Mapping[str, Any]) -> Cluster:
    """The one that is named, with what other options say."""
    given = {name: options[name] for name in CLUSTER_OPTIONS if options[name] is not None}
    speeds = {field.name: given.pop(field.name) for field in fields(Speeds) if field.name in given}
    found = named_cluster(options["cluster"])
    with wrong_usage():
        if speeds:
            given["speeds"] = replace(found.speeds, **speeds)
        if options["price"] is not None:
            given["price_per_hour"] = options["price"]
        return replace(found, **given)


def _calibrate(options: Mapping[str, Any]) -> None:
    """Look, and write it down."""
    path = options["calibrate"]
    if Path(path).suffix != ".toml":
        raise click.UsageError(f"--calibrate {path} must be a name that ends in .toml")
    check_writable(path)
    engine = None
    if options["probe"] == "ray":
        engine = Ray(options["ray_workers"], **({} if options["address"] is None else {"address": options["address"]}))
    contest: Contest = find_contest(options)
    with waiting("calibrating", quiet=bool(options["quiet"])):
        found = calibrate(contest.model, contest.examples, engine=engine)
    where = "a core" if engine is None else f"{engine.size} workers of Ray"
    note = f"Measured by hogwild simulate --calibrate, {datetime.now(UTC):%Y-%m-%d}: {where} on {machine()}.\n"
    write_cluster(path, found, note + f"An example of {contest.examples.source}, and the network.")
    if not options["quiet"]:
        say(f"{path}: an example takes {found.example_s:.3g} s, a message {found.latency_s:.3g} s")
