"""What is seen on a terminal: a bar that moves also between the ends of epochs."""

import subprocess
import sys

import numpy as np
from tests.cli.terminals import seen

from hogwild.watching import Status

STATUS = Status(2.0, 3, 0.5, 4_000_000, 0.25, 3_000_000, 1.5, 7, 8, 2)


def trained(*arguments, enough):
    """What `hogwild train` writes to a terminal, until Ctrl-C."""
    command = [sys.executable, "-m", "hogwild", "train", *map(str, arguments)]
    nowhere = subprocess.DEVNULL
    found, process = seen(
        lambda end, environment: subprocess.Popen(command, stdout=nowhere, stderr=end, stdin=end, env=environment),
        enough,
    )
    assert process.returncode == 130, found
    return found


def test_the_bar_moves_between_epochs(tmp_path):
    """An epoch of this takes seconds."""
    rng = np.random.default_rng(0)
    lines = (f"{rng.choice([-1, 1])} 1:{rng.normal():.3f} 2:{rng.normal():.3f}\n" for _ in range(5_000))
    (tmp_path / "data.svm").write_text("".join(lines))
    text = trained(
        *(tmp_path / "data.svm", "--out", tmp_path / "model", "--strategy", "all-reduce", "--minibatch", 1),
        *("--threads", 2, "--epochs", 1_000, "--tol", 0),
        enough=r"0/1000 epochs  [^\r]*? examples/s  [^\r]*?\d [kM]B/s",
    )
    assert "interrupted" in text


def test_what_a_cluster_does_is_told():
    from hogwild.cli.progress import EpochsBar

    updates = []

    class Bar:
        def update(self, task, *, completed, figures):
            updates.append((completed, figures))

    bar = EpochsBar(Bar(), 0, virtual=False)
    bar.status(STATUS)
    assert updates == [(0.5, "2.00 M examples/s  1.5 MB/s  staleness 1.5  7 of 8 workers  2 joined")]
