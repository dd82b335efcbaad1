"""What the conductor answers, as a worker's program wants it."""

from __future__ import annotations

import os
from typing import Any

import ray

from hogwild.engines.ray.errors import LOST
from hogwild.engines.ray.terms import Over
from hogwild.engines.waits import Aborted, Failed
from hogwild.requests import Message, Versioned


def told(answer: Any) -> Any:
    """What the conductor answers. Who cannot reach it is of no use any more: the process ends, as the others must not
    wait for it, and may take its place.
    """
    try:
        return ray.get(answer)
    except LOST:
        os._exit(1)


def heard(answer: Any) -> Any:
    """The same; what it cannot answer is raised."""
    return answered(told(answer))


def answered(found: Any) -> Any:
    """What it has answered; what it cannot answer is raised."""
    if isinstance(found, Over):
        raise Aborted
    if isinstance(found, Failed):
        raise found.error
    return own(found)


def own(answer: Any) -> Any:
    """What came through the object store cannot be written: weights that a program may write to are copied."""
    if isinstance(answer, Message):
        return answer._replace(x=answer.x.copy())
    if isinstance(answer, Versioned):
        return answer._replace(values=answer.values.copy())
    return [own(each) for each in answer] if isinstance(answer, list) else answer
