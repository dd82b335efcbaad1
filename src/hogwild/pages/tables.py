"""Tables: for a page and a terminal as text, and as frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, final

Row = TypeVar("Row")
NONE = "-"


@final
class Column(NamedTuple, Generic[Row]):
    """What stands above it, and what it says of a row; NONE: nothing."""

    heading: str
    text: Callable[[Row], str]


@final
class Table(NamedTuple):
    """What stands above its columns, and its rows."""

    head: list[str]
    rows: list[list[str]]

    @classmethod
    def of(cls, columns: Iterable[Column[Row]], rows: Sequence[Row]) -> Table:
        """The columns in which anybody has something to say."""
        said = {column.heading: [column.text(row) for row in rows] for column in columns}
        kept = {heading: texts for heading, texts in said.items() if any(text != NONE for text in texts)}
        return cls(list(kept), [list(line) for line in zip(*kept.values(), strict=True)])

    def lines(self) -> list[str]:
        """The first column to the left, numbers to the right."""
        columns = []
        for place, column in enumerate(zip(self.head, *self.rows, strict=True)):
            width = max(map(len, column))
            columns.append([text.rjust(width) if place else text.ljust(width) for text in column])
        return ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]


def frame(rows: Iterable[Mapping[str, Any]], index: str | list[str]) -> Any:
    """A `pandas.DataFrame`. ImportError without pandas."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError("tables need pandas: pip install 'hogwild[pages]'") from error
    return pandas.DataFrame(list(rows)).set_index(index)
