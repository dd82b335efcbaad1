"""Networks on memory that workers share: two threads at once, in every way of sharing."""

import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the extra `nets` (PyTorch)")

from sklearn.datasets import load_digits  # noqa: E402

from hogwild.data.blocks import Block  # noqa: E402
from hogwild.data.examples import check_examples  # noqa: E402
from hogwild.memory import CONTROL_CELLS, STOP, TURN, InTurn, Locking, Memory, Racy, Replicas  # noqa: E402
from hogwild.models.network import Network  # noqa: E402
from hogwild.models.network_torch import on_one_core  # noqa: E402
from hogwild.params import NonFiniteError  # noqa: E402
from hogwild.requests import Steps  # noqa: E402
from hogwild.rules.schedules import Moment, backoff, inverse  # noqa: E402

ORDERED = Replicas(every_examples=64, ordered=True)
WAYS = [Racy(), Replicas(), ORDERED, Locking(), InTurn()]
TOGETHER = (ORDERED, InTurn())  # all workers are given the same blocks


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return check_examples((X / 16).astype(np.float32), y)


def net(*extra):
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(64, 32), *extra, torch.nn.ReLU(), torch.nn.Linear(32, 10))


class Crew:
    """Some workers of one memory, each with its own thread."""

    def __init__(self, model, examples, how, size=2):
        self.examples, self.how = examples, how
        survey = model.survey(examples, 0, None)
        self.task = model.bind(examples, survey)
        self.params = model.init(survey)
        self.task.enter(self.params)
        self.task.check(how)
        weights, control = self.params.weights, np.zeros(CONTROL_CELLS, np.int64)
        deltas, locks = np.zeros((size, weights.size), weights.dtype), np.zeros(weights.size, np.uint32)
        mine = [self.params, *(self.params.beside() for _ in range(size - 1))]
        self.memories = [Memory(rank, size, weights, control, how, mine[rank].state) for rank in range(size)]
        for memory in self.memories:
            memory.mine, memory.base = np.empty_like(weights), np.empty_like(weights)
            memory.deltas, memory.locks = deltas, locks
        self.errors: list[BaseException] = []

    def run(self, *jobs):
        """Each job in a thread; an error in one stops those who wait for it."""

        def guarded(job):
            try:
                job()
            except BaseException as error:
                self.errors.append(error)
                self.memories[0].control[STOP] = 1

        threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def epoch(self, number, minibatch=32):
        """All rows once, in one order; workers that are not given the same rows have a half each."""
        n, size = self.examples.n_examples, len(self.memories)
        rows = np.random.default_rng([3, number]).permutation(n)
        moment = Moment(number, 0.0, number * n)
        parts = [rows] * size if self.how in TOGETHER else np.array_split(rows, size)

        def job(memory, part):
            return lambda: self.task.steps(memory, [Block(part, 1)], moment, Steps(n, None, minibatch))

        self.run(*(job(memory, part) for memory, part in zip(self.memories, parts, strict=True)))

    def learn(self, epochs):
        for number in range(epochs):
            self.epoch(number)
        return self.answer(epochs)

    def answer(self, epochs):
        return self.task.answer(self.params, self.memories, Moment(epochs - 1, 0.0, epochs * self.examples.n_examples))

    def accuracy(self, params):
        return self.task.score(self.task.tally(params, Block(np.arange(self.examples.n_examples), 1)))


@pytest.mark.parametrize("how", WAYS, ids=["racy", "replicas", "ordered", "locked", "in turn"])
@pytest.mark.parametrize("layers", [(), (torch.nn.BatchNorm1d(32), torch.nn.Dropout(0.1))], ids=["plain", "layers"])
def test_two_threads_learn_digits(digits, how, layers):
    # The rate falls: whose step is the last, and how old one worker's running means are, is a matter of scheduling,
    # and costs a few points on a busy machine. Who guesses is right one time in ten.
    crew = Crew(Network(net(*layers), rate=backoff(0.2, beta=0.7)), digits, how)
    assert crew.accuracy(crew.learn(8)) > 0.8


def test_one_worker_of_a_shared_memory_is_one_alone(digits):
    found = [Crew(Network(net()), digits, how, size=1).learn(1).weights.tobytes() for how in WAYS]
    assert len(set(found)) == 1


@pytest.mark.parametrize("layers", [(), (torch.nn.BatchNorm1d(32), torch.nn.Dropout(0.1))], ids=["plain", "layers"])
def test_ordered_replicas_repeat_their_bits(digits, layers):
    first, second = (Crew(Network(net(*layers), l2=1e-3, rate=inverse(0.2)), digits, ORDERED).learn(2) for _ in "12")
    assert first.weights.tobytes() == second.weights.tobytes()
    assert all(np.array_equal(first.state[name], second.state[name]) for name in first.state)


def test_ordered_replicas_add_up_what_each_has_changed(digits):
    crew = Crew(Network(net(), rate=inverse(0.2)), digits, ORDERED, size=2)
    crew.epoch(0)
    # The same with one worker, and merges by hand.
    alone = Crew(Network(net(), rate=inverse(0.2)), digits, Racy(), size=1)
    shared, mine = alone.params.weights.copy(), alone.memories[0].shared
    rows = np.random.default_rng([3, 0]).permutation(digits.n_examples)
    every = max(1, min(64, digits.n_examples // 32) // 32) * 32
    for first in range(0, rows.size, 2 * every):
        deltas = []
        for begin in (first, first + every):
            part = rows[begin : begin + every]
            mine[:] = shared
            if part.size:
                moment = Moment(0, 0.0, begin)
                alone.task.steps(alone.memories[0], [Block(part, 1)], moment, Steps(part.size, None, 32))
            deltas.append(mine - shared)
        for delta in deltas:
            shared += delta
    np.testing.assert_array_equal(crew.params.weights, shared)


def test_updates_in_turn_are_all_applied_in_their_order(digits):
    crew = Crew(Network(net()), digits, InTurn(), size=3)
    crew.epoch(0)
    n = digits.n_examples
    assert crew.memories[0].control[TURN] == n
    crew.epoch(1)
    assert crew.memories[0].control[TURN] == 2 * n


def test_locked_updates_are_never_lost(digits):
    """With a linear loss gradients do not depend on weights, so that every order of updates ends at the same sum."""

    def linear(output, target):
        return -output.gather(1, target[:, None])[:, 0]

    rows = np.random.default_rng([3, 0]).permutation(digits.n_examples)
    model = Network(torch.nn.Linear(64, 10).double(), loss=linear)
    crew = Crew(model, digits, Locking())
    before = crew.params.weights.copy()
    crew.epoch(0, minibatch=1)
    delta = crew.task.gradient(crew.params, [Block(rows, 1)], Moment(0, 0.0, 0), None)
    np.testing.assert_allclose(crew.params.weights, before - 0.1 * delta.values, rtol=1e-9)
    assert not crew.memories[0].locks.any()


def test_workers_have_buffers_of_their_own(digits):
    crew = Crew(Network(net(torch.nn.BatchNorm1d(32))), digits, Racy())
    found = crew.learn(1)
    counts = [memory.state["buffer.1.num_batches_tracked"] for memory in crew.memories]
    assert counts == [29, 29]
    np.testing.assert_array_equal(found.state["buffer.1.running_mean"], crew.memories[0].state["buffer.1.running_mean"])


@pytest.mark.parametrize("how", [ORDERED, Locking(), InTurn()], ids=["ordered", "locked", "in turn"])
def test_whoever_waits_is_released_when_the_run_stops(digits, how):
    crew = Crew(Network(net()), digits, how)
    memory = crew.memories[1]
    memory.locks[-1] = 1  # somebody has the lock, and nobody else comes to a barrier or takes the first turn
    began = threading.Event()

    def wait():
        began.set()
        crew.task.steps(memory, [Block(np.arange(640), 1)], Moment(0, 0.0, 0), Steps(20, None, 32))

    def stop():
        began.wait()
        memory.control[STOP] = 1

    crew.run(wait, stop)


@pytest.mark.parametrize("how", WAYS, ids=["racy", "replicas", "ordered", "locked", "in turn"])
def test_an_error_in_one_worker_leaves_no_lock_behind(digits, how):
    crew = Crew(Network(net(), rate=1e30), digits, how)
    with pytest.raises(NonFiniteError):
        crew.learn(2)
    assert not crew.memories[0].locks.any()


def test_torch_gets_its_threads_back():
    before = torch.get_num_threads()
    inside = []
    try:
        torch.set_num_threads(3)
        entered, leave = threading.Barrier(3), threading.Barrier(3)

        def work():
            with on_one_core():
                entered.wait()
                inside.append(torch.get_num_threads())
                leave.wait()

        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        entered.wait()
        leave.wait()
        for worker in workers:
            worker.join()
        later = []
        after = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        after.start()
        after.join()
        assert (inside, later, torch.get_num_threads()) == ([1, 1], [3], 3)
    finally:
        torch.set_num_threads(before)


def test_a_worker_stays_on_one_core_when_another_leaves():
    """Torch would give a thread the process's number when it first asks, also if it was given another one before."""
    before = torch.get_num_threads()
    inside, outside = [], []
    try:
        torch.set_num_threads(3)
        first, second, left = threading.Event(), threading.Event(), threading.Event()

        def leave():
            with on_one_core():
                first.set()
                second.wait()
            outside.append(torch.get_num_threads())  # its own again, though another stays
            left.set()

        def stay():
            first.wait()
            with on_one_core():
                second.set()
                left.wait()
                inside.append(torch.get_num_threads())

        workers = [threading.Thread(target=job) for job in (stay, leave)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert (inside, outside) == ([1], [3])
    finally:
        torch.set_num_threads(before)


def test_check_refuses_what_is_no_way_of_sharing(digits):
    crew = Crew(Network(net()), digits, Racy())
    with pytest.raises(TypeError, match="Replicas, Racy, Locking or InTurn"):
        crew.task.check("all")
