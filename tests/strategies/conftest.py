"""Strategies are tested as they run, so what holds for engines holds here."""

from tests.engines.conftest import no_thread_is_left

__all__ = ["no_thread_is_left"]
