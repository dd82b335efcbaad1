"""A rule of the server in whose formula processes of shards die: so they die in the middle of a push."""

import os
import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hogwild.rules.updates import sgd, sgd_step

_STEPS = Counter()  # in this process
_LED = set()  # which shards it has led


def _copy():
    """The actor that has a copy and repeats a push now, if this is one."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "follow":
            return frame.f_locals["self"]
        frame = frame.f_back
    return None


@dataclass(frozen=True)
class Trap:
    """The formula of `sgd`, in which somebody dies at step number `at` of a copy that is complete, or of the primary.

    folder : for what processes must know of each other
    role :   "copy" or "primary": whose steps count
    dies :   who is killed: all of these names, "primary" and "copy", or with a `seed` one at random for each time
    times :  how often
    """

    folder: str
    at: int = 5
    role: str = "primary"
    dies: tuple[str, ...] = ("primary",)
    times: int = 1
    seed: int | None = None

    @property
    def rule(self):
        return sgd(1.0)._replace(formula=self, linear=False)

    def __call__(self, gradient, rate, constants, state):
        self._step(gradient.size)
        return sgd_step(gradient, rate, constants, state)

    def _step(self, size):
        copy = _copy()
        role = "primary" if copy is None else "copy"
        leader = Path(self.folder, f"{size}")
        if copy is None and leader not in _LED:
            _LED.add(leader)
            new = leader.with_suffix(f".{os.getpid()}")
            new.write_text(str(os.getpid()))
            new.replace(leader)  # all at once: others read it
        if role != self.role or not (copy is None or copy._following.complete):
            return
        _STEPS[self, size] += 1
        if _STEPS[self, size] == self.at and (time := self._spring()) is not None:
            dies = self.dies if self.seed is None else random.Random(10 * self.seed + time).choices(self.dies)
            if "primary" in dies:
                os.kill(os.getpid() if copy is None else int(leader.read_text()), signal.SIGKILL)
            if "copy" in dies:
                os.kill(os.getpid(), signal.SIGKILL)

    def _spring(self):
        """Which time it is; None if it was often enough."""
        for time in range(self.times):
            try:
                os.close(os.open(Path(self.folder, f"sprung {time}"), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            return time
        return None

    def has_sprung(self):
        """So often?"""
        return Path(self.folder, f"sprung {self.times - 1}").exists()
