"""What this machine, or a Ray cluster, would have to be described as: found by short runs on it."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median
from typing import Any, final

import numpy as np

from hogwild.data.examples import Examples
from hogwild.data.given import examples_of
from hogwild.data.matrices import csr_from_parts
from hogwild.data.split import rows_in_order
from hogwild.engines import Ray, Threads
from hogwild.history import History
from hogwild.interfaces import AbstractEngine, AbstractModel, Unsupported
from hogwild.models.linear import Linear
from hogwild.params import NonFiniteError
from hogwild.simulation.cluster import PRESETS, Cluster
from hogwild.stopping import Stop
from hogwild.strategies import LocalSGD
from hogwild.training import train

MOST_ROWS = 200_000
EPOCHS, MOST_EPOCHS = 8, 1 << 14
LONG_ENOUGH_S, SHORT_S = 2.0, 0.25  # for a probe: of several processes, and of a core
TIMES = 3  # that a core is looked at: it is over soon
MANY, FEW = 12, 4  # rounds of a worker in an epoch
FASTEST_S = 1e-9  # of an example, where a probe is only noise
WIDE, NARROW = 1 << 18, 1 << 8  # features: their weights take the network as long as they are
WIDE_ROWS, WIDE_NNZ = 2_000, 4


def calibrate(model: AbstractModel, data: Any, *, engine: AbstractEngine | None = None, seed: int = 0) -> Cluster:
    """A `Cluster` of machines like those of the engine, found in less than a minute, unless an epoch takes seconds.

    With one core of this machine (engine=None): the times to learn and to judge an example of these data; the network
    is that of "lan10g". With `Ray(workers)` for two workers or more: those times on its machines, and of its network
    the latency and the bandwidth that account for what rounds of `LocalSGD` take, whatever it is that takes it.

    Short runs of `LocalSGD` tell it apart: with t(r, d) the seconds of an epoch with r rounds and d weights, a round
    takes (t(12, d) - t(4, d)) / 8 seconds, an example what is left of t(4, d); bytes what rounds of more weights take
    longer; latency what is left of a round, see `Simulated`; and judging what an epoch takes longer that is judged.

    Raises Unsupported for other engines, KeyboardInterrupt at Ctrl-C, and what `train` raises.
    """
    examples = _few(examples_of(data), seed)
    if engine is None or isinstance(engine, Threads):
        probe, n = _Probe(model, examples, Threads(1), seed), examples.n_examples
        pairs = [(probe.epoch_s(1), probe.epoch_s(1, judged=True)) for _ in range(TIMES)]
        example_s = max(FASTEST_S, median(plain for plain, _ in pairs) / n)
        judge_s = max(0.0, median(judged - plain for plain, judged in pairs)) / n
        return replace(PRESETS["lan10g"], example_s=example_s, judge_s=judge_s)
    if not isinstance(engine, Ray) or engine.size < 2:
        raise Unsupported(f"{engine!r} cannot be calibrated: give Ray(2), or more workers, or none for this machine")
    return _of_cluster(model, examples, engine, seed)


def measured(cluster: Cluster, model: AbstractModel, data: Any) -> Cluster:
    """The cluster with seconds where it says "measured": those of one core here. If the model diverges there they stay
    "measured": runs will tell.
    """
    if cluster.example_s != "measured":
        return cluster
    try:
        found = calibrate(model, data)
    except NonFiniteError:
        return cluster
    return replace(cluster, example_s=found.example_s, judge_s=found.judge_s)


def _of_cluster(model: AbstractModel, examples: Examples, engine: Ray, seed: int) -> Cluster:
    size = engine.size
    probe = _Probe(model, examples, engine, seed)
    probe.epoch_s(MANY)  # their processes have never connected with each other before
    many, few = probe.epoch_s(MANY), probe.epoch_s(FEW)
    judged = probe.epoch_s(FEW, judged=True)
    round_s = max(0.0, (many - few) / (MANY - FEW))
    portion = examples.n_examples / size  # learnt, and judged, by each worker
    byte_s = _byte_s(engine, seed)
    # See `Links.all_reduce`: 2 ceil(log2 P) latencies, and 2 (P - 1) / P of the bytes.
    bytes_s = 2 * (size - 1) / size * probe.n_bytes * byte_s
    return Cluster(
        latency_s=max(0.0, round_s - bytes_s) / (2 * (size - 1).bit_length()),
        bandwidth_bytes_s=1 / byte_s if byte_s > 0 else math.inf,
        example_s=max(FASTEST_S, (few - FEW * round_s) / portion),
        judge_s=max(0.0, judged - few) / portion,
    )


def _byte_s(engine: Ray, seed: int) -> float:
    """Seconds that a byte takes a link longer, by rounds of many and of few weights."""
    rounds_s, sizes = [], []
    for n_features in (WIDE, NARROW):
        probe = _Probe(Linear("squared", fit_intercept=False), _made(n_features, seed), engine, seed)
        rounds_s.append((probe.epoch_s(MANY) - probe.epoch_s(FEW)) / (MANY - FEW))
        sizes.append(probe.n_bytes)
    share = 2 * (engine.size - 1) / engine.size
    return max(0.0, (rounds_s[0] - rounds_s[1]) / (share * (sizes[0] - sizes[1])))


@final
class _Probe:
    """Runs of `LocalSGD`. `n_bytes`: of the weights, when there was one."""

    def __init__(self, model: AbstractModel, examples: Examples, engine: AbstractEngine, seed: int) -> None:
        self._model, self._examples, self._engine, self._seed = model, examples, engine, seed
        self.n_bytes = 0

    def epoch_s(self, rounds: int, *, judged: bool = False) -> float:
        """Seconds of an epoch with so many rounds of a worker, when all are in their stride: the median of the last
        half of a run that is long enough, as workers of `Ray` connect with each other while they learn.
        """
        epochs, enough_s = EPOCHS, LONG_ENOUGH_S if self._engine.size > 1 else SHORT_S
        while True:
            history = self._run(rounds, epochs, judged=judged)
            took_s = history[-1].time_s
            if took_s >= enough_s or epochs >= MOST_EPOCHS:
                times = np.diff([record.time_s for record in history])
                return float(np.median(times[len(times) // 2 :]))
            epochs = min(MOST_EPOCHS, math.ceil(1.5 * epochs * max(1.0, enough_s / max(took_s, SHORT_S / 10))))

    def _run(self, rounds: int, epochs: int, *, judged: bool) -> History:
        size = self._engine.size
        strategy = LocalSGD(max(1, -(-self._examples.n_examples // (size * rounds))))
        stop = Stop(epochs=epochs, tol=0.0 if judged else None)
        result = train(self._model, self._examples, strategy=strategy, engine=self._engine, stop=stop, seed=self._seed)
        if result.reason == "interrupted":
            raise KeyboardInterrupt
        self.n_bytes = result.params.weights.nbytes
        return result.history


def _few(examples: Examples, seed: int) -> Examples:
    n = examples.n_examples
    if n <= MOST_ROWS:
        return examples
    chosen = np.random.default_rng(seed).choice(n, MOST_ROWS, replace=False)
    return rows_in_order(examples, np.sort(chosen))


def _made(n_features: int, seed: int) -> Examples:
    """Rows of so few numbers that nobody is busy with them."""
    rng = np.random.default_rng(seed)
    indices = np.sort(rng.integers(0, n_features // WIDE_NNZ, (WIDE_ROWS, WIDE_NNZ)) * WIDE_NNZ + np.arange(WIDE_NNZ))
    indptr = np.arange(0, WIDE_ROWS * WIDE_NNZ + 1, WIDE_NNZ)
    values = np.ones(WIDE_ROWS * WIDE_NNZ, np.float32)
    X = csr_from_parts(
        values, indices.ravel().astype(np.int32), indptr.astype(np.int32), (WIDE_ROWS, n_features), canonical=True
    )
    return examples_of((X, rng.normal(size=WIDE_ROWS)))
