"""Sample sizes, rates and delays of growing batches: formulas, and what the theory asks of them together."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.rules.sample_sizes import (
    PermissibleDelay,
    RoundRate,
    SampleSizes,
    constant_size,
    examples_allowed,
    inverse_sqrt,
    linear_size,
    per_log_size,
    power_size,
    strongly_convex,
)

rules = st.sampled_from(
    [constant_size(1), constant_size(30), linear_size(0.1), linear_size(10, 5), per_log_size(3), power_size(2, 0.5)]
)


def test_sizes_follow_their_formulas():
    rounds = range(50)
    assert [constant_size(7).size(i) for i in rounds] == [7] * 50
    assert [linear_size(10).size(i) for i in rounds] == [10 * (i + 1) for i in rounds]
    assert [linear_size(0.5, 3).size(i) for i in rounds] == [math.ceil(0.5 * (i + 1) + 3) for i in rounds]
    assert [per_log_size(20).size(i) for i in rounds] == [math.ceil(20 * (i + 1) / math.log(i + 2)) for i in rounds]
    assert [power_size(2, 1.5).size(i) for i in rounds] == [math.ceil(2 * (i + 1) ** 1.5) for i in rounds]
    assert power_size(3, 1) == linear_size(3)


@given(rules, st.integers(0, 10_000))
def test_rounds_are_the_inverse_of_sums(sizes, examples):
    rounds = sizes.rounds(examples)
    before = sum(sizes.size(i) for i in range(rounds))
    assert before <= examples < before + sizes.size(rounds)


@pytest.mark.parametrize("a", [1, 10, 50])
def test_linear_sizes_take_the_square_root_of_as_many_rounds(a):
    gradients = np.array([1e4, 1e5, 1e6])
    rounds = np.array([linear_size(a).rounds(k) for k in gradients])
    np.testing.assert_allclose(rounds, np.sqrt(2 * gradients / a), rtol=0.05)
    slope = np.polyfit(np.log(gradients), np.log(rounds), 1)[0]
    assert abs(slope - 0.5) < 0.02


def test_rates_follow_their_formulas():
    for before in (0, 1, 100, 12_345):
        assert inverse_sqrt(0.1, 0.05).rate(before) == pytest.approx(0.1 / (1 + 0.05 * math.sqrt(before)))
        assert strongly_convex(0.2, 300.0).rate(before) == pytest.approx(12 / (0.2 * (before + 300)))
        assert RoundRate(0.3).rate(before) == 0.3


def test_the_permissible_delay_is_that_of_the_paper():
    for x in (10.0, 1e3, 1e6):
        assert PermissibleDelay(2.0).tau(x) == pytest.approx(2 * math.sqrt(x / math.log(x) * (1 - 1 / math.log(x))))
    assert PermissibleDelay().tau(0) == PermissibleDelay().tau(math.e**2)
    values = [PermissibleDelay().tau(x) for x in range(3000)]
    assert all(0 <= later - earlier < 1 for earlier, later in pairwise(values))


def unheard(sizes, behind, i):
    """Examples of rounds i - d ... i, of what tau allows."""
    ends = np.cumsum([0, *(sizes.size(k) for k in range(i + 1))])
    return (ends[i + 1] - ends[i - behind]) / PermissibleDelay().tau(ends[i + 1])


@pytest.mark.parametrize("behind", [1, 2])
def test_sizes_per_logarithm_fit_the_permissible_delay_for_ever_and_linear_ones_do_not(behind):
    fits = [unheard(per_log_size(50), behind, i) for i in (100, 1000, 10_000)]
    assert fits[0] == pytest.approx(2 * (behind + 1) * math.sqrt(50), rel=0.15)
    assert max(fits) < 1.05 * fits[0]
    grows = [unheard(linear_size(50), behind, i) for i in (100, 1000, 10_000)]
    assert grows[0] * 1.1 < grows[1] < grows[2] / 1.1


def by_hand(delay, behind, first, known, wanted):
    count = 0
    while count < wanted and (behind == 0 or first + count - known < delay.tau(first + count - 1)):
        count += 1
    return count


@given(st.sampled_from([0.1, 1.0, 5.0, 30.0, 1000.0]), st.integers(0, 3), st.integers(0, 5000), st.integers(0, 500),
       st.integers(0, 300))  # fmt: skip
def test_examples_are_allowed_until_the_delay_is_reached(scale, behind, known, unknown, wanted):
    delay = PermissibleDelay(scale)
    place = (delay, behind, known + unknown, known, wanted)
    assert examples_allowed(*place) == by_hand(*place)


@given(st.integers(0, 4), st.integers(0, 6), st.integers(1, 50))
def test_rounds_are_allowed_up_to_a_bound(delay, behind, wanted):
    assert examples_allowed(delay, behind, 100, 0, wanted) == (wanted if behind <= delay else 0)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: constant_size(0), "n=0 must be a whole number of at least 1"),
        (lambda: constant_size(1.5), "n=1.5 must be a whole number"),
        (lambda: linear_size(0), "a=0 must be a positive number"),
        (lambda: linear_size(1, -1), "b=-1 must be a number of examples from 0 to 2^53"),
        (lambda: linear_size(1e300), "a=1e+300 must be a number of examples from 0 to 2^53"),
        (lambda: per_log_size(math.nan), "a=nan must be a positive number"),
        (lambda: power_size(1, 0), "power=0 must lie in (0, 3]"),
        (lambda: power_size(1, 4), "power=4 must lie in (0, 3]"),
        (lambda: SampleSizes(a=-1.0), "a=-1.0 must be a number of examples from 0 to 2^53"),
        (lambda: inverse_sqrt(0), "eta0=0 must be a positive number"),
        (lambda: inverse_sqrt(0.1, -1), "beta=-1 must be a number of at least 0"),
        (lambda: RoundRate(0.1, 1.0, 2.0), "power=2.0 must lie in (0, 1]"),
        (lambda: strongly_convex(0, 100), "mu=0 must be a positive number"),
        (lambda: strongly_convex(1, 0), "offset=0 must be a positive number"),
        (lambda: strongly_convex(1, 1, -12), "alpha=-12 must be a positive number"),
        (lambda: PermissibleDelay(0), "scale=0 must be a positive number"),
    ],
)
def test_bad_numbers_are_refused(make, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        make()
