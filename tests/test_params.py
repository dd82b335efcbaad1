"""One vector with named views, and state beside it."""

import numpy as np
import pytest

from hogwild.params import NonFiniteError, Params


def made(dtype=np.float32) -> Params:
    return Params({"coef": (2, 3), "intercept": (1,)}, dtype, {"seen": np.array([4])})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_are_one_contiguous_vector_of_zeros(dtype):
    params = made(dtype)
    assert params.weights.shape == (7,)
    assert params.weights.dtype == dtype
    assert params.weights.flags.c_contiguous
    assert not params.weights.any()


def test_views_are_windows_in_order():
    params = made()
    params.weights[:] = np.arange(7)
    np.testing.assert_array_equal(params["coef"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(params["intercept"], [6])
    params["coef"][1, 0] = 30
    params["intercept"][0] += 1
    np.testing.assert_array_equal(params.weights, [0, 1, 2, 30, 4, 5, 7])


def test_empty_views_take_no_room():
    params = Params({"none": (0,), "some": (2,), "void": (3, 0)})
    assert params["none"].shape == (0,)
    assert params["void"].shape == (3, 0)
    params["some"][:] = 1
    np.testing.assert_array_equal(params.weights, [1, 1])


def test_an_unknown_view_is_refused_with_a_list():
    with pytest.raises(KeyError, match="no view 'bias'; there are coef, intercept"):
        made()["bias"]


def test_a_copy_shares_nothing():
    params = made()
    params.weights[:] = 1
    other = params.copy()
    assert other.weights.dtype == params.weights.dtype
    assert other.views == params.views
    np.testing.assert_array_equal(other.weights, params.weights)
    other.weights[0], other.state["seen"][0], other.views["new"] = 9, 9, (1,)
    assert params.weights[0] == 1
    assert params.state["seen"][0] == 4
    assert "new" not in params.views


def test_state_is_no_weight():
    params = made()
    assert params.weights.size == 7
    assert list(params.state) == ["seen"]
    assert Params({"coef": (1,)}).state == {}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("at", "view", "number"), [(0, "coef", 0), (4, "coef", 4), (6, "intercept", 0)])
def test_weights_that_are_not_finite_are_named(bad, at, view, number):
    params = made()
    params.check_finite("before")
    params.weights[at] = bad
    sentence = rf"^1 of \d weights in '{view}' are NaN or infinite \(the first is number {number}\) after 3 rows; use a"
    with pytest.raises(NonFiniteError, match=sentence):
        params.check_finite("after 3 rows")


def test_all_bad_weights_of_the_first_bad_view_are_counted():
    params = made()
    params.weights[2:] = np.nan
    with pytest.raises(NonFiniteError, match=r"^4 of 6 weights in 'coef' .* number 2\)"):
        params.check_finite("now")
    assert issubclass(NonFiniteError, FloatingPointError)


def test_the_vector_is_written_into_and_never_exchanged():
    params = Params({"coef": (3,)})
    vector = params.weights
    params.weights += 1
    params.weights[:] *= 2
    assert params.weights is vector
    np.testing.assert_array_equal(vector, [2, 2, 2])
    with pytest.raises(AttributeError, match=r"write weights\[:\] = \.\.\."):
        params.weights = np.zeros(3, np.float32)


def test_what_is_of_one_worker_alone_is_in_no_copy():
    params = Params({"coef": (2,)}, state={"seen": np.ones(1)})
    mine = params.local("mass", np.ones(1))
    mine[0] = 0.5
    assert params.local("mass", np.ones(1)) is mine, "it begins only once"
    assert params.state["mass"] is mine
    for other in (params.copy(), params.beside()):
        assert set(other.state) == {"seen"}
        assert other.local("mass", np.ones(1)) == [1.0]
        assert set(other.copy().state) == {"seen"}
