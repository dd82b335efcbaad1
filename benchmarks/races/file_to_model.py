"""From svmlight text on disk to a trained model."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from sklearn.datasets import load_svmlight_file

from benchmarks.child import environment, hogwild_command
from benchmarks.contenders import fit_hogwild, fit_sgd, warm_up
from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.text import write_svmlight
from benchmarks.timing import interleaved, ms, seconds
from hogwild.data import read
from hogwild.data.cache import cache_path
from hogwild.data.examples import Examples

EPOCHS = 5
ROWS_SHARE = 4
LEAST_RATIO = 5.0
FIRST, SECOND, COMMAND = "hogwild, first run", "hogwild, later run", "`hogwild train`, later run"
THEIRS = "load_svmlight_file + SGDClassifier"


def file_to_model(setting: Setting) -> Outcome:
    """The first run parses and writes a cache, later ones read it; SGDClassifier's users parse each time."""
    rows = max(1000, setting.rows // ROWS_SHARE)
    l2, cores = setting.l2, setting.cores
    warm_up(setting, [cores])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.svm"
        write_svmlight(path, setting.corpus(rows))
        size = path.stat().st_size
        settled = time.time() - 60  # a file that has just been written is not cached
        os.utime(path, (settled, settled))

        def ours(seed: int) -> None:
            fit_hogwild(read(path), l2, threads=cores, epochs=EPOCHS, seed=seed)

        def first(seed: int) -> float:
            cache_path(path).unlink(missing_ok=True)
            return seconds(lambda: ours(seed))

        def command(seed: int) -> list[str]:
            options = f"--no-intercept --l2 {l2} --epochs {EPOCHS} --tol 0 --threads {cores} --seed {seed} --quiet"
            return [*hogwild_command(), "train", str(path), *options.split(), "--out", f"{folder}/m.safetensors"]

        def theirs(seed: int) -> None:
            X, y = load_svmlight_file(str(path), dtype="float32")
            # The loader gives 64-bit indices (scikit-learn 1.9), which SGDClassifier refuses.
            X.indices, X.indptr = X.indices.astype("int32", copy=False), X.indptr.astype("int32", copy=False)
            fit_sgd(Examples(X, y, None, str(path)), l2, epochs=EPOCHS, seed=seed)

        times = interleaved(
            {
                FIRST: first,
                SECOND: lambda seed: seconds(lambda: ours(seed)),
                COMMAND: lambda seed: seconds(lambda: subprocess.run(command(seed), check=True, env=environment())),
                THEIRS: lambda seed: seconds(lambda: theirs(seed)),
            },
            setting.repeats,
        )
    outcome = Outcome(
        "from a file to a model",
        f"svmlight text of {rows:,} rows ({size / 1e6:.0f} MB, in the system's file cache) to weights after {EPOCHS} "
        f"epochs; hogwild on {cores} threads. The first run parses the text and writes `NAME.hogwild-cache` beside "
        "it. The command's time is that of its whole process, the start of Python and the model file included.",
        ("contender", "ms", "times hogwild's later run"),
    )
    for name, spread in times.items():
        outcome.rows.append((name, ms(spread), spread.over(times[SECOND]).text(2, unit=" x")))
        outcome.figures[name, "s"] = spread.median
    ratio = times[THEIRS].over(times[SECOND]).median
    reached = setting.judged(ratio >= LEAST_RATIO)
    outcome.goals.append(Goal(f"a later run at least {LEAST_RATIO:g} x as fast", f"{ratio:.1f} x", reached))
    return outcome
