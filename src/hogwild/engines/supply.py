"""The examples of a run as its workers get them: from handout to handout, epoch after epoch."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import final

from hogwild.data.blocks import Block, Blocks
from hogwild.engines.handout import Handout, Stretch
from hogwild.engines.seated import Seated
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
        self._handouts: list[Handout | Seated] = []
        self._present = tuple(range(size))  # who is there
        self._members: dict[int, tuple[int, ...]] = {}  # agreed, by epoch: who was there when it was opened
        self._begin = begin
        self.open(begin)

    # --------------------------------------------------------------------------------------------------- epochs

    def open(self, moment: Moment) -> None:
        """A new epoch begins for all workers."""
        shared = self._new(moment)
        self._handouts = [shared.twin() if self._agreed else shared for _ in range(self._size)]

    def begin_without(self, absent: Collection[int]) -> None:
        """Nothing was learnt yet, and these workers come later."""
        self._present = tuple([rank for rank in self._present if rank not in absent])
        self._members.clear()
        self.open(self._begin)

    def open_for(self, rank: int, moment: Moment) -> None:
        """Agreed: a new epoch begins for one worker; the others will come to it."""
        self._handouts[rank] = self._new(moment)
        if moment.epoch <= self._passed:
            self._handouts[rank].take_rest(rank)

    def _new(self, moment: Moment) -> Handout | Seated:
        """Agreed: among those that are there now; they are the same for all that open this epoch."""
        epoch, hurried = moment.epoch, self._hurried(moment.epoch)
        if len(self._members.setdefault(epoch, self._present)) == self._size or not self._agreed:
            return Handout(self.blocks, moment, self._size, agreed=self._agreed, hurried=hurried)
        members = self._members[epoch]
        return Seated(Handout(self.blocks, moment, len(members), agreed=True, hurried=hurried), members)

    def handout(self, rank: int) -> Handout | Seated:
        """What the worker's next examples come from."""
        return self._handouts[rank]

    def has(self, rank: int) -> bool:
        """Is there anything left for this worker in this epoch?"""
        return self._handouts[rank].left or self._has_reserved(rank)

    @property
    def moment(self) -> Moment:
        """Now, by what was handed out to the worker that is furthest."""
        return self._leading().moment

    def _leading(self) -> Handout | Seated:
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
            return self._cut(handout.take_together(examples, minibatch))
        if not self._reserved[rank]:
            return self._cut(handout.take(rank, examples, minibatch))
        taken, self._reserved[rank] = _split(self._reserved[rank], examples)
        return self._cut(*taken)

    def take_rest(self, rank: int) -> Taken:
        """The worker's part of all that is left of the epoch."""
        reserved, self._reserved[rank] = self._reserved[rank], []
        return self._cut(*reserved, self._handouts[rank].take_rest(rank))

    def reserve(self, rank: int, examples: int) -> list[Block]:
        """Show the worker's next examples, which are set aside for it; also that there are none, so that it will not be
        given others meanwhile, of an epoch that has begun since.
        """
        handout, reserved = self._handouts[rank], self._reserved[rank]
        if not self._has_reserved(rank):
            reserved.clear()
        missing = examples - sum(map(_length, reserved))
        if not reserved or (missing > 0 and reserved[0].epoch == handout.moment.epoch):
            reserved.append(handout.take(rank, missing, missing))
        return self._cut(*_split(reserved, examples)[0])[0]

    def _has_reserved(self, rank: int) -> bool:
        return any(map(_length, self._reserved[rank]))

    def portion(self, rank: int, portion: Portion) -> Taken:
        """The examples of a portion of the pass of the worker's epoch, which the epoch has not counted yet. ValueError
        if there are no such examples.
        """
        if not (0 <= portion.first < portion.first + portion.count <= self.blocks.n_training):
            raise ValueError(f"{portion!r} is no part of a pass over {self.blocks.n_training} examples: see take()")
        moment = self._handouts[rank].moment
        return self._cut(Stretch(moment.epoch, portion.first, portion.first + portion.count, moment))

    def pass_is_over(self) -> None:
        """All examples of the epoch were learnt in portions; perhaps before some workers have come to it."""
        self._passed = self._leading().moment.epoch
        for rank, handout in enumerate(self._handouts):
            if handout.examples == 0 and handout.moment.epoch == self._passed:  # each worker's own, or the same for all
                handout.take_rest(rank)

    def _cut(self, *stretches: Stretch) -> Taken:
        blocks: list[Block] = []
        for epoch, first, end, _ in stretches:
            if first < end:
                blocks += self.blocks.cut(self.blocks.order(epoch), first, end)
        return blocks, stretches[0].moment, sum(map(_length, stretches))

    def lost(self, rank: int, other: int) -> None:
        """The worker is dead: examples that were set aside for it go to another, if they are anybody's; where each has
        its own, the others have its part from the next epoch on.
        """
        self._present = tuple([each for each in self._present if each != rank])
        reserved, self._reserved[rank] = self._reserved[rank], []
        if not self._agreed and other != rank:
            self._reserved[other] += [stretch for stretch in reserved if _length(stretch)]

    def follow(self, rank: int, other: int) -> None:
        """The worker goes on where the other is; agreed: with a part of its own in epochs that begin later."""
        self._present = tuple(sorted({*self._present, rank}))
        self._handouts[rank] = self._handouts[other].twin() if self._agreed else self._handouts[other]

    # ---------------------------------------------------------------------------------------------- who comes late

    def place(self, rank: int) -> Handout | Seated:
        """Agreed: how far the worker has come in the examples."""
        return self._handouts[rank].twin()

    def move(self, rank: int, place: Handout | Seated) -> None:
        """Agreed: the worker has missed what others did until they came to this place."""
        if place.moment.done > self._handouts[rank].moment.done:
            self._handouts[rank] = place.twin()


def _length(stretch: Stretch) -> int:
    return stretch.end - stretch.first


def _split(stretches: list[Stretch], examples: int) -> tuple[list[Stretch], list[Stretch]]:
    """The first so many examples, one stretch at least, and the rest."""
    taken: list[Stretch] = []
    rest: list[Stretch] = []
    for stretch in stretches:
        cut = min(stretch.end, stretch.first + examples)
        if cut > stretch.first or not taken:
            taken.append(stretch._replace(end=cut))
        if cut < stretch.end:
            rest.append(stretch._replace(first=cut))
        examples -= cut - stretch.first
    return taken, rest
