"""Threads of one worker: together they learn what it would learn alone."""

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild import Linear, NonFiniteError, check_examples
from hogwild.data.blocks import Block, Blocks, count_rows, pieces
from hogwild.engines import hands
from hogwild.engines.hands import Hands
from hogwild.memory import CONTROL_CELLS, Memory
from hogwild.requests import Steps
from hogwild.rules.schedules import Moment

N, EPOCHS = 6_000, 4


def rows_in(blocks, n):
    """The rows of blocks, as a kernel reads them: it stops at the end of the data only."""
    return [i for block in blocks for s in block.starts for i in range(s, min(s + block.chunk, n))]


@given(
    st.integers(1, 60), st.integers(1, 7), st.integers(0, 30), st.integers(1, 9), st.integers(1, 6), st.integers(0, 9)
)
def test_pieces_are_whole_units_and_have_all_rows_in_order(chunks, chunk, short, unit, parts, skipped):
    """The first block is the rest of a chunk, and the last chunk of the data may be short."""
    n = chunks * chunk - min(short, chunk - 1)
    starts = np.random.default_rng(n).permutation(np.arange(0, n - n % chunk, chunk))
    starts = np.append(starts, n - n % chunk) if n % chunk else starts
    skipped = min(skipped, chunk - 1, count_rows(Block(starts[:1], chunk), n) - 1)
    blocks = [Block(starts[:1] + skipped, chunk - skipped), Block(starts[1:], chunk)]
    rows = rows_in(blocks, n)
    found = pieces(blocks, n, unit, parts)
    assert [row for _, piece in found for row in rows_in(piece, n)] == rows
    sizes = [sum(count_rows(block, n) for block in piece) for _, piece in found]
    assert [before for before, _ in found] == np.cumsum([0, *sizes[:-1]]).tolist()
    assert len(found) <= parts
    assert all(size % unit == 0 for size in sizes[:-1])
    assert max(sizes) - min(sizes) < 2 * unit + unit


def bound(model, n=N, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 8)).astype(np.float32)
    y = np.where(X @ np.linspace(-1, 1, 8) + rng.normal(size=n) > 0, 1.0, -1.0)
    examples = check_examples(X, y)
    survey = model.survey(examples, 0, None)
    params = model.init(survey)
    task = model.bind(examples, survey)
    task.enter(params)
    memory = Memory(0, 1, params.weights, np.zeros(CONTROL_CELLS, np.int64), state=params.state)
    if task.averages:
        memory.mean = np.zeros_like(params.weights)
    return task, params, memory, Blocks(examples, 0.0, seed)


def objective(task, params, memory, rows, done):
    answer = task.answer(params, [memory], Moment(EPOCHS - 1, 0.0, done))
    tallies = [task.tally(answer, block) for block in rows.pieces(rows.training, 1_000)]
    total = type(tallies[0])(*(sum(parts) for parts in zip(*tallies, strict=True)))
    return task.objective(answer, total)


@contextmanager
def many(task, memory, threads=3):
    found = Hands(task, memory, N, threads)
    yield found
    found.close()


def learnt(model, threads, request):
    """The objective after some epochs, asked for in requests of uneven length."""
    task, params, memory, rows = bound(model)
    with many(task, memory, threads) if threads > 1 else nullcontext(task) as learner:
        return learnt_by(learner, task, params, memory, rows, request)


def learnt_by(learner, task, params, memory, rows, request):
    done = 0
    for epoch in range(EPOCHS):
        first = 0
        for end in (1_537, 1_600, N):
            blocks = rows.cut(rows.order(epoch), first, end)
            learner.steps(memory, blocks, Moment(epoch, 0.0, done), request)
            done, first = done + end - first, end
    return objective(task, params, memory, rows, done)


MODELS = [
    Linear("hinge", l2=1e-2, average=False),
    Linear("logistic", l2=1e-2, average=False),
    Linear("logistic", l2=1e-4, l1=1e-2, average=False),
    Linear("squared", l2=1e-3, average=True),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.loss}-{model.l1}-{model.average}")
@pytest.mark.parametrize("request_", [Steps(1), Steps(1, minibatch=7), Steps(1, rate=0.01)], ids=str)
def test_many_learn_what_one_learns(model, request_):
    """What is added without locks may come in any order. A mean lags behind where steps are few, more or less so."""
    if model.average and request_.rate is not None:
        pytest.skip("a mean of iterates wants the model's own rates")
    alone = learnt(model, 1, request_)
    for threads in (2, 3):
        assert learnt(model, threads, request_) == pytest.approx(alone, rel=0.08 if model.average else 0.01)


def test_all_threads_learn(monkeypatch):
    """Each row once."""
    _, _, memory, rows = bound(Linear("hinge"))
    seen = []

    class Noted:
        def steps(self, memory, blocks, moment, request):
            seen.append((memory.rank, moment.done, rows_in(blocks, N)))

    monkeypatch.setattr(hands, "PIECE_ROWS", 100)
    blocks = rows.cut(rows.order(0), 5, N)
    with many(Noted(), memory) as found:
        found.steps(memory, blocks, Moment(0, 0.0, 50), Steps(1))
    seen.sort(key=lambda each: each[1])
    assert [row for _, _, some in seen for row in some] == rows_in(blocks, N)
    assert [done for _, done, _ in seen] == np.cumsum([50, *(len(some) for _, _, some in seen[:-1])]).tolist()
    assert len(seen) == hands.PIECES * 3


@pytest.mark.parametrize("keys", [None, np.array([0, 3, 8])])
def test_a_gradient_is_one_minibatch(keys):
    task, params, memory, rows = bound(Linear("logistic", l2=1e-2))
    params.weights[:] = np.linspace(-1, 1, params.weights.size)
    blocks, moment = rows.cut(rows.order(0), 3, N), Moment(0, 0.0, 10)
    alone = task.gradient(params, blocks, moment, keys)
    with many(task, memory) as found:
        first, second = (found.gradient(params, blocks, moment, keys) for _ in range(2))
    assert (first.examples, first.steps, first.moment) == (alone.examples, alone.steps, alone.moment)
    assert first.values.tobytes() == second.values.tobytes()
    np.testing.assert_allclose(first.values, alone.values, rtol=1e-4, atol=1e-3)
    assert first.loss == pytest.approx(alone.loss)
    assert first.curvature == pytest.approx(alone.curvature)


def test_tallies_are_those_of_one():
    task, params, memory, rows = bound(Linear("hinge"))
    blocks = rows.pieces(rows.training, 700)
    with many(task, memory) as found:
        assert found.tally(params, blocks) == [task.tally(params, block) for block in blocks]


def test_what_one_of_them_raises_is_raised_when_all_have_ended():
    task, params, memory, rows = bound(Linear("squared"))
    params.weights[:] = np.nan
    blocks = rows.cut(rows.order(0), 0, N)
    with many(task, memory) as found, pytest.raises(NonFiniteError, match="became NaN or infinite"):
        found.steps(memory, blocks, Moment(0, 0.0, 0), Steps(1))


def test_networks_learn_with_many():
    torch = pytest.importorskip("torch", reason="the extra `nets` is not installed")
    from hogwild import Network

    module = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(), torch.nn.Linear(6, 1))
    model = Network(module, "logistic", rate=0.1)
    request = Steps(1, minibatch=32)
    alone, together = learnt(model, 1, request), learnt(model, 3, request)
    assert together == pytest.approx(alone, rel=0.03)
    assert together < 0.6
