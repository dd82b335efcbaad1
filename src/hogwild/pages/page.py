"""A page that needs no network, and no scripts: where they run, its pictures answer the mouse.

Needs the extra `pages` (Bokeh, which brings Jinja, and Matplotlib).
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple, final

from hogwild.data.atomic import saving
from hogwild.pages.machine import machine, versions
from hogwild.pages.palettes import DARK, LIGHT
from hogwild.pages.panels import Panel
from hogwild.pages.tables import Table

CODE = ("command", "model")  # of what was done: for machines to read


@final
class Page(NamedTuple):
    """What it says, from top to bottom.

    intro :     soft words below the title
    warning :   None: there is nothing to warn of
    sentences : what was found
    table, note : figures by row, and what they mean
    problems :  what went wrong, by name
    panels :    its pictures, and `lines`, what they show
    about :     what was done on what, by name. Machine and versions follow
    """

    title: str
    intro: str
    warning: str | None
    sentences: Sequence[str]
    table: Table
    note: str
    problems: Mapping[str, str]
    panels: Sequence[Panel]
    lines: str
    about: Mapping[str, str]


def write_page(page: Page, path: str | os.PathLike[str]) -> None:
    """Whole or not at all. ImportError without the extra `pages`, OSError, with one sentence, if that fails."""
    text = html(page)
    with saving(path) as file:
        file.write(text.encode())


def html(page: Page) -> str:
    """The page."""
    try:
        import bokeh  # noqa: F401 (the other files need it)
        import jinja2
    except ImportError as error:
        raise ImportError("pages need Bokeh: pip install 'hogwild[pages]'") from error
    from hogwild.pages.live import figure_json, script
    from hogwild.pages.pictures import svg

    palettes = (LIGHT, DARK)
    live = {palette.name: {panel.key: figure_json(panel, palette) for panel in page.panels} for palette in palettes}
    stills = [
        {"panel": panel, **{palette.name: _data(svg(panel, palette)) for palette in palettes}} for panel in page.panels
    ]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string((files(__package__) / "page.html.j2").read_text("utf-8"))
    return template.render(
        page=page,
        code=CODE,
        stills=stills,
        live=_embedded(json.dumps(live)),
        script=script(),
        about={**page.about, "machine": machine()},
        versions=versions(),
    )


def _embedded(text: str) -> str:
    """JSON that may stand within <script>."""
    return text.replace("<", "\\u003c")


def _data(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
