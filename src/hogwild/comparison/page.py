"""A comparison as one page that needs no network, and no scripts: where they run, its pictures answer the mouse.

Needs the extra `pages` (Bokeh, which brings Jinja, and Matplotlib).
"""

from __future__ import annotations

import base64
import json
import os
from importlib.resources import files

from hogwild.comparison.budgets import spell_budget
from hogwild.comparison.machine import machine, versions
from hogwild.comparison.palettes import DARK, LIGHT
from hogwild.comparison.panels import panels
from hogwild.comparison.results import Comparison, Row
from hogwild.comparison.words import Cell, cells, sentences
from hogwild.data.atomic import saving


def write_page(comparison: Comparison, path: str | os.PathLike[str]) -> None:
    """Whole or not at all. ImportError without the extra `pages`, OSError, with one sentence, if that fails."""
    text = page(comparison)
    with saving(path) as file:
        file.write(text.encode())


def page(comparison: Comparison) -> str:
    """The page."""
    try:
        import bokeh  # noqa: F401 (the other files need it)
        import jinja2
    except ImportError as error:
        raise ImportError("pages need Bokeh: pip install 'hogwild[pages]'") from error
    from hogwild.comparison.live import figure_json, script
    from hogwild.comparison.pictures import svg

    shown = panels(comparison)
    live = {palette.name: {panel.key: figure_json(panel, palette) for panel in shown} for palette in (LIGHT, DARK)}
    stills = [
        {"panel": panel, **{palette.name: _data(svg(panel, palette)) for palette in (LIGHT, DARK)}} for panel in shown
    ]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string((files(__package__) / "page.html.j2").read_text("utf-8"))
    return template.render(
        comparison=comparison,
        budget=spell_budget(comparison.budget),
        sentences=sentences(comparison),
        head=[cell.heading for cell in cells(comparison)],
        table=_table(comparison),
        stills=stills,
        live=_embedded(json.dumps(live)),
        script=script(),
        about=_about(comparison),
        versions=versions(),
        n_seeds=len(comparison.seeds),
    )


def _table(comparison: Comparison) -> list[list[str]]:
    columns: list[Cell] = cells(comparison)
    rows: list[Row] = comparison.rows()
    return [[cell.text(row) for cell in columns] for row in rows]


def _embedded(text: str) -> str:
    """JSON that may stand within <script>."""
    return text.replace("<", "\\u003c")


def _data(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


def _about(comparison: Comparison) -> dict[str, str]:
    """What was compared on what, in words."""
    data = comparison.data
    found = {
        "data": f"{comparison.source}: {data.n_examples:,} examples x {data.n_features:,} features",
        "stored numbers": f"{data.nnz:,}, {data.density:.3%} of all; {data.nnz_per_row_min:,} to "
        f"{data.nnz_per_row_max:,} in a row, {data.nnz_per_row_mean:.1f} on average",
        "most frequent feature (Delta)": f"in {data.delta:.1%} of the examples",
        "largest neighbourhood (rho)": f"{'at least ' * data.rho_is_lower_bound}{data.rho:.1%} of the examples share a "
        "feature with one of them",
        "held out": f"{100 * comparison.budget.holdout:g} % of the examples, the same for all with the same seed",
        "model": comparison.model,
        "budget of a run": spell_budget(comparison.budget),
        "seeds": ", ".join(map(str, comparison.seeds)),
        "machine": machine(),
    }
    return found if comparison.command is None else {"command": comparison.command, **found}
