"""What a run cost beside arithmetic, as a program and as people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count

from hogwild.checkpoint import Estimator, histories
from hogwild.history import History
from hogwild.traffic import Traffic

Rows = list[tuple[str, str]]
BINS = 12  # of a histogram, at most
WIDTH = 40  # of its longest bar
LITTLE = 0.05  # of the time: workers that are busy less should be used otherwise


def total_traffic(runs: Sequence[History]) -> Traffic | None:
    """Of runs one after another, so that their virtual times add up. None: nothing was measured."""
    parts = [run.traffic for run in runs if run.traffic is not None]
    if not parts:
        return None
    total = sum(parts, Traffic())
    virtual_s = [part.virtual_s for part in parts if part.virtual_s is not None]
    total.virtual_s = sum(virtual_s) if virtual_s else None
    return total


def traffic_rows(traffic: Traffic | None) -> Rows:
    """What `Traffic.describe` says but for the time, and how often what was how stale.

    Nothing where nothing was sent or simulated.
    """
    if traffic is None or (traffic.virtual_s is None and not traffic.messages):
        return []
    rows: Rows = []
    for line in replace(traffic, virtual_s=None).describe():
        name, value = line.split(maxsplit=1)
        rows.append((name, value))
        if name == "staleness":
            rows += [("", bar) for bar in histogram(traffic.staleness)]
    return rows


def advice(estimator: Estimator) -> str | None:
    """What to do about workers that do little but wait; None where they do not, or nobody measured it."""
    traffic = total_traffic(histories(estimator))
    busy = None if traffic is None else traffic.utilisation
    if busy is None or busy >= LITTLE:
        return None
    return (
        f"workers were busy {busy:.1%} of the time: let them send less often, with a larger --minibatch, --period or "
        "--push-every, or take fewer of them"
    )


def histogram(counts: Mapping[int, int]) -> list[str]:
    """A bar for each bin, from the first to the last that is not empty; none of them for no counts.

    Bins are 0, 1, 2-3, 4-7, ...; where they are too many, 0, 1-3, 4-15, ..., and so on.
    """
    filled = [value for value, times in counts.items() if times > 0]
    if not filled:
        return []
    power = next(p for p in count(1) if _bin(max(filled), p) - _bin(min(filled), p) < BINS)
    first, last = _bin(min(filled), power), _bin(max(filled), power)
    sums = [0] * (last - first + 1)
    for value in filled:
        sums[_bin(value, power) - first] += counts[value]
    labels = [_label(first + k, power) for k in range(len(sums))]
    widest, longest = max(map(len, labels)), max(len(f"{times:,}") for times in sums)
    return [
        f"{label:>{widest}}  {times:>{longest},}  {'#' * _length(times, max(sums))}".rstrip()
        for label, times in zip(labels, sums, strict=True)
    ]


def _bin(value: int, power: int) -> int:
    """0 for 0, and k for 2^(power (k - 1)) up to 2^(power k) - 1."""
    return -(-value.bit_length() // power)


def _label(number: int, power: int) -> str:
    if number == 0:
        return "0"
    least, most = 1 << power * (number - 1), (1 << power * number) - 1
    return f"{least:,}" if least == most else f"{least:,}-{most:,}"


def _length(times: int, most: int) -> int:
    """Of a bar; what is there at all is seen."""
    return -(-WIDTH * times // most)
