"""Who watches a run on processes is told how far it is."""

import logging
from dataclasses import dataclass
from importlib.util import find_spec

import pytest
from tests.engines.watchers import CHECKS

from hogwild import AbstractStrategy, Ray, Stop, train
from hogwild.testing import problem

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")


@pytest.mark.parametrize("check", CHECKS)
def test_on_processes(check):
    check(Ray(2))


@dataclass(frozen=True)
class Warns(AbstractStrategy):
    """What its program logs, and what it does not."""

    agree = True

    async def work(self, me):
        async for round in me.rounds():
            if round.first:
                logging.getLogger("mine").warning("worker %d has %s", me.rank, "found something")
                logging.getLogger("mine").info("not worth a message")
                logging.getLogger("ray.mine").error("of Ray's own")
            await me.steps(50)


def test_what_workers_log_is_logged_here(caplog):
    easy = problem()
    with caplog.at_level(logging.INFO):
        train(easy.model, easy.data, strategy=Warns(), engine=Ray(2), stop=Stop(epochs=1), seed=0)
    told = sorted(record.getMessage() for record in caplog.records if record.name.endswith("mine"))
    assert told == [f"worker {rank} of 2: worker {rank} has found something" for rank in range(2)]
