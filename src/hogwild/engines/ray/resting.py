"""Actors have several runs, one after another: to start a process takes seconds."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod


class AbstractActor(ABC):
    """Begins a run, and rests when that has ended. Made without arguments."""

    def rest(self) -> None:
        """Be as new. What lies in the object store stays there as long as anybody looks at it."""
        self.end()
        vars(self).clear()
        vars(self).update(vars(type(self)()))
        gc.collect()
        gc.freeze()  # what is left are modules: to look at them again takes 0.2 s, for which the next run would wait

    @abstractmethod
    def end(self) -> None:
        """The run is over: nothing goes on here any more."""
