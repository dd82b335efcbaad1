"""What the conductor answers, as a worker's program wants it."""

from __future__ import annotations

from typing import Any

import ray

from hogwild.engines.ray.terms import Over
from hogwild.engines.waits import Aborted, Failed
from hogwild.requests import Message, Versioned


def heard(answer: Any) -> Any:
    """What the conductor answers; what it cannot answer is raised."""
    found = ray.get(answer)
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
