"""How long an example takes on this machine: the one number of a simulated cluster that is measured.

The only place here that looks at a real clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from statistics import median

from hogwild.limits import is_number

PARTS = 8  # of the budget: about two to find out how many examples a part takes, five to measure
MEASUREMENTS = 5
MOST_EXAMPLES = 1 << 40


def seconds_per_example(
    run: Callable[[int], int], budget_s: float = 0.05, *, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Median of the seconds that `run` takes for an example, in about `budget_s` seconds.

    run   : run(n) processes about n examples, and returns how many it did. It is called once to warm up (kernels
            compile then), with ever more examples until a call takes an eighth of the budget, and then up to five
            times as long. One call more than the budget allows is made where even run(1) takes longer.
    clock : seconds now

    ValueError if the budget is not positive, or `run` processes nothing.
    """
    if not (is_number(budget_s) and 0 < budget_s < inf):
        raise ValueError(f"budget_s={budget_s!r} must be a positive number of seconds")
    _counted(run, 1)
    began, part_s, n = clock(), budget_s / PARTS, 1
    while True:
        since = clock()
        done = _counted(run, n)
        took = clock() - since
        # One that does not even do half of what it is asked for has no more examples.
        if took >= part_s or 2 * done < n or n >= MOST_EXAMPLES:
            break
        n *= 2
    found = [took / done] if took >= part_s else []
    while not found or (len(found) < MEASUREMENTS and clock() - began < budget_s):
        found.append(_measure(run, n, part_s, clock))
    return median(found)


def _measure(run: Callable[[int], int], n: int, at_least_s: float, clock: Callable[[], float]) -> float:
    since, done = clock(), _counted(run, n)
    while (took := clock() - since) < at_least_s:
        done += _counted(run, n)
    return took / done


def _counted(run: Callable[[int], int], n: int) -> int:
    done = run(n)
    if not done > 0:
        raise ValueError(f"run({n}) processed {done!r} examples; at least 1 is needed to measure how long one takes")
    return int(done)
