"""Factors: what it refuses, what it learns, and that every way of learning is the same model."""

import re

import numpy as np
import pytest
import scipy.sparse as sp

from hogwild import (
    AllReduce,
    Downpour,
    Factors,
    GrowingBatches,
    Hogwild,
    NonFiniteError,
    Partitioned,
    Racy,
    Replicas,
    Serial,
    Simulated,
    Stop,
    Threads,
    Unsupported,
    backoff,
    check_examples,
    constant,
    inverse,
    train,
)
from hogwild.data.blocks import Block
from hogwild.models import factors_task
from hogwild.rules.schedules import Moment

NOW = Moment(0, 0.0, 0)


def ratings(n=3_000, users=60, items=40, rank=3, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    pairs = np.column_stack([rng.integers(0, users, n), rng.integers(0, items, n)])
    p, q = rng.normal(0, 0.6, (users, rank)), rng.normal(0, 0.6, (items, rank))
    b, c = rng.normal(0, 0.5, users), rng.normal(0, 0.5, items)
    u, i = pairs.T
    return pairs, 3 + b[u] + c[i] + (p[u] * q[i]).sum(axis=1) + rng.normal(0, noise, n)


PAIRS, VALUES = ratings()
MODEL = Factors(rank=3, l2=0.005, rate=backoff(0.1, 0.95), init_scale=0.2)


def learn(model=MODEL, data=(PAIRS, VALUES), epochs=40, **options):
    return train(model, data, stop=Stop(epochs=epochs, tol=0), seed=0, **options)


def bound(model=MODEL, data=(PAIRS, VALUES), weights=None):
    examples = check_examples(*data, weights)
    survey = model.survey(examples, 0, None)
    return model.bind(examples, survey), model.init(survey)


def block(rows):
    return [Block(np.asarray(rows, np.int64), 1)]


# ------------------------------------------------------------------------------------------------------- what it finds


@pytest.mark.parametrize(
    ("strategy", "engine"),
    [
        (Serial(), Threads(1)),
        (Hogwild(), Threads(2)),
        (Hogwild(Racy()), Threads(2)),
        (Hogwild(Replicas(ordered=True)), Threads(3)),
        (AllReduce(minibatch=2), Simulated(2)),
    ],
    ids=str,
)
def test_the_ratings_are_found_but_for_the_noise(strategy, engine):
    result = learn(strategy=strategy, engine=engine)
    error = np.sqrt(np.mean((result.predict(PAIRS) - VALUES) ** 2))
    assert error < 0.2, "the noise is 0.1, and the deviation of the ratings 1.3"
    assert result.history[-1].objective < 0.1 * result.history[0].objective


def test_two_threads_are_statistically_as_good_as_one():
    def objectives(engine):
        return [
            train(MODEL, (PAIRS, VALUES), engine=engine, stop=Stop(30, tol=0), seed=k).history[-1] for k in range(5)
        ]

    one, two = ([record.objective for record in objectives(Threads(n))] for n in (1, 2))
    assert np.mean(two) < 1.05 * np.mean(one)


def test_biases_alone_are_those_of_ridge_regression():
    """Without factors to speak of, the problem is linear: each row pays l2 for each of its ratings."""
    l2, (pairs, values) = 0.05, ratings(rank=0)
    model = Factors(rank=1, l2=l2, rate=backoff(0.1, 0.93), init_scale=1e-12)
    found = learn(model, (pairs, values), epochs=120, strategy=Serial(), engine=Threads(1)).params
    X = sp.hstack(
        [sp.csr_array((np.ones(len(PAIRS)), (np.arange(len(PAIRS)), column))) for column in PAIRS.T]
    ).toarray()
    penalty = np.diag(l2 * X.sum(axis=0))
    expected = np.linalg.solve(X.T @ X + penalty, X.T @ (values - values.mean()))
    np.testing.assert_allclose(np.concatenate([found["users"][:, 0], found["items"][:, 0]]), expected, atol=0.02)


@pytest.mark.parametrize("weighted", [False, True])
def test_copies_of_few_items_learn_as_well(weighted, monkeypatch):
    """Threads merge copies of the items if these are few."""
    merged = []
    kernel = factors_task.factor_replicas
    monkeypatch.setattr(factors_task, "factor_replicas", lambda *given: merged.append(1) or kernel(*given))
    pairs = PAIRS % np.array([60, 5])
    weights = np.random.default_rng(3).choice([0.5, 2.0], len(pairs)) if weighted else None
    data = (pairs, VALUES) if weights is None else (pairs, VALUES, weights)
    alone = learn(data=data, strategy=Serial(), engine=Threads(1))
    assert not merged
    two = learn(data=data, strategy=Hogwild(), engine=Threads(2))
    assert merged
    assert two.history[-1].objective < 1.05 * alone.history[-1].objective


def test_the_holdout_loss_has_no_penalty():
    held = train(Factors(rank=2, l2=5.0, rate=0.01), (PAIRS, VALUES), stop=Stop(5, holdout=0.2), seed=0)
    last = held.history[-1]
    assert last.holdout_loss == pytest.approx((1 - last.holdout_score) * np.var(VALUES) / 2, rel=1e-4)


def test_rows_that_stay_with_their_workers():
    data = Partitioned((PAIRS, VALUES), by=(PAIRS[:, 0] + 1) % 2)
    one = learn(strategy=Serial(), engine=Threads(1), epochs=20).history[-1].objective
    found = learn(data=data, strategy=Hogwild(block_examples=100), engine=Threads(2), epochs=20)
    assert found.history[-1].objective < 2 * one
    with pytest.raises(Unsupported, match="stay where they are"):
        learn(data=data, strategy=Hogwild(Replicas(ordered=True)), engine=Threads(2))


def test_weights_count_as_copies():
    weights = np.random.default_rng(1).choice([1.0, 2.0], len(VALUES))
    task, params = bound(weights=weights)
    twice = np.repeat(np.arange(len(VALUES)), weights.astype(int))
    other, _ = bound(data=(PAIRS[twice], VALUES[twice]))
    every = block(np.arange(len(VALUES)))[0]
    mine, theirs = task.tally(params, every), other.tally(params, block(np.arange(twice.size))[0])
    # The mean of the ratings, which the predictions are built on, is that of the copies, too.
    assert task.objective(params, mine) == pytest.approx(other.objective(params, theirs), rel=1e-6)
    assert mine.errors / mine.weight == pytest.approx(theirs.errors / theirs.weight, rel=1e-6)


NEVER_NEGATIVE = [
    (Serial(), Simulated(1)),
    (Downpour(minibatch=4), Simulated(2)),
    (AllReduce(minibatch=4), Simulated(2)),
    (Hogwild(), Simulated(3)),  # which adds changes up
    (Hogwild(), Threads(2)),  # which merges copies of few items
    (GrowingBatches(), Simulated(3)),
]


@pytest.mark.parametrize(("strategy", "engine"), NEVER_NEGATIVE, ids=str)
def test_nonnegative_factors_never_have_a_negative_number(strategy, engine):
    model = Factors(rank=3, l2=0.01, rate=0.05, biases=False, nonnegative=True, init_scale=0.5)
    rng = np.random.default_rng(2)
    u, i = pairs = PAIRS.T % np.array([[60], [5]])
    p, q = (np.maximum(0, rng.normal(0, 1, (n, 3))) for n in (60, 5))
    result = learn(model, (pairs.T, (p[u] * q[i]).sum(axis=1)), strategy=strategy, engine=engine, epochs=20)
    assert (result.params.weights >= 0).all()
    assert (result.params.weights == 0).any(), "else the projection was never needed"
    assert result.history[-1].objective < result.history[0].objective


def test_training_goes_on_from_what_was_learnt():
    first = learn(epochs=10, strategy=Serial(), engine=Threads(1))
    second = learn(epochs=1, strategy=Serial(), engine=Threads(1), start=first.params)
    assert second.history[0].objective < 1.05 * first.history[-1].objective
    fewer = learn(data=(PAIRS[:50], VALUES[:50]), epochs=1, strategy=Serial(), engine=Threads(1), start=first.params)
    assert fewer.params.views == first.params.views


# ------------------------------------------------------------------------------------------------------------ the task


def test_a_gradient_of_rows_is_a_part_of_the_whole_and_apply_takes_it_off():
    task, params = bound()
    rows = block([3, 14, 15, 92, 65])
    keys = task.keys(rows)
    assert (np.diff(keys) > 0).all()
    whole, part = task.gradient(params, rows, NOW, None), task.gradient(params, rows, NOW, keys)
    np.testing.assert_array_equal(part.values, whole.values[params.positions(keys)])
    assert np.count_nonzero(whole.values) == np.count_nonzero(part.values)
    assert part.loss == whole.loss
    other = params.copy()
    task.apply(params, whole)
    task.apply(other, part)
    np.testing.assert_array_equal(params.weights, other.weights)


def test_nothing_to_learn_changes_nothing():
    task, params = bound()
    before = params.weights.copy()
    delta = task.gradient(params, block([]), NOW, None)
    task.apply(params, delta)
    assert (delta.examples, delta.loss) == (0, 0.0)
    assert task.keys(block([])).size == 0
    np.testing.assert_array_equal(params.weights, before)


def test_the_same_seed_gives_the_same_bits_also_on_three_threads():
    options = {"strategy": Hogwild(Replicas(ordered=True)), "engine": Threads(3), "epochs": 3}
    assert learn(**options).params.weights.tobytes() == learn(**options).params.weights.tobytes()


# ----------------------------------------------------------------------------------------------------------- bad input

X = PAIRS.astype(float)


def changed(row, column, value):
    bad = X.copy()
    bad[row, column] = value
    return bad


@pytest.mark.parametrize(
    ("model", "data", "words"),
    [
        (MODEL, (np.ones((4, 3)), np.ones(4)), "shape (4, 3), but pairs of a user and an item have shape (n, 2)"),
        (MODEL, (sp.csr_array(np.eye(4)), np.ones(4)), "sparse, but pairs"),
        (MODEL, (changed(7, 0, -1), VALUES), "row 7 of X has user -1, but users are whole numbers"),
        (MODEL, (changed(7, 1, 1.5), VALUES), "row 7 of X has item 1.5, but items are whole numbers"),
        (MODEL, (changed(7, 1, 4e9), VALUES), "row 7 of X has item 4e+09"),
        (Factors(n_items=30), (X, VALUES), "but items are whole numbers from 0 to 29"),
        (MODEL, (changed(7, 1, 2e9), VALUES), "row 7 of X has item 2000000000, which would need 2000000001 rows"),
        (MODEL, (X, None), "training needs ratings y"),
        (MODEL, (X, np.array(["good"] * len(X))), "ratings must be numbers, but row 0 of X has"),
        (MODEL, (X, np.where(np.arange(len(X)) == 5, 1e300, VALUES)), "the rating in row 5 of X"),
    ],
    ids=range(10),
)
def test_what_is_no_table_of_ratings(model, data, words):
    examples = check_examples(*data)
    with pytest.raises(ValueError, match=re.escape(words)):
        train(model, examples, stop=Stop(epochs=1), seed=0)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rank": 0}, ValueError, "rank=0"),
        ({"l2": -1.0}, ValueError, "l2=-1.0"),
        ({"rate": 0.0}, ValueError, "rate=0.0"),
        ({"rate": constant()}, ValueError, "rate=constant has no number"),
        ({"biases": 1}, TypeError, "biases=1"),
        ({"nonnegative": "yes"}, TypeError, "nonnegative='yes'"),
        ({"n_users": 0}, ValueError, "n_users=0"),
        ({"n_items": 1 << 40}, ValueError, "must be at most"),
        ({"init_scale": 0.0}, ValueError, "init_scale=0.0"),
    ],
    ids=str,
)
def test_numbers_that_make_no_sense(options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        Factors(**options)


def test_weights_of_another_kind_are_no_start():
    with pytest.raises(ValueError, match="cannot go on as"):
        learn(start=learn(Factors(rank=5), epochs=1).params)
    empty = learn(epochs=1).params
    del empty.state["mean"]
    with pytest.raises(ValueError, match="start has no mean in its state"):
        learn(start=empty)
    few = learn(data=(PAIRS[PAIRS[:, 0] < 9], VALUES[PAIRS[:, 0] < 9]), epochs=1)
    with pytest.raises(ValueError, match="there are 60 users, but start knows 9"):
        learn(start=few.params)


def test_who_was_not_learnt_is_not_predicted():
    result = learn(epochs=1)
    with pytest.raises(ValueError, match="row 1 of X has user 60, but users are whole numbers from 0 to 59"):
        result.predict([[0, 0], [60, 0]])


@pytest.mark.parametrize("strategy", [Serial(), Serial(minibatch=4), AllReduce(minibatch=4)], ids=str)
def test_divergence_is_told_with_the_block(strategy):
    with pytest.raises(NonFiniteError, match="NaN or infinite"):
        learn(Factors(rank=3, rate=1e4), strategy=strategy, engine=Threads(1))


def test_steps_of_minibatches_need_no_order():
    learn(strategy=Hogwild(minibatch=8), engine=Threads(2), epochs=2)
    with pytest.raises(Unsupported, match="minibatch=1"):
        learn(strategy=Hogwild(Replicas(ordered=True), minibatch=8), engine=Threads(2))


def test_rates_fall_within_an_epoch_where_the_schedule_says_so():
    """`inverse` without a penalty to lean on is constant; `backoff` falls from epoch to epoch."""
    result = learn(Factors(rank=2, rate=inverse(0.05)), epochs=3)
    assert [record.rate for record in result.history] == pytest.approx([0.05] * 3)
    result = learn(Factors(rank=2, rate=backoff(0.08, 0.5)), epochs=3)
    assert [record.rate for record in result.history] == pytest.approx([0.08, 0.04, 0.02])
