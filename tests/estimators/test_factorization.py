"""MatrixFactorization: ids, frames and matrices, predictions, recommendations, and what it refuses."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from hogwild import MatrixFactorization

USERS, ITEMS = 30, 20
RNG = np.random.default_rng(0)
KNOWN = np.argwhere(RNG.random((USERS, ITEMS)) < 0.6)
TASTE = RNG.normal(0, 1, (USERS, 2)) @ RNG.normal(0, 1, (2, ITEMS)) + RNG.normal(3, 0.5, (USERS, 1))
VALUES = TASTE[tuple(KNOWN.T)]
NAMES = np.array([f"user {n:02}" for n in range(USERS)]), np.array([f"item {n:02}" for n in range(ITEMS)])
NAMED = np.column_stack([names[column] for names, column in zip(NAMES, KNOWN.T, strict=True)])
OPTIONS = {"rank": 2, "l2": 0.005, "rate": 0.05, "max_epochs": 200, "init_scale": 0.3, "random_state": 0}


def fitted(pairs=KNOWN, ratings=VALUES, **options):
    return MatrixFactorization(**{**OPTIONS, **options}).fit(pairs, ratings)


MODEL = fitted()


def test_what_was_not_rated_is_predicted():
    every = np.argwhere(np.ones((USERS, ITEMS)))
    assert MODEL.score(every, TASTE.ravel()) > 0.95


def test_predictions_are_made_of_what_can_be_seen():
    u, i = KNOWN.T
    expected = MODEL.mean_ + MODEL.user_biases_[u] + MODEL.item_biases_[i]
    expected = expected + (MODEL.user_factors_[u] * MODEL.item_factors_[i]).sum(axis=1)
    np.testing.assert_allclose(MODEL.predict(KNOWN), expected, rtol=1e-5)
    assert MODEL.user_factors_.shape == (USERS, 2)
    assert MODEL.item_factors_.shape == (ITEMS, 2)


GIVEN = {
    "text": (NAMED, VALUES),
    "tuples": (list(map(tuple, NAMED.tolist())), VALUES.tolist()),
    "frame": (pd.DataFrame({"who": NAMED[:, 0], "what": NAMED[:, 1]}), VALUES),
    "frame with ratings": (pd.DataFrame({"who": NAMED[:, 0], "what": NAMED[:, 1], "r": VALUES}), None),
    "numbers": (KNOWN * 1000 - 5, VALUES),
    "matrix": (sp.csr_array((VALUES, tuple(KNOWN.T)), (USERS, ITEMS)), None),
}


def test_tuples_of_text_and_numbers():
    model = fitted([(f"user {u}", int(i)) for u, i in KNOWN], VALUES, max_epochs=1)
    assert model.users_.dtype.kind == "U"
    assert model.items_.tolist() == list(range(ITEMS))


@pytest.mark.parametrize("given", GIVEN)
def test_however_they_are_given_the_ratings_are_the_same(given):
    pairs, ratings = GIVEN[given]
    model = MatrixFactorization(**OPTIONS).fit(pairs, ratings)
    np.testing.assert_array_equal(model.user_factors_, MODEL.user_factors_)
    if given != "matrix":
        asked = pairs.iloc[:, :2] if isinstance(pairs, pd.DataFrame) else pairs
        np.testing.assert_array_equal(model.predict(asked), MODEL.predict(KNOWN))


def test_who_is_not_known_has_only_the_others_bias():
    model = fitted(NAMED)
    nobody, somebody = model.predict([("nobody", "item 03"), ("user 03", "nothing")])
    assert nobody == pytest.approx(model.mean_ + model.item_biases_[3])
    assert somebody == pytest.approx(model.mean_ + model.user_biases_[3])
    assert model.predict([("nobody", "nothing")]) == pytest.approx(model.mean_)


def test_recommendations_are_the_best_of_what_is_not_known():
    model = fitted(NAMED)
    items, ratings = model.recommend("user 07", 4)
    left = [name for name in NAMES[1] if ["user 07", name] not in NAMED.tolist()]
    scores = model.predict([("user 07", name) for name in left])
    best = np.argsort(-scores)[:4]
    assert items.tolist() == [left[k] for k in best]
    np.testing.assert_allclose(ratings, scores[best], rtol=1e-5)
    items, _ = model.recommend("user 07", 100, exclude_seen=False)
    assert sorted(items) == sorted(NAMES[1])
    assert len(model.recommend("user 07", 100)[0]) == len(left)


def test_recommendations_for_many_are_those_for_each(monkeypatch):
    monkeypatch.setattr("hogwild.estimators.factorization.BLOCK_NUMBERS", 50)
    items, ratings = MODEL.recommend(list(range(USERS)), 3)
    assert items.shape == ratings.shape == (USERS, 3)
    for user in range(USERS):
        np.testing.assert_array_equal(items[user], MODEL.recommend(user, 3)[0])
    _, ratings = MODEL.recommend([0], ITEMS)
    assert np.isinf(ratings[0]).sum() == (KNOWN[:, 0] == 0).sum()


def test_the_row_of_a_new_user_is_the_minimum_of_his_part():
    items, ratings = np.array([1, 4, 7, 9]), np.array([5.0, 1.0, 4.0, 2.0])
    row = MODEL.fold_in(items, ratings)

    def part(row):
        p = MODEL.mean_ + row[0] + MODEL.item_biases_[items] + MODEL.item_factors_[items] @ row[1:]
        return ((ratings - p) ** 2 / 2 + OPTIONS["l2"] / 2 * row @ row).sum()

    for direction in np.eye(3):
        assert part(row) < min(part(row + 1e-3 * direction), part(row - 1e-3 * direction))
    best, _ = MODEL.recommend_to_new(items, ratings, 3)
    assert not set(best) & set(items)


def test_the_row_of_an_old_user_is_nearly_what_was_learnt():
    mine = KNOWN[:, 0] == 11
    row = MODEL.fold_in(KNOWN[mine, 1], VALUES[mine])
    np.testing.assert_allclose(row[1:], MODEL.user_factors_[11], atol=0.15)


def test_similar_items_point_in_the_same_direction():
    found, cosines = MODEL.similar_items(5, 3)
    assert 5 not in found
    assert (np.diff(cosines) <= 0).all()
    norms = np.linalg.norm(MODEL.item_factors_, axis=1)
    every = MODEL.item_factors_ @ MODEL.item_factors_[5] / norms / norms[5]
    np.testing.assert_allclose(cosines, np.sort(np.delete(every, 5))[::-1][:3], rtol=1e-5)


def test_more_ratings_users_and_items_go_on_from_the_last_fit():
    some = (KNOWN[:, 0] < 20) & (KNOWN[:, 1] < 15)
    model = fitted(KNOWN[some], VALUES[some], warm_start=True)
    before = model.user_factors_.copy()
    model.max_epochs = 1
    model.rate = 1e-6
    model.fit(KNOWN[~some], VALUES[~some])
    assert model.users_.tolist() == list(range(USERS))
    np.testing.assert_allclose(model.user_factors_[:20], before, atol=1e-3)
    items, _ = model.recommend(3, ITEMS)
    assert not set(items) & set(KNOWN[KNOWN[:, 0] == 3, 1]), "what was rated in the first fit was rated"
    with pytest.raises(ValueError, match="rank of the last fit again, 2"):
        model.set_params(rank=3).fit(KNOWN, VALUES)
    assert model.set_params(rank=2, biases=False).fit(KNOWN, VALUES).mean_ == 0.0
    assert not model.user_biases_.any()
    with pytest.raises(TypeError, match="ids of the kind"):
        model.set_params(rank=2).fit(NAMED, VALUES)


def test_new_users_learn_as_well_as_in_a_fit_of_their_own():
    new = KNOWN[:, 0] >= 20
    model = fitted(KNOWN[~new], VALUES[~new], warm_start=True).fit(KNOWN[new], VALUES[new])
    every = np.argwhere(np.ones((USERS, ITEMS)))[20 * ITEMS :]
    assert model.score(every, TASTE[20:].ravel()) > 0.9


def test_repeated_entries_of_a_matrix():
    at = np.append(KNOWN[:, 0], KNOWN[3, 0]), np.append(KNOWN[:, 1], KNOWN[3, 1])
    matrix = sp.coo_array((np.append(VALUES, 100.0), at), (USERS, ITEMS))
    with pytest.raises(ValueError, match="again"):
        fitted(matrix, None)
    model = fitted(matrix, None, repeated="last", max_epochs=1)
    assert model.mean_ == pytest.approx((VALUES.sum() - VALUES[3] + 100) / len(VALUES), rel=1e-6)
    assert matrix.nnz == len(KNOWN) + 1, "it is not the user's matrix that changes"


def test_a_broken_matrix_is_refused():
    broken = sp.csr_array((np.ones(3), [0, 1, 2], [0, 1, 2, 3]), (3, 3))
    broken.indptr = np.array([0, 1, 2, 4_000_002])
    with pytest.raises(ValueError, match="broken csr matrix"):
        fitted(broken, None)
    broken = sp.coo_array((np.ones(2), ([0, 1], [0, 1])), (2, 2))
    broken.coords[0][1] = 7
    with pytest.raises(ValueError, match="broken coo matrix"):
        fitted(broken, None)


def test_it_survives_being_pickled():
    again = pickle.loads(pickle.dumps(MODEL))
    np.testing.assert_array_equal(again.predict(KNOWN), MODEL.predict(KNOWN))


def test_the_users_ratings_can_still_be_written():
    ratings = VALUES.astype(np.float32)
    fitted(KNOWN, ratings, max_epochs=1)
    ratings[0] = 1.0


def test_repeated_pairs():
    pairs, ratings = [*KNOWN.tolist(), KNOWN[3].tolist()], [*VALUES, 100.0]
    with pytest.raises(ValueError, match=rf"row {len(KNOWN)} \(counted from 0\) rates user 0 and item"):
        fitted(pairs, ratings)
    for policy, value in (("mean", (VALUES[3] + 100) / 2), ("last", 100.0)):
        model = fitted(pairs, ratings, repeated=policy, max_epochs=1)
        assert model.mean_ == pytest.approx((VALUES.sum() - VALUES[3] + value) / len(VALUES), rel=1e-6)


def test_several_threads_repeat_if_they_are_told_to(monkeypatch):
    monkeypatch.setattr("hogwild.estimators.factorization.NUMBERS_PER_THREAD", 1)
    models = [fitted(n_jobs=3, deterministic=True, max_epochs=5) for _ in range(2)]
    assert len({model.item_factors_.tobytes() for model in models}) == 1
    assert models[0].item_factors_.tobytes() != fitted(max_epochs=5).item_factors_.tobytes(), "there were three"


def test_early_stopping_keeps_the_best():
    """Of noise more is learnt in each epoch, and the first ones are the best."""
    noise = np.random.default_rng(1).normal(size=len(KNOWN))
    options = {"l2": 0.0, "validation_fraction": 0.3, "max_epochs": 60}
    model = fitted(KNOWN, noise, early_stopping=True, tol=0, **options)
    losses = [record.holdout_loss for record in model.history_]
    assert np.argmin(losses) < 20
    whole = fitted(KNOWN, noise, **options)
    assert np.square(model.user_factors_).sum() < 0.5 * np.square(whole.user_factors_).sum()


def test_scikit_learn_can_clone_and_search():
    assert clone(MODEL).get_params() == MODEL.get_params()
    search = GridSearchCV(MatrixFactorization(**OPTIONS), {"rank": [1, 2]}, cv=2).fit(KNOWN, VALUES)
    assert search.best_params_ == {"rank": 2}


@pytest.mark.parametrize(
    ("pairs", "ratings", "error", "words"),
    [
        (KNOWN[:, :1], VALUES, ValueError, "pairs have 1 column(s)"),
        (KNOWN[0], VALUES, ValueError, "pairs have shape (2,)"),
        (KNOWN, None, ValueError, "there are no ratings"),
        (KNOWN, VALUES[:-1], ValueError, "y has"),
        (KNOWN[:0], VALUES[:0], ValueError, "there are no pairs"),
        (KNOWN, ["good"] * len(KNOWN), ValueError, "ratings must be numbers, but row 0 (counted from 0) has"),
        (KNOWN, np.where(np.arange(len(KNOWN)) == 4, np.nan, VALUES), ValueError, "NaN in row 4"),
        (KNOWN + 0.5, VALUES, ValueError, "ids are whole numbers, or text"),
        (GIVEN["matrix"][0], VALUES, ValueError, "has its ratings in it"),
        (sp.csr_array((3, 3)), None, ValueError, "stores no rating"),
    ],
    ids=range(10),
)
def test_what_is_no_table_of_ratings(pairs, ratings, error, words):
    with pytest.raises(error, match=re.escape(words)):
        fitted(pairs, ratings)


def test_bad_questions():
    with pytest.raises(NotFittedError, match="call fit first"):
        MatrixFactorization().predict(KNOWN)
    with pytest.raises(ValueError, match="user '99' was not learnt"):
        MODEL.recommend(99)
    with pytest.raises(ValueError, match="item '99' was not learnt"):
        MODEL.similar_items(99)
    with pytest.raises(ValueError, match="item '99' was not learnt"):
        MODEL.fold_in([1, 99], [1.0, 2.0])
    with pytest.raises(ValueError, match="give one each"):
        MODEL.fold_in([1, 2], [1.0])
    with pytest.raises(ValueError, match="item '2' is rated twice"):
        MODEL.fold_in([1, 2, 2], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="ratings must be numbers, but row 1"):
        MODEL.fold_in([1, 2], ["1", "good"])
    with pytest.raises(ValueError, match="give an id, or a list of ids"):
        MODEL.recommend([[1, 2]])
    with pytest.raises(TypeError, match="are text, but those that are known are whole numbers"):
        MODEL.predict([("0", "1")])
    with pytest.raises(ValueError, match="n=0"):
        MODEL.recommend(3, 0)
    with pytest.raises(ValueError, match="repeated='first'"):
        fitted(repeated="first")
