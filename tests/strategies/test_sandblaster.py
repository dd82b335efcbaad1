"""Sandblaster is L-BFGS of one process, on any number of workers and shards, and whoever is slow or lost."""

from functools import cache
from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models import optima
from tests.strategies import batch

from hogwild import (
    Linear,
    ReadOptions,
    Sandblaster,
    Serial,
    Simulated,
    Speeds,
    Stop,
    Threads,
    Unsupported,
    check_examples,
    conjugate_gradient,
    gradient_descent,
    lbfgs,
    read,
    train,
)
from hogwild.engines import portions
from hogwild.engines.session import Session
from hogwild.engines.turn import Turn
from hogwild.interfaces import AbstractStrategy
from hogwild.requests import OnServer, Start
from hogwild.requests.interposed import Interposed
from hogwild.testing import problem

L2, N = 0.01, 300
X, CLASSES = optima.classes(n=N, d=8, noise=1.0, density=0.5)
X *= np.geomspace(0.3, 3, 8)
Y = {"logistic": CLASSES, "squared": X @ np.linspace(-1, 1, 8) + CLASSES}
ROWS = sp.csr_array(X)
# Messages are so fast, and stuck workers so slow, that these compute copies of passes that are over.
STUCK = {"speeds": Speeds(jitter=0.3, straggle=0.1, straggle_factor=100), "latency_s": 1e-8, "bandwidth_bytes_s": 1e12}


def learn(engine, loss="logistic", method="lbfgs", epochs=12, tol=0.0, strategy=None, seed=0, **model):
    strategy = Sandblaster(method) if strategy is None else strategy
    stop = Stop(epochs, tol=tol)
    return train(Linear(loss, l2=L2, **model), (ROWS, Y[loss]), strategy=strategy, engine=engine, stop=stop, seed=seed)


def objectives(result):
    return [record.objective for record in result.history]


def scaled(evaluate, X, y, loss="logistic"):
    """The objective as a function of u = w / scales, the units in which the model makes its steps; and the scales."""
    model, examples = Linear(loss, l2=L2), check_examples(X, y)
    scales = model.bind(examples, model.survey(examples, 0, None)).scales

    def evaluate_scaled(u):
        value, gradient = evaluate(scales * u)
        return value, scales * gradient

    return evaluate_scaled, scales


# ---- it is L-BFGS


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("shards", [1, 2, 3, 5])
@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_it_is_lbfgs_of_one_process(loss, shards, workers):
    objective, scales = scaled(batch.objective(loss, X, Y[loss], L2), ROWS, Y[loss], loss)
    u, losses = batch.lbfgs(objective, np.zeros(9), 12, memory=4)
    expected = scales * u
    assert (scales != 1).any()
    for cluster, tol in (({}, 0.0), (STUCK, 0.0), (STUCK, None)):  # None: nobody waits for who is stuck
        result = learn(Simulated(workers, shards=shards, **cluster), loss, lbfgs(4), tol=tol)
        np.testing.assert_allclose(result.params.weights, expected, rtol=0, atol=1e-10 * np.abs(expected).max())
        if tol is not None:
            np.testing.assert_allclose(objectives(result), np.divide(losses, N), rtol=1e-12)


def test_on_threads_too():
    objective, scales = scaled(batch.objective("logistic", X, CLASSES, L2), ROWS, CLASSES)
    expected = scales * batch.lbfgs(objective, np.zeros(9), 12)[0]
    for workers in (1, 2, 3):
        found = learn(Threads(workers, shards=2)).params.weights
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_the_test_would_see_a_portion_that_counts_twice():
    # Before convergence, and not so early that another gradient would lead to the same point.
    evaluate = batch.objective("logistic", X, CLASSES, L2)
    twice = batch.objective("logistic", np.vstack([X, X[:1]]), np.append(CLASSES, CLASSES[0]), L2)
    a, b = (batch.lbfgs(f, np.zeros(9), 12)[0] for f in (evaluate, twice))
    assert np.abs(a - b).max() > 1e-5 * np.abs(a).max()
    c, _ = batch.lbfgs(evaluate, np.zeros(9), 15)
    assert np.abs(a - c).max() > 1e-6 * np.abs(a).max()


def test_slow_portions_come_twice_and_late():
    # Nobody is waited for where nothing is judged, so that slow workers push what the others have long done.
    counts = learn(Simulated(5, **STUCK), tol=None, epochs=12).history.counts
    assert counts["late portions"] > 5
    assert counts["evaluations"] == 12


def test_copies_make_stuck_workers_cost_little(monkeypatch):
    def seconds():
        speeds = Speeds(straggle=0.005, straggle_factor=200)
        engine = Simulated(20, speeds=speeds, latency_s=1e-8, bandwidth_bytes_s=1e12)
        return learn(engine, tol=None).history[-1].time_s

    with_copies = seconds()
    monkeypatch.setattr(portions, "MOST_COPIES", 1)
    assert with_copies < 0.5 * seconds(), "in most passes one of 300 portions is stuck"


# ---- the optimum


@pytest.mark.parametrize("layout", ["dense", "sparse"])
@pytest.mark.parametrize("method", [lbfgs(), lbfgs(1), conjugate_gradient(), gradient_descent()], ids=repr)
def test_it_reaches_the_optimum_of_scipy(method, layout):
    data = {"dense": X, "sparse": ROWS}[layout]
    best = optima.smooth_minimum("logistic", X, CLASSES, L2)
    strategy, stop = Sandblaster(method), Stop(300, tol=0)
    for engine in (Simulated(3, shards=2), Threads(2)):
        result = train(Linear("logistic", l2=L2), (data, CLASSES), strategy=strategy, engine=engine, stop=stop, seed=0)
        found = objectives(result)
        assert found[-1] == pytest.approx(best, rel=1e-9 if method.name == "lbfgs" else 1e-6)
        assert (np.diff(found) <= 1e-14).all(), "the server always has the best point so far"


def test_it_ends_by_itself_where_no_step_is_better():
    result = learn(Simulated(3), epochs=1000)
    assert result.reason == "ended by the strategy"
    assert len(result.history) < 60
    threads = learn(Threads(2), epochs=1000)
    assert threads.reason == "ended by the strategy"
    unjudged = learn(Simulated(3), epochs=1000, tol=None)
    np.testing.assert_array_equal(unjudged.params.weights, result.params.weights)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_examples(n):
    easy = problem(n=n)
    result = train(easy.model, easy.data, strategy=Sandblaster(), engine=Simulated(4), stop=Stop(30, tol=0), seed=0)
    assert easy.gap(objectives(result)[-1]) < 1e-9 if n > 1 else np.isfinite(result.params.weights).all()


def test_conjugate_gradient_is_exact_on_a_quadratic_in_as_many_steps_as_dimensions():
    # Columns that are nearly alike, and searches that are exact: the first trial tells where the second must be.
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 4)) @ (np.ones((4, 4)) + 0.3 * rng.normal(size=(4, 4)))
    y = rows @ np.array([1.0, -1.0, 1.0, -1.0]) + rng.normal(size=60)
    found = {}
    for method in (conjugate_gradient(curvature=1e-3), gradient_descent()):
        engine, stop, model = Simulated(3), Stop(25, tol=0), Linear("squared", l2=0.0)
        history = train(model, (rows, y), strategy=Sandblaster(method), engine=engine, stop=stop, seed=0).history
        found[method.name] = history[-1].objective, history.counts["accepted steps"]
    ones = np.column_stack([rows, np.ones(60)])
    residuals = y - ones @ np.linalg.lstsq(ones, y)[0]
    best = (residuals**2).mean() / 2
    reached, steps = found["conjugate-gradient"]
    assert reached == pytest.approx(best, rel=1e-12)
    assert 5 <= steps <= 8, "in 5 dimensions, with the intercept; and what rounding leaves over"
    assert found["gradient-descent"][0] > best * (1 + 1e-4), "steepest descent is not exact"


def test_single_precision_ends_early_and_not_in_noise():
    rows = (ROWS.astype(np.float32), CLASSES)
    result = train(
        Linear(l2=L2, loss="logistic"), rows, strategy=Sandblaster(), engine=Simulated(3), stop=Stop(200, tol=0), seed=0
    )
    assert result.reason == "ended by the strategy"
    assert result.history.counts["evaluations"] < 40
    assert objectives(result)[-1] == pytest.approx(optima.smooth_minimum("logistic", X, CLASSES, L2), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_real_text_is_learnt_as_well_as_by_one_thread(shared_data, loss):
    names = [shared_data / "rcv1" / f"rcv1_ccat.{name}.svm.xz" for name in ("train", "test")]
    both = read(names, options=ReadOptions(cache=False))
    rows, labels, n = both.X, both.y, 20_000
    errors = {}
    for strategy, engine in ((Serial(), Threads(1)), (Sandblaster(), Threads(2, shards=2))):
        model, data = Linear(loss, l2=1e-5 if loss == "logistic" else 1e-4), (rows[:n], labels[:n])
        result = train(model, data, strategy=strategy, engine=engine, seed=0)
        errors[type(strategy)] = 100 * np.mean(np.sign(result.predict(rows[n:])) != labels[n:])
    assert errors[Sandblaster] <= errors[Serial] + 0.3, "per cent"
    assert errors[Serial] < 7


def test_what_happened_is_counted():
    counts = learn(Simulated(3), epochs=12).history.counts
    assert counts["evaluations"] == 12
    assert 8 <= counts["accepted steps"] <= 11
    assert counts["restarts"] == 0


@pytest.mark.parametrize("engine", [Simulated(3), Threads(2)], ids=["simulated", "threads"])
def test_l1_is_refused(engine):
    with pytest.raises(Unsupported, match=r"^what is done to weights after a step \(l1, .* leave it out"):
        learn(engine, l1=0.01)


# ---- what is under way at the same time


class Watched(AbstractStrategy):
    """Sandblaster, and which operations are under way at the same time."""

    needs, answer, server, agree = Sandblaster.needs, Sandblaster.answer, Sandblaster.server, True

    def __init__(self):
        self.together = [[]]

    async def work(self, me):
        await Interposed(Sandblaster().work(me), me.made, self._see)

    def _see(self, request):
        if isinstance(request, Start):
            self.together[-1].append(request.request.op)
        elif self.together[-1]:
            self.together.append([])
        return request


def reads_and_changes(op):
    match op:
        case ("copy", to, of):
            return {of}, {to}
        case ("dot", x, y):
            return {x, y}, set()
        case ("scale" | "units", x, _):
            return set(), {x}
        case ("axpy", y, *terms):
            return set(terms[1::2]), {y}
    raise AssertionError(op)


def test_operations_that_are_under_way_together_may_be_done_in_any_order():
    """On a cluster they are: weights would depend on it in their last bits."""
    watched = Watched()
    learn(Threads(1), strategy=watched)
    several = [ops for ops in watched.together if len(ops) > 1]
    assert len(several) > 20
    for ops in several:
        for one, other in combinations(map(reads_and_changes, ops), 2):
            assert not one[1] & (other[0] | other[1])
            assert not other[1] & one[0]


# ---- whoever is lost


class Dying(AbstractStrategy):
    """Sandblaster, but for who is lost, {rank: before which of its operations on the server}."""

    needs, answer, server, agree = Sandblaster.needs, Sandblaster.answer, Sandblaster.server, True

    def __init__(self, deaths):
        self.deaths, self.died, self.asked = deaths, set(), {}

    async def work(self, me):
        program, answer, asked = Sandblaster(lbfgs(2)).work(me), None, 0
        try:
            while True:
                request = program.send(answer)
                if isinstance(request, OnServer) or (
                    isinstance(request, Start) and isinstance(request.request, OnServer)
                ):
                    if asked == self.deaths.get(me.rank):
                        self.died.add(me.rank)
                        program.close()
                        me.made.clear()
                        return
                    asked += 1
                answer = await request
        except StopIteration:
            self.asked[me.rank] = asked


@pytest.fixture
def lost(monkeypatch):
    """A program that ends is that of a lost worker: the run does not end with it."""
    monkeypatch.setattr(Session, "ended", lambda self, rank: None)


EASY_X, EASY_Y = optima.classes(n=24, d=3, noise=2.0)
EASY_X *= 30  # so that the first trials are far too long
EASY = sp.csr_array(EASY_X)


def learn_easily(strategy, epochs, workers=2, tol=0.0, seed=0, **cluster):
    stop, engine = Stop(epochs, tol=tol), Simulated(workers, shards=2, **cluster)
    model = Linear("logistic", l2=L2)
    return train(model, (EASY, EASY_Y), strategy=strategy, engine=engine, stop=stop, seed=seed)


def value(result):
    return optima.objective("logistic", EASY_X, EASY_Y, result.params["coef"], result.params["intercept"][0], L2)


@cache
def optimum():
    return optima.smooth_minimum("logistic", EASY_X, EASY_Y, L2)


def operations(rounds):
    """How many operations the coordinator asks for in so many rounds."""
    whole = Dying({})
    learn_easily(whole, rounds, tol=None)
    return whole.asked[0]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_the_coordinator_may_be_lost_between_any_two_operations(lost, part):
    best, many = optimum(), operations(6)
    assert many > 80
    for after in range(part, many, 4):
        strategy = Dying({0: after})
        result = learn_easily(strategy, 25)
        assert strategy.died == {0}
        assert value(result) == pytest.approx(best, rel=1e-8), f"after operation {after}"


@pytest.mark.parametrize("tol", [0.0, None])
@pytest.mark.parametrize("leaves", [{0: 0}, {0: 1}, {0: 4}, {1: 3}, {0: 3, 1: 3}, {0: 2, 1: 6}, {0: 5, 1: 2}], ids=str)
def test_workers_may_leave_whoever_coordinates(lost, monkeypatch, leaves, tol):
    # {rank: after how many rounds}
    turn = Session.turn

    def turn_or_leave(session, rank, index):
        return Turn.STOP if index >= leaves.get(rank, index + 1) else turn(session, rank, index)

    monkeypatch.setattr(Session, "turn", turn_or_leave)
    result = learn_easily(Sandblaster(lbfgs(2)), 40, workers=3, tol=tol, **STUCK)
    assert value(result) == pytest.approx(optimum(), rel=1e-8)


@pytest.mark.slow
def test_it_leaves_no_trial_behind(lost):
    # Steps are tried that are too long. Where the coordinator is lost in the last round, the server must end with a
    # point that had been accepted before.
    objective, _ = scaled(batch.objective("logistic", EASY_X, EASY_Y, L2), EASY, EASY_Y)
    losses = [loss / 24 for loss in batch.lbfgs(objective, np.zeros(4), 6, memory=2)[1]]
    for rounds in range(1, 7):
        for after in range(operations(rounds - 1) if rounds > 1 else 0, operations(rounds)):
            strategy = Dying({0: after})
            result = learn_easily(strategy, rounds, tol=None)
            assert strategy.died == {0}
            assert value(result) <= losses[max(0, rounds - 3)] * (1 + 1e-12), f"operation {after} of {rounds} rounds"


@pytest.mark.slow
@settings(max_examples=25)
@given(st.dictionaries(st.integers(0, 3), st.integers(0, 120), max_size=3), st.integers(0, 1000))
def test_workers_may_be_lost_one_after_another(deaths, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "ended", lambda self, rank: None)
        result = learn_easily(Dying(deaths), 45, workers=4, seed=seed, **STUCK)
    assert value(result) == pytest.approx(optimum(), rel=1e-8)
