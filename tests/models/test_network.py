"""Networks: against hand-written PyTorch, what is learned and what is not, and predictions."""

import math
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest
import scipy.sparse as sp
from tests.models.driven import START, Driven, perceptron, problem

torch = pytest.importorskip("torch", reason="networks need the extra `nets` (PyTorch)")

from torch.nn import functional as F  # noqa: E402

from hogwild.data.blocks import Block  # noqa: E402
from hogwild.models import network_task  # noqa: E402
from hogwild.models.network import Network  # noqa: E402
from hogwild.models.network_losses import NETWORK_LOSSES  # noqa: E402
from hogwild.params import NonFiniteError, Params  # noqa: E402
from hogwild.requests import Steps  # noqa: E402
from hogwild.rules.schedules import Moment, auto, backoff, inverse  # noqa: E402


@pytest.fixture(autouse=True)
def one_core():
    """Loops by hand are as slow as the machine is busy if torch uses all cores for them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def by_hand(module, loss, X, y, rows, minibatch, l2=0.0, rate=0.1):
    """The loop that everybody writes."""
    optimizer = torch.optim.SGD(module.parameters(), lr=rate, weight_decay=l2)
    module.train()
    for first in range(0, len(rows), minibatch):
        at = rows[first : first + minibatch]
        optimizer.zero_grad()
        loss(module(torch.from_numpy(X[at])), torch.from_numpy(y[at])).backward()
        optimizer.step()
    return module


def close(params, module, tolerance=1e-12):
    for name, parameter in module.named_parameters():
        np.testing.assert_allclose(params[name], parameter.detach().numpy(), rtol=tolerance, atol=tolerance)
    for name, buffer in module.named_buffers():
        np.testing.assert_allclose(params.state[f"buffer.{name}"], buffer.numpy(), rtol=tolerance, atol=tolerance)


def equal(a: Params, b: Params):
    assert a.weights.tobytes() == b.weights.tobytes()
    assert {name: array.tobytes() for name, array in a.state.items()} == {
        name: array.tobytes() for name, array in b.state.items()
    }


# ---- learning


@pytest.mark.parametrize("l2", [0.0, 0.01])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("minibatch", [1, 7, 45])
def test_learns_what_a_loop_around_torch_optim_learns(l2, dtype, minibatch):
    X, y = problem()
    X = X.astype(np.float32 if dtype is torch.float32 else np.float64)
    rows = np.random.default_rng(1).permutation(45)
    found = Driven(Network(perceptron(dtype=dtype), l2=l2), X, y).steps(rows, minibatch)
    expected = by_hand(perceptron(dtype=dtype), F.cross_entropy, X, y, rows, minibatch, l2)
    close(found, expected, 1e-6 if dtype is torch.float32 else 1e-12)


def test_a_real_set_is_learned_as_by_torch_optim():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    net = perceptron(dtype=torch.float32, outputs=10, features=64)
    rows = np.random.default_rng(2).permutation(len(y))
    driven = Driven(Network(net, rate=0.3), X, y)
    for epoch in range(3):
        found = driven.steps(rows, 32, Moment(epoch, 0.0, epoch * len(y)))
    expected = perceptron(dtype=torch.float32, outputs=10, features=64)
    for _ in range(3):
        by_hand(expected, F.cross_entropy, X, y, rows, 32, rate=0.3)
    close(found, expected, 1e-5)
    assert driven.task.score(driven.tally()) > 0.85


DROPOUT = torch.nn.Dropout(0.3)
NORM = torch.nn.BatchNorm1d(8)


@pytest.mark.parametrize("layers", [(), (DROPOUT,), (NORM,), (NORM, DROPOUT)], ids=["plain", "drop", "norm", "both"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weighted", [False, True], ids=["even", "weighted"])
def test_steps_are_gradients_that_are_applied_bit_for_bit(layers, dtype, weighted):
    X, y = problem()
    s = np.random.default_rng(3).uniform(0, 2, 45) if weighted else None
    model = Network(perceptron(*layers, dtype=dtype), l2=0.01, rate=inverse(0.3))
    rows = np.random.default_rng(1).permutation(45)
    moment = Moment(2, 100.0, 20)
    equal(Driven(model, X, y, s).steps(rows, 11, moment), Driven(model, X, y, s).gradients(rows, 11, moment))


def test_the_rate_follows_its_schedule_or_the_request():
    X, y = problem()
    rows = np.arange(45)
    driven = Driven(Network(perceptron(), rate=backoff(0.2, beta=0.5)), X, y)
    assert driven.task.rate(Moment(3, 0.0, 0)) == pytest.approx(0.2 * 0.5**3)
    close(driven.steps(rows, 5, Moment(1, 0.0, 0)), by_hand(perceptron(), F.cross_entropy, X, y, rows, 5, rate=0.1))
    found = Driven(Network(perceptron()), X, y).steps(rows, 5, rate=0.03)
    close(found, by_hand(perceptron(), F.cross_entropy, X, y, rows, 5, rate=0.03))
    assert Driven(Network(perceptron(), rate=auto(0.5)), X, y).task.rate(START) == 0.5


def test_blocks_are_cut_as_if_they_were_one():
    X, y = problem()
    driven = Driven(Network(perceptron()), X, y)
    blocks = [Block(np.array([5]), 3), Block(np.array([20, 40]), 10)]  # the last chunk is short
    driven.task.steps(driven.memory, blocks, START, Steps(10, None, 4))
    rows = [5, 6, 7, *range(20, 30), *range(40, 45)]
    close(driven.answer(), by_hand(perceptron(), F.cross_entropy, X, y, np.array(rows), 4))


def test_going_on_is_as_if_nothing_had_happened():
    X, y = problem()
    model = Network(perceptron(NORM, DROPOUT), l2=0.1, rate=inverse(0.3))
    whole = Driven(model, X, y)
    first = whole.steps(np.arange(45), 9)
    last = whole.steps(np.arange(45), 9, Moment(1, 0.0, 45))
    begun, epoch = float(first.state["examples"][0]), int(first.state["epochs"][0])
    assert (begun, epoch) == (45.0, 1)
    equal(last, Driven(model, X, y, start=first).steps(np.arange(45), 9, Moment(epoch, begun, 0)))


# ---- gradients


@pytest.mark.parametrize("weighted", [False, True], ids=["even", "weighted"])
def test_the_gradient_is_that_of_autograd(weighted):
    X, y = problem()
    s = np.random.default_rng(3).uniform(0, 2, 45) if weighted else np.ones(45)
    driven = Driven(Network(perceptron(), l2=0.2), X, y, s)
    delta = driven.gradient(np.arange(10, 30))
    module = perceptron()
    share = torch.from_numpy((s.astype(np.float32) / s.astype(np.float32).mean())[10:30].astype(np.float64))
    losses = F.cross_entropy(module(torch.from_numpy(X[10:30])), torch.from_numpy(y[10:30]), reduction="none")
    loss = (losses * share).sum()
    penalty = 0.1 * sum(parameter.square().sum() for parameter in module.parameters())
    expected = torch.autograd.grad(loss + 20 * penalty, list(module.parameters()))
    np.testing.assert_allclose(delta.values, torch.cat([g.ravel() for g in expected]).numpy(), rtol=1e-6, atol=1e-7)
    assert delta.loss == pytest.approx((loss + 20 * penalty).item(), rel=1e-6)
    assert (delta.examples, delta.steps, delta.moment, delta.keys) == (20, 1, START, None)


def test_a_gradient_is_fresh_and_of_nothing_it_is_zero():
    X, y = problem()
    driven = Driven(Network(perceptron(), l2=0.2), X, y)
    first = driven.gradient(np.arange(20))
    kept = first.values.copy()
    none = driven.gradient([])
    assert (none.examples, none.steps, none.loss) == (0, 0, 0.0)
    assert not none.values.any()
    np.testing.assert_array_equal(first.values, kept)
    before = driven.params.weights.copy()
    driven.task.apply(driven.params, none)
    np.testing.assert_array_equal(driven.params.weights, before)


def test_a_large_minibatch_is_computed_in_pieces(monkeypatch):
    X, y = problem()
    whole = Driven(Network(perceptron()), X, y).gradient(np.arange(45))
    monkeypatch.setattr(network_task, "PIECE_ROWS", 10)
    driven = Driven(Network(perceptron()), X, y)
    pieces = driven.gradient(np.arange(45))
    np.testing.assert_allclose(pieces.values, whole.values, rtol=1e-12)
    assert pieces.loss == pytest.approx(whole.loss)
    assert driven.tally().weight == 45


def test_pieces_of_a_minibatch_are_equal_so_that_none_is_a_single_row(monkeypatch):
    X, y = problem()
    monkeypatch.setattr(network_task, "PIECE_ROWS", 20)
    driven = Driven(Network(perceptron(torch.nn.BatchNorm1d(8))), X, y)
    found = driven.gradient(np.arange(41))
    assert driven.answer().state["buffer.1.num_batches_tracked"] == 3
    apart = Driven(Network(perceptron(torch.nn.BatchNorm1d(8))), X, y)
    pieces = [apart.gradient(rows).values for rows in np.array_split(np.arange(41), 3)]
    np.testing.assert_allclose(found.values, sum(pieces), rtol=1e-12, atol=1e-12)


def test_gradients_of_some_rows():
    X, y = problem()
    driven = Driven(Network(perceptron(), l2=0.2), X, y)
    rows = driven.task.keys([Block(np.arange(5), 1)])
    assert rows.size == driven.params.offsets.size - 1 == 8 + 8 + 3 + 3
    assert driven.task.keys([]).size == 0
    keys = np.array([0, 9, 17])
    whole, some = driven.gradient(np.arange(20)), driven.gradient(np.arange(20), keys=keys)
    at = driven.params.positions(keys)
    np.testing.assert_array_equal(some.values, whole.values[at])
    expected = driven.params.weights.copy()
    expected[at] -= 0.1 / 20 * some.values
    driven.task.apply(driven.params, some)
    np.testing.assert_allclose(driven.params.weights, expected, rtol=1e-12)
    every = Driven(Network(perceptron(), l2=0.2), X, y)
    every.task.apply(every.params, every.gradient(np.arange(20), keys=rows))
    dense = Driven(Network(perceptron(), l2=0.2), X, y)
    dense.task.apply(dense.params, dense.gradient(np.arange(20)))
    np.testing.assert_array_equal(every.params.weights, dense.params.weights)


def test_the_penalty_is_all_in_the_gradient():
    X, y = problem()
    driven = Driven(Network(perceptron(), l2=0.2), X, y)
    assert driven.task.prox is None


# ---- modules of all kinds


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(4)
        self.encode = torch.nn.Linear(6, 6, bias=False)
        self.decode = torch.nn.Linear(6, 6, bias=False)
        self.decode.weight = self.encode.weight

    def forward(self, x):
        return self.decode(torch.tanh(self.encode(x)))


def test_tied_weights_are_one_view_and_stay_tied():
    X, y = problem(outputs=6)
    module = Tied().double()
    driven = Driven(Network(module), X, y)
    assert driven.params.views == {"encode.weight": (6, 6)}
    found = driven.steps(np.arange(45), 9)
    expected = by_hand(Tied().double(), F.cross_entropy, X, y, np.arange(45), 9)
    close(found, expected)
    trained = driven.model.module_with(found)
    assert trained.encode.weight is trained.decode.weight


def test_buffers_are_kept_with_the_worker_and_not_among_the_weights():
    X, y = problem()
    driven = Driven(Network(perceptron(torch.nn.BatchNorm1d(8))), X, y)
    assert driven.params.weights.size == sum(p.numel() for p in perceptron(torch.nn.BatchNorm1d(8)).parameters())
    found = driven.steps(np.arange(45), 9)
    expected = by_hand(perceptron(torch.nn.BatchNorm1d(8)), F.cross_entropy, X, y, np.arange(45), 9)
    close(found, expected)
    assert found.state["buffer.1.num_batches_tracked"].dtype == np.int64
    assert found.state["buffer.1.num_batches_tracked"] == 5
    rows = torch.from_numpy(X)
    np.testing.assert_allclose(driven.model.predict(found, X), expected.eval()(rows).detach().numpy(), rtol=1e-12)
    trained = driven.model.module_with(found)
    np.testing.assert_allclose(trained(rows).detach().numpy(), driven.model.predict(found, X), rtol=1e-12)
    assert driven.tally().loss == pytest.approx(
        float(F.cross_entropy(expected.eval()(rows), torch.from_numpy(y), reduction="sum").detach())
    )


def test_steps_and_gradients_write_to_the_same_buffers():
    X, y = problem()
    driven = Driven(Network(perceptron(torch.nn.BatchNorm1d(8))), X, y)
    driven.steps(np.arange(24), 8)
    driven.gradients(np.arange(24), 8)
    assert driven.answer().state["buffer.1.num_batches_tracked"] == 6


def test_a_single_row_is_learnt_in_eval_mode_where_training_wants_two():
    X, y = problem()
    driven = Driven(Network(perceptron(torch.nn.BatchNorm1d(8))), X, y)
    assert driven.survey.pairs
    found = driven.steps(np.arange(11), 10)
    expected = by_hand(perceptron(torch.nn.BatchNorm1d(8)), F.cross_entropy, X, y, np.arange(10), 10)
    optimizer = torch.optim.SGD(expected.eval().parameters(), lr=0.1)
    optimizer.zero_grad()
    F.cross_entropy(expected(torch.from_numpy(X[10:11])), torch.from_numpy(y[10:11])).backward()
    optimizer.step()
    close(found, expected)
    assert not Driven(Network(perceptron()), X, y).survey.pairs


class Counts(torch.nn.Module):
    """Counts its calls, in eval mode too, in a buffer that it writes to, or replaces; and gives what depends on it."""

    def __init__(self, replaces):
        super().__init__()
        self.linear, self.replaces = torch.nn.Linear(6, 3), replaces
        self.register_buffer("calls", torch.zeros(1, dtype=torch.int64))

    def forward(self, x):
        if self.replaces:
            self.calls = self.calls + 1
        else:
            self.calls.add_(1)
        return self.linear(x) / self.calls


@pytest.mark.parametrize("replaces", [False, True], ids=["written", "replaced"])
def test_a_buffer_is_kept_whether_it_is_written_or_replaced(replaces):
    X, y = problem()
    driven = Driven(Network(Counts(replaces)), X, y)
    driven.steps(np.arange(45), 9)
    driven.gradient(np.arange(9))
    assert driven.answer().state["buffer.calls"] == 6


@pytest.mark.parametrize("replaces", [False, True], ids=["written", "replaced"])
def test_judging_neither_changes_buffers_nor_depends_on_who_judged_before(replaces):
    X, y = problem()
    driven = Driven(Network(Counts(replaces)), X, y)
    answer = driven.steps(np.arange(45), 9)
    found = [driven.task.tally(answer, Block(np.arange(n), 1)) for n in (45, 9, 45)]
    assert found[0] == found[2]
    assert answer.state["buffer.calls"] == driven.answer().state["buffer.calls"] == 5
    torch.manual_seed(1)
    scores = driven.model.module_with(answer)(torch.from_numpy(X.astype(np.float32)))
    assert found[0].loss == pytest.approx(F.cross_entropy(scores, torch.from_numpy(y), reduction="sum").item())


def test_frozen_parameters_and_layers_stay_as_they_are():
    X, y = problem()
    net = perceptron(torch.nn.BatchNorm1d(8))
    net[0].requires_grad_(False)
    net[1].eval()
    driven = Driven(Network(net, l2=0.1), X, y)
    assert list(driven.params.views) == ["1.weight", "1.bias", "3.weight", "3.bias"]
    found = driven.steps(np.arange(45), 9)
    assert found.state["buffer.1.num_batches_tracked"] == 0
    trained = driven.model.module_with(found)
    assert torch.equal(trained[0].weight, net[0].weight)
    assert not torch.equal(trained[3].weight, net[3].weight)


class Reader(torch.nn.Module):
    """Reads 8 numbers one after another."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(1.0))  # a parameter without axes
        self.recurrent = torch.nn.GRU(1, 5, batch_first=True)
        self.out = torch.nn.Linear(5, 3)

    def forward(self, x):
        return self.out(self.recurrent(x.unsqueeze(2) * self.scale)[0][:, -1])


def images():
    unfold, flatten = torch.nn.Unflatten(1, (1, 4, 2)), torch.nn.Flatten()
    return torch.nn.Sequential(unfold, torch.nn.Conv2d(1, 4, 2), torch.nn.ReLU(), flatten, torch.nn.Linear(12, 3))


def words():
    class Words(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bag = torch.nn.EmbeddingBag(10, 4, sparse=True)
            self.out = torch.nn.Linear(4, 3)

        def forward(self, x):
            return self.out(self.bag(x.long().clamp(0, 9)))

    return Words()


@pytest.mark.parametrize("make", [Reader, images, words])
@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_modules_of_other_kinds_learn_like_a_loop_around_torch_optim(make):
    X, y = problem(features=8)
    X = np.abs(3 * X).astype(np.float32)
    torch.manual_seed(5)
    module = make()
    torch.manual_seed(5)
    expected = by_hand(make(), F.cross_entropy, X, y, np.arange(45), 9)
    close(Driven(Network(module), X, y).steps(np.arange(45), 9), expected, 1e-5)


def test_the_module_that_was_given_is_never_changed():
    X, y = problem()
    net = perceptron(torch.nn.BatchNorm1d(8), DROPOUT)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    driven = Driven(Network(net), X, y)
    found = driven.steps(np.arange(45), 9)
    driven.gradient(np.arange(9))
    driven.model.predict(found, X)
    driven.tally()
    trained = driven.model.module_with(found)
    with torch.no_grad():
        trained[0].weight.zero_()
    assert found["0.weight"].any()
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert net.training
    assert not trained.training


def test_the_examples_are_never_written():
    X, y = problem()
    X.flags.writeable = y.flags.writeable = False
    net = torch.nn.Sequential(torch.nn.ReLU(inplace=True), torch.nn.Linear(6, 3)).double()
    driven = Driven(Network(net), X, y)
    found = driven.steps(np.arange(45), 9)
    found.weights.flags.writeable = False  # as those of a message may be
    driven.model.predict(found, X)
    driven.task.tally(found, Block(np.arange(45), 1))
    assert (X < 0).any()


# ---- random layers, and torch's own threads


def test_a_seed_repeats_dropout_and_leaves_the_generator_alone():
    X, y = problem()
    model = Network(perceptron(DROPOUT))
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = Driven(model, X, y).steps(np.arange(45), 9)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(12)
    equal(first, Driven(model, X, y).steps(np.arange(45), 9))
    other = Driven(model, X, y, seed=1).steps(np.arange(45), 9)
    assert not np.array_equal(first.weights, other.weights)
    driven = Driven(model, X, y)
    assert driven.survey.draws
    assert not np.array_equal(
        driven.gradient(np.arange(9)).values, driven.gradient(np.arange(9), Moment(1, 0.0, 0)).values
    )
    assert not Driven(Network(perceptron()), X, y).survey.draws


def test_a_seed_repeats_what_is_judged_where_layers_draw_in_eval_mode():
    class Draws(torch.nn.Module):
        def forward(self, x):
            return F.dropout(x, 0.5, training=True)

    X, y = problem()
    driven = Driven(Network(perceptron(Draws())), X, y)
    first = driven.tally()
    torch.manual_seed(12)
    before = torch.get_rng_state()
    assert driven.tally() == first
    assert torch.equal(before, torch.get_rng_state())
    following = driven.task.tally(driven.answer(Moment(1, 0.0, 0)), Block(np.arange(45), 1))
    other = Driven(Network(perceptron(Draws())), X, y, seed=1).tally()
    assert len({first.loss, following.loss, other.loss}) == 3


def test_dropout_drops():
    X, y = problem()
    plain = Driven(Network(perceptron()), X, y).gradient(np.arange(45)).values
    dropped = Driven(Network(perceptron(torch.nn.Dropout(0.5))), X, y).gradient(np.arange(45)).values
    zeros = (dropped == 0).sum()
    assert zeros == (plain == 0).sum()  # over many rows no unit is always out
    assert not np.allclose(plain, dropped)


def test_bits_do_not_depend_on_the_threads_that_torch_may_use():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(700, 300)).astype(np.float32), rng.integers(0, 3, 700)
    net = torch.nn.Sequential(torch.nn.Linear(300, 200), torch.nn.ReLU(), torch.nn.Linear(200, 3))
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(Driven(Network(net), X, y).steps(np.arange(700), 350))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    equal(*found)


def test_gradients_are_taken_where_the_caller_has_switched_them_off():
    X, y = problem()
    expected = Driven(Network(perceptron()), X, y).steps(np.arange(45), 9)
    for off in (torch.no_grad, torch.inference_mode):
        net = perceptron()
        with off():
            equal(expected, Driven(Network(net), X, y).steps(np.arange(45), 9))


# ---- losses and sums


def test_the_objective_and_the_score_of_classes():
    X, y = problem()
    s = np.random.default_rng(3).integers(0, 3, 45).astype(np.float32)
    driven = Driven(Network(perceptron(), l2=0.3), X, y, s)
    scores = driven.model.predict(driven.params, X)
    losses = np.log(np.exp(scores).sum(1)) - scores[np.arange(45), y]
    total = driven.tally()
    w = driven.params.weights
    assert driven.task.objective(driven.params, total) == pytest.approx(0.15 * w @ w + np.average(losses, weights=s))
    assert driven.task.score(total) == pytest.approx(np.average(scores.argmax(1) == y, weights=s))
    assert total.weight == pytest.approx(45)


def test_the_squared_loss():
    X, _ = problem()
    y = X @ np.arange(6.0)
    driven = Driven(Network(perceptron(outputs=1), loss="squared"), X, y)
    half = torch.nn.MSELoss()

    def loss(p, t):
        return half(p[:, 0], t) / 2

    found = driven.steps(np.arange(45), 9)
    close(found, by_hand(perceptron(outputs=1), loss, X, y, np.arange(45), 9))
    p = driven.model.predict(found, X)
    assert p.shape == (45,)
    total = driven.tally()
    assert total.loss == pytest.approx(0.5 * ((p - y) ** 2).sum())
    assert driven.task.score(total) == pytest.approx(1 - ((p - y) ** 2).mean() / y.var())
    constant = Driven(Network(perceptron(outputs=1), loss="squared"), X, np.ones(45))
    assert constant.task.score(constant.tally()) == 0.0


def test_the_logistic_loss():
    X, _ = problem()
    y = np.where(X[:, 0] > 0, 1, -1)
    driven = Driven(Network(perceptron(outputs=1), loss="logistic"), X, y)

    def loss(p, t):
        return F.binary_cross_entropy_with_logits(p[:, 0], (t > 0).double())

    found = driven.steps(np.tile(np.arange(45), 40), 9)
    close(found, by_hand(perceptron(outputs=1), loss, X, y, np.tile(np.arange(45), 40), 9), 1e-9)
    p = driven.model.predict(found, X)
    total = driven.tally()
    assert total.loss == pytest.approx(np.log1p(np.exp(-y * p)).sum())
    assert driven.task.score(total) == pytest.approx(np.mean((p > 0) == (y > 0)))
    assert driven.task.score(total) > 0.9


@pytest.mark.parametrize("loss", [torch.nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss(reduction="none")])
def test_a_loss_of_ones_own_gives_a_mean_or_one_number_each(loss):
    X, y = problem()
    named, own = Driven(Network(perceptron()), X, y), Driven(Network(perceptron(), loss=loss), X, y)
    np.testing.assert_allclose(own.gradient(np.arange(20)).values, named.gradient(np.arange(20)).values, rtol=1e-12)
    assert own.tally() == pytest.approx(named.tally())
    assert own.task.score(own.tally()) == named.task.score(named.tally())


def test_a_loss_of_ones_own_of_numbers():
    X, _ = problem()
    y = X @ np.arange(6.0)
    driven = Driven(Network(perceptron(outputs=1), loss=F.huber_loss), X, y)
    close(
        driven.steps(np.arange(45), 9),
        by_hand(perceptron(outputs=1), lambda p, t: F.huber_loss(p[:, 0], t), X, y, np.arange(45), 9),
    )
    assert driven.task.score(driven.tally()) < 1
    pairs = Driven(Network(perceptron(outputs=2), loss=lambda p, t: (p.sum(1) - t).abs()), X, y)
    assert math.isnan(pairs.task.score(pairs.tally()))


def test_a_loss_of_ones_own_may_compute_in_another_precision():
    X, _ = problem()
    y, s = X @ np.arange(6.0), np.random.default_rng(3).uniform(0, 2, 45)

    def loss(output, target):
        return 0.5 * (output.double() - target.double()).square()

    net = perceptron(outputs=1, dtype=torch.float32)
    named, own = (Driven(Network(net, loss), X, y, s).gradient(np.arange(20)) for loss in ("squared", loss))
    np.testing.assert_allclose(own.values, named.values, rtol=1e-4, atol=1e-4)


def test_every_loss_of_the_table_says_what_it_is():
    assert all(loss.formula and loss.name == name for name, loss in NETWORK_LOSSES.items())


@pytest.mark.parametrize("labels", [np.float32, np.int8, np.uint64, object, bool])
def test_labels_of_any_kind_of_number(labels):
    X, y = problem(outputs=2)
    net = perceptron(outputs=2)
    expected = Driven(Network(net), X, y).gradient(np.arange(9)).values
    np.testing.assert_array_equal(Driven(Network(net), X, y.astype(labels)).gradient(np.arange(9)).values, expected)


# ---- predictions


def test_weights_of_another_module_are_refused():
    X, y = problem()
    params = Driven(Network(perceptron()), X, y).params
    for other in (perceptron(outputs=2), perceptron(dtype=torch.float32), perceptron(torch.nn.BatchNorm1d(8))):
        with pytest.raises(ValueError, match="these weights are not of this module"):
            Network(other).predict(params, X)
    normed = Driven(Network(perceptron(torch.nn.BatchNorm1d(8))), X, y).params
    del normed.state["buffer.1.running_mean"]
    with pytest.raises(ValueError, match=r"buffer\.1\.running_mean"):
        Network(perceptron(torch.nn.BatchNorm1d(8))).module_with(normed)
    with pytest.raises(ValueError, match="these weights are not of this module"):
        Driven(Network(perceptron(outputs=4)), X, y, start=params)


def test_predictions_take_what_can_be_made_into_rows():
    X, y = problem()
    driven = Driven(Network(perceptron()), X, y)
    expected = driven.model.predict(driven.params, X)
    assert expected.shape == (45, 3)
    np.testing.assert_array_equal(driven.model.predict(driven.params, X.tolist()), expected)
    np.testing.assert_array_equal(driven.model.predict(driven.params, sp.csr_array(X)), expected)
    assert driven.model.predict(driven.params, X[:0]).shape == (0, 3)
    with pytest.raises(ValueError, match="Expected 2D array"):
        driven.model.predict(driven.params, X[0])
    with pytest.raises(ValueError, match="X has 5 features, but the network was trained with 6"):
        driven.model.predict(driven.params, X[:, :5])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_predictions_are_not_made_of_what_is_no_number(value):
    X, y = problem()
    driven = Driven(Network(perceptron(dtype=torch.float32)), X, y)
    X[3, 4] = value
    with pytest.raises(ValueError, match=r"in row 3, column 4 .* the module takes finite float32 numbers"):
        driven.model.predict(driven.params, X)


def test_numbers_that_are_none():
    X, y = problem()
    driven = Driven(Network(perceptron(outputs=1), "squared", rate=1e200), X, y)
    sentence = "the loss became NaN or infinite in epoch 1, in a minibatch of 9 rows of X that begins with row 9"
    with pytest.raises(NonFiniteError, match=sentence):
        driven.steps(np.arange(45), 9)
    sick = Driven(Network(perceptron()), X, y)
    sick.params["0.weight"][0, 0] = np.nan
    for act in (sick.answer, lambda: sick.gradient(np.arange(9))):
        with pytest.raises(NonFiniteError):
            act()
    well = Driven(Network(perceptron(), rate=1e308), X, y)
    delta = well.gradient(np.arange(9))
    with pytest.raises(NonFiniteError, match="after a step in epoch 1"):
        well.task.apply(well.params, type(delta)(delta.values * 1e5, 1, 1, 0.0, START))
    normed = Driven(Network(perceptron(torch.nn.BatchNorm1d(8))), X, y)
    normed.params.state["buffer.1.running_mean"][0] = np.inf
    with pytest.raises(NonFiniteError, match=r"'buffer\.1\.running_mean'"):
        normed.answer()


def test_a_gradient_that_is_no_number_is_named_with_its_own_minibatch():
    def steep(output, target):
        return (output[:, 0] - output[:, 0].detach()).sqrt()  # 0, with an infinite slope

    X, y = problem()
    sentence = "the gradient became NaN or infinite in epoch 1, in a minibatch of 9 rows of X that begins with row 18"
    driven = Driven(Network(perceptron(), loss=steep), X, y)
    with pytest.raises(NonFiniteError, match=sentence):
        driven.steps(np.arange(18, 45), 9)
    with pytest.raises(NonFiniteError, match=sentence):
        driven.gradient(np.arange(18, 27))
    large = Driven(Network(perceptron(dtype=torch.float32), l2=3e38), X, y)
    with pytest.raises(NonFiniteError, match=f"{sentence}; use a smaller rate or l2"):
        large.steps(np.arange(18, 45), 9)


# ---- PyTorch is loaded only when it is needed


def test_importing_the_model_does_not_import_torch():
    code = "import sys, hogwild.models.network as n; print('torch' in sys.modules, n.Network.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "Network"], done.stderr


def test_without_torch_one_sentence_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None; from hogwild.models.network import Network; Network(1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: Network needs PyTorch: pip install 'hogwild[nets]'"


def test_names_of_parameters_are_names_of_views():
    net = torch.nn.Sequential(OrderedDict(first=torch.nn.Linear(6, 4), last=torch.nn.Linear(4, 3))).double()
    X, y = problem()
    params = Driven(Network(net), X, y).params
    assert params.views == {"first.weight": (4, 6), "first.bias": (4,), "last.weight": (3, 4), "last.bias": (3,)}
    np.testing.assert_array_equal(params["last.weight"], net.last.weight.detach().numpy())
