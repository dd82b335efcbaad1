"""Errors that cross from one process to another, and those that only a cluster has."""

from __future__ import annotations

import traceback
from typing import Any, NamedTuple, final

import ray

_pickle: Any = ray.cloudpickle  # what arguments are sent with
LOST = ray.exceptions.RayActorError, ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError
"""What is raised for an actor that has died or cannot be reached any more, and for what it alone had."""


class Elsewhere(Exception):
    """What was raised in another process: its traceback, as the cause of the error that is raised here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


@final
class Failure(NamedTuple):
    """An error on its way, and its traceback: errors leave theirs behind."""

    error: BaseException
    trace: str

    @classmethod
    def of(cls, error: BaseException, trace: str | None = None) -> Failure:
        """An error that cannot be sent becomes one that says the same. trace: where it was raised, if not here."""
        trace = trace or "".join(traceback.format_exception(error))
        try:
            _pickle.loads(_pickle.dumps(error))
        except Exception as why:
            error = RuntimeError(f"{type(error).__name__}: {error} (the error itself cannot be sent: {why})")
        return cls(error, trace)

    def again(self) -> BaseException:
        """The error, to be raised here."""
        self.error.__cause__ = Elsewhere(self.trace)
        return self.error


def said(error: BaseException) -> str:
    """What it says, in one line."""
    return " ".join(str(error).split())


def check_sent(**what: Any) -> None:
    """TypeError that names the first of these that cannot be sent to another process."""
    for name, value in what.items():
        try:
            _pickle.dumps(value)
        except Exception as error:
            raise TypeError(
                f"the {name}, {value!r}, cannot be sent to the workers, which are other processes: {error}; give it no "
                "locks, open files, threads or generators"
            ) from error
