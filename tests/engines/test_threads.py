"""Errors, Ctrl-C and misuse: the run ends, says what happened, and leaves no thread."""

import _thread
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from tests.engines.conftest import watched
from tests.engines.toys import LEARNERS, Program, Scripted, leave, plain, raise_, stumbling, tiny

import hogwild
from hogwild import ENGINES, Linear, NonFiniteError, Serial, Stop, Threads, Unsupported, train
from hogwild.engines.threads import available_cores
from hogwild.interfaces import AbstractEngine, AbstractStrategy
from hogwild.memory import InTurn, Locking, Racy, Replicas
from hogwild.rules.schedules import constant
from hogwild.strategies import STRATEGIES

DATA = tiny(100)
ALL = [pytest.param(name, workers) for name in LEARNERS for workers in ((1,) if name == "serial" else (1, 3))]
every_strategy = pytest.mark.parametrize(("name", "workers"), ALL)
WAYS = [(Racy(), False), (Replicas(), False), (Replicas(ordered=True), True), (InTurn(), True), (Locking(), False)]
every_way = pytest.mark.parametrize(("how", "agree"), WAYS, ids=["racy", "replicas", "ordered", "in turn", "locking"])
LEARNABLE = Linear("logistic")


def run(model=None, strategy=None, workers=3, callbacks=(), data=DATA, **stop):
    return train(
        model if model is not None else Scripted(),
        data,
        strategy=strategy if strategy is not None else Program(plain()),
        engine=Threads(workers),
        stop=Stop(**{"epochs": 3, "tol": 0, **stop}),
        callbacks=callbacks,
        seed=0,
    )


# ---- sizes


def test_workers():
    cores = available_cores()
    assert 1 <= cores <= os.cpu_count()
    assert Threads().size == Threads(-1).size == cores
    assert Threads(3).size == 3
    assert Threads(np.int64(3)).size == 3
    assert type(Threads(np.int64(3)).size) is int
    assert Threads(-2).size == max(1, cores - 1)
    assert Threads(-(10**6)).size == 1


@pytest.mark.parametrize("workers", [0, 1.5, "2", None])
def test_workers_that_are_no_number_are_refused(workers):
    with pytest.raises(ValueError, match=rf"workers={workers!r} must be a positive number, or -1 for one a core"):
        Threads(workers)


def test_the_table_of_engines():
    assert ENGINES["threads"] is Threads
    assert all(issubclass(engine, AbstractEngine) for engine in ENGINES.values())


# ---- axes that do not fit together


def test_serial_on_several_workers_is_refused_with_what_would_work():
    with pytest.raises(Unsupported, match=r"^Serial runs on 1 worker and Threads\(3\) has 3: use Threads\(1\)"):
        run(strategy=Serial())


def test_needs_that_threads_cannot_meet_are_named():
    class Messages(AbstractStrategy):
        needs = frozenset({"share", "put", "inbox"})
        agree = False

        async def work(self, me):
            raise AssertionError("must not begin")

    with pytest.raises(Unsupported, match=r"^Messages needs inbox and put, which Threads does not have"):
        run(strategy=Messages())


def test_several_workers_must_share():
    with pytest.raises(Unsupported, match=r"must share\(\) before its first steps\(\)"):
        run(strategy=Program(plain(None)))
    assert run(strategy=Program(plain(None)), workers=1).reason == "epochs"


# ---- errors


@every_strategy
@pytest.mark.parametrize("model", [Scripted(), LEARNABLE], ids=["scripted", "linear"])
def test_an_error_in_a_callback_is_raised(name, workers, model):
    with pytest.raises(ZeroDivisionError, match="in the callback") as caught:
        run(model, STRATEGIES[name](), workers, [raise_(ZeroDivisionError("in the callback"))])
    assert len(caught.value.__notes__) == 1
    assert f"of {workers}, round " in caught.value.__notes__[0]
    assert "epoch 1" in caught.value.__notes__[0]


@every_way
@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("round", [0, 1])
@pytest.mark.parametrize("model", [Scripted(), LEARNABLE], ids=["scripted", "linear"])
def test_an_error_in_a_strategy_is_raised_and_located_while_others_wait_in_kernels(how, agree, rank, round, model):
    strategy = Program(stumbling(how, rank, round, raise_(ZeroDivisionError("mine")), n=1), agree)
    with pytest.raises(ZeroDivisionError) as caught:
        run(model, strategy, epochs=10**6)
    assert caught.value.args == ("mine",)
    assert len(caught.value.__notes__) == 1
    # Free workers may be epochs ahead of one another's rounds; agreed ones are not.
    epoch = "1" if agree else r"\d+"
    assert re.fullmatch(rf"\(in worker {rank} of 3, round {round + 1}, epoch {epoch}\)", caught.value.__notes__[0])


@every_strategy
def test_an_error_in_the_model_is_raised(name, workers):
    for hook in ("before_steps", "before_tally"):
        with pytest.raises(ZeroDivisionError, match="model"):
            run(Scripted(**{hook: raise_(ZeroDivisionError("model"))}), STRATEGIES[name](), workers)


def test_the_first_of_several_errors_is_raised_once():
    with pytest.raises(ZeroDivisionError) as caught:
        run(strategy=Program(raise_(ZeroDivisionError("all"))), workers=4)
    assert len(caught.value.__notes__) == 1


def test_a_strategy_that_fails_before_its_first_await_is_no_success():
    class NoCoroutine(AbstractStrategy):
        agree = False

        def work(self, me):
            raise ZeroDivisionError("before any await")

    with pytest.raises(ZeroDivisionError, match="before any await"):
        run(strategy=NoCoroutine(), workers=1)


def test_a_strategy_whose_work_is_no_coroutine_is_refused():
    class NoCoroutine(AbstractStrategy):
        agree = False

        def work(self, me):
            return None

    with pytest.raises(TypeError, match=r"NoCoroutine"):
        run(strategy=NoCoroutine(), workers=1)


class Rubbish:
    def __await__(self):
        return (yield 42)


def test_a_strategy_that_awaits_rubbish_is_told_so():
    async def work(me):
        async for _ in me.rounds():
            await Rubbish()

    with pytest.raises(TypeError, match=r"a strategy may only await a worker's requests, not 42") as caught:
        run(strategy=Program(work))
    assert "round 1" in caught.value.__notes__[0]


def test_a_strategy_that_shares_rubbish_is_told_so():
    with pytest.raises(TypeError, match=r"share"):
        run(strategy=Program(plain(42)), workers=1)


@every_way
@pytest.mark.parametrize("model", [Scripted(), LEARNABLE], ids=["scripted", "linear"])
def test_a_worker_that_leaves_ends_the_run_also_for_those_who_wait_for_it(how, agree, model):
    strategy = Program(stumbling(how, 1, 2, leave, n=1), agree)
    with _patience(10.0):
        result = run(model, strategy, epochs=10**6)
    assert result.reason == "ended by the strategy"


class _patience:
    """As `watched`, with less patience than the fixture."""

    def __init__(self, seconds: float) -> None:
        self._guard = watched(seconds)

    def __enter__(self) -> None:
        next(self._guard)

    def __exit__(self, kind, error, trace) -> None:
        if error is None:
            next(self._guard, None)
        else:
            self._guard.close()


# ---- numbers that are not finite


@every_strategy
@pytest.mark.parametrize("loss", ["squared", "hinge"])
@pytest.mark.parametrize("dense", [False, True], ids=["sparse", "dense"])
def test_divergence_names_the_block(name, workers, loss, dense):
    import scipy.sparse as sp

    X, y = DATA
    X = 100 * X if dense else sp.csr_array(100 * X)
    model = Linear(loss, l2=0.0, schedule=constant(1e30 if loss == "squared" else 1e37))
    with pytest.raises(NonFiniteError, match=r"became NaN or infinite in epoch \d+, in a block of \d+ rows of X"):
        run(model, STRATEGIES[name](), workers, data=(X, y), epochs=50)


# ---- Ctrl-C


def interrupt_main(_) -> None:
    _thread.interrupt_main()


def signal_main(_) -> None:
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


@every_strategy
@pytest.mark.parametrize("press", [interrupt_main, signal_main])
@pytest.mark.parametrize("tol", [0, None])
def test_ctrl_c_gives_what_there_is(name, workers, press, tol):
    # Once more long after, as CPython loses what is raised while it calls a callback of a weak reference.
    due = [2, 5000]

    def callback(record) -> None:
        if due and record.epoch >= due[0]:
            due.pop(0)
            press(record)

    result = run(LEARNABLE, STRATEGIES[name](), workers, [callback], epochs=10**9, tol=tol)
    assert result.reason == "interrupted"
    assert np.isfinite(result.params.weights).all()
    assert result.params.weights.any()
    assert len(result.history) >= 2
    assert all((record.objective is None) == (tol is None) for record in result.history)


@every_strategy
@pytest.mark.parametrize("tol", [0, None])
def test_ctrl_c_at_the_end_of_an_epoch(name, workers, tol, ctrl_c):
    result = run(LEARNABLE, STRATEGIES[name](), workers, [ctrl_c], epochs=10**9, tol=tol)
    assert result.reason == "interrupted"
    assert np.isfinite(result.params.weights).all()
    assert result.params.weights.any()
    examples = [record.examples for record in result.history]
    assert examples[0] == 100
    if tol == 0:  # else others, or workers that agree on their rounds, have gone on
        assert examples == [100], "no record of an epoch that never began"


@every_strategy
@pytest.mark.parametrize("tol", [0, None])
def test_ctrl_c_within_the_first_epoch(name, workers, tol, ctrl_c):
    result = run(Scripted(before_steps=ctrl_c), STRATEGIES[name](), workers, epochs=10**9, tol=tol)
    assert result.reason == "interrupted"
    assert result.history[-1].objective == (None if tol is None else 1.0)


@every_strategy
@pytest.mark.parametrize("epoch", [1, 2])
def test_ctrl_c_while_the_weights_are_judged(name, workers, epoch, ctrl_c):
    model = Scripted((2, 1), before_tally=lambda now: ctrl_c() if now == epoch else None)
    result = run(model, STRATEGIES[name](), workers, epochs=10**9)
    assert result.reason == "interrupted"
    assert result.params["epoch"][0] >= 1
    assert len(result.history) >= 1, "epochs were run, and the history must say so"


def test_ctrl_c_while_the_last_weights_are_judged(ctrl_c):
    # Stopped within the second epoch, whose weights the main thread itself judges.
    def hook(epoch: int) -> None:
        if epoch == 2:
            ctrl_c()

    async def work(me):
        async for r in me.rounds():
            if r.number == 40:
                return
            await me.steps(4)

    try:
        result = run(Scripted((1, 1), before_tally=hook), Program(work), 1)
    except KeyboardInterrupt:
        pytest.fail("the weights of the first epoch are lost")
    assert result.reason == "interrupted"
    assert result.params["epoch"][0] == 1


@every_strategy
def test_ctrl_c_waits_until_all_workers_rest(name, workers, ctrl_c):
    # Thread.join of Python 3.11 and 3.12, once interrupted, takes a running thread for one that has ended.
    began, rested = [], []

    def hook(rank: int) -> None:
        began.append(rank)
        ctrl_c()
        until = time.perf_counter() + 0.05
        while time.perf_counter() < until:
            pass
        rested.append(rank)

    result = run(Scripted(before_steps=hook), STRATEGIES[name](), workers, epochs=10**9)
    assert sorted(rested) == sorted(began)
    assert result.reason == "interrupted"


@pytest.mark.parametrize("workers", [1, 3])
def test_a_callback_may_interrupt(workers):
    def callback(record) -> None:
        if record.epoch == 3:
            raise KeyboardInterrupt

    result = run(Scripted((3, 2, 1)), workers=workers, epochs=10**9, callbacks=[callback])
    assert result.reason == "interrupted"
    assert len(result.history) == 3
    assert result.params["epoch"][0] == 3


AT_THE_START = """
import os, signal, sys, threading
from hogwild import Stop, Threads, train
from tests.engines.toys import Program, Scripted, plain, tiny

sys.setswitchinterval(1.0)  # the first worker acts before the second is started
def act():
    {act}
async def work(me):
    if me.rank == 0:
        act()
    await plain()(me)
try:
    stop = Stop(epochs=10**9, tol=0)
    outcome = train(Scripted(), tiny(), strategy=Program(work), engine=Threads(3), stop=stop, seed=0).reason
except BaseException as error:
    outcome = type(error).__name__
print(outcome, *[thread.name for thread in threading.enumerate() if thread.name.startswith("hogwild-")], flush=True)
os._exit(0)  # threads that were left behind would keep the interpreter alive
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        ("signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)", "interrupted"),
        ("threading.stack_size(1 << 46)  # no memory for another thread", "RuntimeError"),
    ],
    ids=["ctrl-c", "no more threads"],
)
def test_what_happens_while_threads_are_started_leaves_none_behind(act, outcome):
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_START.format(act=act)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(Path(hogwild.__file__).parents[1])])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [outcome]
