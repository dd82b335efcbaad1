"""What a fresh process waits for: compilation, the first fit, `hogwild --help`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial

from benchmarks.child import environment, hogwild_command, run_child
from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import Spread, interleaved, seconds

ROWS = 2000
MOST_COMPILE_S, MOST_LATER_S, MOST_HELP_RATIO = 10.0, 1.0, 2.0
HELP, NUMPY = "hogwild --help", 'python -c "import numpy"'


def start_up(setting: Setting) -> Outcome:
    """Every figure is of a fresh process."""
    compiling, later = _fits(setting)
    commands = {HELP: [*hogwild_command(), "--help"], NUMPY: [sys.executable, "-c", "import numpy"]}
    for command in commands.values():
        subprocess.run(command, env=environment(), check=True, capture_output=True)  # byte code, file cache
    times = interleaved({name: partial(_run_s, command) for name, command in commands.items()}, setting.repeats)
    ratio = times[HELP].over(times[NUMPY])
    extra = Spread(tuple(run["first_s"] - run["second_s"] for run in later))

    def column(runs: list[dict[str, float]], key: str) -> Spread:
        return Spread(tuple(run[key] for run in runs))

    outcome = Outcome(
        "start-up",
        f"Fresh processes. Fits are of {ROWS:,} rows on {setting.cores} threads (`LinearClassifier`), the import of "
        "hogwild and the making of the data not included. The first-ever fit has an empty NUMBA_CACHE_DIR.",
        ("what", "s"),
        [
            ("first-ever fit: all kernels are compiled", column(compiling, "first_s").text(2)),
            ("first fit of a later process", column(later, "first_s").text(3)),
            ("second fit of that process", column(later, "second_s").text(3)),
            ("import of LinearClassifier in a later process", column(later, "import_s").text(3)),
            (HELP, times[HELP].text(3)),
            (NUMPY, times[NUMPY].text(3)),
        ],
    )
    first = column(compiling, "first_s").median
    outcome.figures |= {
        ("hogwild", "first-ever fit, s"): first,
        ("hogwild", "first fit beyond the second, s"): extra.median,
        ("hogwild", "help against numpy"): ratio.median,
    }
    text = f"first-ever fit with compilation at most {MOST_COMPILE_S:g} s"
    outcome.goals.append(Goal(text, f"{first:.1f} s", setting.judged(first <= MOST_COMPILE_S)))
    text = f"first fit of a later process at most {MOST_LATER_S:g} s longer than the next"
    outcome.goals.append(Goal(text, f"{extra.median:.3f} s", setting.judged(extra.median <= MOST_LATER_S)))
    text = f"{HELP} under {MOST_HELP_RATIO:g} x {NUMPY}"
    outcome.goals.append(Goal(text, f"{ratio.median:.2f} x", setting.judged(ratio.median < MOST_HELP_RATIO)))
    return outcome


def _fits(setting: Setting) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Figures of processes that compile, and of later ones."""
    compiling, later = [], []
    arguments = ("first_fit", str(ROWS), str(setting.cores))
    for _ in range(setting.repeats):
        with tempfile.TemporaryDirectory() as folder:
            compiling.append(run_child(*arguments, NUMBA_CACHE_DIR=folder))
            later.append(run_child(*arguments, NUMBA_CACHE_DIR=folder))
    return compiling, later


def _run_s(command: list[str], _: int) -> float:
    return seconds(lambda: subprocess.run(command, env=environment(), check=True, capture_output=True))
