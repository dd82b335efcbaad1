"""The engine on a real local cluster: the promises of an engine, and what only processes can do."""

import gc
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest
from tests.engines.ray.stumbling import Stumbles, die
from tests.engines.ray.waiting import wait_for

from hogwild import (
    AbstractStrategy,
    ActorLost,
    ClusterError,
    Downpour,
    Gossip,
    LinearClassifier,
    LocalSGD,
    Ray,
    Stop,
    Threads,
    Unsupported,
    train,
)
from hogwild.testing import ENGINE_CHECKS, problem

# Not by importing it: hogwild does that, when it has set what Ray reads then.
pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
EASY = problem()


def learn(strategy, engine, epochs=5, **options):
    return train(
        EASY.model, EASY.data, strategy=strategy, engine=engine, stop=Stop(epochs=epochs, tol=0), seed=0, **options
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINE_CHECKS)
def test_it_keeps_the_promises_of_an_engine(name):
    ENGINE_CHECKS[name](lambda n: Ray(n, shards=2))


def test_bits_are_those_of_threads():
    here, there = learn(LocalSGD(5), Threads(3)), learn(LocalSGD(5), Ray(3))
    assert np.array_equal(here.params.weights, there.params.weights)
    assert [record.objective for record in here.history] == [record.objective for record in there.history]


@dataclass(frozen=True)
class Varies(AbstractStrategy):
    """Rounds that begin as the last one did, or with other numbers, a sum, nothing at all or what is upcoming."""

    agree = True

    async def work(self, me):
        async for round in me.rounds():
            match round.number % 9:
                case 3:
                    await me.steps(7)
                case 4:
                    await me.all_reduce(me.params.weights)
                case 5:
                    continue
                case 6:
                    me.counts["upcoming"] += int((await me.upcoming(5)).sum())
                case 8 if round.number > 30:
                    return
            await me.steps(5, minibatch=1 + (round.number == 7))
            mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count


def test_examples_that_are_given_too_early_are_put_back():
    here, there = learn(Varies(), Threads(2)), learn(Varies(), Ray(2))
    assert np.array_equal(here.params.weights, there.params.weights)
    assert [(each.examples, each.objective) for each in here.history] == [
        (each.examples, each.objective) for each in there.history
    ]
    assert here.history.counts == there.history.counts
    assert here.reason == there.reason == "ended by the strategy"


def test_a_worker_may_have_several_threads():
    """Which learn about what one learns. A pool starts no more of them than it needs."""
    alone, found = learn(LocalSGD(150), Ray(2)), learn(Counts(), Ray(2, threads=3, cpus=1))
    assert 2 <= found.history.counts["hands"] <= 6
    assert EASY.gap(found.history[-1].objective) == pytest.approx(EASY.gap(alone.history[-1].objective), abs=0.05)


@dataclass(frozen=True)
class Counts(AbstractStrategy):
    """Local SGD that counts the threads which make its steps."""

    agree = True

    async def work(self, me):
        async for _ in me.rounds():
            await me.steps(150)
            mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count
        names = [thread.name for thread in threading.enumerate()]
        me.counts["hands"] += sum(name.startswith("hogwild-hand") for name in names)


def test_workers_are_processes_that_stay_for_the_next_run():
    first, second = (learn(Names(), Ray(2), 1).history.counts for _ in "12")
    assert len(first) == 2
    assert first == second
    assert str(os.getpid()) not in first


def test_the_usual_strategy_shares_no_memory():
    found = train(EASY.model, EASY.data, engine=Ray(2), stop=Stop(epochs=5, tol=0), seed=0)
    assert np.array_equal(found.params.weights, learn(LocalSGD(), Ray(2)).params.weights)
    X, y = EASY.data
    fitted = LinearClassifier(engine=Ray(2), random_state=0).fit(X, np.sign(y))
    assert fitted.score(X, np.sign(y)) > 0.9


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"workers": 0}, ValueError, "workers=0 must be a whole number of at least 1"),
        ({"shards": 1.5}, ValueError, "shards=1.5 must be a whole number of at least 1"),
        ({"threads": 0}, ValueError, "threads=0 must be a whole number of at least 1"),
        ({"cpus": 0}, ValueError, "cpus=0 must be a positive number, or None for one a thread"),
        ({"gpus": -1}, ValueError, "gpus=-1 must be a number of at least 0"),
        ({"resources": "disk"}, TypeError, "resources='disk' must be a dict"),
        ({"resources": {"disk": 0}}, ValueError, r"resources\['disk'\]=0 must be a positive number"),
        ({"resources": {"GPU": 2}}, ValueError, "resources has 'GPU': give gpus=2 instead"),
        ({"runtime_env": ["pip"]}, TypeError, r"runtime_env=\['pip'\] must be a dict"),
        ({"patience_s": 0}, ValueError, "patience_s=0 must be a positive number"),
        ({"unauthenticated": 1}, TypeError, "unauthenticated=1 must be True or False"),
        ({"backups": 1}, TypeError, "backups=1 must be True, False or None"),
        ({"least": 3}, ValueError, "least=3 must be a whole number from 1 to workers=2, or None for all"),
        ({"least": 0}, ValueError, "least=0 must be a whole number from 1 to workers=2, or None for all"),
        ({"least": 1.0}, ValueError, "least=1.0 must be a whole number from 1 to workers=2, or None for all"),
    ],
)
def test_what_is_asked_for_is_checked(options, error, words):
    with pytest.raises(error, match=f"^{words}$"):
        Ray(**options)


def test_what_no_host_has_is_named():
    words = r"^the run needs 2 CPU, 0.5 GPU, 2 disk and the cluster has \d+ CPU, 0 GPU, 0 disk: use fewer workers"
    with pytest.raises(ClusterError, match=words):
        learn(LocalSGD(5), Ray(2, gpus=0.25, resources={"disk": 1}))


def test_the_runtime_environment_reaches_the_workers():
    found = learn(Names("HOGWILD_TEST"), Ray(2, runtime_env={"env_vars": {"HOGWILD_TEST": "here"}}), 1)
    assert list(found.history.counts) == ["here"]


def test_shared_memory_is_refused():
    with pytest.raises(Unsupported, match=r"^Hogwild needs memory that all workers share, which Ray does not have"):
        learn("hogwild", Ray(2))


def test_the_result_can_be_written_and_gone_on_from():
    found = learn(LocalSGD(5), Ray(2), 2)
    found.params.weights += 0
    on = learn(LocalSGD(5), Ray(2), 2, start=found.params)
    assert EASY.gap(on.history[-1].objective) < EASY.gap(found.history[-1].objective)
    assert on.model is EASY.model


# ------------------------------------------------------------------------------------------------ strategies of ours


@dataclass(frozen=True)
class Names(AbstractStrategy):
    """Counts under the number of its process, or a variable of its environment."""

    variable: str | None = None
    agree = True

    async def work(self, me):
        async for _ in me.rounds():
            await me.steps(5)
            me.counts[str(os.getpid()) if self.variable is None else os.environ[self.variable]] = 1


def divide_by_zero():
    return 1 / 0


class Odd(Exception):
    """Cannot be made again from its arguments."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def be_odd():
    raise Odd(1, 2)


# ------------------------------------------------------------------------------------------------------- what fails


def test_who_dies_is_named_and_nobody_waits_for_ever():
    with pytest.raises(ActorLost, match=r"^worker 1 of 3 has died, and the run with it: "):
        learn(Stumbles(die), Ray(3))
    assert learn(LocalSGD(5), Ray(3)).reason == "epochs"


def test_errors_bring_their_traceback_along():
    with pytest.raises(ZeroDivisionError, match="division by zero") as raised:
        learn(Stumbles(divide_by_zero), Ray(2))
    assert raised.value.__notes__ == ["(in worker 1 of 2, round 4, epoch 1)"]
    assert "in divide_by_zero" in str(raised.value.__cause__)


def test_errors_that_cannot_be_sent_say_the_same():
    with pytest.raises(RuntimeError, match=r"^Odd: 1 and 2 \(the error itself cannot be sent: "):
        learn(Stumbles(be_odd), Ray(2))


def test_strategies_that_cannot_be_sent_are_named():
    with pytest.raises(TypeError, match=r"^the strategy, Stumbles\(how=<unlocked .*, cannot be sent to the workers"):
        learn(Stumbles(threading.Lock()), Ray(2))


# ----------------------------------------------------------------------------------------------------------- Ctrl-C


@pytest.mark.parametrize("strategy", [LocalSGD(5), Downpour(), Gossip("gosgd", period=5)])
def test_ctrl_c_keeps_what_there_is(strategy):
    def press(record):
        if record.epoch == 3:
            os.kill(os.getpid(), signal.SIGINT)

    found = learn(strategy, Ray(2), 5_000, callbacks=[press])
    assert found.reason == "interrupted"
    assert 3 <= len(found.history) < 5_000
    assert EASY.gap(min(record.objective for record in found.history)) < 0.5


def test_a_cluster_outlives_the_thread_whose_run_has_started_it():
    import ray

    ray.shutdown()
    thread = threading.Thread(target=learn, args=(LocalSGD(5), Ray(2), 1))
    thread.start()
    thread.join()
    assert learn(LocalSGD(5), Ray(2), 1).reason == "epochs"


def test_importing_hogwild_imports_no_ray():
    code = "import hogwild, sys; hogwild.Ray(2); assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_driver_does_not_hold_the_data_of_a_run_that_has_ended():
    """Until garbage is collected: each run brings its own, and Ray would write the others to the disk."""
    X = np.random.default_rng(0).normal(size=(2_000, 1_000)).astype(np.float32)

    def used():
        ray = sys.modules["ray"]
        there, free = ray.cluster_resources(), ray.available_resources()
        return there["object_store_memory"] - free.get("object_store_memory", 0.0)

    learn(LocalSGD(5), Ray(2), 1)  # the cluster is there
    before = used()
    gc.disable()
    try:
        train(EASY.model, (X, np.sign(X[:, 0])), strategy=LocalSGD(500), engine=Ray(2), stop=Stop(epochs=1), seed=0)
        wait_for(lambda: used() < before + X.nbytes)
    finally:
        gc.enable()


@pytest.mark.parametrize("strategy", [LocalSGD(5), Downpour()], ids=str)
def test_actors_that_rest_hold_nothing_of_the_last_run(strategy):
    """Or its data, too, would lie in the object store until they begin another."""

    def alive(actor):
        from hogwild import Examples
        from hogwild.interfaces import AbstractTask

        return [type(each).__name__ for each in gc.get_objects() if isinstance(each, Examples | AbstractTask)]

    learn(strategy, Ray(2, threads=2, cpus=0.5), 1)
    import ray

    from hogwild.engines.ray.cast import _resting

    resting = [each for found in _resting.values() for each in found]
    ray.get([each.rested for each in resting])
    assert len(resting) >= 3
    assert ray.get([each.actor.__ray_call__.remote(alive) for each in resting]) == [[]] * len(resting)


# ---------------------------------------------------------------------------------------------------------- judging


class Notes:
    """A module's loss that notes in which process it was called on how many rows, without learning."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, output, target):
        if not output.requires_grad:
            with open(os.path.join(self.folder, str(os.getpid())), "a") as file:
                file.write(f"{len(target)}\n")
        return ((output - target.to(output.dtype)) ** 2).reshape(-1)


@pytest.mark.skipif(find_spec("torch") is None, reason="the extra `nets` is not installed")
def test_weights_are_judged_by_the_processes_of_the_workers(tmp_path, monkeypatch):
    import torch

    from hogwild import Network

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40_000, 2)).astype(np.float32), rng.normal(size=40_000).astype(np.float32)
    model = Network(torch.nn.Linear(2, 1), loss=Notes(str(tmp_path)))
    train(model, data, strategy=LocalSGD(10_000, minibatch=100), engine=Ray(2), stop=Stop(epochs=2, tol=0), seed=0)
    judged = {file.name: sum(map(int, file.read_text().split())) for file in tmp_path.iterdir()}
    assert len(judged) == 2
    assert str(os.getpid()) not in judged
    assert sum(judged.values()) == 80_000
