"""Hosts of a real cluster die while a run is on them: raylets of this machine, with all their processes."""

import gzip
import os
import signal
import threading
from importlib.util import find_spec

import numpy as np
import pytest
from tests.engines.ray.hosts import STORE_BYTES, hosts
from tests.engines.ray.plots import EASY, Averaging, begun, epochs, is_as_good, run, until
from tests.engines.ray.stumbling import title

from hogwild import ActorLost, ClusterError, Downpour, Local, LocalSGD, Network, Ray, Stop, Threads, backoff, train
from hogwild.testing.survival import adds_up

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed"),
    pytest.mark.slow,
]
APIECE = {"resources": {"disk": 1}}  # so that there is one worker on a host


@pytest.fixture(scope="module")
def cluster():
    with hosts(disk=1) as found:
        yield found


@pytest.fixture
def other(cluster):
    """A host beside the head."""
    yield cluster.add(disk=1)
    cluster.clear()
    cluster.wait_until_known()


@pytest.fixture
def strategy(tmp_path):
    return Averaging(str(tmp_path))


def part(rank, size):
    X, y = EASY.data
    return X[rank::size], y[rank::size]


def learnt_by_another(strategy, plot):
    """A worker is lost in this plot, another process takes its place, and what is learnt is as good as ever."""
    found = run(Ray(2, **APIECE), strategy, plot)
    faults = found.history.traffic.faults
    return (faults.workers_lost, faults.workers_joined) == (1, 1) and is_as_good(found, strategy, 2)


def test_a_host_dies_and_another_takes_in_its_worker(cluster, other, strategy, tmp_path):
    """Whichever host it was on, there is room on another."""
    third = cluster.add(disk=1)

    def plot():
        yield from epochs(2)
        cluster.kill(third if cluster.has(third, "Deputy") else other)
        yield from until(lambda: begun(tmp_path) == 3)
        yield from epochs(5)

    assert learnt_by_another(strategy, plot())


def test_the_others_go_on_and_a_new_host_is_let_in(cluster, other, strategy, tmp_path):
    def plot():
        yield from epochs(2)
        cluster.kill(other)
        yield from epochs(10)
        assert begun(tmp_path) == 2
        cluster.add(disk=1)
        yield from until(lambda: begun(tmp_path) == 3)
        yield from epochs(5)

    assert learnt_by_another(strategy, plot())


@pytest.mark.soak
def test_rows_that_nobody_else_can_open_are_waited_for(cluster, other, strategy, tmp_path):
    def plot():
        yield from epochs(2)
        cluster.kill(other)
        cluster.add(disk=1)
        yield from until(lambda: begun(tmp_path) == 3)
        yield from epochs(5)

    found = run(Ray(2, **APIECE), strategy, plot(), Local(part))
    assert found.history.traffic.faults.workers_joined == 1
    assert found.history[-1].objective <= 1.01 * EASY.best


def test_but_not_for_ever(cluster, other, strategy):
    def plot():
        yield from epochs(2)
        cluster.kill(other)
        yield from epochs(1_000)

    words = (
        r"^worker \d has died, and no other process has taken its place in 3 s \(`patience_s` of the engine\): nobody"
    )
    with pytest.raises(ActorLost, match=words):
        run(Ray(2, patience_s=3, **APIECE), strategy, plot(), Local(part))


@pytest.mark.soak
def test_a_host_that_hangs_for_a_second_loses_nothing(cluster, other, strategy):
    def plot():
        yield from epochs(2)
        stopped = cluster.processes(other)
        for process in stopped:
            process.suspend()
        waking = threading.Timer(1.0, lambda: [process.resume() for process in stopped])
        waking.start()
        yield from epochs(5)
        waking.join()

    found = run(Ray(2, **APIECE), strategy, plot())
    assert found.history.traffic.faults is None
    assert is_as_good(found, strategy, 2)


def test_a_process_that_hangs_for_ever_is_replaced(cluster, other, strategy, tmp_path, caplog):
    """Of which Ray says nothing: its host is well."""

    def plot():
        yield from epochs(2)
        note = next(path for path in tmp_path.iterdir() if path.read_text() == "1")
        os.kill(int(note.name), signal.SIGSTOP)
        cluster.add(disk=1)
        yield from until(lambda: begun(tmp_path) == 3)
        yield from epochs(5)

    found = run(Ray(2, patience_s=3, **APIECE), strategy, plot())
    faults = found.history.traffic.faults
    assert (faults.workers_lost, faults.workers_joined) == (1, 1)
    assert "worker 1 of 2 is ended: it has given no sign for 3 s (`patience_s` of the engine)" in caplog.text


def test_the_death_of_the_conductor_is_told_in_one_line(cluster, strategy):
    def plot():
        yield from epochs(2)
        conductor = next(each for each in cluster.processes(cluster.head) if "ray::Conductor" in title(each))
        conductor.kill()
        yield from epochs(1_000)

    with pytest.raises(ActorLost, match=r"^the conductor of the workers has died, and the run with it: .*$") as error:
        run(Ray(1, **APIECE), strategy, plot())
    assert "\n" not in str(error.value)


def test_data_for_which_there_is_no_room(cluster, strategy, monkeypatch):
    import ray

    def put(_: object) -> None:
        raise ray.exceptions.OutOfDiskError("disk is\nfull")

    monkeypatch.setattr(ray, "put", put)
    words = r"^there is no room for the data, neither in Ray's memory .* \(`Local`\): disk is full The object"
    with pytest.raises(ClusterError, match=words):
        run(Ray(1, **APIECE), strategy, epochs(1))


@pytest.mark.soak
def test_data_that_are_larger_than_the_object_store_go_to_the_disk(cluster, other):
    X = np.ones((STORE_BYTES // 60, 8)) + np.arange(8)
    data = X, X[:, 0]  # a little more
    stop = Stop(epochs=1, tol=None)
    found = train(EASY.model, data, strategy=LocalSGD(100_000), engine=Ray(2, **APIECE), stop=stop, seed=0)
    assert found.history[-1].examples == len(X)


def digits(folder, part, n):
    """The first n: pixels (n, 784), about 0 on average, and labels (n,)."""
    pixels, labels = (
        gzip.decompress((folder / "mnist" / f"{part}-{kind}-ubyte.gz").read_bytes())
        for kind in ("images-idx3", "labels-idx1")
    )
    X = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 784)[:n]
    return (X / 255 - 0.1307).astype(np.float32), np.frombuffer(labels, np.uint8, offset=8)[:n].astype(np.int64)


@pytest.mark.soak
@pytest.mark.skipif(find_spec("torch") is None, reason="the extra `nets` is not installed")
def test_a_net_is_as_good_after_the_death_of_a_shards_host(cluster, other, shared_data):
    """With it die the process that leads a shard, the copy of the other one, and a worker."""
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(784, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    model, data = Network(net, rate=backoff(0.3, 0.6)), digits(shared_data, "train", 6_000)
    unseen, labels = digits(shared_data, "t10k", 10_000)

    def learn(engine, *callbacks):
        stop, strategy = Stop(epochs=8, tol=None), Downpour(20, server="sgd")
        found = train(model, data, strategy=strategy, engine=engine, stop=stop, seed=0, callbacks=callbacks)
        return found.history.traffic.faults, 100 * np.mean(found.predict(unseen).argmax(axis=1) != labels)

    def kill(record):
        if record.epoch == 2:
            cluster.kill(other)
            cluster.add(disk=1)

    _, usual = learn(Threads(2, shards=2))
    faults, error = learn(Ray(2, shards=2, **APIECE), kill)
    assert (faults.workers_lost, faults.workers_joined, faults.shards_replaced) == (1, 1, 1)
    assert adds_up(faults)
    assert usual < 8.0
    assert error < usual + 0.5  # points
