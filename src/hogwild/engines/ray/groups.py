"""Threads of an actor: methods of one group wait for each other only, whatever else the actor does. The actor's class
says in `groups` how many threads each has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import ray

PULSE = "pulse"  # the group of those that give signs of life
Method = TypeVar("Method", bound=Callable[..., Any])


def in_group(group: str) -> Callable[[Method], Method]:
    """Decorator of a method: it runs in one of the threads of this group."""

    def mark(method: Method) -> Method:
        marked: Method = ray.method(concurrency_group=group)(method)
        return marked

    return mark
