"""A comparison as a page."""

from __future__ import annotations

from hogwild.comparison.budgets import spell_budget
from hogwild.comparison.panels import panels
from hogwild.comparison.results import Comparison
from hogwild.comparison.words import sentences, table
from hogwild.data.statistics import Statistics
from hogwild.pages import Page


def sheet(comparison: Comparison) -> Page:
    """What the page says."""
    seeds = len(comparison.seeds)
    intro = f"Each run: {spell_budget(comparison.budget)}."
    intro += f" Means over {seeds} seeds, ± standard deviation." if seeds > 1 else ""
    intro += " Times are those of a virtual clock." if comparison.is_virtual else ""
    return Page(
        f"Comparison on {comparison.source}",
        intro,
        "This comparison was interrupted: there were to be more runs." if comparison.interrupted else None,
        sentences(comparison),
        table(comparison),
        "“s to 1 %”: seconds until the objective had come down to the lowest of all runs with the same seed, plus 1 % "
        f"of the way back to {comparison.start:.5g}, that of the first weights. Weights are judged after each epoch.",
        comparison.problems,
        panels(comparison),
        "Lines are means over seeds, bands go from the lowest to the highest of them.",
        _about(comparison),
    )


def _about(comparison: Comparison) -> dict[str, str]:
    """What was compared on what."""
    command = {} if comparison.command is None else {"command": comparison.command}
    return {
        **command,
        **about_data(comparison.source, comparison.data),
        "held out": f"{100 * comparison.budget.holdout:g} % of the examples, the same for all with the same seed",
        "model": comparison.model,
        "budget of a run": spell_budget(comparison.budget),
        "seeds": ", ".join(map(str, comparison.seeds)),
    }


def about_data(source: str, data: Statistics) -> dict[str, str]:
    """In words."""
    return {
        "data": f"{source}: {data.n_examples:,} examples x {data.n_features:,} features",
        "stored numbers": f"{data.nnz:,}, {data.density:.3%} of all; {data.nnz_per_row_min:,} to "
        f"{data.nnz_per_row_max:,} in a row, {data.nnz_per_row_mean:.1f} on average",
        "most frequent feature (Delta)": f"in {data.delta:.1%} of the examples",
        "largest neighbourhood (rho)": f"{'at least ' * data.rho_is_lower_bound}{data.rho:.1%} of the examples share a "
        "feature with one of them",
    }
