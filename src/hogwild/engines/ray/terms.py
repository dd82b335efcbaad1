"""What the actors of a run tell each other, beside requests and their answers."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.deltas import Vector
from hogwild.params import Params


class ActorLost(RuntimeError):
    """A process of a run on a cluster has died. Says which."""


@final
class Over(NamedTuple):
    """Instead of an answer: the run is over, and nobody is answered any more."""


@final
class Terms(NamedTuple):
    """What a worker begins with.

    survey :   what the model knows of the data
    params :   in the form that is trained
    averages : does it keep a mean of its iterates?
    first_pass : the number of the first pass over the data
    """

    survey: Any
    rng: np.random.Generator
    params: Params
    data_share: float
    needs: frozenset[str]
    averages: bool
    first_pass: int


@final
class Entry(NamedTuple):
    """With what a process begins that takes the place of another; `number`: of its first round."""

    rng: np.random.Generator
    params: Params
    number: int


@final
class Shown(NamedTuple):
    """What a worker has itself."""

    weights: Vector
    state: dict[str, NDArray[Any]]
    mean: Vector
    mass: NDArray[np.float64]


@final
class Judged(NamedTuple):
    """Weights that are judged: the number of their epoch in the run, so that each process copies them once."""

    number: int
    params: Params
