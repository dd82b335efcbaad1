"""The filter and the interval of ParzenASGD."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hogwild.rules.parzen import Interval, lies_ahead

vectors = arrays(np.float64, 4, elements=st.floats(-100, 100))


@given(vectors, vectors)
def test_a_reversed_state_is_rejected_and_one_ahead_is_accepted(w, d):
    if np.abs(d).max() < 1e-3:
        return
    assert lies_ahead(w, w + d, w + 2 * d)
    assert not lies_ahead(w, w + d, w - d)
    assert not lies_ahead(w, w + d, w), "where I came from is not ahead"


@given(vectors, vectors, vectors)
def test_it_is_the_half_space_beyond_the_middle_of_the_step(w, d, x):
    margin = d @ (x - w) - d @ d / 2
    if abs(margin) > 1e-6 * (1 + np.abs([w, d, x]).max() ** 2):
        assert lies_ahead(w, w + d, x) == (margin > 0)


def test_a_network_that_cannot_keep_up_is_sent_less():
    interval = Interval(100, 100, gain=25)
    seen = []
    for queued in (0, 1, 3, 6, 6, 6, 2, 1, 0, 0, 0, 0, 0, 0):
        interval = interval.adapted(queued)
        seen.append(interval.steps)
    assert seen == [100, 125, 225, 425, 550, 675, 600, 575, 525, 500, 475, 450, 425, 400]


def test_it_settles_where_one_message_waits():
    """A link that carries a message in 250 steps."""
    interval, backlog = Interval(100, 100, gain=25), 0.0
    waits = []
    for _ in range(400):
        backlog = max(0.0, backlog + 1 - interval.steps / 250)
        interval = interval.adapted(round(backlog))
        waits.append(backlog)
    assert np.mean(waits[200:]) < 4
    assert 200 < interval.steps < 320
