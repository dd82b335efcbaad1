"""Rules of asynchronous SGD with a Parzen-window filter: which states to believe, and how often to send one's own."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from hogwild.rules.sums import inner

Vector = NDArray[Any]


def lies_ahead(before: Vector, after: Vector, other: Vector) -> bool:
    """Is another's state nearer to mine after my step than it was before, |after - other|^2 < |before - other|^2?

    Then I am going there, and may believe it (Keuper and Pfreundt 2015).
    """
    near, far = after - other, before - other
    return inner(near, near) < inner(far, far)


class Interval(NamedTuple):
    """Steps between two messages, such that about `wanted` of them wait to be sent (Keuper and Pfreundt 2015b):

        steps = steps + gain ((queued - wanted) + (queued - queued before)),   at least `least`

    steps, least, gain : in steps; queued : messages that had not left at the last look
    """

    steps: float
    least: int
    gain: float
    wanted: float = 1.0
    queued: int = 0

    def adapted(self, queued: int) -> Interval:
        """After another look at the queue."""
        steps = self.steps + self.gain * ((queued - self.wanted) + (queued - self.queued))
        return self._replace(steps=max(float(self.least), steps), queued=queued)
