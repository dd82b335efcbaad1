"""A study: what a paper has found, runs that look for it, and what they show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

from hogwild.pages import Panel


@final
@dataclass(frozen=True)
class Setting:
    """seed: of all runs. quick: so small that it takes seconds; what is found must hold there, too."""

    seed: int = 0
    quick: bool = False


@final
class Finding(NamedTuple):
    """A sentence with the numbers that were found, and whether it holds."""

    text: str
    holds: bool


@final
class Found(NamedTuple):
    """A table, a picture, and what they show."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    picture: Panel
    findings: Sequence[Finding]


@final
class Study(NamedTuple):
    """paper: who, and where. found_there, ours, why: what they have found, what is run here, and why it differs, where
    it does; paragraphs of Markdown.
    """

    name: str
    title: str
    paper: str
    found_there: str
    ours: str
    why: str
    look: Callable[[Setting], Found]
