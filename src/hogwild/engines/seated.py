"""The rows of an epoch, shared out among those workers that were there when it began."""

from __future__ import annotations

from typing import final

from hogwild.engines.handout import Handout, Stretch
from hogwild.rules.schedules import Moment


@final
class Seated:
    """An agreed `Handout` of as many workers as there are `members`. Who comes later learns what one of them does, too:
    it would have nothing to do else, and in an average of weights it would count as much as those who learn.
    """

    def __init__(self, handout: Handout, members: tuple[int, ...]) -> None:
        self._handout, self._members = handout, members

    @property
    def left(self) -> bool:
        """As of `Handout`; so are all that follow."""
        return self._handout.left

    @property
    def examples(self) -> int:
        return self._handout.examples

    @property
    def moment(self) -> Moment:
        return self._handout.moment

    def take(self, rank: int, examples: int, minibatch: int = 1) -> Stretch:
        return self._handout.take(self._seat(rank), examples, minibatch)

    def take_together(self, examples: int, minibatch: int) -> Stretch:
        return self._handout.take_together(examples, minibatch)

    def take_rest(self, rank: int, owned: range | None = None) -> Stretch:
        return self._handout.take_rest(self._seat(rank), owned)

    @property
    def place(self) -> tuple[Moment, int]:
        return self._handout.place

    def go_to(self, examples: int) -> None:
        self._handout.go_to(examples)

    def twin(self) -> Seated:
        return Seated(self._handout.twin(), self._members)

    def _seat(self, rank: int) -> int:
        members = self._members
        return members.index(rank) if rank in members else rank % len(members)
