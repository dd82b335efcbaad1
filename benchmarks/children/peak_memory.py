"""Peak memory of training from an .npz. Arguments: a tiny .npz, the .npz, threads."""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

from hogwild import Linear, Stop, Threads, train


def main(tiny: str, path: str, threads: int) -> None:
    """Print {"before_bytes", "peak_before_bytes", "peak_bytes"}."""
    _fit(tiny, threads)  # imports and loads all that training needs
    before, peak_before = _resident_bytes(), _peak_bytes()
    _fit(path, threads)
    print(json.dumps({"before_bytes": before, "peak_before_bytes": peak_before, "peak_bytes": _peak_bytes()}))


def _fit(path: str, threads: int) -> None:
    model = Linear("hinge", l2=1e-5, fit_intercept=False)
    train(model, path, engine=Threads(threads), stop=Stop(epochs=3), seed=0)


def _peak_bytes() -> int:
    """Largest resident set of this program.

    On Linux not from getrusage: its ru_maxrss goes on from that of the process that called exec.
    """
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _resident_bytes() -> int:
    """Resident set now; where the system does not tell, the peak so far."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return _peak_bytes()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
