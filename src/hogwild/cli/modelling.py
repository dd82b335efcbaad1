"""The options that say what is learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from hogwild.cli.names import NameOf, loss_names, schedule_names
from hogwild.cli.quantities import FRACTION, NOT_NEGATIVE, POSITIVE

if TYPE_CHECKING:
    from hogwild.rules.schedules import Schedule

DEFAULT_L2 = 1e-4
_OPTIONS = (
    click.option(
        "--loss", default="hinge", show_default=True, type=NameOf("loss", loss_names), metavar="NAME", help="See above."
    ),
    click.option(
        "--epsilon", type=NOT_NEGATIVE, metavar="X", help="Of huber and the epsilon-insensitive losses.  [default: 0.1]"
    ),
    click.option("--quantile", type=FRACTION, metavar="X", help="Of the loss quantile.  [default: 0.5]"),
    click.option("--l2", type=NOT_NEGATIVE, metavar="X", help="Penalty l2/2 |w|^2.  [default: 0.0001]"),
    click.option("--C", "c", type=POSITIVE, metavar="X", help="Instead of --l2, as in LIBLINEAR: l2 = 1 / (C n)."),
    click.option(
        "--l1",
        type=NOT_NEGATIVE,
        metavar="X",
        default=0.0,
        show_default=True,
        help="Penalty l1 |w|_1; with --l2: elastic net.",
    ),
    click.option("--no-intercept", is_flag=True, help="Learn no intercept."),
    click.option(
        "--schedule",
        type=NameOf("schedule", schedule_names),
        default="auto",
        show_default=True,
        help="How step sizes fall.",
    ),
    click.option(
        "--eta0",
        type=POSITIVE,
        metavar="X",
        help="The first step size (learning rate).  [default: found on a subsample]",
    ),
    click.option(
        "--average/--no-average",
        default=None,
        help="Keep a mean of the iterates or the last.  [default: mean, unless --l1]",
    ),
)


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the options that `model_fields` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def model_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that `Linear` and the estimators have in common. UsageError for options that are at odds.

    Of --C, which the number of examples turns into l2, nothing is known yet.
    """
    if options["l2"] is not None and options["c"] is not None:
        raise click.UsageError("--l2 and --C exclude each other: l2 = 1 / (C n)")
    return {
        "loss": _loss(options),
        "l2": DEFAULT_L2 if options["l2"] is None else options["l2"],
        "l1": options["l1"],
        "fit_intercept": not options["no_intercept"],
        "schedule": schedule_of(options["schedule"], options["eta0"]),
        "average": "auto" if options["average"] is None else options["average"],
    }


def l2_of(c: float, n_examples: int) -> float:
    """From LIBLINEAR's C, the weight of an example against |w|^2 / 2."""
    return 1.0 / (c * n_examples)


def _loss(options: Mapping[str, Any]) -> str | tuple[str, float]:
    from hogwild.rules.losses import find_loss

    rule = find_loss(options["loss"])
    for name in ("epsilon", "quantile"):
        if options[name] is not None and rule.parameter != name:
            raise click.UsageError(f"--{name} is not a parameter of loss {rule.name}")
    value = options[rule.parameter] if rule.parameter is not None else None
    return rule.name if value is None else (rule.name, value)


def schedule_of(name: str, eta0: float | None) -> str | Schedule:
    """UsageError for a schedule that finds its own eta0."""
    from hogwild.rules.schedules import SCHEDULES

    if eta0 is None:
        return name
    if name == "bottou":
        raise click.UsageError("--eta0 has no effect with --schedule bottou, which computes its own; use inverse")
    return SCHEDULES[name](eta0)
