"""Workers' weights, where workers run elsewhere: what the engine has of them is true only when it is brought."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final


class AbstractMirrors(ABC):
    """Of `Session.params` and `Session.memories`. Of workers at rest only: nobody computes with their weights."""

    @abstractmethod
    def bring(self, rank: int) -> None:
        """What we have of this worker becomes what it has itself."""

    @abstractmethod
    def give(self, rank: int) -> None:
        """The worker's weights become those that we have of it."""


@final
class AllHere(AbstractMirrors):
    """Workers of this process: we have their weights themselves."""

    def bring(self, rank: int) -> None:
        """They are here."""

    def give(self, rank: int) -> None:
        """They are theirs."""


ALL_HERE = AllHere()
