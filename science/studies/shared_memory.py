"""Hogwild!, locked and round robin: speed against threads."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import NamedTuple, final

from hogwild import Hogwild, Locked, Racy, RoundRobin, Serial, Stop, Threads, train
from hogwild.engines.threads import available_cores
from hogwild.interfaces import AbstractStrategy
from hogwild.pages import Line, Panel
from science.problems import Problem, pictures, rare, text
from science.study import Advice, Exhibit, Finding, Found, Setting, Study

SERIAL, OURS, RACY, LOCKED, TURNS = "serial", "private copies", "as published", "locked", "round robin"
STRATEGIES: dict[str, AbstractStrategy] = {
    SERIAL: Serial(),
    OURS: Hogwild(),
    RACY: Hogwild(Racy()),
    LOCKED: Locked(),
    TURNS: RoundRobin(),
}
EPOCHS = 6
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
        {TEXT: text(20_000, setting.seed), NET: pictures(24, 48, setting.seed)}
        if setting.quick
        else {
            TEXT: text(100_000, setting.seed),
            RARE: rare(100_000, setting.seed),
            NET: pictures(60, 64, setting.seed),
        }
    )
    most = max(2, available_cores())
    threads = sorted({most} if setting.quick else {1, most, *(2**k for k in range(most.bit_length()) if 2**k < most)})
    speeds = {name: _race(problem, threads, setting) for name, problem in problems.items()}
    objectives = {} if setting.quick else {name: _objectives(each, most, setting) for name, each in problems.items()}
    exhibits = [_exhibit(name, problems[name], cells, objectives.get(name)) for name, cells in speeds.items()]
    return Found(_findings(speeds, objectives, most), exhibits, f"{most} threads at most, on as many cores.")


def _race(problem: Problem, threads: list[int], setting: Setting) -> dict[str, dict[int, _Cell]]:
    """All of them in turn, some times over; the first time compiles."""
    cells = {name: {size: _Cell([]) for size in ([1] if name == SERIAL else threads)} for name in STRATEGIES}
    for repeat in range(4 if setting.quick else 8):
        for name, sizes in cells.items():
            for size, cell in sizes.items():
                history = train(
                    problem.model,
                    problem.examples,
                    strategy=STRATEGIES[name],
                    engine=Threads(size),
                    stop=Stop(epochs=EPOCHS, tol=None),
                    seed=setting.seed,
                ).history
                if repeat:  # epochs between the first, before which things are laid out, and the last
                    cell.times.append((history[-2].time_s - history[0].time_s) / (EPOCHS - 2))
    return cells


def _objectives(problem: Problem, threads: int, setting: Setting) -> dict[str, float]:
    """After as many epochs."""
    found = {}
    for name, strategy in STRATEGIES.items():
        engine, stop = Threads(1 if name == SERIAL else threads), Stop(epochs=EPOCHS, tol=0)
        last = train(
            problem.model, problem.examples, strategy=strategy, engine=engine, stop=stop, seed=setting.seed
        ).history[-1]
        assert last.objective is not None
        found[name] = last.objective
    return found


def _findings(speeds: Mapping[str, _Speeds], objectives: Mapping[str, Mapping[str, float]], most: int) -> list[Finding]:
    def gain(problem: str, name: str) -> float:
        """How many times as fast as one thread without anything shared."""
        return speeds[problem][SERIAL][1].time_s / speeds[problem][name][most].time_s

    cheap, slow = ({name: gain(problem, name) for name in STRATEGIES if name != SERIAL} for problem in (TEXT, NET))
    found = [
        Finding(
            f"where gradients are cheap (text), {most} threads are {cheap[TURNS]:.2f} times as fast as one if they "
            f"update in turn, and {cheap[LOCKED]:.2f} times if they lock what they touch",
            max(cheap[TURNS], cheap[LOCKED]) < 1,
        ),
        Finding(
            f"the published form without locks is {cheap[RACY]:.2f} times as fast as one thread there, private copies "
            f"that merge {cheap[OURS]:.2f} times",
            cheap[RACY] < cheap[OURS],
            Advice("sparse data, one machine", "`Hogwild()`, the default"),
        ),
        Finding(
            f"where they are slow (a network), round robin catches up: {slow[TURNS]:.2f} times as fast as one thread, "
            f"private copies {slow[OURS]:.2f} times",
            slow[TURNS] > 1.5 * cheap[TURNS],
            Advice("a net whose gradients take milliseconds, one machine", "`Hogwild()`; `RoundRobin()` costs little"),
        ),
    ]
    if RARE not in speeds:
        return found
    scales = {name: speeds[name][RACY][1].time_s / speeds[name][RACY][most].time_s for name in (TEXT, RARE)}
    worst = {name: max(each / of[SERIAL] - 1 for each in of.values()) for name, of in objectives.items() if name != NET}
    return [
        *found,
        Finding(
            f"the published form gains from threads where examples share few features: {most} threads are "
            f"{scales[RARE]:.2f} times as fast as one there, {scales[TEXT]:.2f} times on text",
            scales[RARE] > scales[TEXT],
        ),
        Finding(
            f"what is learnt hardly depends on it: after {EPOCHS} epochs objectives are "
            f"{' and '.join(f'{each:.1%} ({name})' for name, each in worst.items())} above the serial one at most",
            max(worst.values()) < 0.1,
        ),
    ]


def _exhibit(name: str, problem: Problem, cells: _Speeds, objectives: Mapping[str, float] | None) -> Exhibit:
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
    "published), `Locked()` and `RoundRobin()` on real threads: logistic regression on synthetic text in the shape of "
    f"RCV1, and on rows of {10} features that hardly another row has; and a small convolutional network. Medians of "
    "runs in turn, in real time.",
    "Caches of today: a weight that two cores write to travels between them at each write, which takes as long as many "
    "gradients do; so what is shared must be written rarely, and that is what private copies are for. One thread "
    "of the published form is already slower than the serial one, as it pays the penalty feature by feature. And two "
    "cores are not ten.",
    _look,
)
