"""The compiled kernel against the same loop in C."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import interleaved, seconds
from hogwild.data.blocks import chunk_rows
from hogwild.kernels.linear import Copies, Pace, steps_alone
from hogwild.kernels.rows import Rows, SparseRows
from hogwild.models.linear import Linear
from hogwild.models.linear_rows import linear_rows

SOURCE = Path(__file__).parents[1] / "kernel.c"
FLAGS = ("-O3", "-march=native", "-ffast-math")
PASSES = 3  # timed together
MOST_RATIO = 1.1
OURS, THEIRS = "hogwild", "C loop"


def kernel(setting: Setting) -> Outcome:
    """ns per nonzero of `steps_alone` and of kernel.c, over consecutive rows."""
    outcome = Outcome(
        "the kernel against an equivalent C loop",
        f"One thread, one pass over consecutive rows from zero weights. The C loop ({SOURCE.name}) is compiled with "
        f"`cc {' '.join(FLAGS)}` when the race starts.",
        ("contender", "ns per nonzero", "time against C"),
    )
    data = setting.corpus()
    none = np.zeros(0, np.float32)
    rows = linear_rows(data, none, none)
    model = Linear("hinge", l2=setting.l2, fit_intercept=False)
    gain = float(model.survey(data, 0, None).eta0)
    pace = Pace(model.terms.loss.code, 0.0, gain, setting.l2 * gain, 0.0, 0.0, 0.0)
    chunk = chunk_rows(data)
    passes: dict[str, Callable[[], NDArray[Any]]] = {OURS: lambda: _numba_pass(rows, data.n_features, chunk, pace)}
    with tempfile.TemporaryDirectory() as folder:
        try:
            loop = _compile_loop(Path(folder))
        except (OSError, subprocess.CalledProcessError) as error:
            outcome.notes.append(f"The C loop was skipped, because {SOURCE.name} could not be compiled: {error}.")
        else:
            passes[THEIRS] = lambda: _c_pass(loop, rows, data.n_features, pace)
        weights = {name: run() for name, run in passes.items()}  # compiles ours, and warms the caches

        def clock(run: Callable[[], NDArray[Any]]) -> Callable[[int], float]:
            return lambda _: seconds(lambda: [run() for _ in range(PASSES)]) / PASSES / data.nnz

        times = interleaved({name: clock(run) for name, run in passes.items()}, setting.repeats)
    for name, spread in times.items():
        against = spread.over(times[THEIRS]).text(2, unit=" x") if THEIRS in times else "-"
        outcome.rows.append((name, spread.text(2, 1e9), against))
        outcome.figures[name, "ns per nonzero"] = spread.median * 1e9
    if THEIRS in times:
        ratio = times[OURS].over(times[THEIRS]).median
        reached = setting.judged(ratio <= MOST_RATIO)
        outcome.goals.append(Goal(f"at most {MOST_RATIO} x the time of the C loop", f"{ratio:.2f} x", reached))
        apart = float(np.abs(weights[OURS] - weights[THEIRS]).max() / np.abs(weights[THEIRS]).max())
        outcome.figures[OURS, "difference"] = apart
        same = "are equal bit by bit" if apart == 0 else f"differ by at most {apart:.0e} of the largest one"
        outcome.notes.append(f"Both do the same: their weights after one pass {same}.")
    return outcome


def _numba_pass(rows: Rows, n_features: int, chunk: int, pace: Pace) -> NDArray[Any]:
    """divisor * weights after one pass with hogwild's kernel, in chunks as in training, but in row order."""
    v, none = np.zeros(n_features + 1, np.float32), np.zeros(0, np.float32)
    starts = np.arange(0, rows.targets.size, chunk, dtype=np.int64)
    copies = Copies(v, none, none, none, np.zeros(1))
    steps_alone(rows, starts, chunk, max(1, 2048 // chunk), pace, 1.0, copies)
    return v[:-1]


def _compile_loop(folder: Path) -> Any:
    """The function `hinge_pass` of kernel.c. Raises OSError or CalledProcessError without a working compiler."""
    library, compiled = folder / "kernel.so", folder / "kernel.o"
    # In two steps: to *link* with -ffast-math would switch off subnormal numbers for the whole process.
    for command in (["-c", *FLAGS, "-fPIC", "-o", compiled, SOURCE], ["-shared", "-o", library, compiled]):
        subprocess.run(["cc", *map(str, command)], check=True, capture_output=True)
    loop = ctypes.CDLL(str(library)).hinge_pass
    loop.argtypes = [ctypes.c_int64, *[ctypes.c_void_p] * 5, ctypes.c_double, ctypes.c_double]
    loop.restype = None
    return loop


def _c_pass(loop: Any, rows: Rows, n_features: int, pace: Pace) -> NDArray[Any]:
    """The same with the C loop."""
    assert isinstance(rows, SparseRows)
    v = np.zeros(n_features, np.float32)
    arrays = (rows.indptr, rows.indices, rows.values, rows.targets, v)
    loop(rows.targets.size, *[array.ctypes.data for array in arrays], pace.gain, pace.growth)
    return v
