"""Peak memory while training from an .npz."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.child import run_child
from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import Spread
from hogwild.data import Examples, write_npz

MOST_RATIO = 1.3
OURS = "hogwild"


def memory(setting: Setting) -> Outcome:
    """What a fresh process needs beyond what it had after a tiny fit, against the CSR arrays and the model."""
    data, cores = setting.corpus(), setting.cores
    arrays = data.X.data.nbytes + data.X.indices.nbytes + data.X.indptr.nbytes
    weights = (data.n_features + 1) * data.X.dtype.itemsize
    needed = []
    hidden = False
    with tempfile.TemporaryDirectory() as folder:
        tiny, path = Path(folder) / "tiny.npz", Path(folder) / "corpus.npz"
        _save(tiny, setting.corpus(1000))
        _save(path, data)
        for _ in range(setting.repeats):
            found = run_child("peak_memory", str(tiny), str(path), str(cores))
            hidden |= found["peak_bytes"] <= found["peak_before_bytes"]
            needed.append(float(found["peak_bytes"] - found["before_bytes"]))
    spread = Spread(tuple(needed))
    ratio = spread.median / (arrays + weights)
    outcome = Outcome(
        "peak memory",
        f"A fresh process trains on {cores} threads from an .npz as `write_npz` writes it: largest resident set minus "
        "the resident set after imports and a tiny fit, against the CSR arrays (values, indices, indptr) plus the "
        "weights.",
        ("contender", "CSR arrays, MB", "model, MB", "peak, MB", "ratio"),
        [(OURS, f"{arrays / 1e6:.1f}", f"{weights / 1e6:.2f}", spread.text(1, 1e-6), f"{ratio:.3f}")],
        [Goal(f"at most {MOST_RATIO} x CSR arrays + model", f"{ratio:.3f} x", setting.judged(ratio <= MOST_RATIO))],
    )
    outcome.figures[OURS, "ratio"] = ratio
    if hidden:
        outcome.notes.append(
            "The data is so small that the peak was reached before training on it: the ratio says nothing."
        )
    return outcome


def _save(path: Path, data: Examples) -> None:
    write_npz(path, data.X, data.y)
