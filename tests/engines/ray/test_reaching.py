"""A shard that cannot be reached for a moment: its process ends in the middle of a call, and Ray starts it anew."""

import os
from importlib.util import find_spec

import pytest

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed"),
    pytest.mark.slow,
    pytest.mark.usefixtures("local_cluster"),
]


class Comes:
    """Of its processes so many are lost in the middle of a call: to who asks it is "unavailable" then, not dead."""

    def __init__(self, folder, lost):
        self.folder, self.lost = folder, lost

    def weights(self):
        if len(os.listdir(self.folder)) < self.lost:
            open(os.path.join(self.folder, str(os.getpid())), "w").close()
            os._exit(1)
        return "weights"


def reaching(folder, lost, patience_s):
    """Somebody who asks for its weights, and what is said to who decides."""
    import ray

    from hogwild.engines.ray.reaching import Reaching
    from hogwild.engines.ray.terms import View

    actor = ray.remote(max_restarts=-1, num_cpus=0)(Comes).remote(str(folder), lost)
    said = []

    def look(shard, life, why, *, dead):
        said.append(dead)
        return View(0, actor)

    return Reaching([View(0, actor)], ["weights"], look, patience_s), said, actor


def test_who_cannot_be_reached_is_not_said_to_be_dead(tmp_path):
    asking, said, actor = reaching(tmp_path, 4, 60.0)
    assert asking.ask_all("weights") == ["weights"]
    assert len(said) >= 4
    assert not any(said)
    end(actor)


def test_but_is_not_asked_for_ever(tmp_path):
    from hogwild import ActorLost

    asking, said, actor = reaching(tmp_path, 10_000, 0.1)
    words = r"^shard 0 of 1 could not be reached for 0.1 s \(`patience_s` of the engine\) by a process that needs it, "
    with pytest.raises(ActorLost, match=words):
        asking.ask_all("weights")
    assert not any(said)
    end(actor)


def end(actor):
    import ray

    ray.kill(actor)
