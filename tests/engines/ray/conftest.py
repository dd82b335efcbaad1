"""Runs on a real cluster take longer than those in one process."""

from collections.abc import Iterator

import pytest
from tests.engines.conftest import watched

PATIENCE_S = 120.0


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Ctrl-C after PATIENCE_S seconds ends a run that hangs, and fails the test."""
    yield from watched(PATIENCE_S)
