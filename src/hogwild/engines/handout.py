"""Which examples a worker learns next: dynamically from one counter, or at fixed places of the same sequence."""

from __future__ import annotations

import threading
from math import lcm
from typing import NamedTuple, final

from hogwild.rules.schedules import Moment

# Towards a meeting workers get ever fewer examples, down to this part of what they ask for, so that they finish
# together: a worker that the machine took away for a while costs the others little.
SMALLEST_PART = 8


class Stretch(NamedTuple):
    """Positions first, ... end - 1 in the order of an epoch, handed to one worker, and when they are learnt."""

    epoch: int
    first: int
    end: int
    moment: Moment


@final
class Handout:
    """The n training rows of one epoch, which begins at `moment`, as positions 0, 1, ... n - 1 of its order.

    chunk :   rows that are learnt faster together than apart
    agreed :  each of `size` workers has a handout of its own; together they walk through all rows, each knowing what
              the others take. Else all ask one handout, and each row goes to whoever asks first.
    hurried : towards its end workers get fewer examples, so that they come to it together
    """

    def __init__(self, n: int, chunk: int, moment: Moment, size: int, *, agreed: bool, hurried: bool) -> None:
        self._n, self._chunk, self._size, self._agreed, self._hurried = n, chunk, size, agreed, hurried
        self._moment = moment
        self._lock = threading.Lock()
        self._next = 0

    @property
    def left(self) -> bool:
        """Is there anything left in this epoch?"""
        return self._next < self._n

    @property
    def examples(self) -> int:
        """Examples handed out in this epoch (agreed: to all workers that are as far)."""
        return self._next

    @property
    def moment(self) -> Moment:
        """Now: what was handed out is done."""
        return self._after(self._next)

    def _after(self, examples: int) -> Moment:
        epoch, begun, done = self._moment
        return Moment(epoch, begun, done + examples)

    def take(self, rank: int, examples: int, minibatch: int = 1) -> Stretch:
        """The next `examples` rows, fewer at the end of the epoch.

        Many are rounded down to whole chunks, which are learnt faster than parts of them. Minibatches stay whole, also
        for who is hurried: a step on fewer examples is as large, and noisier. Agreed: size * examples rows are walked
        through, and the part of `rank` is given.
        """
        chunk = self._chunk
        examples = self._whole(examples, minibatch)
        if self._agreed:
            first, moment = self._next, self.moment
            self._next = min(self._n, first + examples * self._size)
            own, end = self._share(rank, self._next - first, examples, minibatch)
            return Stretch(self._moment.epoch, first + own, first + end, moment)
        with self._lock:
            first, moment = self._next, self.moment
            if self._hurried:
                fair = (self._n - first) // (2 * self._size) // chunk * chunk
                part = max(fair, examples // SMALLEST_PART // chunk * chunk, min(chunk, examples), minibatch)
                examples = min(examples, part - part % minibatch)
            self._next = min(self._n, first + examples)
            return Stretch(self._moment.epoch, first, self._next, moment)

    def _share(self, rank: int, count: int, examples: int, minibatch: int) -> tuple[int, int]:
        """Agreed: which of the next `count` rows are those of `rank`.

        The last rows of an epoch are shared out as evenly as whole minibatches allow: the lowest ranks would learn them
        all otherwise, in each epoch, and averages of weights would count those who have learnt nothing.
        """
        if count == examples * self._size:
            return rank * examples, (rank + 1) * examples
        unit = min(minibatch, examples)
        units = -(-count // unit)
        own, end = (min(count, units * k // self._size * unit) for k in (rank, rank + 1))
        return own, end

    def _whole(self, examples: int, minibatch: int) -> int:
        """Rounded down to chunks that are whole minibatches, if there is one."""
        unit = lcm(self._chunk, minibatch)
        return examples - examples % unit if examples >= unit else examples

    def take_together(self, examples: int, minibatch: int) -> Stretch:
        """Agreed: the next size * examples rows, which all workers are given and share out among themselves."""
        examples = self._whole(examples, minibatch)
        first, moment = self._next, self.moment
        self._next = min(self._n, first + examples * self._size)
        return Stretch(self._moment.epoch, first, self._next, moment)

    def take_rest(self, rank: int, owned: range | None = None) -> Stretch:
        """All rows that are left; agreed: the part of `rank` of them.

        owned : which of the n rows the worker has, if it has rows of its own: its part is in proportion to them, and
                not agreed it takes no more than these.
        """
        with self._lock:
            first, moment = self._next, self.moment
            rest = self._n - first
            self._next = self._n if self._agreed or owned is None else first + min(rest, len(owned))
            end = self._next
        if self._agreed:
            begin, stop, of = (rank, rank + 1, self._size) if owned is None else (owned.start, owned.stop, self._n)
            first, end = first + rest * begin // of, first + rest * stop // of
        return Stretch(self._moment.epoch, first, end, moment)

    @property
    def place(self) -> tuple[Moment, int]:
        """Where the epoch began, and how many examples have been handed out since."""
        return self._moment, self._next

    def go_to(self, examples: int) -> None:
        """So many have been handed out, before the run went on."""
        self._next = examples

    def twin(self) -> Handout:
        """Another one at the same place."""
        twin = Handout(self._n, self._chunk, self._moment, self._size, agreed=self._agreed, hurried=self._hurried)
        twin._next = self._next
        return twin
