"""Runs on a real cluster take longer than those in one process."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from tests.engines.conftest import watched

from hogwild.engines.ray.installed import LOOPBACK_ONLY, environment, import_ray

PATIENCE_S = 120.0


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Ctrl-C after PATIENCE_S seconds ends a run that hangs, and fails the test."""
    yield from watched(PATIENCE_S)


@pytest.fixture(autouse=True, scope="session")
def ray_is_told_to_listen_here_only() -> None:
    """Before a test imports what needs Ray."""
    if find_spec("ray") is not None:
        with environment(**{LOOPBACK_ONLY: "0"}):
            import_ray()


@pytest.fixture(scope="module")
def local_cluster() -> Iterator[None]:
    """One for all runs of a module: it need not be replaced by a larger one."""
    from hogwild.engines.ray.cluster import joined

    with joined("local", cpus=3):
        yield


@pytest.fixture
def casts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The actors of all runs of the test."""
    from hogwild.engines.ray.cast import Cast

    made: list[Any] = []
    enter = Cast.__enter__
    monkeypatch.setattr(Cast, "__enter__", lambda cast: made.append(cast) or enter(cast))
    return made


@pytest.fixture
def before_rest(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is put in here is called with the actors of each run, when it has ended and they hold all of it."""
    from hogwild.engines.ray.cast import Cast

    acts: list[Any] = []
    leave = Cast.__exit__

    def look_and_leave(cast: Any, *error: Any) -> None:
        for act in acts:
            act(cast)
        leave(cast, *error)

    monkeypatch.setattr(Cast, "__exit__", look_and_leave)
    return acts
