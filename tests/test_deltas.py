"""What travels: sums of gradients, their limits, copies."""

import math

import numpy as np
import pytest

from hogwild.deltas import Change, Delta
from hogwild.rules.schedules import Moment

NOW = Moment(0, 0.0, 0)


def delta(examples: int, steps: int = 1, curvature: float = 0.0) -> Delta:
    return Delta(np.ones(2), examples, steps, 0.0, NOW, curvature=curvature)


def test_a_rate_is_limited_by_the_mean_curvature():
    assert delta(10, curvature=40.0).limited(0.2) == 0.2
    assert delta(10, curvature=40.0).limited(3.0) == 0.25


def test_sums_and_steps_of_others_make_one_larger_step():
    total = delta(10, curvature=40.0) + delta(6, curvature=8.0)
    assert total.curvature == 48.0
    assert total.limited(3.0) == pytest.approx(16 / (2 * 48))
    assert total.limited(3.0, others=3) == pytest.approx(16 / (4 * 2 * 48))


def test_without_curvature_there_is_no_limit():
    assert delta(10).limited(1e300, others=9) == 1e300
    assert delta(0, 0).limited(math.inf) == math.inf


@pytest.mark.parametrize("keys", [None, np.array([3, 5])], ids=["all rows", "some"])
@pytest.mark.parametrize("kind", [Delta, Change, np.ndarray])
def test_a_copy_shares_nothing_with_what_the_sender_goes_on_to_write(kind, keys):
    values, own = np.ones(2), None if keys is None else keys.copy()
    x = values if kind is np.ndarray else Change(values, 1, 1, own)
    if kind is Delta:
        x = Delta(values, 1, 1, 0.0, NOW, own, curvature=2.0)
    copy = x.copy()
    values[:] = -1
    if own is not None:
        own[:] = 0
    np.testing.assert_array_equal(copy if kind is np.ndarray else copy.values, [1.0, 1.0])
    if kind is not np.ndarray:
        np.testing.assert_array_equal(copy.keys, keys)
    assert kind is not Delta or copy.curvature == 2.0
