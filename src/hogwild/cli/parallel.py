"""The options of two axes, how workers share what they learn and where they run, and what becomes of them.

An option that is named as a field of a strategy or engine sets that field. Which ones have it is read from their
dataclasses: a new strategy with a field `period` has --period without a word here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple, final

import click

from hogwild.cli.names import (
    NameOf,
    codec_names,
    engine_names,
    fetch_names,
    method_names,
    protocol_names,
    rule_names,
    strategy_names,
    topology_names,
)
from hogwild.cli.quantities import NOT_NEGATIVE, POSITIVE, SHARE, Bandwidth, CountOrInf, ExampleSeconds, Finite

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
    "How workers share what they learn. eta0 is found for steps of one example: the few and large steps of full-batch "
    "and all-reduce, and means over workers that have weights of their own, usually need a larger --eta0, and --tol 0."
)

AXES = {
    "strategy": Row("--strategy", NameOf("strategy", strategy_names), None, STRATEGY_HELP),
    "engine": Row("--engine", NameOf("engine", engine_names), None, "Where workers run."),
    "threads": Row(
        "--threads",
        COUNT,
        "N",
        "Workers of --engine threads; of --engine ray those of each worker.  [default: one a core; 1]",
    ),
}
RATE_HELP = (
    "Step size (learning rate) of that rule. It must be tuned to the problem; for adagrad about ten times the best "
    "fixed step size."
)
STRATEGY_OPTIONS = {
    "minibatch": Row("--minibatch", COUNT, "N", "Examples of a step."),
    "period": Row("--period", COUNT, "N", "Steps between two exchanges with others."),
    "backups": Row("--backups", click.IntRange(min=0), "N", "So many of the slowest workers are not waited for."),
    "fetch_every": Row("--fetch-every", COUNT, "N", "Steps between two fetches of weights."),
    "push_every": Row("--push-every", COUNT, "N", "Steps between two pushes of gradients."),
    "fetch": Row(
        "--fetch", NameOf("fetch", fetch_names), None, "Go on with old weights meanwhile, or wait, or fetch rows only."
    ),
    "rule": Row("--rule", NameOf("rule", rule_names), None, "What the server does with a push (the optimizer)."),
    "rule_rate": Row("--rule-rate", POSITIVE, "X", RATE_HELP),
    "damping": Row("--damping", Finite(min=0, max=2, min_open=True), "X", "Late steps are divided by staleness^X."),
    "compensation": Row("--compensation", NOT_NEGATIVE, "X", "Lambda of the delay compensation (DC-ASGD)."),
    "splits": Row("--softsync", COUNT, "N", "Of P workers, P/N gradients make one step of the server."),
    "method": Row("--method", NameOf("method", method_names), None, "How sandblaster finds its directions."),
    "warm_start": Row("--warm-start", click.IntRange(min=0), "N", "Pushes after which each next worker joins."),
    "staleness": Row("--staleness", CountOrInf(), "N|inf", "Periods that a worker may be ahead of the slowest."),
    "beta": Row("--beta", Finite(min=0, max=1, min_open=True), "X", "How strongly all workers draw the centre."),
    "momentum": Row("--momentum", Finite(min=0, max=1, max_open=True), "X", "Nesterov's, of the workers."),
    "synchronous": Row("--synchronous", bool, None, "All workers move the centre at the same time."),
    "protocol": Row("--protocol", NameOf("protocol", protocol_names), None, "How workers mix their weights."),
    "topology": Row("--topology", NameOf("topology", topology_names), None, "Who talks to whom."),
    "attraction": Row("--attraction", POSITIVE, "X", "How far workers go towards what they accept."),
    "blocks": Row("--blocks", COUNT, "N", "Messages hold one of so many parts of the weights."),
    "codec": Row(
        "--codec", NameOf("codec", codec_names), None, "Send less: 2 bytes, the largest 1 %, or 1 bit a value."
    ),
    "delay": Row("--delay", click.IntRange(min=0), "N", "Rounds that a worker may be ahead of what it has heard of."),
}
RULE_OPTIONS = ("rule", "rule_rate", "damping", "compensation", "splits")  # of the server's rule
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
    "least": Row("--least", COUNT, "N", "So many workers are enough to begin; the others join.  [default: all]"),
    "address": Row("--address", str, "ADDRESS", "Of the cluster: auto, HOST:PORT or ray://HOST:PORT."),
    "cpus": Row("--cpus", POSITIVE, "X", "Cores that each worker takes of its machine."),
    "gpus": Row("--gpus", NOT_NEGATIVE, "X", "Graphics processors that each worker takes."),
    "patience_s": Row("--patience", POSITIVE, "SECONDS", "Who gives no sign of life for so long is taken for dead."),
    "unauthenticated": Row("--unauthenticated", bool, None, "Join also a cluster that lets in everybody."),
    "copies": Row(
        "--copies/--no-copies", bool, None, "Has each shard a copy, in case it dies?  [default: on several machines]"
    ),
}
CLUSTER_OPTIONS = (  # of a described cluster: those of simulated ones, but for how many workers there are
    *("shards", "latency_s", "bandwidth_bytes_s", "example_s"),
    *("spread", "jitter", "straggle", "straggle_factor"),
)
ENGINE_FIELDS = {"copies": "backups"}  # of options that are not called as these, as a strategy has another of that name


# ------------------------------------------------------------------------------------------------- who has what


def strategies_with(option: str) -> dict[str, Any]:
    """The strategies that have this option, with its values there; "auto" has what all have that it may stand for."""
    from hogwild.requests import ALL
    from hogwild.strategies import AUTO, STRATEGIES

    found: dict[str, Any] = {}
    for name, make in STRATEGIES.items():
        strategy = make()
        values = _fields(strategy)
        rule = values.get("server")
        if rule is not None:
            values |= {"rule": rule.name, "rule_rate": rule.rate, **rule.pushes._asdict()}
        if strategy.compressible:
            values["codec"] = None
        if values.get(option, ALL) is not ALL:  # a full batch is no minibatch of another size
            found[name] = values[option]
    return {"auto": found[AUTO[0]], **found} if found.keys() >= set(AUTO) else found


def engines_with(option: str) -> dict[str, Any]:
    """The engines that have this option, with its values there. The number of threads has an option of its own."""
    from hogwild.engines import ENGINES

    found: dict[str, Any] = {}
    for name, make in ENGINES.items():
        values = _fields(make())
        values |= {name: values[field] for name, field in ENGINE_FIELDS.items() if field in values}
        speeds = values.get("speeds")
        if speeds is not None:
            values |= _fields(speeds)
        if option in values and (option, name) != ("workers", "threads"):
            found[name] = values[option]
    return found


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record) if field.init}


# ----------------------------------------------------------------------------------------- options to axes


def axes(options: Mapping[str, Any]) -> tuple[str | AbstractStrategy, AbstractEngine | None]:
    """The strategy and the engine that are asked for; None: threads, as many as `options["threads"]` says.

    A strategy without options of its own stays a name, and so does "auto": what it stands for must be known first, see
    `with_options`. UsageError for options that do not go together, ValueError for numbers out of range.
    """
    from hogwild.strategies import STRATEGIES

    check_strategy_options(options)
    name = str(options["strategy"])
    if options["shards"] is not None:
        servers = [other for other, make in STRATEGIES.items() if "server" in make().needs]
        _check_owner("--shards", "strategy", name, servers)
    most = None if name == "auto" or options["engine"] == "threads" else STRATEGIES[name]().most_workers
    if most is not None and (options["workers"] or 0) > most:
        raise click.UsageError(f"--workers {options['workers']} is too many for --strategy {name}: it has {most}")
    fewer = {} if most is None or options["workers"] is not None else {"workers": most}
    return _strategy(options), engine_of({**options, **fewer})


def check_strategy_options(options: Mapping[str, Any]) -> None:
    """UsageError for options that the strategy has not."""
    for option in _given(options, STRATEGY_OPTIONS):
        _check_owner(STRATEGY_OPTIONS[option].flag, "strategy", options["strategy"], strategies_with(option))


def engine_of(options: Mapping[str, Any]) -> AbstractEngine | None:
    """The engine that is asked for; None: threads, as many as `options["threads"]` says. UsageError for options that it
    has not, ValueError for numbers out of range.
    """
    from hogwild.engines import ENGINES, Speeds, Threads

    if options["threads"] is not None and options["engine"] not in ("threads", "ray"):
        raise click.UsageError(f"--threads goes with --engine threads; with --engine {options['engine']} use --workers")
    if options["workers"] is not None and options["engine"] == "threads":
        raise click.UsageError("--workers goes with --engine simulated or ray; with --engine threads use --threads")
    for option in _given(options, ENGINE_OPTIONS):
        _check_owner(ENGINE_OPTIONS[option].flag, "engine", options["engine"], engines_with(option))
    values = {ENGINE_FIELDS.get(name, name): value for name, value in _given(options, ENGINE_OPTIONS).items()}
    if options["engine"] == "threads":
        return Threads(-1 if options["threads"] is None else options["threads"], **values) if values else None
    if options["threads"] is not None:
        values["threads"] = options["threads"]  # of each worker
    speeds = {field.name: values.pop(field.name) for field in fields(Speeds) if field.name in values}
    if speeds:
        values["speeds"] = Speeds(**speeds)
    return ENGINES[options["engine"]](**values)


def _strategy(options: Mapping[str, Any]) -> str | AbstractStrategy:
    from hogwild.strategies import find_strategy

    name = str(options["strategy"])
    if name == "auto" or not _given(options, STRATEGY_OPTIONS):
        return name
    return with_options(find_strategy(name), options)


def with_options(strategy: Any, options: Mapping[str, Any]) -> AbstractStrategy:
    """The strategy with the fields that options set."""
    from hogwild.strategies import Compressed

    values = _given(options, STRATEGY_OPTIONS)
    asked = {name: values.pop(name) for name in RULE_OPTIONS if name in values}
    if asked:
        values["server"] = _rule(strategy.server, asked)
    codec = values.pop("codec", None)
    changed: AbstractStrategy = replace(strategy, **values)
    return changed if codec is None else Compressed(changed, codec)


def _rule(usual: Any, asked: Mapping[str, Any]) -> Any:
    """The server's rule with what is asked for."""
    from hogwild.rules.server import compensated, damped, softsync
    from hogwild.rules.updates import UPDATES

    rule = usual
    if "rule" in asked or "rule_rate" in asked:
        make = UPDATES[asked.get("rule", usual.name)]
        rule = make(asked["rule_rate"]) if "rule_rate" in asked else make()
    for name, wrap in (("damping", damped), ("compensation", compensated), ("splits", softsync)):
        rule = wrap(rule, asked[name]) if name in asked else rule
    return rule


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


@final
class ClusterOption(click.Option):
    """Changes what `--cluster` says."""

    section = "Instead of what the cluster has"


def _with_owners(record: tuple[str, str] | None, owners: Mapping[str, Any]) -> tuple[str, str] | None:
    if record is None:
        return None
    defaults = {f"{value:g}" if isinstance(value, int | float) else str(value) for value in owners.values()}
    shown = len(defaults) == 1 and not any(value is None or value is False for value in owners.values())
    default = f"  [default: {defaults.pop()}]" if shown else ""
    return record[0], f"{record[1]}  ({', '.join(owners)}){default}"


def _of_alias(ctx: click.Context, param: click.Parameter, name: str) -> str:
    from hogwild.strategies import ALIASES

    return ALIASES.get(name, name)


def parallel_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the options that `axes` reads. In `SectionedCommand` their help has sections."""
    for table, kind in ((ENGINE_OPTIONS, EngineOption), (STRATEGY_OPTIONS, StrategyOption), (AXES, AxisOption)):
        command = _with_options(command, table, kind)
    return command


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the options that `engine_of` reads."""
    axes = {name: row for name, row in AXES.items() if name != "strategy"}
    return _with_options(_with_options(command, ENGINE_OPTIONS, EngineOption), axes, AxisOption)


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the options that change a described cluster."""
    return _with_options(command, {name: ENGINE_OPTIONS[name] for name in CLUSTER_OPTIONS}, ClusterOption)


def _with_options(
    command: Callable[..., Any], table: Mapping[str, Row], kind: type[click.Option]
) -> Callable[..., Any]:
    defaults = {"strategy": "auto", "engine": "threads"}
    for name, row in reversed(list(table.items())):
        extra: dict[str, Any] = {"default": defaults[name], "show_default": True} if name in defaults else {}
        if name == "strategy":
            extra["callback"] = _of_alias
        if row.kind is bool:
            extra = {"is_flag": True, "default": None}
        command = click.option(row.flag, name, cls=kind, type=row.kind, metavar=row.metavar, help=row.help, **extra)(
            command
        )
    return command
