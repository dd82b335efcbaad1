"""When training ends, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from hogwild.limits import check_fields, check_whole, is_number

REASONS = {
    "converged": "converged",
    "ended by the strategy": "ended by the strategy",
    "epochs": "all epochs used",
    "examples": "all examples used",
    "bytes": "all bytes used",
    "time": "time limit reached",
    "interrupted": "interrupted: the best model so far",
}
"""Why it may have ended, the best first, and the same in words."""

GOES_ON = ("examples", "bytes", "time", "interrupted")
"""Those after which it may go on, with more of that."""


@final
@dataclass(frozen=True)
class Stop:
    """When training ends: whichever of these comes first. Weights are judged after each epoch, and at the end.

    epochs :   the most passes over the data
    time_s :   seconds since the run began (virtual ones, if simulated), in which weights are judged, too
    tol :      relative improvement of the criterion (the objective, or the hold-out loss) that counts as one. 0: never
               stop for it. None: judge nothing, which saves a pass over the data each epoch; the last weights are the
               result then
    patience : epochs without such an improvement before stopping
    holdout :  this share of the examples is kept out, and its loss is the criterion
    examples : that all workers together have learned
    sent_bytes : what all workers together have sent, and what they were answered

    Time, examples and bytes are looked at between two rounds, so that each worker may go beyond by a round. On `Ray`
    workers report what they send to each other and to shards about twice a second.

    Raises ValueError for a number out of its range.
    """

    epochs: int = 100
    time_s: float | None = None
    tol: float | None = 1e-3
    patience: int = 2
    holdout: float = 0.0
    examples: int | None = None
    sent_bytes: int | None = None

    def __post_init__(self) -> None:
        check_fields(self, "epochs", "patience")
        if self.time_s is not None and not (is_number(self.time_s) and self.time_s > 0):
            raise ValueError(f"time_s={self.time_s!r} must be a positive number of seconds, or None")
        for name in ("examples", "sent_bytes"):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name), 1, ", or None")
        if self.tol is not None and not (is_number(self.tol) and self.tol >= 0):
            raise ValueError(f"tol={self.tol!r} must be a number of at least 0, or None to judge nothing")
        if not (is_number(self.holdout) and 0 <= self.holdout < 1):
            raise ValueError(f"holdout={self.holdout!r} must lie in [0, 1)")
        if self.holdout > 0 and self.tol is None:
            raise ValueError("a hold-out is there to be judged: give tol a number, or 0 to run all epochs")

    def used_up(self, elapsed_s: float, examples: Callable[[], float], sent_bytes: Callable[[], int]) -> str | None:
        """Of what a run has had enough, beside epochs: the word for it in `REASONS`, or None. It is asked between any
        two rounds: what is not limited is not counted.
        """
        if self.time_s is not None and elapsed_s > self.time_s:
            return "time"
        if self.examples is not None and examples() >= self.examples:
            return "examples"
        if self.sent_bytes is not None and sent_bytes() >= self.sent_bytes:
            return "bytes"
        return None
