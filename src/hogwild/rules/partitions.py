"""Partitions: which worker owns which example, where data stay with their workers: owners = rule.owners(groups, size,
rng).

`groups` (n,) holds whole numbers from 0: the number of each example's label, or of its file. `owners` (n,) holds ranks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hogwild.limits import check_positive, check_whole

EQUAL = 1e100  # shares by a larger alpha differ by nothing, and sums of such numbers overflow
Numbers = NDArray[np.int64]
Assign = Callable[[Numbers, int, Any, tuple[float, ...]], Numbers]


class Partition(NamedTuple):
    """A rule, with its numbers filled in.

    of :      what `groups` are: "labels", "files" or, where they do not matter, "rows"
    assign :  assign(groups, size, rng, numbers) -> owners, (n,)
    """

    name: str
    of: Literal["labels", "files", "rows"]
    assign: Assign
    numbers: tuple[float, ...] = ()

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.numbers))})"

    def owners(self, groups: Numbers, size: int, rng: np.random.Generator) -> Numbers:
        """The rank that owns each example, (n,). ValueError if this rule cannot share them out among so many workers,
        each of which needs one at least.
        """
        owners = self.assign(groups, size, rng, self.numbers)
        check_owners(owners, size, f"by={self!r}", _REMEDIES[self.of])
        return owners


_REMEDIES = {
    "labels": "take fewer workers, another seed, or a milder rule (a larger alpha or k)",
    "files": "take fewer workers, or more files",
    "rows": "take fewer workers, or more data",
}


def check_owners(owners: Numbers, size: int, what: str, remedy: str) -> None:
    """ValueError if a worker has no example."""
    counts = np.bincount(owners, minlength=size)
    if not counts.all():
        raise ValueError(f"{what} gives worker {int(np.argmin(counts))} of {size} no examples: {remedy}")


# ------------------------------------------------------------------------------------------------------------ rules


def evenly() -> Partition:
    """Random rows, as many for each worker: the unbiased partition."""
    return Partition("evenly", "rows", _evenly)


def _evenly(groups: Numbers, size: int, rng: Any, numbers: tuple[float, ...]) -> Numbers:
    return _dealt(groups.size, np.arange(size), rng)


def _dealt(n: int, workers: Numbers, rng: Any) -> Numbers:
    """The owners of n examples in random order, as many of each worker; who gets one more is random, too."""
    dealt: Numbers = rng.permutation(np.resize(rng.permutation(workers), n))
    return dealt


def dirichlet(alpha: float) -> Partition:
    """Of each label the workers get random shares: (q_1, ... q_P) ~ Dirichlet(alpha, ... alpha), label by label.

    alpha : > 0. Towards 0 each label goes to one worker; towards infinity all workers have equal shares of each.

    Yurochkin et al. 2019, "Bayesian nonparametric federated learning of neural networks". Hsu, Qi and Brown 2019 draw
    the shares of the labels for each worker instead, and give all workers as many examples; here some have more.
    """
    check_positive("alpha", alpha)
    return Partition("dirichlet", "labels", _dirichlet, (float(alpha),))


def _dirichlet(groups: Numbers, size: int, rng: Any, numbers: tuple[float, ...]) -> Numbers:
    owners = np.empty_like(groups)
    for group in range(int(groups.max()) + 1):
        rows = rng.permutation(np.flatnonzero(groups == group))
        shares = rng.dirichlet(np.full(size, min(numbers[0], EQUAL)))
        ends = np.round(np.cumsum(shares) * rows.size).astype(np.int64)
        owners[rows] = np.searchsorted(ends[:-1], np.arange(rows.size), side="right")
    return owners


def label_subsets(k: int) -> Partition:
    """Each worker has k of the L labels, in cyclic overlap: worker p of P those with the numbers floor(p L / P), ... +
    k - 1, modulo L. The examples of a label are dealt out evenly, at random, to the workers that have it.

    With 5 workers, 10 labels and k = 7: the biased split of van Dijk, Nguyen et al., in the code of their experiments.

    k : from 1 to L, and large enough for each label to have a worker (at least L / P, rounded up)
    """
    check_whole("k", k)
    return Partition("label_subsets", "labels", _label_subsets, (int(k),))


def _label_subsets(groups: Numbers, size: int, rng: Any, numbers: tuple[float, ...]) -> Numbers:
    k, labels = int(numbers[0]), int(groups.max()) + 1
    if not -(-labels // size) <= k <= labels:
        raise ValueError(
            f"by=label_subsets({k}) does not fit {labels} labels and {size} workers: give each worker "
            f"{-(-labels // size)} to {labels} labels"
        )
    first = np.arange(size) * labels // size
    owners = np.empty_like(groups)
    for label in range(labels):
        having = np.flatnonzero((label - first) % labels < k)
        rows = np.flatnonzero(groups == label)
        owners[rows] = _dealt(rows.size, having, rng)
    return owners


def by_file() -> Partition:
    """Each worker has one or more whole files, in the order given: worker p of P the files floor(p F / P), ... of F."""
    return Partition("by_file", "files", _by_file)


def _by_file(groups: Numbers, size: int, rng: Any, numbers: tuple[float, ...]) -> Numbers:
    files = int(groups.max()) + 1
    owners: Numbers = np.searchsorted(np.arange(1, size) * files // size, groups, side="right")
    return owners
