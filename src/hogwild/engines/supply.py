"""The examples of a run as its workers get them: from handout to handout, epoch after epoch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import accumulate, pairwise
from typing import Any, final

from hogwild.data.blocks import Block, Blocks
from hogwild.engines.handout import Handout, Stretch
from hogwild.engines.own_rows import AbstractOwnRows, OwnRows, RowsElsewhere
from hogwild.engines.seated import Seated
from hogwild.interfaces import Unsupported
from hogwild.requests import Portion
from hogwild.rules.schedules import Moment

Taken = tuple[list[Block], Moment, int]  # the examples, the moment at which they are learnt, and how many they are


@final
class Supply:
    """One handout that all workers ask or, if they agree on their rounds, one for each of them.

    parts :   the rows of all; or those of each worker, where they stay with it. Handouts then say how many examples
              come next and when, and each worker learns as many of its own, see `OwnRows`.
    hurried : of an epoch: must it be shared out evenly, so that workers come to its end together?
    apart :   are the rows where the workers are, which then find out themselves which come next?
    """

    def __init__(
        self,
        parts: Sequence[Blocks],
        begin: Moment,
        size: int,
        *,
        agreed: bool,
        hurried: Callable[[int], bool],
        apart: bool = False,
    ) -> None:
        self.parts, self.n_training = parts, sum(part.n_training for part in parts)
        own = [RowsElsewhere() if apart else OwnRows(part, begin.epoch) for part in parts]
        self._own: Sequence[AbstractOwnRows] = own if len(parts) > 1 else []
        ends = accumulate((part.n_training for part in parts), initial=0)
        self._owned = [range(first, end) for first, end in pairwise(ends)]
        self._size, self._agreed, self._hurried = size, agreed, hurried
        self._reserved: list[list[Stretch]] = [[] for _ in range(size)]
        self._passed = -1  # the last epoch whose examples were all learnt in portions
        self._handouts: list[Handout | Seated] = []
        self._before: dict[int, tuple[Handout | Seated, list[Stretch]]] = {}  # what may be put back
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
        self._pass_over(rank)

    def _pass_over(self, rank: int) -> None:
        """If all examples of the worker's epoch were learnt in portions before it has begun it, nothing is left."""
        handout = self._handouts[rank]
        if handout.examples == 0 and handout.moment.epoch <= self._passed:  # each worker's own, or the same for all
            handout.take_rest(rank)

    def _new(self, moment: Moment) -> Handout | Seated:
        """Agreed: among those that are there now; they are the same for all that open this epoch. Rows that stay with a
        worker wait for it.
        """
        epoch, hurried = moment.epoch, self._hurried(moment.epoch)
        n, chunk = self.n_training, self.parts[0].chunk
        members = self._members.setdefault(epoch, self._present)
        if len(members) == self._size or not self._agreed or self._own:
            return Handout(n, chunk, moment, self._size, agreed=self._agreed, hurried=hurried)
        return Seated(Handout(n, chunk, moment, len(members), agreed=True, hurried=hurried), members)

    def share(self, rank: int) -> float:
        """The worker's own examples / all; an equal share where nobody has his own."""
        return len(self._owned[rank]) / self.n_training if self._own else 1 / self._size

    @property
    def apart(self) -> bool:
        """Do rows stay with the workers that have them?"""
        return bool(self._own)

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

    @property
    def share_handed_out(self) -> float:
        """Of the examples of the epoch, to the worker that is furthest."""
        return self._leading().examples / self.n_training

    def _leading(self) -> Handout | Seated:
        if not self._agreed:
            return self._handouts[0]
        return max(self._handouts, key=lambda handout: (handout.moment.done, handout.moment.epoch))

    # ------------------------------------------------------------------------------------------------- examples

    def take(self, rank: int, examples: int, minibatch: int = 1, *, together: bool = False) -> Taken:
        """The worker's next examples; fewer at the end of an epoch.

        together: of workers that are all given the same ones, and share them out among themselves. Who has rows of his
                  own is given as many of these, and learns those in the places that are his.
        """
        handout = self._handouts[rank]
        self._before.pop(rank, None)
        if together:
            stretch = handout.take_together(examples, minibatch)
            if self._own:
                return self._own[rank].take_apart(_length(stretch)), stretch.moment, _length(stretch)
            return self._cut(rank, stretch)
        if not self._reserved[rank]:
            return self._cut(rank, handout.take(rank, examples, minibatch))
        taken, self._reserved[rank] = _split(self._reserved[rank], examples)
        return self._cut(rank, *taken)

    def take_ahead(self, rank: int, examples: int, minibatch: int, *, together: bool) -> Taken | None:
        """`take`, before the worker asks for it: it may `put_back`. None if it could not, as others may have taken what
        comes after.
        """
        if not self._agreed or self._own:
            return None
        before = self._handouts[rank].twin(), list(self._reserved[rank])
        found = self.take(rank, examples, minibatch, together=together)
        self._before[rank] = before
        return found

    def put_back(self, rank: int) -> None:
        """The worker has not learnt what it took ahead, and wants something else."""
        self._handouts[rank], self._reserved[rank] = self._before.pop(rank)
        self._pass_over(rank)

    def take_instead(self, rank: int, examples: int, minibatch: int, *, together: bool) -> Taken:
        """`put_back`, and `take`."""
        self.put_back(rank)
        return self.take(rank, examples, minibatch, together=together)

    def take_rest(self, rank: int) -> Taken:
        """The worker's part of all that is left of the epoch; of own rows, if the epoch begins, all of them."""
        handout, reserved = self._handouts[rank], self._reserved[rank]
        self._reserved[rank] = []
        if not self._own:
            return self._cut(rank, *reserved, handout.take_rest(rank))
        stretches = (*reserved, handout.take_rest(rank, self._owned[rank]))
        if sum(map(_length, stretches)) == len(self._owned[rank]):
            self._own[rank].begin_pass()
        return self._cut(rank, *stretches)

    def reserve(self, rank: int, examples: int) -> list[Block]:
        """Show the worker's next examples, which are set aside for it; also that there are none, so that it will not be
        given others meanwhile, of an epoch that has begun since.
        """
        if self._own:
            return self._own[rank].show(self.reserve_count(rank, examples))
        return self._cut(rank, *self._reserve(rank, examples))[0]

    def reserve_count(self, rank: int, examples: int) -> int:
        """The same, of examples that are where the worker is: how many there are."""
        return sum(map(_length, self._reserve(rank, examples)))

    def _reserve(self, rank: int, examples: int) -> list[Stretch]:
        handout, reserved = self._handouts[rank], self._reserved[rank]
        if not self._has_reserved(rank):
            reserved.clear()
        missing = examples - sum(map(_length, reserved))
        if not reserved or (missing > 0 and reserved[0].epoch == handout.moment.epoch):
            reserved.append(handout.take(rank, missing, missing))
        return _split(reserved, examples)[0]

    def _has_reserved(self, rank: int) -> bool:
        return any(map(_length, self._reserved[rank]))

    def portion(self, rank: int, portion: Portion) -> Taken:
        """The examples of a portion of the pass of the worker's epoch, which the epoch has not counted yet. ValueError
        if there are no such examples.
        """
        self.check_portions()
        if not (0 <= portion.first < portion.first + portion.count <= self.n_training):
            raise ValueError(f"{portion!r} is no part of a pass over {self.n_training} examples: see take()")
        moment = self._handouts[rank].moment
        return self._cut(rank, Stretch(moment.epoch, portion.first, portion.first + portion.count, moment))

    def check_portions(self) -> None:
        """Unsupported if examples cannot go to whoever is free."""
        if self._own:
            raise Unsupported(
                "portions of a pass go to whoever is free, but Partitioned data stay with their workers (Local, too): "
                "use gradient(ALL), or give the data without Partitioned"
            )

    def pass_is_over(self) -> None:
        """All examples of the epoch were learnt in portions; perhaps before some workers have come to it."""
        self._passed = self._leading().moment.epoch
        for rank in range(self._size):
            self._pass_over(rank)

    def _cut(self, rank: int, *stretches: Stretch) -> Taken:
        count = sum(map(_length, stretches))
        if self._own:
            return self._own[rank].take(count), stretches[0].moment, count
        blocks: list[Block] = []
        all_rows = self.parts[0]
        for epoch, first, end, _ in stretches:
            if first < end:
                blocks += all_rows.cut(all_rows.order(epoch), first, end)
        return blocks, stretches[0].moment, count

    def lost(self, rank: int, other: int) -> None:
        """The worker is dead: examples that were set aside for it go to another, if they are anybody's; where each has
        its own, the others have its part from the next epoch on.
        """
        self._present = tuple([each for each in self._present if each != rank])
        self._before.pop(rank, None)
        reserved, self._reserved[rank] = self._reserved[rank], []
        if not self._agreed and other != rank:
            self._reserved[other] += [stretch for stretch in reserved if _length(stretch)]

    def follow(self, rank: int, other: int) -> None:
        """The worker goes on where the other is; agreed: with a part of its own in epochs that begin later."""
        self._present = tuple(sorted({*self._present, rank}))
        self._handouts[rank] = self._handouts[other].twin() if self._agreed else self._handouts[other]

    # ------------------------------------------------------------------------------------------- a run that goes on

    def standing(self) -> dict[str, Any]:
        """How far all have come, for JSON."""
        return {
            "handouts": [handout.place for handout in self._handouts],
            "reserved": [list(reserved) for reserved in self._reserved],
            "passed": self._passed,
            "members": list(self._members.items()),
            "places": [own.place for own in self._own],
        }

    def resume(self, standing: dict[str, Any], likes: Sequence[int]) -> None:
        """All go on from there; those that were lost where another was, see `likes`."""
        self._passed = standing["passed"]
        self._members = {epoch: tuple(ranks) for epoch, ranks in standing["members"]}
        places = [standing["handouts"][like] for like in likes]
        if self._agreed:
            self._handouts = [self._at(*place) for place in places]
        else:
            self._handouts = [self._at(*places[0])] * self._size
        self._reserved = [
            [Stretch(epoch, first, end, Moment(*moment)) for epoch, first, end, moment in reserved]
            for reserved in standing["reserved"]
        ]
        for rank, place in enumerate(standing["places"]):
            self.go_to(rank, place)

    def place_of(self, rank: int) -> tuple[int, int] | None:
        """Where the worker is in its own rows; None if it has none."""
        return self._own[rank].place if self._own else None

    def go_to(self, rank: int, place: Sequence[int] | None) -> None:
        """It goes on there."""
        if place is not None and self._own:
            first, second = place
            self._own[rank].go_to((first, second))

    def _at(self, moment: Sequence[Any], examples: int) -> Handout | Seated:
        handout = self._new(Moment(*moment))
        handout.go_to(examples)
        return handout

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
