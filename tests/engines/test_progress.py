"""Who watches a run is told how far it is, on engines whose time is real (on `Ray`: see the folder of that name)."""

import pytest
from tests.engines.watchers import CHECKS, Watcher

from hogwild import Threads
from hogwild.engines import progress


@pytest.mark.parametrize("check", CHECKS)
def test_on_threads(check):
    check(Threads(2))


def test_nobody_is_asked_where_nobody_watches():
    asked = []
    watching = progress.Watching([print], lambda: asked.append(1), lambda: 1e9 * (len(asked) + 1))
    watching.look()
    assert not asked
    assert not watching.wanted


def test_observers_are_not_told_too_often():
    now, watcher = [0.0], Watcher(KeyboardInterrupt(), lambda told: False)
    watching = progress.Watching([watcher], lambda: now[0], lambda: now[0])
    for now[0] in (0.1, 0.4, 0.6, 0.9, 1.2):
        watching.look()
    assert watcher.told == [0.6, 1.2]
