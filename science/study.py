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
class Advice(NamedTuple):
    """A line of docs/how-to-choose.md: in which situation, and what to take there."""

    where: str
    take: str


@final
class Finding(NamedTuple):
    """A sentence with the numbers that were found, whether it holds, and what follows for who has to choose."""

    text: str
    holds: bool
    advice: Advice | None = None


@final
class Exhibit(NamedTuple):
    """A picture, and the table that it shows."""

    picture: Panel
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@final
class Found(NamedTuple):
    """What runs have shown, and the evidence. data: a sentence on the data, if they depend on what is at hand."""

    findings: Sequence[Finding]
    exhibits: Sequence[Exhibit]
    data: str = ""


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
