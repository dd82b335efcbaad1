"""`hogwild info`: what a data set or a model looks like."""

from __future__ import annotations

import click

from hogwild.cli.files import data_options, read_data, read_for
from hogwild.cli.talking import plain_errors, table, write_json, write_stdout


@click.command("info", short_help="Describe a data file or a model.")
@click.argument("file", metavar="FILE|MODEL")
@click.option("--data", metavar="FILE", help="For a model: labelled examples, to count support vectors.")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Heaviest features to show.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_options
@plain_errors
def info_command(file: str, data: str | None, top: int, as_json: bool, zero_based: bool, no_cache: bool) -> None:
    """Describe a data file ('-': standard input) or a model.

    Data: shape, labels, and the sparsity statistics Omega, Delta and rho of the Hogwild! paper (Niu et al. 2011),
    which say whether threads that share one vector without locks would disturb each other.
    Models: loss, penalty, classes, margin 2/|w| and heaviest features; with --data the number of support vectors
    (examples with y p <= 1) and the smallest margin.

    \b
    Examples:
      hogwild info train.svm.xz
      hogwild info model.safetensors
      hogwild info model.safetensors --data train.svm.xz --json
    """
    from hogwild.checkpoint import is_model, load_linear

    if file != "-" and is_model(file):
        from hogwild.cli.describing import describe_model, model_text

        estimator = load_linear(file)
        examples = None if data is None else read_for(estimator, data, zero_based, no_cache)
        facts = describe_model(estimator, examples, top, 0 if zero_based else 1)
        text = model_text
    elif data is not None:
        raise ValueError(f"--data goes with a model, and {file} is none; give the model first")
    else:
        from hogwild.cli.describing import data_text, describe_data

        facts = describe_data(read_data([file], zero_based, no_cache))
        text = data_text
    if as_json:
        write_json(facts)
    else:
        write_stdout(table(text(facts)))
