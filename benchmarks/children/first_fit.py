"""How long the first and the second fit of this process take. Arguments: rows, threads."""

from __future__ import annotations

import json
import sys
import time


def main(rows: int, threads: int) -> None:
    """Print {"import_s", "first_s", "second_s"}."""
    begun = time.perf_counter()
    from hogwild import LinearClassifier
    from hogwild.data import rcv1_like

    imported = time.perf_counter() - begun
    data = rcv1_like(rows)
    taken = []
    for _ in range(2):
        model = LinearClassifier("hinge", l2=1e-4, max_epochs=3, tol=None, n_jobs=threads, random_state=0)
        begun = time.perf_counter()
        model.fit(data.X, data.y)
        taken.append(time.perf_counter() - begun)
    print(json.dumps({"import_s": imported, "first_s": taken[0], "second_s": taken[1]}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
