"""`hogwild predict`: one prediction a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hogwild.cli.files import check_writable, data_options, read_for
from hogwild.cli.talking import plain_errors, write_stdout

if TYPE_CHECKING:
    from hogwild.checkpoint import Estimator


@click.command("predict", short_help="Predict a label or number for each line of a file.")
@click.argument("model")
@click.argument("file")
@click.option("--out", default="-", show_default=True, metavar="FILE", help="Where to write; '-' is standard output.")
@click.option("--scores", is_flag=True, help="Print w.x + b instead of labels, one number for each problem.")
@click.option("--probabilities", is_flag=True, help="Print probabilities, one for each class in increasing order.")
@data_options
@plain_errors
def predict_command(
    model: str, file: str, out: str, scores: bool, probabilities: bool, zero_based: bool, no_cache: bool
) -> None:
    """Predict a label or number for each line of FILE, which has labels of any kind ('-': standard input).

    \b
    Examples:
      hogwild predict model.safetensors new.svm > predictions.txt
      hogwild predict model.safetensors new.svm.gz --scores --out scores.txt
      zcat new.svm.gz | hogwild predict model.safetensors - | sort | uniq -c
    """
    if scores and probabilities:
        raise click.UsageError("--scores and --probabilities exclude each other")
    from hogwild.checkpoint import load_linear

    if out != "-":
        check_writable(out)
    estimator = load_linear(model)
    examples = read_for(estimator, file, zero_based, no_cache)
    text = _lines(estimator, examples.X, scores, probabilities)
    if out == "-":
        write_stdout(text)
    else:
        _write(out, text)


def _lines(estimator: Estimator, X: Any, scores: bool, probabilities: bool) -> str:
    from hogwild.cli.measures import spell
    from hogwild.estimators import LinearClassifier

    if probabilities:
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(
                f"this model ({estimator.loss}) has no probabilities; train with --loss logistic, or use --scores"
            )
        return _numbers(estimator.predict_proba(X))
    if isinstance(estimator, LinearClassifier):
        if scores:
            return _numbers(estimator.decision_function(X))
        spelled = {label: spell(label) for label in estimator.classes_.tolist()}
        return "".join(f"{spelled[label]}\n" for label in estimator.predict(X).tolist())
    return _numbers(estimator.predict(X))


def _numbers(values: Any) -> str:
    """Rows of numbers with as many digits as their dtype holds, so that nothing is lost."""
    digits = 9 if values.dtype.itemsize == 4 else 17
    rows = values.tolist() if values.ndim == 2 else [[value] for value in values.tolist()]
    return "".join(" ".join(f"{value:.{digits}g}" for value in row) + "\n" for row in rows)


def _write(path: str, text: str) -> None:
    from hogwild.data.atomic import saving

    with saving(path) as file:
        file.write(text.encode())
