"""`hogwild recommend`: what a user might like."""

from __future__ import annotations

from typing import Any

import click

from hogwild.cli.talking import plain_errors, say, table, write_json, write_stdout


@click.command("recommend", short_help="Recommend items to a user of a matrix factorization.")
@click.argument("model")
@click.option("--user", required=True, metavar="ID", help="As in the ratings that the model has learnt.")
@click.option("--n", "n", type=click.IntRange(min=1), default=10, show_default=True, help="How many items.")
@click.option("--seen", is_flag=True, help="Also items that the user has rated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@plain_errors
def recommend_command(model: str, user: str, n: int, seen: bool, as_json: bool) -> None:
    """Print the items that a user is expected to like best, with the ratings that the model expects, best first.

    MODEL is a file that `hogwild.save_model` has written of a `MatrixFactorization`.

    \b
    Examples:
      hogwild recommend films.safetensors --user 42
      hogwild recommend films.safetensors --user ann --n 3 --json | jq .items
    """
    from hogwild.checkpoint import ModelError, load_model
    from hogwild.estimators import MatrixFactorization

    factors = load_model(model)
    if not isinstance(factors, MatrixFactorization):
        raise ModelError(f"{model} is a linear model, which recommends nothing: give a matrix factorization")
    items, ratings = factors.recommend(_id(user, factors.users_), n, exclude_seen=not seen)
    if as_json:
        write_json({"user": user, "items": items.tolist(), "ratings": ratings.tolist()})
    elif not items.size:
        say(f"hogwild: user {user} has rated every item; --seen shows them, too")
    else:
        write_stdout(table([(str(item), f"{rating:.3f}") for item, rating in zip(items, ratings, strict=True)]))


def _id(user: str, known: Any) -> str | int:
    """As the kind that ids are of."""
    if known.dtype.kind == "U":
        return user
    try:
        return int(user)
    except ValueError:
        raise click.UsageError(f"--user {user!r}: users of this model are whole numbers") from None
