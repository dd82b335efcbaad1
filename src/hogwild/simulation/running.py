"""simulate(): strategies on clusters of growing size."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogwild.comparison import AbstractSpectator, Contestant, compare, find_budget
from hogwild.comparison.contestants import Entry, entries
from hogwild.data.examples import Examples
from hogwild.data.fingerprint import fingerprint
from hogwild.data.given import examples_of
from hogwild.data.partitioned import Partitioned
from hogwild.data.split import rows_in_order
from hogwild.engines import first_objective
from hogwild.interfaces import AbstractModel, Unsupported
from hogwild.limits import check_positive, check_whole
from hogwild.names import wrong_type
from hogwild.pages import machine
from hogwild.simulation.calibrating import measured
from hogwild.simulation.cluster import Cluster
from hogwild.simulation.described import find_cluster, read_cluster, write_cluster
from hogwild.simulation.results import Scaling
from hogwild.stopping import Stop
from hogwild.wording import shown

SIZES = (1, 2, 4, 8, 16, 32, 64)
NOTE = "What one core took for an example when the first run was made that is kept here."


def simulate(
    model: AbstractModel,
    data: Any,
    strategies: Sequence[Any] | Mapping[str, Any],
    cluster: str | os.PathLike[str] | Cluster = "lan10g",
    *,
    workers: Sequence[int] = SIZES,
    budget: str | Stop = "10 epochs",
    target: float = 0.01,
    seeds: int | Sequence[int] = 1,
    holdout: float = 0.1,
    weak: bool = False,
    folder: str | os.PathLike[str] | None = None,
    spectator: AbstractSpectator | None = None,
    command: str | None = None,
) -> Scaling:
    """What strategies would do on a described cluster of growing size: how much faster they learn, and what that costs.

    Parameters
    ----------
    model, data, strategies, budget, seeds, holdout, spectator, command : as for `compare`. All learn for real; how long
               that takes is what `Simulated` makes of the cluster. Examples are data of one process, no `Partitioned`
    cluster :  a `Cluster`, the name of a preset ("lan10g", "cloud", "wan"), or of a file, see `read_cluster`
    workers :  how many machines learn: each strategy is run with each number
    target :   what is to be reached, as a share of the way from the lowest objective that any run of the same seed has
               come to back to that of the first weights: times are compared until there
    weak :     also with data that grow with the cluster, so that each worker has the same number of examples: N of at
               most M workers learn N / M of the data (weak scaling; without, the data stay the same: strong scaling)
    folder :   as for `compare`: runs are kept there, and not repeated

    Raises what `compare` and `read_cluster` raise, Unsupported for data that are partitioned, and ValueError for a
    target that is no positive number or a list of workers that has none.
    """
    check_positive("target", target)
    if not isinstance(workers, Sequence) or isinstance(workers, str):
        raise wrong_type("workers", workers, "a list of numbers of machines, e.g. (1, 2, 4, 8)")
    if len(workers) == 0:
        raise ValueError("workers=() is empty: give numbers of machines, e.g. (1, 2, 4, 8)")
    if isinstance(data, Partitioned):
        raise Unsupported("data that are Partitioned do not grow and shrink with a cluster: give all examples together")
    stop, examples = find_budget(budget, holdout), examples_of(data)
    place = None if folder is None else Path(folder)
    known = _measured(find_cluster(cluster), model, examples, place)
    field = entries(strategies, model, known.engine(1))
    if any(entry.engine != known.engine(1) for entry in field):
        raise ValueError("contestants run on the described cluster: give them no engine of their own")
    for size in workers:
        check_whole("workers", size)
    sizes, n = sorted(set(workers)), examples.n_examples
    parts = {size: rows_in_order(examples, _part(n, size / sizes[-1])) for size in sizes[:-1]} if weak else {}
    for part in parts.values():  # ValueError if there are too few: now, and not when all others have ended
        first_objective(model, part, stop.holdout, 0)
    common: dict[str, Any] = {"budget": stop, "seeds": seeds, "spectator": spectator, "command": command}
    # One contestant after another, in all sizes: as rows are shown.
    everybody = [each for entry in field for each in _at(entry, known, sizes)]
    found = compare(model, examples, everybody, folder=_within(place, "strong"), **common)
    interrupted = found.interrupted
    grown = {sizes[-1]: found} if weak else {}  # who is largest learns all
    try:
        for size, part in parts.items() if not interrupted else ():
            those = [each for entry in field for each in _at(entry, known, [size], f", of {sizes[-1]} parts")]
            if those:
                where = _within(place, f"weak-{size}-of-{sizes[-1]}")
                grown[size] = compare(model, part, those, folder=where, **common)
                if grown[size].interrupted:
                    break
    except KeyboardInterrupt:  # before any run of this size had ended
        interrupted = True
    served = {entry.name for entry in field if "server" in entry.strategy.needs}
    return Scaling(found, known, target, frozenset(served), grown, interrupted)


def _at(entry: Entry, cluster: Cluster, sizes: Sequence[int], more: str = "") -> list[Contestant]:
    """The strategy with so many workers each. One that can only have fewer has as many as it can, where all data are
    learned. `more`: in names.
    """
    most = entry.strategy.most_workers
    there = [size for size in sizes if most is None or size <= most]
    if not there and not more and most is not None:
        there = [most]
    return [
        Contestant(entry.strategy, cluster.engine(size), entry.model, f"{entry.name} x {size}{more}", entry.name)
        for size in there
    ]


def _measured(cluster: Cluster, model: AbstractModel, examples: Examples, folder: Path | None) -> Cluster:
    """With seconds for "measured": those of the runs that are in the folder, or else of now."""
    if cluster.example_s != "measured" or folder is None:
        return measured(cluster, model, examples)
    about = f"{fingerprint(examples, None)} {shown(model)} {machine()}"
    known = folder / f"measured-{zlib.crc32(about.encode()):08x}.toml"
    if known.exists():
        before = read_cluster(known)
        return replace(cluster, example_s=before.example_s, judge_s=before.judge_s)
    found = measured(cluster, model, examples)
    if found.example_s != "measured":
        folder.mkdir(parents=True, exist_ok=True)
        write_cluster(known, Cluster(example_s=found.example_s, judge_s=found.judge_s), NOTE)
    return found


def _part(n: int, share: float) -> NDArray[np.int64]:
    """Random rows, in order; those of a smaller share are among those of a larger one."""
    count = max(1, round(n * share))
    return np.sort(np.random.default_rng(0).permutation(n)[:count])


def _within(folder: Path | None, name: str) -> Path | None:
    return None if folder is None else folder / name
