"""The estimators keep scikit-learn's contract."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from hogwild import (
    Examples,
    Linear,
    LinearClassifier,
    LinearRegressor,
    LocalSGD,
    Simulated,
    Threads,
    constant,
    train,
)

# A weight of 2 is one step of twice the size, not two steps in shuffled order: as for scikit-learn's own SGD, weighted
# and repeated rows have the same objective (tested in tests/models) but not the same path to 1e-7.
WEIGHTS = "SGD meets weighted and repeated rows in another order"
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": WEIGHTS,
    "check_sample_weight_equivalence_on_sparse_data": WEIGHTS,
}


# scikit-learn's checks run hundreds of tiny fits, many with a fixed number of epochs that is not enough to converge.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        LinearClassifier(random_state=0),
        LinearClassifier("logistic", n_jobs=2, random_state=0),
        LinearClassifier("modified_huber", average=True, deterministic=True, n_jobs=2),
        LinearRegressor(random_state=0),
        LinearRegressor(("huber", 1.0), l1=1e-4, n_jobs=2),
        LinearClassifier(strategy=LocalSGD(10), engine=Simulated(5), random_state=0),
        LinearRegressor(("huber", 1.0), strategy="downpour", engine=Simulated(2), max_epochs=30, random_state=0),
    ],
    expected_failed_checks=lambda estimator: EXPECTED,
)
def test_contract(estimator, check):
    if "check_array_api_input" in str(check):
        pytest.skip("scikit-learn skips this check itself unless SCIPY_ARRAY_API is set")
    check(estimator)


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)  # columns from 0.003 to 880, as they are
    order = np.random.default_rng(0).permutation(len(y))
    return X[order], y[order]


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "logistic", "modified_huber", "perceptron"])
def test_classifies_raw_columns(cancer, loss):
    X, y = cancer
    model = LinearClassifier(loss, random_state=0, max_epochs=50, tol=0.0).fit(X[:400], y[:400])
    assert model.score(X[400:], y[400:]) > 0.93


def test_several_classes_and_string_labels():
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = LinearClassifier("logistic", random_state=0, tol=0.0, max_epochs=100, l2=1e-3).fit(X, names)
    assert model.coef_.shape == (3, 4)
    assert list(model.feature_names_in_) == list(X.columns)
    assert model.score(X, names) > 0.92
    probability = model.predict_proba(X)
    assert probability.shape == (150, 3)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    assert set(model.predict(X)) == set(names)


def test_binary_probabilities_follow_the_margin(cancer):
    X, y = cancer
    model = LinearClassifier("logistic", random_state=0).fit(X, y)
    margin = model.decision_function(X).astype(np.float64)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-margin)), rtol=1e-6)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))
    assert not hasattr(LinearClassifier("hinge"), "predict_proba")


def test_regression_of_raw_columns():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    model = LinearRegressor(l2=0.0, random_state=0, tol=0.0, max_epochs=200).fit(X, y)
    closed = np.linalg.lstsq(np.c_[X, np.ones(len(y))], y, rcond=None)[0]
    best = 1 - np.mean((np.c_[X, np.ones(len(y))] @ closed - y) ** 2) / y.var()
    assert model.score(X, y) > best - 0.005
    # Half of the targets lie below the median, 90 % below the quantile 0.9.
    for q in (0.5, 0.9):
        quantile = LinearRegressor(("quantile", q), l2=0.0, random_state=0, tol=0.0, max_epochs=200).fit(X, y)
        assert np.mean(y < quantile.predict(X)) == pytest.approx(q, abs=0.05)


def test_pipeline_and_grid_search():
    texts = ["good fine great", "bad awful poor", "great good", "poor bad", "fine great", "awful bad"] * 10
    labels = ["pos", "neg", "pos", "neg", "pos", "neg"] * 10
    model = make_pipeline(TfidfVectorizer(), LinearClassifier(random_state=0, tol=None))
    search = GridSearchCV(
        model, {"linearclassifier__l2": [1e-4, 1e-2], "linearclassifier__loss": ["hinge", "logistic"]}
    )
    assert search.fit(texts, labels).best_score_ == 1.0
    assert list(search.predict(["good", "bad"])) == ["pos", "neg"]


def test_pickle_and_clone_keep_predictions(cancer):
    X, y = cancer
    model = LinearClassifier("logistic", random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
    assert clone(model).get_params() == model.get_params()


def test_sparse_frames_and_int64_indices_agree(cancer):
    X = np.where(cancer[0] > 50, cancer[0], 0).astype(np.float32)
    y = cancer[1]
    csr = sp.csr_array(X)
    wide = sp.csr_array((csr.data, csr.indices.astype(np.int64), csr.indptr.astype(np.int64)), shape=X.shape)
    model = LinearClassifier(random_state=0, fit_intercept=False)
    expected = clone(model).fit(csr, y).coef_
    np.testing.assert_array_equal(clone(model).fit(wide, y).coef_, expected)
    np.testing.assert_array_equal(clone(model).fit(csr.tocoo(), y).coef_, expected)
    np.testing.assert_array_equal(
        clone(model).fit(pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(csr)), y).coef_, expected
    )


def test_partial_fit_goes_on(cancer):
    X, y = cancer
    model = LinearClassifier("logistic", random_state=0)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(X, y)
    rates = []
    for first in range(0, 500, 100):
        model.partial_fit(X[first : first + 100], y[first : first + 100], classes=[0, 1])
        rates.append(model.history_[-1].rate)
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == 5
    assert model.score(X, y) > 0.85
    with pytest.raises(ValueError, match="is not the same as on last call"):
        model.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="the label 7, which is not in classes"):
        model.partial_fit(X[:2], [0, 7])


def test_partial_fit_with_one_class_in_a_batch():
    model = LinearClassifier(random_state=0)
    for _ in range(20):
        model.partial_fit([[1.0], [2.0]], [1, 1], classes=[0, 1])
        model.partial_fit([[-1.0], [-2.0]], [0, 0])
    assert model.predict([[3.0], [-3.0]]).tolist() == [1, 0]


def test_warm_start_goes_on_from_the_weights(cancer):
    X, y = cancer
    model = LinearClassifier("logistic", random_state=0, warm_start=True, max_epochs=3, tol=0.0).fit(X, y)
    first = model.history_[-1].objective
    model.fit(X, y)
    assert model.history_[-1].objective < first
    with pytest.raises(ValueError, match="warm_start=True wants the classes"):
        model.fit(X, y + 1)


def test_class_weight_moves_the_boundary(cancer):
    X, y = cancer
    plain = LinearClassifier("logistic", random_state=0).fit(X, y)
    favoured = LinearClassifier("logistic", random_state=0, class_weight={0: 20.0, 1: 1.0}).fit(X, y)
    assert (favoured.predict(X) == 0).sum() > (plain.predict(X) == 0).sum()
    balanced = LinearClassifier("logistic", random_state=0, class_weight="balanced").fit(X, y)
    by_hand = LinearClassifier("logistic", random_state=0).fit(X, y, len(y) / (2 * np.bincount(y))[y])
    np.testing.assert_array_equal(balanced.coef_, by_hand.coef_)


def test_deterministic_threads_repeat_bit_for_bit(cancer):
    X, y = cancer
    model = LinearClassifier(n_jobs=3, strategy="hogwild", deterministic=True, random_state=5)
    models = [clone(model).fit(X, y) for _ in range(3)]
    np.testing.assert_array_equal(models[0].coef_, models[1].coef_)
    np.testing.assert_array_equal(models[0].coef_, models[2].coef_)
    with pytest.raises(ValueError, match="deterministic=True cannot be kept by"):
        LinearClassifier(n_jobs=2, deterministic=True, strategy="racy").fit(X, y)


def test_random_state_objects_are_drawn_from(cancer):
    X, y = cancer
    a = LinearClassifier(random_state=np.random.RandomState(1)).fit(X, y)
    b = LinearClassifier(random_state=np.random.RandomState(1)).fit(X, y)
    np.testing.assert_array_equal(a.coef_, b.coef_)


def test_callbacks_and_verbose_see_every_epoch(cancer, capsys):
    X, y = cancer
    seen = []
    model = LinearClassifier(random_state=0, callbacks=[seen.append], verbose=1, max_epochs=4, tol=0.0).fit(X, y)
    assert [record.epoch for record in seen] == [1, 2, 3, 4]
    assert seen == model.history_.records
    assert capsys.readouterr().out.count("objective") == 4


def test_early_stopping_judges_by_the_hold_out(cancer):
    X, y = cancer
    model = LinearClassifier("logistic", l2=0.0, random_state=0, early_stopping=True, max_epochs=100).fit(X, y)
    losses = model.history_.as_dict()["holdout_loss"]
    assert None not in losses
    assert model.history_[-1].holdout_score > 0.85


def test_too_few_epochs_are_said(cancer):
    X, y = cancer
    with pytest.warns(ConvergenceWarning, match="max_epochs=1 was reached"):
        LinearClassifier(max_epochs=1).fit(X, y)


def test_unscaled_columns_do_not_diverge():
    """scikit-learn's squared_hinge with learning_rate="optimal" ends at |w| = 5e13: its guard has the wrong sign."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 5)) * [0.1, 1.0, 1e3, 1e6, 1e9]
    y = (X @ [10.0, 1.0, 1e-3, 1e-6, 1e-9] > 0).astype(int)
    for loss in ("squared_hinge", "hinge", "logistic"):
        for schedule in ("auto", "bottou", "constant", "backoff"):
            model = LinearClassifier(loss, schedule=schedule, l2=1e-6, random_state=0, max_epochs=50, tol=0.0).fit(X, y)
            assert np.isfinite(model.coef_).all()
            if schedule != "bottou":  # its first steps are made for rows of norm 1
                assert model.score(X, y) > 0.95, (loss, schedule)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"loss": "hing"}, "loss='hing' is not known"),
        ({"loss": ("hinge", 1.0)}, "has no parameter"),
        ({"l2": -1.0}, "l2=-1.0 must be"),
        ({"l2": np.nan}, "l2=nan must be"),
        ({"l1": 1e300}, "absurdly large"),
        ({"max_epochs": 0}, "epochs=0 must be"),
        ({"tol": -1.0}, "tol=-1.0 must be"),
        ({"schedule": "optimal"}, "schedule='optimal' is not known"),
        ({"schedule": "bottou", "l2": 0.0}, "divides by l2"),
        ({"n_jobs": 0}, "n_jobs=0"),
        ({"strategy": "hogwyld"}, "strategy='hogwyld' is not known"),
        ({"strategy": 7}, "strategy=7 must be a name"),
        ({"time_limit_s": 0.0}, "time_s=0.0 must be"),
        ({"early_stopping": True, "validation_fraction": 1.5}, "validation_fraction=1.5 must lie"),
    ],
)
def test_bad_parameters_are_named(cancer, parameters, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        LinearClassifier(**parameters).fit(*cancer)


def test_bad_data_is_named(cancer):
    X, y = cancer
    spoilt = X.copy()
    spoilt[7, 3] = np.nan
    with pytest.raises(ValueError, match="row 7, column 3"):
        LinearClassifier().fit(spoilt, y)
    with pytest.raises(ValueError, match="only one class"):
        LinearClassifier().fit(X, np.ones(len(y)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LinearClassifier().fit(X, y[:-1])
    with pytest.raises(NotFittedError):
        LinearClassifier().predict(X)
    with pytest.raises(ValueError, match="features"):
        LinearClassifier(tol=None).fit(X, y).predict(X[:, :5])


def test_users_arrays_are_never_written(cancer):
    X, y = sp.csr_array(cancer[0].astype(np.float32)), cancer[1].astype(np.float64)
    weight = np.ones(len(y), np.float32)
    for array in (X.data, X.indices, X.indptr, y, weight):
        array.flags.writeable = False
    LinearClassifier(random_state=0).fit(X, y, weight)
    LinearRegressor(random_state=0, max_epochs=50).fit(X, y, weight)
    dense = np.ascontiguousarray(cancer[0])
    dense.flags.writeable = False
    LinearClassifier(random_state=0).fit(dense, y)


def test_ctrl_c_keeps_the_best_weights_so_far(cancer):
    import _thread

    X, y = cancer
    stop = [lambda record: _thread.interrupt_main() if record.epoch == 3 else None]
    model = LinearClassifier(random_state=0, callbacks=stop, max_epochs=100_000, tol=0.0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.stop_reason_ == "interrupted"
    assert 3 <= len(model.history_) < 100_000
    assert model.score(X, y) > 0.8


def test_ctrl_c_among_several_classes_can_be_gone_on_from():
    import _thread

    X, y = load_iris(return_X_y=True)
    stop = [lambda record: _thread.interrupt_main() if record.epoch == 2 else None]
    model = LinearClassifier("logistic", random_state=0, callbacks=stop, max_epochs=100_000, tol=0.0, warm_start=True)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.coef_.shape == (3, 4)
    assert set(model.predict(X)) == {0}, "classes that were not reached are never predicted"
    model.set_params(callbacks=None, max_epochs=100).fit(X, y)
    assert model.score(X, y) > 0.9


def test_ctrl_c_during_a_warm_start_keeps_the_classes_that_were_trained():
    import _thread

    X, y = load_iris(return_X_y=True)
    model = LinearClassifier("logistic", random_state=0, warm_start=True).fit(X, y)
    before = model.score(X, y)
    stop = [lambda record: _thread.interrupt_main() if record.epoch == 2 else None]
    model.set_params(callbacks=stop, max_epochs=100_000, tol=0.0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.score(X, y) > before - 0.1


def test_partial_fit_does_not_depend_on_how_a_stream_is_cut(cancer):
    X, y = cancer
    weights = []
    for size in (10, 100):
        model = LinearClassifier("logistic", random_state=0, schedule="inverse")
        model.partial_fit(X[:100], y[:100], classes=[0, 1])
        for first in range(100, 500, size):
            model.partial_fit(X[first : first + size], y[first : first + size])
        weights.append((model.history_[-1].rate, model.score(X, y)))
    assert weights[0][0] == pytest.approx(weights[1][0])
    assert min(score for _, score in weights) > 0.85


def test_a_warm_start_takes_new_parameters(cancer):
    X, y = cancer
    model = LinearClassifier("logistic", random_state=0, warm_start=True).fit(X, y)
    model.set_params(schedule=constant(1e-6), fit_intercept=False, max_epochs=2, tol=0.0).fit(X, y)
    assert model.history_[-1].rate == 1e-6
    assert model.intercept_ == 0


def test_losses_of_the_other_estimator_are_refused(cancer):
    X, y = cancer
    with pytest.raises(ValueError, match="loss='squared' is not for LinearClassifier; use LinearRegressor"):
        LinearClassifier("squared").fit(X, y)
    with pytest.raises(ValueError, match="loss='hinge' is not for LinearRegressor; use LinearClassifier"):
        LinearRegressor("hinge").fit(X, y)


def test_examples_that_nobody_checked_are_checked():
    X = sp.csr_array(np.eye(3, dtype=np.float32))
    X.indices[1] = 7
    with pytest.raises(ValueError, match="column index 7"):
        train(Linear(), Examples(X, np.array([1.0, -1.0, 1.0]), None, "mine"), engine=Threads(1))
