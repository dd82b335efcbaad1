"""What a worker has changed and the server has not told it of yet: it goes on top of whatever the server tells."""

from __future__ import annotations

from typing import final

from hogwild.answers import Versioned
from hogwild.deltas import Change, Vector


@final
class OwnChanges:
    """A worker's changes that the server has not told it of yet."""

    def __init__(self, first: Versioned) -> None:
        # A worker that comes back has pushed before. Of the push that was lost with it some shards may know.
        self._earlier = _pushed(first)
        self._sent: list[Change] = []
        self._told = 0  # changes that were sent, and are no longer here
        self._accrued: Change | None = None

    @property
    def examples(self) -> int:
        """Of the sample so far."""
        return 0 if self._accrued is None else self._accrued.examples

    def learn(self, change: Change) -> None:
        """A part of the sample."""
        if change.examples:
            self._accrued = change if self._accrued is None else self._accrued + change

    def send(self) -> Change:
        """The sample is complete: what it has changed."""
        assert self._accrued is not None
        sent, self._accrued = self._accrued, None
        self._sent.append(sent)
        return sent

    def is_even(self, latest: Versioned) -> bool:
        """Had all shards as many of my changes?"""
        return len(set(self._since(latest))) == 1

    def added_to(self, latest: Versioned) -> Vector:
        """The server's weights, and my changes that are not in them."""
        told = min(self._since(latest))
        del self._sent[: told - self._told]
        self._told = told
        weights = latest.values.copy()
        for change in (*self._sent, *([] if self._accrued is None else [self._accrued])):
            weights += change.values
        return weights

    def _since(self, latest: Versioned) -> list[int]:
        return [now - before for now, before in zip(_pushed(latest), self._earlier, strict=True)]


def _pushed(weights: Versioned) -> list[int]:
    """How many of my pushes each shard had applied."""
    return [stamp.version - stamp.others for stamp in weights.stamps]
