"""How a request is asked."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any


def ask(request: Any) -> Generator[Any, Any, Any]:
    """`await request` hands the request to the engine and returns its answer. Nothing else ever yields."""
    return (yield request)
