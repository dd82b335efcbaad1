"""Strategies, models and engines, all with all: no run may leave a thread behind."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from tests.engines.conftest import watched


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """As for engines, with more patience: a kernel may have to be compiled, or Hypothesis soaks."""
    yield from watched(90.0 * max(1, settings.default.max_examples // 100))
