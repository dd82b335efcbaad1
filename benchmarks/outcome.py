"""What a race gives: one table, and for each goal what was measured and whether it was reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final


@final
@dataclass(frozen=True)
class Goal:
    """`reached` is None where nothing could be judged, e.g. because a peer is missing."""

    text: str
    measured: str
    reached: bool | None

    @property
    def verdict(self) -> str:
        return {True: "reached", False: "not reached", None: "not judged"}[self.reached]


@final
@dataclass
class Outcome:
    """The table of one race. `figures` holds numbers that tests and programs can use, by contender and kind."""

    title: str
    setting: str  # what was measured, in a few sentences
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: dict[tuple[str, str], float] = field(default_factory=dict)
