"""Processes of shards end by SIGKILL, in the midst of a push or an operation, where a plan says so."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, final

from hogwild.engines.desk import Desk
from hogwild.engines.ray.stream import Following
from hogwild.rules.updates import Update
from hogwild.testing.probes import must

LEADERS = "untold", "told"
COPY = "copy"


class ShardKill(NamedTuple):
    """A process of this shard ends by SIGKILL, when it has done this message: a push or an operation, counted from 0,
    since there are two processes that know all. Those of one shard die in the order of the plan.

    who : "untold": the one that leads, before its copy has heard of the message. "told": the same, when the copy has
          done it, and nobody was answered. "copy": the copy, when it has done it
    """

    shard: int
    message: int
    who: str


def doomed(rule: Update, kills: Sequence[ShardKill], notes: str) -> Update:
    """The same rule; who is sent it kills by the plan, if it is the process of a shard, and notes that in a folder of
    this machine.
    """
    return rule._replace(formula=_Deadly(rule.formula, tuple(kills), notes))


def killed(notes: str) -> list[str]:
    """Who was killed, by the words of `ShardKill.who`."""
    return [path.name.split("-")[-1] for path in Path(notes).glob("shard-killed-*")]


@final
@dataclass(frozen=True)
class _Deadly:
    """A formula, as it was."""

    formula: Callable[..., Any]
    kills: tuple[ShardKill, ...]
    notes: str

    def __call__(self, *arguments: Any) -> Any:
        return self.formula(*arguments)

    def __reduce__(self) -> Any:
        return _arrived, (self.formula, self.kills, self.notes)


def _arrived(formula: Callable[..., Any], kills: tuple[ShardKill, ...], notes: str) -> _Deadly:
    """In another process."""
    _Trap.set(kills, notes)
    return _Deadly(formula, kills, notes)


@final
class _Trap:
    """What shards of this process do beside their work."""

    here: _Trap | None = None

    def __init__(self, kills: tuple[ShardKill, ...], notes: str) -> None:
        self._kills, self._notes = kills, Path(notes)
        self._counts: Counter[tuple[int, int]] = Counter()
        self._noted: set[str] = set()

    @classmethod
    def set(cls, kills: tuple[ShardKill, ...], notes: str) -> None:
        """For the run that begins: the process may have had others."""
        if cls.here is None:
            for name in ("push", "operate"):
                setattr(Desk, name, _watched(getattr(Desk, name)))
            Following.new = _each_watched(Following.new)  # type: ignore[method-assign]
        cls.here = cls(kills, notes)

    def done(self, shard: int, role: str) -> None:
        """A message has changed the shard; here it is that."""
        kills = [kill for kill in self._kills if kill.shard == shard]
        number = len(list(self._notes.glob(f"shard-killed-{shard}-*")))
        if number >= len(kills) or role not in ("leads", "follows"):
            return
        kill, copy = kills[number], self._read(f"shard-pair-{shard}-{number}")
        if role == "leads":
            self._note(f"shard-leads-{shard}")
            if kill.who == "untold" and copy and self._is_due(kill, number):
                self._kill(kill, number, copy, os.getpid())
        elif number == 0 or self._read(f"shard-killed-{shard}-{number - 1}-{kills[number - 1].who}") != os.getpid():
            # Else it had the copy when the last one was killed, and is still to lead.
            self._note(f"shard-pair-{shard}-{number}")
            if kill.who in ("told", COPY) and self._is_due(kill, number):
                victim = os.getpid() if kill.who == COPY else self._read(f"shard-leads-{shard}")
                must(victim, "who tells a copy of a push has noted that it leads")
                self._kill(kill, number, os.getpid(), victim)

    def _is_due(self, kill: ShardKill, number: int) -> bool:
        self._counts[kill.shard, number] += 1
        return self._counts[kill.shard, number] > kill.message

    def _kill(self, kill: ShardKill, number: int, copy: int, victim: int) -> None:
        """copy: who had it then."""
        self._write(f"shard-killed-{kill.shard}-{number}-{kill.who}", copy)
        os.kill(victim, signal.SIGKILL)

    def _note(self, name: str) -> None:
        """That it is this process, once."""
        if name not in self._noted:
            self._noted.add(name)
            self._write(name, os.getpid())

    def _write(self, name: str, process: int) -> None:
        new = Path(self._notes, f".{name}-{os.getpid()}")
        new.write_text(str(process))
        new.replace(Path(self._notes, name))  # all at once: others read it

    def _read(self, name: str) -> int:
        """The process that is noted there; 0: none."""
        path = Path(self._notes, name)
        return int(path.read_text()) if path.exists() else 0


def _watched(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same method of a desk, in the process that leads; when it has done a message somebody may die."""

    @wraps(method)
    def act(*arguments: Any) -> None:
        method(*arguments)
        _done(sys._getframe(1))

    return act


def _each_watched(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same in the process that has the copy: what is new there it does one after the other."""

    @wraps(method)
    def act(*arguments: Any) -> Iterator[Any]:
        for message in method(*arguments):
            yield message
            if message[0] in ("push", "operate"):
                _done(sys._getframe(1))

    return act


def _done(frame: FrameType | None) -> None:
    """The actor, of which this is a frame or that of one who called it, has done a message."""
    from hogwild.engines.ray.shard import ShardHost

    while frame is not None and not isinstance(frame.f_locals.get("self"), ShardHost):
        frame = frame.f_back
    if frame is not None and _Trap.here is not None:
        _Trap.here.done(*frame.f_locals["self"].role)
