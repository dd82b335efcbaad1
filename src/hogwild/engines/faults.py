"""What may go wrong in a simulated cluster: one fault, and the word by which a strategy says that it survives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, final

from hogwild.limits import is_number, is_whole

SURVIVES: dict[str, str] = {
    "lost worker": "a worker dies, and perhaps comes back; workers leave, and join later",
    "lost coordinator": "the worker dies that the others depend on (`AbstractStrategy.coordinator`)",
    "lost shard": "the host of a shard dies",
    "lost message": "messages are lost and sent again, so that they come late and out of order",
    "duplicate message": "messages come twice",
    "slow worker": "a worker takes much longer than others, or the host of a shard does",
}
"""The words of `AbstractStrategy.survives`, and what they mean."""

_WORDS = {
    "leave": "lost worker",
    "join": "lost worker",
    "slow": "slow worker",
    "lose": "lost message",
    "partition": "lost message",
    "reorder": "lost message",
    "duplicate": "duplicate message",
}
_FORMS = {
    "kill": "Fault.kill(worker=3, at_s=1.5)",
    "slow": "Fault.slow(worker=2, factor=10.0)",
    "partition": "Fault.partition(workers=(1, 2), from_s=1.0, to_s=2.0)",
    "lose": "Fault.lose(0.05)",
    "duplicate": "Fault.duplicate(0.05)",
    "reorder": "Fault.reorder(0.05, by_s=0.001)",
    "join": "Fault.join(worker=5, at_s=1.0)",
    "leave": "Fault.leave(worker=2, at_s=1.0)",
}


@final
@dataclass(frozen=True, repr=False)
class Fault:
    """Something that goes wrong, made by one of the class methods; given to `Simulated(faults=(Fault.kill(...), ...))`.

    kind :            the name of the class method
    workers, shards : whom it concerns
    from_s, to_s :    when, in virtual seconds; `math.inf`: until the end
    amount :          the share of messages, or how many times as long
    by_s :            how much later messages come

    ValueError for numbers that make no sense. What does not go together is found by `Faults`, and who is not there by
    the engine.
    """

    kind: str
    workers: tuple[int, ...] = ()
    shards: tuple[int, ...] = ()
    from_s: float = 0.0
    to_s: float = inf
    amount: float = 0.0
    by_s: float = 0.0

    @staticmethod
    def kinds() -> tuple[str, ...]:
        """The names of the class methods that make them."""
        return tuple(_FORMS)

    @classmethod
    def kill(
        cls, *, worker: int | None = None, shard: int | None = None, at_s: float, back_s: float | None = None
    ) -> Fault:
        """The process of a worker dies, and all that it had not sent is lost; a new one with its data starts at
        `back_s`. Or the host dies that a shard is on: another, which has a copy, takes its place; at `back_s` the first
        is there again, with nothing on it, and is sent a copy to hold.
        """
        if (worker is None) == (shard is None):
            raise ValueError("Fault.kill() wants either worker= or shard=, such as Fault.kill(worker=3, at_s=1.5)")
        _time("at_s", at_s)
        if back_s is not None:
            _interval("at_s", at_s, "back_s", back_s)
        workers = () if worker is None else (worker,)
        shards = () if shard is None else (shard,)
        return cls("kill", workers, shards, at_s, inf if back_s is None else back_s)

    @classmethod
    def slow(
        cls,
        *,
        worker: int | None = None,
        shard: int | None = None,
        factor: float,
        from_s: float = 0.0,
        to_s: float = inf,
    ) -> Fault:
        """What this worker computes meanwhile takes `factor` times as long. Or what is sent meanwhile to the host on
        which this shard begins, or by it: latency and bytes, so that messages queue there; what a shard does with them
        takes no time. A shard that has moved to another host is not slow.
        """
        if (worker is None) == (shard is None):
            raise ValueError("Fault.slow() wants either worker= or shard=, such as Fault.slow(shard=0, factor=10.0)")
        _interval("from_s", from_s, "to_s", to_s)
        workers = () if worker is None else (worker,)
        shards = () if shard is None else (shard,)
        return cls("slow", workers, shards, from_s, to_s, factor)

    @classmethod
    def partition(
        cls, *, workers: Sequence[int] = (), shards: Sequence[int] = (), from_s: float, to_s: float = inf
    ) -> Fault:
        """These hosts are cut off from all others meanwhile: no message gets through, in either direction. `shards`:
        the hosts on which these begin; a shard that has moved to another host is not cut off.
        """
        _interval("from_s", from_s, "to_s", to_s)
        for name, numbers in (("workers", workers), ("shards", shards)):
            if not isinstance(numbers, Sequence):
                raise TypeError(f"{name}={numbers!r} of Fault.partition() must be a tuple of numbers such as (1, 2)")
        return cls("partition", tuple(workers), tuple(shards), from_s, to_s)

    @classmethod
    def lose(cls, share: float) -> Fault:
        """This share of all messages is lost. Which ones, the seed of the run decides."""
        return cls("lose", amount=share)

    @classmethod
    def duplicate(cls, share: float) -> Fault:
        """This share of all messages comes twice."""
        return cls("duplicate", amount=share)

    @classmethod
    def reorder(cls, share: float, *, by_s: float) -> Fault:
        """This share of all messages comes `by_s` later than it would, and others overtake it."""
        return cls("reorder", amount=share, by_s=by_s)

    @classmethod
    def join(cls, *, worker: int, at_s: float) -> Fault:
        """The worker is not there before; it begins with the weights of another."""
        _time("at_s", at_s)
        return cls("join", (worker,), (), at_s)

    @classmethod
    def leave(cls, *, worker: int, at_s: float) -> Fault:
        """The worker goes through no more rounds after that time, and its program ends as it does at the end."""
        _time("at_s", at_s)
        return cls("leave", (worker,), (), at_s)

    def __post_init__(self) -> None:
        if self.kind not in _FORMS:
            raise ValueError(f"there is no fault {self.kind!r}: use one of {', '.join(_FORMS)}")
        for name, numbers in (("worker", self.workers), ("shard", self.shards)):
            if not (isinstance(numbers, tuple) and all(is_whole(number) and number >= 0 for number in numbers)):
                shown = repr(numbers[0]) if len(numbers) == 1 else repr(numbers)
                raise ValueError(f"{name}={shown} of Fault.{self.kind}() must be the number of a {name}, from 0 on")
        _interval("from_s", self.from_s, "to_s", self.to_s)
        count = {"kill": 1, "slow": 1, "join": 1, "leave": 1, "lose": 0, "duplicate": 0, "reorder": 0}.get(self.kind)
        if count is not None and len(self.workers) + len(self.shards) != count:
            raise ValueError(f"Fault.{self.kind}() is about {count or 'no'} host: write {_FORMS[self.kind]}")
        if self.kind == "partition" and not (self.workers or self.shards):
            raise ValueError(f"Fault.partition() cuts off nobody: name workers or shards, as in {_FORMS['partition']}")
        self._check_amount()

    def _check_amount(self) -> None:
        amount = self.amount
        if self.kind in ("lose", "duplicate", "reorder") and not (is_number(amount) and 0 <= amount < 1):
            raise ValueError(f"share={amount!r} of Fault.{self.kind}() must lie in [0, 1): it is a share of messages")
        if self.kind == "slow" and not (is_number(amount) and 1 <= amount < inf):
            raise ValueError(f"factor={amount!r} of Fault.slow() must be a finite number of at least 1")
        if self.kind == "reorder" and not (is_number(self.by_s) and 0 < self.by_s < inf):
            raise ValueError(f"by_s={self.by_s!r} of Fault.reorder() must be a positive number of seconds")

    def word(self, coordinator: int | None) -> str:
        """What a strategy must say that it survives: see `SURVIVES`. coordinator: its worker that others depend on."""
        if self.kind == "kill" and self.shards:
            return "lost shard"
        if self.kind in ("kill", "leave", "join") and coordinator in self.workers:
            return "lost coordinator"
        return _WORDS.get(self.kind, "lost worker")

    def __repr__(self) -> str:
        who = [
            f"{name}={numbers[0]}" for name, numbers in (("worker", self.workers), ("shard", self.shards)) if numbers
        ]
        match self.kind:
            case "kill":
                back = [f"back_s={_shown(self.to_s)}"] if self.to_s < inf else []
                given = [*who, f"at_s={_shown(self.from_s)}", *back]
            case "join" | "leave":
                given = [*who, f"at_s={_shown(self.from_s)}"]
            case "slow":
                given = [
                    *who,
                    f"factor={_shown(self.amount)}",
                    f"from_s={_shown(self.from_s)}",
                    f"to_s={_shown(self.to_s)}",
                ]
            case "partition":
                groups = [f"workers={self.workers}"] * bool(self.workers) + [f"shards={self.shards}"] * bool(
                    self.shards
                )
                given = [*groups, f"from_s={_shown(self.from_s)}", f"to_s={_shown(self.to_s)}"]
            case _:
                given = [f"{_shown(self.amount)}"] + [f"by_s={_shown(self.by_s)}"] * (self.kind == "reorder")
        return f"Fault.{self.kind}({', '.join(given)})"


def _shown(number: float) -> str:
    if number == inf:
        return "math.inf"
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


def _time(name: str, value: Any) -> None:
    if not (is_number(value) and 0 <= value < inf):
        raise ValueError(f"{name}={value!r} of a fault must be a finite number of virtual seconds, at least 0")


def _interval(first: str, begin: Any, last: str, end: Any) -> None:
    _time(first, begin)
    if not (is_number(end) and end > begin):
        raise ValueError(f"{last}={end!r} of a fault must come after {first}={begin!r}")
