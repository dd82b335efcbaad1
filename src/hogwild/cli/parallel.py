"""The options of two axes, how workers share what they learn and where they run, and what becomes of them.

An option that is named as a field of a strategy or engine sets that field. Which ones have it is read from their
dataclasses: a new strategy with a field `period` has --period without a word here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple, final

import click

from hogwild.cli.names import NameOf, engine_names, fetch_names, rule_names, strategy_names
from hogwild.cli.quantities import NOT_NEGATIVE, POSITIVE, SHARE, Bandwidth, ExampleSeconds, Finite

if TYPE_CHECKING:
    from hogwild.interfaces import AbstractEngine, AbstractStrategy


class Row(NamedTuple):
    """An option, but for the field that it sets."""

    flag: str
    kind: Any  # a type of click's
    metavar: str | None
    help: str


COUNT = click.IntRange(min=1)
STRATEGY_HELP = (
    "How workers share what they learn. eta0 is found for steps of one example: the few and large steps of full-batch, "
    "all-reduce, local-sgd and downpour usually need a larger --eta0, and --tol 0."
)

AXES = {
    "strategy": Row("--strategy", NameOf("strategy", strategy_names), None, STRATEGY_HELP),
    "engine": Row("--engine", NameOf("engine", engine_names), None, "Where workers run."),
    "threads": Row("--threads", COUNT, "N", "Workers of --engine threads.  [default: one a core]"),
}
RATE_HELP = (
    "Step size (learning rate) of that rule. It must be tuned to the problem; for adagrad about ten times the best "
    "fixed step size."
)
STRATEGY_OPTIONS = {
    "minibatch": Row("--minibatch", COUNT, "N", "Examples of a step."),
    "period": Row("--period", COUNT, "N", "Steps between two averages."),
    "backups": Row("--backups", click.IntRange(min=0), "N", "So many of the slowest workers are not waited for."),
    "fetch_every": Row("--fetch-every", COUNT, "N", "Steps between two fetches of weights."),
    "push_every": Row("--push-every", COUNT, "N", "Steps between two pushes of gradients."),
    "fetch": Row(
        "--fetch", NameOf("fetch", fetch_names), None, "Go on with old weights meanwhile, or wait, or fetch rows only."
    ),
    "rule": Row("--rule", NameOf("rule", rule_names), None, "What the server does with a push (the optimizer)."),
    "rule_rate": Row("--rule-rate", POSITIVE, "X", RATE_HELP),
    "warm_start": Row("--warm-start", click.IntRange(min=0), "N", "Pushes after which each next worker joins."),
    "delay": Row("--delay", click.IntRange(min=0), "N", "Rounds that a worker may be ahead of what it has heard of."),
}
ENGINE_OPTIONS = {
    "workers": Row("--workers", COUNT, "N", "Machines that learn."),
    "shards": Row("--shards", COUNT, "N", "Parts of the weights, each on a server of its own."),
    "latency_s": Row("--latency", NOT_NEGATIVE, "SECONDS", "Of every message."),
    "bandwidth_bytes_s": Row("--bandwidth", Bandwidth(), "BYTES/S", "Of every link, e.g. 1.25e9, 1.25GB or 10Gbit."),
    "example_s": Row("--example-s", ExampleSeconds(), "X|measured", "Seconds to learn an example; or those of here."),
    "spread": Row("--speed-spread", NOT_NEGATIVE, "X", "Sigma of the log speeds of machines."),
    "jitter": Row("--jitter", NOT_NEGATIVE, "X", "Sigma of the log times of requests."),
    "straggle": Row("--straggle", SHARE, "X", "Share of the requests that get stuck."),
    "straggle_factor": Row("--straggle-factor", Finite(min=1), "X", "Those take so many times as long."),
}


# ------------------------------------------------------------------------------------------------- who has what


def strategies_with(option: str) -> dict[str, Any]:
    """The strategies that have this option, with its values there; "auto" has what all have that it may stand for."""
    from hogwild.requests import ALL
    from hogwild.strategies import AUTO, STRATEGIES

    found: dict[str, Any] = {}
    for name, make in STRATEGIES.items():
        values = _fields(make())
        rule = values.get("server")
        if rule is not None:
            values |= {"rule": rule.name, "rule_rate": rule.rate}
        if values.get(option, ALL) is not ALL:  # a full batch is no minibatch of another size
            found[name] = values[option]
    return {"auto": found[AUTO[0]], **found} if found.keys() >= set(AUTO) else found


def engines_with(option: str) -> dict[str, Any]:
    """The engines that have this option, with its values there. The number of threads has an option of its own."""
    from hogwild.engines import ENGINES

    found: dict[str, Any] = {}
    for name, make in ENGINES.items():
        values = _fields(make())
        speeds = values.get("speeds")
        if speeds is not None:
            values |= _fields(speeds)
        if option in values and (option, name) != ("workers", "threads"):
            found[name] = values[option]
    return found


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


# ----------------------------------------------------------------------------------------- options to axes


def axes(options: Mapping[str, Any]) -> tuple[str | AbstractStrategy, AbstractEngine | None]:
    """The strategy and the engine that are asked for; None: threads, as many as `options["threads"]` says.

    A strategy without options of its own stays a name, and so does "auto": what it stands for must be known first, see
    `with_options`. UsageError for options that do not go together, ValueError for numbers out of range.
    """
    for option in _given(options, STRATEGY_OPTIONS):
        _check_owner(STRATEGY_OPTIONS[option].flag, "strategy", options["strategy"], strategies_with(option))
    if options["threads"] is not None and options["engine"] != "threads":
        raise click.UsageError(f"--threads goes with --engine threads; with --engine {options['engine']} use --workers")
    if options["workers"] is not None and options["engine"] == "threads":
        raise click.UsageError("--workers goes with --engine simulated; with --engine threads use --threads")
    for option in _given(options, ENGINE_OPTIONS):
        _check_owner(ENGINE_OPTIONS[option].flag, "engine", options["engine"], engines_with(option))
    return _strategy(options), _engine(options)


def _strategy(options: Mapping[str, Any]) -> str | AbstractStrategy:
    from hogwild.strategies import find_strategy

    name = str(options["strategy"])
    if name == "auto" or not _given(options, STRATEGY_OPTIONS):
        return name
    return with_options(find_strategy(name), options)


def with_options(strategy: Any, options: Mapping[str, Any]) -> AbstractStrategy:
    """The strategy with the fields that options set."""
    from hogwild.rules.updates import UPDATES

    values = _given(options, STRATEGY_OPTIONS)
    rule, rate = values.pop("rule", None), values.pop("rule_rate", None)
    if rule is not None or rate is not None:
        make = UPDATES[rule if rule is not None else strategy.server.name]
        values["server"] = make() if rate is None else make(rate)
    changed: AbstractStrategy = replace(strategy, **values)
    return changed


def _engine(options: Mapping[str, Any]) -> AbstractEngine | None:
    from hogwild.engines import ENGINES, Speeds, Threads
    from hogwild.strategies import STRATEGIES

    name = options["strategy"]
    values = _given(options, ENGINE_OPTIONS)
    if "shards" in values:
        servers = [other for other, make in STRATEGIES.items() if "server" in make().needs]
        _check_owner("--shards", "strategy", name, servers)
    if options["engine"] == "threads":
        return Threads(-1 if options["threads"] is None else options["threads"], **values) if values else None
    most = None if name == "auto" else STRATEGIES[name]().most_workers
    if most is not None and values.setdefault("workers", most) > most:
        raise click.UsageError(f"--workers {values['workers']} is too many for --strategy {name}: it has {most}")
    speeds = {field.name: values.pop(field.name) for field in fields(Speeds) if field.name in values}
    if speeds:
        values["speeds"] = Speeds(**speeds)
    return ENGINES[options["engine"]](**values)


def _given(options: Mapping[str, Any], table: Iterable[str]) -> dict[str, Any]:
    return {option: options[option] for option in table if options[option] is not None}


def _check_owner(flag: str, axis: str, name: str, owners: Iterable[str]) -> None:
    if name not in owners:
        *others, last = owners
        known = f"{', '.join(others)} or {last}" if others else last
        raise click.UsageError(f"{flag} goes with --{axis} {known}, not with {name}")


# ------------------------------------------------------------------------------------------------------ help


@final
class AxisOption(click.Option):
    """Says which axis."""

    section = "Strategies and engines"


@final
class StrategyOption(click.Option):
    """Its help says which strategies have it."""

    section = "Options of strategies"

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return _with_owners(click.Option.get_help_record(self, ctx), strategies_with(str(self.name)))


@final
class EngineOption(click.Option):
    """Its help says which engines have it."""

    section = "Options of engines"

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return _with_owners(click.Option.get_help_record(self, ctx), engines_with(str(self.name)))


def _with_owners(record: tuple[str, str] | None, owners: Mapping[str, Any]) -> tuple[str, str] | None:
    if record is None:
        return None
    defaults = {f"{value:g}" if isinstance(value, int | float) else str(value) for value in owners.values()}
    default = f"  [default: {defaults.pop()}]" if len(defaults) == 1 else ""
    return record[0], f"{record[1]}  ({', '.join(owners)}){default}"


def parallel_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the options that `axes` reads. In `SectionedCommand` their help has sections."""
    defaults = {"strategy": "auto", "engine": "threads"}
    tables = ((AXES, AxisOption), (STRATEGY_OPTIONS, StrategyOption), (ENGINE_OPTIONS, EngineOption))
    for table, kind in reversed(tables):
        for name, row in reversed(table.items()):
            extra = {"default": defaults[name], "show_default": True} if name in defaults else {}
            command = click.option(
                row.flag, name, cls=kind, type=row.kind, metavar=row.metavar, help=row.help, **extra
            )(command)
    return command
