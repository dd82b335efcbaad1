"""Estimators whose `fit` dies, and goes on."""

from pathlib import Path

import numpy as np
import pytest

from hogwild import Checkpoint, LinearClassifier, LinearRegressor, load_model, save_model

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 5))
SCORES = X @ RNG.normal(size=5)
LABELS = np.digitize(SCORES, [-1.0, 1.0])
COMMON = {"random_state": 0, "max_epochs": 6, "tol": 0.0, "strategy": "local-sgd", "n_jobs": 2}


class PowerCut(Exception):
    """No more power."""


def after(epochs):
    """A callback that cuts the power when so many epochs have ended, of all problems together."""
    left = [epochs]

    def cut(record):
        left[0] -= 1
        if not left[0]:
            raise PowerCut

    return cut


@pytest.mark.filterwarnings("ignore:max_epochs")
@pytest.mark.parametrize("epochs", [3, 9])  # within the first class, and the second
def test_several_classes_go_on(epochs, tmp_path):
    whole = LinearClassifier(**COMMON).fit(X, LABELS)
    checkpoint = Checkpoint(tmp_path, every_s=None, epochs=1)
    with pytest.raises(PowerCut):
        LinearClassifier(**COMMON, checkpoint=checkpoint, callbacks=[after(epochs)]).fit(X, LABELS)
    assert {path.name for path in tmp_path.iterdir()} == {f"class-{k}" for k in range(1 + epochs // 6)}
    seen = []
    resumed = LinearClassifier(**COMMON, checkpoint=checkpoint, resume=True, callbacks=[seen.append]).fit(X, LABELS)
    assert np.array_equal(resumed.coef_, whole.coef_)
    assert np.array_equal(resumed.intercept_, whole.intercept_)
    assert [record.objective for run in resumed.history_ for record in run] == [
        record.objective for run in whole.history_ for record in run
    ]
    assert len(seen) < 18

    save_model(resumed, tmp_path / "model")
    assert load_model(tmp_path / "model").get_params()["checkpoint"] is None


@pytest.mark.filterwarnings("ignore:max_epochs")
def test_one_problem_goes_on(tmp_path):
    whole = LinearRegressor(**COMMON).fit(X, SCORES)
    checkpoint = Checkpoint(tmp_path / "runs", every_s=None, epochs=1)
    with pytest.raises(PowerCut):
        LinearRegressor(**COMMON, checkpoint=checkpoint, callbacks=[after(2)]).fit(X, SCORES)
    resumed = LinearRegressor(**COMMON, checkpoint=checkpoint, resume=True).fit(X, SCORES)
    assert np.array_equal(resumed.coef_, whole.coef_)
    LinearRegressor(**COMMON, checkpoint=checkpoint).partial_fit(X, SCORES)  # writes none


@pytest.mark.parametrize("estimator", [LinearClassifier, LinearRegressor])
def test_what_is_missing_is_named(estimator):
    with pytest.raises(ValueError, match="resume=True needs to know from where"):
        estimator(resume=True).fit(X, LABELS > 0)
    with pytest.raises(TypeError, match="checkpoint='runs' must be a Checkpoint such as"):
        estimator(checkpoint="runs").fit(X, LABELS > 0)
    assert not Path("runs").exists()
