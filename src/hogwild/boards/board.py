"""What shows the figures of a run elsewhere."""

from __future__ import annotations

from abc import abstractmethod

from hogwild.boards.figures import Figures
from hogwild.history import Record
from hogwild.watching import AbstractObserver, Status


class AbstractBoard(AbstractObserver):
    """Steps are examples learned."""

    def __init__(self) -> None:
        self._figures = Figures()

    @abstractmethod
    def show(self, figures: dict[str, float], step: int) -> None:
        """Show these, by name."""

    def __call__(self, record: Record) -> None:
        """An epoch has ended."""
        self.show(self._figures.of(record), record.examples)

    def status(self, status: Status) -> None:
        """The run goes on."""
        self.show(self._figures.between(status), status.examples)
