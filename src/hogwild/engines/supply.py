"""The examples of a run as its workers get them: from handout to handout, epoch after epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from hogwild.data.blocks import Block, Blocks
from hogwild.engines.handout import Handout, Stretch
from hogwild.requests import Portion
from hogwild.rules.schedules import Moment

Taken = tuple[list[Block], Moment, int]  # the examples, the moment at which they are learnt, and how many they are


@final
class Supply:
    """One handout that all workers ask or, if they agree on their rounds, one for each of them.

    hurried : of an epoch: must it be shared out evenly, so that workers come to its end together?
    """

    def __init__(
        self, blocks: Blocks, begin: Moment, size: int, *, agreed: bool, hurried: Callable[[int], bool]
    ) -> None:
        self.blocks = blocks
        self._size, self._agreed, self._hurried = size, agreed, hurried
        self._reserved: list[list[Stretch]] = [[] for _ in range(size)]
        self._passed = -1  # the last epoch whose examples were all learnt in portions
        self._handouts: list[Handout] = []
        self.open(begin)

    # --------------------------------------------------------------------------------------------------- epochs

    def open(self, moment: Moment) -> None:
        """A new epoch begins for all workers."""
        shared = self._new(moment)
        self._handouts = [shared.twin() if self._agreed else shared for _ in range(self._size)]

    def open_for(self, rank: int, moment: Moment) -> None:
        """Agreed: a new epoch begins for one worker; the others will come to it."""
        self._handouts[rank] = self._new(moment)
        if moment.epoch <= self._passed:
            self._handouts[rank].take_rest(rank)

    def _new(self, moment: Moment) -> Handout:
        return Handout(self.blocks, moment, self._size, agreed=self._agreed, hurried=self._hurried(moment.epoch))

    def handout(self, rank: int) -> Handout:
        """What the worker's next examples come from."""
        return self._handouts[rank]

    def has(self, rank: int) -> bool:
        """Is there anything left for this worker in this epoch?"""
        return self._handouts[rank].left or self._has_reserved(rank)

    @property
    def moment(self) -> Moment:
        """Now, by what was handed out to the worker that is furthest."""
        return self._leading().moment

    def _leading(self) -> Handout:
        if not self._agreed:
            return self._handouts[0]
        return max(self._handouts, key=lambda handout: (handout.moment.done, handout.moment.epoch))

    # ------------------------------------------------------------------------------------------------- examples

    def take(self, rank: int, examples: int, minibatch: int = 1, *, together: bool = False) -> Taken:
        """The worker's next examples; fewer at the end of an epoch.

        together: of workers that are all given the same ones, and share them out among themselves.
        """
        handout = self._handouts[rank]
        if together:
            return self._cut(handout.take_together(examples))
        reserved = self._reserved[rank]
        if not reserved:
            return self._cut(handout.take(rank, examples, minibatch))
        first = reserved[0]
        end = min(first.end, first.first + examples)
        reserved[:1] = [first._replace(first=end)] if end < first.end else []
        return self._cut(first._replace(end=end))

    def take_rest(self, rank: int) -> Taken:
        """The worker's part of all that is left of the epoch."""
        return self._cut(self._handouts[rank].take_rest(rank))

    def reserve(self, rank: int, examples: int) -> list[Block]:
        """Show the worker's next examples, which are set aside for it; also that there are none, so that it will not be
        given others meanwhile, of an epoch that has begun since.
        """
        if not self._has_reserved(rank):
            self._reserved[rank][:] = [self._handouts[rank].take(rank, examples, examples)]
        first = self._reserved[rank][0]
        return self._cut(first._replace(end=min(first.end, first.first + examples)))[0]

    def _has_reserved(self, rank: int) -> bool:
        return any(stretch.end > stretch.first for stretch in self._reserved[rank])

    def portion(self, rank: int, portion: Portion) -> Taken:
        """The examples of a portion of the pass of the worker's epoch, which the epoch has not counted yet."""
        moment = self._handouts[rank].moment
        return self._cut(Stretch(moment.epoch, portion.first, portion.first + portion.count, moment))

    def pass_is_over(self) -> None:
        """All examples of the epoch were learnt in portions; perhaps before some workers have come to it."""
        self._passed = self._leading().moment.epoch
        for rank, handout in enumerate(self._handouts):
            if handout.examples == 0 and handout.moment.epoch == self._passed:  # each worker's own, or the same for all
                handout.take_rest(rank)

    def _cut(self, stretch: Stretch) -> Taken:
        count = stretch.end - stretch.first
        blocks = self.blocks.cut(self.blocks.order(stretch.epoch), stretch.first, stretch.end) if count else []
        return blocks, stretch.moment, count

    # ---------------------------------------------------------------------------------------------- who comes late

    def place(self, rank: int) -> Handout:
        """Agreed: how far the worker has come in the examples."""
        return self._handouts[rank].twin()

    def move(self, rank: int, place: Handout) -> None:
        """Agreed: the worker has missed what others did until they came to this place."""
        if place.moment.done > self._handouts[rank].moment.done:
            self._handouts[rank] = place.twin()
