"""Workers' weights, where workers run elsewhere: what the engine has of them is true only when it is brought."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import final


class AbstractMirrors(ABC):
    """Of `Session.params` and `Session.memories`. Of workers at rest only: nobody computes with their weights."""

    @abstractmethod
    def bring(self, rank: int) -> bool:
        """What we have of this worker becomes what it has itself. False: it is dead, and all know."""

    @abstractmethod
    def bring_all(self, ranks: Collection[int]) -> Sequence[int]:
        """The same of several; those that are not dead."""

    @abstractmethod
    def give(self, rank: int) -> None:
        """The worker's weights become those that we have of it, unless it is dead."""


@final
class AllHere(AbstractMirrors):
    """Workers of this process: we have their weights themselves."""

    def bring(self, rank: int) -> bool:
        """They are here."""
        return True

    def bring_all(self, ranks: Collection[int]) -> Sequence[int]:
        """They are here."""
        return tuple(ranks)

    def give(self, rank: int) -> None:
        """They are theirs."""


ALL_HERE = AllHere()
