"""What an engine must do with requests that compute: the right examples, weights and moments reach the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from hogwild.interfaces import AbstractEngine, Result, Unsupported, Worker
from hogwild.memory import Locking, Racy, Replicas
from hogwild.models.linear import Linear
from hogwild.requests import ALL
from hogwild.rules.schedules import constant, inverse
from hogwild.stopping import Stop
from hogwild.testing.probes import MakeEngine, Probe, Work, look, must, near, raised, same, vector, within
from hogwild.training import train

RATE = 0.125


def _model(l2: float) -> Linear:
    """On sparse rows of even columns, without an intercept, steps are not relaxed: NumPy can follow."""
    return Linear("squared", l2=l2, fit_intercept=False, schedule=constant(RATE), average=False)


def _rows(n: int = 30, d: int = 6) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.choice([-1.0, 0.0, 1.0], (n, d))
    X[:d] = np.eye(d)
    return X, X @ np.arange(1.0, d + 1) + rng.normal(size=n)


X, Y = _rows()


def _gradient(w: np.ndarray, l2: float) -> np.ndarray:
    """Sum over all rows of the gradient of (x w - y)^2 / 2 + l2/2 |w|^2."""
    return np.asarray(X.T @ (X @ w - Y) + len(Y) * l2 * w)


def _train(engine: AbstractEngine, work: Work, l2: float = 0.0, epochs: int = 2) -> np.ndarray:
    """The coefficients that a program learns."""
    stop = Stop(epochs=epochs, tol=None)

    def run() -> Result:
        return train(
            _model(l2), (sp.csr_array(X), Y), strategy=Probe().strategy(work), engine=engine, stop=stop, seed=0
        )

    return np.asarray(within(run).params["coef"])


def full_gradients_are_right(make_engine: MakeEngine) -> None:
    """gradient(ALL) of all workers adds up to that of all examples, and apply() is a step on its mean: gradient
    descent, against NumPy.
    """

    async def work(me: Worker) -> None:
        async for _ in me.rounds():
            mine = await me.gradient(ALL)
            everybody = await me.all_reduce(mine)
            w = me.params["coef"].astype(np.float64)
            near(everybody.sum.values[:-1], _gradient(w, l2), "the gradient over all examples")
            objective = ((X @ w - Y) ** 2).sum() / 2 + len(Y) * l2 / 2 * w @ w
            near(everybody.sum.loss, objective, "the loss over all examples, with the penalty")
            must(everybody.sum.examples == len(Y), f"ALL was {everybody.sum.examples} of {len(Y)} examples")
            await me.apply(everybody.sum)

    l2, w = 0.25, np.zeros(X.shape[1])
    for _ in range(4):
        w -= RATE * _gradient(w, l2) / len(Y)
    for size in (1, 2, 5):
        near(_train(make_engine(size), work, l2, 4), w, f"gradient descent of {size} workers")


def steps_are_gradients_that_are_applied(make_engine: MakeEngine) -> None:
    """steps(), and gradient() with apply(), learn the same examples and go the same way."""

    async def stepping(me: Worker) -> None:
        async for _ in me.rounds():
            await me.steps(2, minibatch=3)

    async def applying(me: Worker) -> None:
        async for _ in me.rounds():
            for _ in range(2):
                await me.apply(await me.gradient(3))

    async def recording(me: Worker) -> None:
        async for _ in me.rounds():
            before = me.params.weights.copy()
            change = await me.steps(2, minibatch=3, record=True)
            near(change.values, me.params.weights - before, "what steps(record=True) has recorded")
            steps = -(-change.examples // 3)  # fewer at the end of an epoch
            must(change.examples <= 6 and change.steps == steps, f"2 steps of 3 examples were recorded as {change}")
            must(change.examples == 6 or me.size > 1, f"30 examples are 5 times 2 steps of 3, not {change}")

    async def at_a_rate(me: Worker) -> None:
        async for _ in me.rounds():
            await me.steps(1, RATE, minibatch=6)

    async def by_hand(me: Worker) -> None:
        async for _ in me.rounds():
            w = me.params["coef"].copy()
            delta = await me.gradient(6)
            await me.apply(delta)
            near(me.params["coef"], w - RATE / 6 * delta.values[:-1], "w - rate * mean gradient")

    # Without l2, which steps pay by dividing: 1 / (1 + rate l2) instead of 1 - rate l2.
    steps = _train(make_engine(1), stepping)
    near(_train(make_engine(1), applying), steps, "gradient() and apply() instead of steps()")
    near(_train(make_engine(1), by_hand), _train(make_engine(1), at_a_rate), "gradient() and apply() at a given rate")
    near(_train(make_engine(3), recording), _train(make_engine(3), stepping), "steps(record=True) instead of steps()")


def upcoming_rows_are_those_that_come(make_engine: MakeEngine) -> None:
    """upcoming() names the rows that the next gradient touches, and hands nothing out."""

    async def work(me: Worker) -> None:
        examples = 0
        async for _ in me.rounds():
            keys = await me.upcoming(2)
            must((np.diff(keys) > 0).all(), f"upcoming rows must increase: {keys}")
            delta = await me.gradient(2, keys)
            must(delta.keys is keys or np.array_equal(delta.keys, keys), "the gradient is not of the rows asked for")
            examples += delta.examples
            sparse = vector(me)
            sparse[me.params.positions(keys)] = delta.values
            me.params.weights += sparse  # visits, negative
        everybody = await me.all_reduce(me.params.weights)
        me.params.weights[:] = -everybody.sum

    for size in (1, 3):
        for agree in (True, False):
            for stop in (Stop(epochs=3, tol=None), Stop(epochs=1, tol=0)):
                result = look(make_engine(size), work, probe=Probe(agree=agree), stop=stop)
                visits = np.full(24, float(stop.epochs))
                same(result.params.weights, visits, "gradients of upcoming rows, by example")


def upcoming_rows_stay_those_that_come(make_engine: MakeEngine) -> None:
    """Also if an epoch ends between upcoming() and gradient(); and asking twice changes nothing."""

    async def work(me: Worker) -> None:
        async for round in me.rounds():
            if me.rank == 1:
                if round.number == 0:
                    await me.gradient(ALL)  # nothing is left of the epoch
                    await me.put(0, vector(me))
                    await me.inbox((0,))
                elif round.number == 1:
                    await me.put(0, vector(me))  # the next has begun
                    await me.inbox((0,))
                await me.gradient(5)
                continue
            if round.number == 0:
                await me.inbox((1,))
            keys = await me.upcoming(3)
            if round.number == 0:
                await me.put(1, vector(me))
                await me.inbox((1,))
            same(await me.upcoming(3) if keys.size else keys, keys, "upcoming(3), asked again")
            delta = await me.gradient(3, keys)
            must(delta.examples == keys.size, f"the gradient is of {delta.examples} examples, but {keys} were to come")
            await me.put(1, vector(me))

    look(make_engine(2), work, probe=Probe(agree=False), stop=Stop(epochs=4, tol=None))


def weights_are_true_between_requests(make_engine: MakeEngine) -> None:
    """Whatever form weights have within steps(): who reads a peer that computes sees none of it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 2))
    model = Linear("squared", l2=1.0, fit_intercept=False, schedule=inverse(0.1), average=False)

    async def work(me: Worker) -> None:
        await me.all_reduce()
        if me.rank == 0:
            for _ in range(4):
                await me.steps(5000)
        else:
            for _ in range(300):
                most = float(np.abs((await me.get(0)).x).max())
                must(most < 10, f"weights of 1 at most were seen as {most:g} while their worker computes")

    strategy = Probe(agree=False).strategy(work)
    engine, stop = make_engine(2), Stop(epochs=1, tol=None)
    within(lambda: train(model, (x, x.sum(axis=1)), strategy=strategy, engine=engine, stop=stop, seed=0))


def memory_is_shared(make_engine: MakeEngine) -> None:
    """After share() all workers train one vector; without it each has its own."""

    def sharing(how: Any) -> Any:
        async def work(me: Worker) -> None:
            await me.share(how)
            async for _ in me.rounds():
                await me.steps(3)

        return work

    async def apart(me: Worker) -> None:
        me.params.weights[:] = me.rank
        await me.all_reduce()
        same(me.params.weights, vector(me, me.rank), "weights of a worker that does not share")

    look(make_engine(3), apart)
    if "share" not in make_engine(1).can:
        return
    for how in (Racy(), Locking(), Replicas()):
        for size in (1, 3):
            probe = Probe(agree=False, needs={"share"}, answer="shared")
            result = look(make_engine(size), sharing(how), probe=probe, stop=Stop(epochs=3, tol=0))
            same(result.params.weights, np.full(24, 3.0), f"visits in the memory of {size} workers, {how}")


def sharing_must_be_declared(make_engine: MakeEngine) -> None:
    """Unsupported, with a sentence, if a strategy shares without saying so, or says so and does not."""

    async def undeclared(me: Worker) -> None:
        await me.share(Racy())

    async def forgotten(me: Worker) -> None:
        async for _ in me.rounds():
            await me.steps(1)

    raised(Unsupported, "share", look, make_engine(2), undeclared)
    if "share" in make_engine(1).can:
        probe = Probe(agree=False, needs={"share"}, answer="shared")
        raised(Unsupported, "share", look, make_engine(2), forgotten, probe=probe)
