"""The memory of one machine's workers: one shared vector, and what each worker keeps for itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.limits import check_fields

# Cells of a run's `control` array (int64), on which kernels wait: a cache line (8 cells) apart, so that spinning on
# one leaves the others alone.
STOP, TURN, ARRIVED, PHASE = 0, 8, 16, 24
CONTROL_CELLS = 32


@final
@dataclass(frozen=True)
class Replicas:
    """Private copies; changes are added to the shared vector after every `every_examples` rows, without a lock.

    More often where weights are few and a merge costs little, or examples are few: `every_examples` is the most.

    `ordered` merges at fixed points in rank order instead: repeatable bit for bit, at the price of waiting for the
    slowest worker at each merge.
    """

    every_examples: int = 4096
    ordered: bool = False

    def __post_init__(self) -> None:
        check_fields(self, "every_examples")


@final
@dataclass(frozen=True)
class Racy:
    """One shared vector, read and written by everybody without locks: Hogwild! as published."""


@final
@dataclass(frozen=True)
class Locking:
    """One shared vector; every variable of an example is locked, in index order, while it is used (AIG)."""


@final
@dataclass(frozen=True)
class InTurn:
    """One shared vector; workers compute at once and apply their updates one after another, in rank order."""


Sharing = Replicas | Racy | Locking | InTurn


@final
@dataclass
class Memory:
    """What one worker's `steps` read and write. Arrays that the way of sharing does not need have length 0.

    `shared` is one and the same array for all workers of the machine; so are `deltas`, `locks` and `control`.
    """

    rank: int
    size: int
    shared: NDArray[np.floating]
    control: NDArray[np.int64]
    how: Sharing | None = None  # None: `shared` belongs to this worker alone
    state: dict[str, NDArray[Any]] = field(default_factory=dict)  # its own `Params.state`: what is never shared
    true: bool = False  # must `shared` hold true weights after each call, as if nobody else wrote to it?
    mine: NDArray[np.floating] = field(init=False)
    base: NDArray[np.floating] = field(init=False)
    mean: NDArray[np.floating] = field(init=False)
    mass: NDArray[np.float64] = field(init=False)
    deltas: NDArray[np.floating] = field(init=False)
    locks: NDArray[np.uint32] = field(init=False)

    def __post_init__(self) -> None:
        # In the precision of the weights, also where they are empty: kernels are compiled for it.
        self.mine = self.base = self.mean = np.zeros(0, self.shared.dtype)
        self.deltas = np.zeros((0, 0), self.shared.dtype)
        self.mass, self.locks = np.zeros(1), np.zeros(0, np.uint32)
