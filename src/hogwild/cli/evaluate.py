"""`hogwild evaluate`: how good a model is on labelled data."""

from __future__ import annotations

import click

from hogwild.cli.files import data_options, read_for
from hogwild.cli.talking import plain_errors, table, write_json, write_stdout

NAMES = {
    "examples": "examples",
    "accuracy": "accuracy",
    "error": "error",
    "r2": "R^2",
    "mean_squared_error": "mean squared error",
    "mean_absolute_error": "mean absolute error",
    "mean_loss": "mean loss",
    "objective": "objective",
}


@click.command("evaluate", short_help="Compare a model's predictions with labels.")
@click.argument("model")
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@data_options
@plain_errors
def evaluate_command(model: str, file: str, as_json: bool, zero_based: bool, no_cache: bool) -> None:
    """Compare a model's predictions with the labels of FILE ('-': standard input).

    Prints accuracy and error, or R^2 and mean squared and absolute errors; and the mean loss and the objective
    (penalty + mean loss) on these examples, for several classes as the mean of the one-against-the-rest problems.

    \b
    Examples:
      hogwild evaluate model.safetensors test.svm
      hogwild evaluate model.safetensors test.svm --json | jq .accuracy
    """
    from hogwild.checkpoint import load_linear
    from hogwild.cli.measures import evaluate

    estimator = load_linear(model)
    figures = evaluate(estimator, read_for(estimator, file, zero_based, no_cache))
    if as_json:
        write_json(figures)
        return
    percent = ("accuracy", "error")
    rows = [
        (NAMES[name], f"{100 * value:.2f} %" if name in percent else "-" if value is None else f"{value:,.7g}")
        for name, value in figures.items()
    ]
    write_stdout(table(rows))
