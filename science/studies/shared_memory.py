"""Hogwild!, locked and round robin: speed against threads."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import NamedTuple, final

from hogwild import Hogwild, Locked, Racy, RoundRobin, Serial, Stop, Threads
from hogwild.engines.threads import available_cores
from hogwild.interfaces import AbstractStrategy
from hogwild.pages import Line, Panel
from science.problems import RARE_ROW, Problem, documents, pictures, rare
from science.races import learn
from science.study import Advice, Exhibit, Finding, Found, Setting, Study

SERIAL, OURS, RACY, LOCKED, TURNS = "serial", "private copies", "as published", "locked", "round robin"
STRATEGIES: dict[str, AbstractStrategy] = {
    SERIAL: Serial(),
    OURS: Hogwild(),
    RACY: Hogwild(Racy()),
    LOCKED: Locked(),
    TURNS: RoundRobin(),
}
EPOCHS, RARE_ROWS = 6, 100_000
TEXT, RARE, NET = "text", "rare features", "a network"


@final
class _Cell(NamedTuple):
    """One strategy on so many threads: seconds an epoch, of each repeat."""

    times: list[float]

    @property
    def time_s(self) -> float:
        return statistics.median(self.times)


_Speeds = Mapping[str, Mapping[int, _Cell]]


def _look(setting: Setting) -> Found:
    problems = (
        {TEXT: documents(20_000, setting.seed), NET: pictures(24, 48, setting.seed)}
        if setting.quick
        else {
            TEXT: documents(100_000, setting.seed),
            RARE: rare(RARE_ROWS, setting.seed),
            NET: pictures(60, 64, setting.seed),
        }
    )
    most = max(2, available_cores())
    threads = sorted({most} if setting.quick else {1, most, *(2**k for k in range(most.bit_length()) if 2**k < most)})
    speeds = {name: _race(problem, threads, setting) for name, problem in problems.items()}
    objectives = {} if setting.quick else {name: _objectives(each, most, setting) for name, each in problems.items()}
    exhibits = [_exhibit(name, cells, objectives.get(name)) for name, cells in speeds.items()]
    return Found(_findings(speeds, objectives, most), exhibits, f"{most} threads at most, on as many cores.")


def _race(problem: Problem, threads: list[int], setting: Setting) -> dict[str, dict[int, _Cell]]:
    """All of them in turn, some times over; the first time compiles."""
    cells = {name: {size: _Cell([]) for size in ([1] if name == SERIAL else threads)} for name in STRATEGIES}
    for repeat in range(4 if setting.quick else 8):
        for name, sizes in cells.items():
            for size, cell in sizes.items():
                stop = Stop(EPOCHS, tol=None)
                history = learn(*problem, STRATEGIES[name], Threads(size), stop, setting.seed).history
                if repeat:  # epochs between the first, before which things are laid out, and the last
                    cell.times.append((history[-2].time_s - history[0].time_s) / (EPOCHS - 2))
    return cells


def _objectives(problem: Problem, threads: int, setting: Setting) -> dict[str, float]:
    """After as many epochs."""
    found = {}
    for name, strategy in STRATEGIES.items():
        engine, stop = Threads(1 if name == SERIAL else threads), Stop(epochs=EPOCHS, tol=0)
        last = learn(*problem, strategy, engine, stop, setting.seed).history[-1]
        assert last.objective is not None
        found[name] = last.objective
    return found


def _findings(speeds: Mapping[str, _Speeds], objectives: Mapping[str, Mapping[str, float]], most: int) -> list[Finding]:
    def gain(problem: str, name: str) -> float:
        """How many times as fast as one thread without anything shared."""
        return speeds[problem][SERIAL][1].time_s / speeds[problem][name][most].time_s

    cheap, slow = ({name: gain(problem, name) for name in STRATEGIES if name != SERIAL} for problem in (TEXT, NET))
    full = RARE in speeds  # in seconds' runs only what is many times as fast is sure to be faster
    found = [
        Finding(
            f"on text, where gradients are cheap, {most} threads are {cheap[TURNS]:.2f} times as fast as the serial "
            f"program if they update in turn, and {cheap[LOCKED]:.2f} times if they lock what they touch",
            max(cheap[TURNS], cheap[LOCKED]) < 0.8,
        ),
        Finding(
            f"on text the published form without locks is {cheap[RACY]:.2f} times as fast on {most} threads as the "
            f"serial program, private copies that merge {cheap[OURS]:.2f} times",
            cheap[RACY] < 0.9 * cheap[OURS] and (not full or cheap[RACY] < 1 < cheap[OURS]),
            Advice("text, one machine", "`Hogwild()`, the default: private copies"),
        ),
        Finding(
            f"with a network, whose gradients are slow, round robin catches up: {most} threads are "
            f"{slow[TURNS]:.2f} times as fast as the serial program, with private copies {slow[OURS]:.2f} times",
            slow[TURNS] > 1.5 * cheap[TURNS] and (not full or min(slow[TURNS], slow[OURS]) > 1),
            Advice("a net whose gradients take milliseconds, one machine", "`Hogwild()`; `RoundRobin()` costs little"),
        ),
    ]
    if not full:
        return found
    scales = {name: speeds[name][RACY][1].time_s / speeds[name][RACY][most].time_s for name in (TEXT, RARE)}
    sparsest = max((name for name in STRATEGIES if name != SERIAL), key=lambda name: gain(RARE, name))
    worst = {name: max(each / of[SERIAL] - 1 for each in of.values()) for name, of in objectives.items()}
    return [
        *found,
        Finding(
            f"the published form gains from threads where examples share few features: {most} threads are "
            f"{scales[RARE]:.2f} times as fast as one of its own there, {scales[TEXT]:.2f} times on text",
            scales[RARE] > 1.1 * scales[TEXT],
        ),
        Finding(
            f"with {10 * RARE_ROWS:,} features, {RARE_ROW} of them in a row, {sparsest} is the fastest that shares "
            f"anything: {most} threads are {gain(RARE, sparsest):.2f} times as fast as the serial program",
            gain(RARE, sparsest) < cheap[OURS],
            Advice("a few features in a row, of millions that are all rare", "`Serial()` first: measure"),
        ),
        Finding(
            f"what is learnt hardly depends on it: after {EPOCHS} epochs objectives are "
            f"{', '.join(f'{each:.1%} ({name})' for name, each in worst.items())} above the serial one at most",
            max(worst.values()) < 0.05,
        ),
    ]


def _exhibit(name: str, cells: _Speeds, objectives: Mapping[str, float] | None) -> Exhibit:
    serial = cells[SERIAL][1].time_s
    threads = [float(size) for size in cells[OURS]]
    lines = [Line(SERIAL, (0, 0), threads, [1.0] * len(threads))]  # a level to compare with
    for k, (each, sizes) in enumerate(cells.items()):
        if each != SERIAL:
            lines.append(Line(each, (k, 0), threads, [serial / cell.time_s for cell in sizes.values()]))
    title = f"{name[0].upper()}{name[1:]}: speed against threads"
    picture = Panel(name.split()[-1], title, "", "threads", "times as fast as serial", lines=lines)
    table = [
        [
            each,
            str(size),
            f"{1e3 * cell.time_s:.1f}",
            f"{serial / cell.time_s:.2f}",
            f"{objectives[each]:.4f}" if objectives and size == max(sizes) else "",
        ]
        for each, sizes in cells.items()
        for size, cell in sizes.items()
    ]
    return Exhibit(picture, ("updates", "threads", "ms an epoch", "times as fast as serial", "objective"), table)


SHARED_MEMORY = Study(
    "shared-memory",
    "Hogwild!, locks and round robin",
    "Niu, Recht, Re and Wright, *Hogwild!: a lock-free approach to parallelizing stochastic gradient descent*, NIPS "
    "2011.",
    "On ten cores Hogwild! is about 3 times as fast as one on RCV1, where nearly all examples share features, and up "
    "to 9 times where gradients are slow; with locks it is slower. Round robin is slower than one core where gradients "
    "are cheap, and catches up where one takes more than about a millisecond. All end at the same errors.",
    "`Serial()`, `Hogwild()` (private copies that merge, the default), `Hogwild(Racy())` (one shared vector, as "
    "published), `Locked()` and `RoundRobin()` on real threads: logistic regression on synthetic text in the shape "
    f"of RCV1, and on rows of {RARE_ROW} features that hardly another row has; and a small convolutional network. "
    "Medians of runs in turn, in real time.",
    "Caches of today: a weight that two cores write to travels between them at each write, which takes as long as many "
    "gradients do; so what is shared must be written rarely, and that is what private copies are for. One thread "
    "of the published form is already slower than the serial program, as it pays the penalty feature by feature. And "
    "where features are rare, and there are millions, copies and merges of all weights take as long as the gradients.",
    _look,
)
