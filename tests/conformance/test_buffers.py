"""Every worker has buffers of its own, in one place whatever it is asked to do, on every engine."""

import numpy as np
import pytest

from hogwild import AbstractStrategy, Racy, Simulated, Stop, Threads, sgd, train
from hogwild.testing.probes import Probe

torch = pytest.importorskip("torch", reason="a network needs PyTorch: pip install 'hogwild[nets]'")

from hogwild import Network  # noqa: E402


def learn(strategy: AbstractStrategy, engine):
    rng = np.random.default_rng(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 3))
    data = rng.normal(size=(64, 6)).astype(np.float32), rng.integers(0, 3, 64)
    return train(Network(net), data, strategy=strategy, engine=engine, stop=Stop(epochs=1, tol=0)).params.state


every_engine = pytest.mark.parametrize("engine", [Threads, Simulated])


@every_engine
@pytest.mark.parametrize("server", [None, sgd()], ids=["mine", "server"])
def test_steps_and_gradients_count_alike(engine, server):
    async def work(me):
        async for _ in me.rounds():
            await me.steps(1, minibatch=8)
            await me.apply(await me.gradient(8))

    needs = {"server"} if server else set()
    answer = "server" if server else "mine"
    probe = Probe(needs=needs, server=server, answer=answer)
    assert learn(probe.strategy(work), engine(1))["buffer.1.num_batches_tracked"] == 8


@every_engine
def test_those_who_share_weights_share_no_buffers(engine):
    states = {}

    async def work(me):
        states[me.rank] = me.params.state
        await me.share(Racy())
        async for _ in me.rounds():
            await me.apply(await me.gradient(8))

    found = learn(Probe(needs={"share"}, answer="shared").strategy(work), engine(2))
    counts = [int(states[rank]["buffer.1.num_batches_tracked"]) for rank in (0, 1)]
    assert sum(counts) == 8
    assert found["buffer.1.num_batches_tracked"] == counts[0]
