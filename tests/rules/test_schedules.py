"""Step sizes against their formulas, and the algebra that the kernels build on."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.rules.losses import LOSSES
from hogwild.rules.schedules import (
    SCHEDULES,
    Schedule,
    auto,
    backoff,
    bottou,
    constant,
    find_schedule,
    inverse,
    typical_weight_rate,
)

eta0s = st.floats(1e-3, 10.0)
l2s = st.floats(1e-8, 1.0)
sizes = st.integers(1, 10**7)


def rate(schedule: Schedule, eta0: float, l2: float, n: int, examples: float, epoch: int = 0) -> float:
    return schedule.curve(eta0, l2, n).rate(examples, epoch)


@given(eta0s, l2s, sizes, st.integers(0, 10**8), st.integers(0, 50))
def test_constant_stays(eta0, l2, n, examples, epoch):
    assert rate(constant(), eta0, l2, n, examples, epoch) == eta0


@given(eta0s, l2s, sizes, st.integers(0, 10**8), st.integers(0, 50), st.floats(0.1, 1.0))
def test_backoff_falls_with_epochs_only(eta0, l2, n, examples, epoch, beta):
    schedule = backoff(beta=beta)
    assert rate(schedule, eta0, l2, n, examples, epoch) == pytest.approx(eta0 * beta**epoch)
    assert rate(schedule, eta0, l2, n, examples, epoch + 1) == pytest.approx(
        beta * rate(schedule, eta0, l2, n, examples, epoch)
    )


def test_backoff_is_the_paper_by_default():
    assert backoff().beta == 0.9


@given(eta0s, l2s, sizes, st.integers(0, 10**8), st.floats(0.1, 1.0))
def test_inverse_is_its_formula(eta0, l2, n, examples, power):
    expected = eta0 / (1 + l2 * eta0 * examples) ** power
    assert rate(inverse(power=power), eta0, l2, n, examples) == pytest.approx(expected)


@given(eta0s, l2s, sizes, st.integers(0, 10**8))
def test_bottou_is_one_over_l2_t_plus_t0(eta0, l2, n, examples):
    t0 = 1 / (l2 * eta0)
    assert rate(bottou(), eta0, l2, n, examples) == pytest.approx(1 / (l2 * (examples + t0)))


@given(st.floats(1e-3, 0.5), st.floats(1e-4, 1.0), st.integers(1, 300))
def test_the_shrinkage_of_l2_telescopes(eta0, l2, t):
    schedule = inverse()
    product = math.prod(1 - l2 * rate(schedule, eta0, l2, 1, s) for s in range(1, t + 1))
    assert product == pytest.approx(1 / (1 + l2 * eta0 * t), rel=1e-9)


@given(eta0s, l2s, sizes)
def test_an_epoch_may_begin_anew_with_the_rate_it_begins_with(eta0, l2, n):
    # The kernels lean on this: the curve from t on is the curve of eta0' = rate(t).
    schedule = inverse()
    begun = rate(schedule, eta0, l2, n, n)
    assert rate(schedule, begun, l2, n, 17) == pytest.approx(rate(schedule, eta0, l2, n, n + 17))


@given(eta0s, st.floats(0.0, 1.0), sizes, st.integers(0, 10**8))
def test_auto_is_inverse_where_l2_alone_halves_the_rate_in_an_epoch(eta0, l2, n, examples):
    found = rate(auto(), eta0, l2, n, examples)
    if rate(inverse(), eta0, l2, n, n) <= eta0 / 2 * (1 - 1e-9):
        assert found == rate(inverse(), eta0, l2, n, examples)
    elif rate(inverse(), eta0, l2, n, n) >= eta0 / 2 * (1 + 1e-9):
        assert found == pytest.approx(eta0 / (1 + examples / n) ** 0.75)


@given(eta0s, st.floats(0.0, 1.0), sizes)
def test_auto_falls_in_the_first_epoch_whatever_l2_is(eta0, l2, n):
    assert rate(auto(), eta0, l2, n, 0) == eta0
    assert rate(auto(), eta0, l2, n, n) <= eta0 * 0.6


@given(eta0s, st.floats(0.0, 1.0), sizes, st.floats(0.1, 1.0), st.sampled_from(sorted(SCHEDULES)))
def test_telescopes_says_when_the_shrinkage_telescopes(eta0, l2, n, power, name):
    schedule = SCHEDULES[name]()._replace(power=power if power < 0.5 else 1.0)
    curve = schedule.curve(min(eta0, 0.5), l2, n)
    product = math.prod(1 - l2 * curve.rate(s, 0) for s in range(1, 41))
    if curve.telescopes(l2):
        assert product == pytest.approx(1 / (1 + l2 * curve.eta0 * 40), rel=1e-9)
    elif l2 * curve.eta0 > 0.01 and name in ("inverse", "bottou"):
        assert power < 0.5
        assert product != pytest.approx(1 / (1 + l2 * curve.eta0 * 40), rel=1e-6)


def test_a_rate_that_also_backs_off_does_not_telescope():
    curve = Schedule("mine", beta=0.9, decays=True).curve(0.5, 0.1, 10)
    assert not curve.telescopes(0.1)
    assert not inverse().curve(0.5, 0.0, 10).telescopes(0.0)
    assert inverse().curve(0.5, 0.1, 10).telescopes(0.1)


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_schedule_ever_rises_or_reaches_zero(name):
    schedule = SCHEDULES[name]()
    rates = [rate(schedule, 0.5, 1e-3, 100, 10 * t, t // 10) for t in range(200)]
    assert all(0 < later <= earlier for earlier, later in pairwise(rates))


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_found_by_name(name):
    assert find_schedule(name) == SCHEDULES[name]()
    assert find_schedule(name).name == name
    assert find_schedule(name).eta0 is None


def test_a_schedule_is_its_own_answer():
    mine = inverse(eta0=0.5, power=0.75)
    assert find_schedule(mine) is mine
    assert (mine.eta0, mine.power) == (0.5, 0.75)


@pytest.mark.parametrize("name", ["", "optimal", "Auto"])
def test_unknown_names_are_refused_with_a_list(name):
    with pytest.raises(ValueError, match=r"is not known.*; use one of auto, constant, backoff, inverse, bottou"):
        find_schedule(name)


@pytest.mark.parametrize("given", [None, 0.5, ("constant", 0.5), constant])
def test_things_that_are_no_schedule_are_refused(given):
    with pytest.raises(TypeError, match="schedule must be a name or a Schedule such as"):
        find_schedule(given)


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        (constant(0.0), r"eta0=0\.0 must be a positive number, or None"),
        (constant(-1.0), "eta0=-1.0 must be a positive number"),
        (constant(True), "eta0=True must be a positive number"),
        (inverse(math.inf), "eta0=inf must be a positive number"),
        (inverse(math.nan), "eta0=nan must be a positive number"),
        (backoff(0.1, beta=0.0), r"beta=0\.0 must lie in \(0, 1\]"),
        (backoff(0.1, beta=1.1), r"beta=1\.1 must lie in \(0, 1\]"),
        (backoff(0.1, beta=math.nan), r"beta=nan must lie in \(0, 1\]"),
        (inverse(0.1, power=0.0), r"power=0\.0 must lie in \(0, 1\]"),
        (auto(0.1, power=2.0), r"power=2\.0 must lie in \(0, 1\]"),
    ],
)
def test_hyper_parameters_out_of_range_are_refused(schedule, sentence):
    with pytest.raises(ValueError, match=sentence):
        find_schedule(schedule)


@pytest.mark.parametrize("schedule", [constant("fast"), backoff(0.1, beta="x"), inverse(0.1, power=None)])
def test_hyper_parameters_that_are_no_numbers_are_named(schedule):
    with pytest.raises((TypeError, ValueError), match=r"^(eta0|beta|power)=.* must"):
        find_schedule(schedule)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("l2", [1e-10, 1e-6, 1e-4, 1e-2, 1.0])
def test_a_first_step_of_bottou_moves_a_weight_by_its_typical_size_at_most(loss, l2):
    typical = l2**-0.25
    eta0 = typical_weight_rate(loss, loss.default, l2)
    assert 0 < eta0 <= typical
    assert eta0 * abs(loss.slope(-typical, 1.0, loss.default)) <= typical * (1 + 1e-12)


def test_bottous_first_rate_is_guarded_against_steep_losses_only():
    # scikit-learn's guard takes the signed slope, which is never above 1, and guards against nothing: there
    # squared_hinge begins with 31.6 at l2 = 1e-6.
    assert typical_weight_rate(LOSSES["hinge"], 0.0, 1e-6) == pytest.approx(10**1.5)
    assert typical_weight_rate(LOSSES["squared_hinge"], 0.0, 1e-6) == pytest.approx(10**1.5 / (2 * (1 + 10**1.5)))
    assert typical_weight_rate(LOSSES["modified_huber"], 0.0, 1e-6) == pytest.approx(10**1.5 / 4)


def test_rates_are_plain_floats():
    assert type(inverse().curve(0.5, 1e-3, 10).rate(10.0, 3)) is float


@pytest.mark.parametrize("power", [0.5, 0.75, 1.0])
@pytest.mark.parametrize("examples", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("count", [1, 10, 20_000])
def test_pieces_are_cut_where_the_rate_has_fallen_by_a_tenth(power, examples, count):
    from hogwild.rules.schedules import STEADY, Curve

    curve = Curve(eta0=5.0, decay=1e-3, power=power, beta=1.0)
    cuts = curve.steady(examples, count)
    assert cuts == sorted(set(cuts))
    assert cuts[-1] == count
    for begin, end in zip([0, *cuts], cuts, strict=False):
        fall = curve.rate(examples + begin, 0) / curve.rate(examples + end, 0)
        assert fall <= STEADY**2 or end - begin == 1  # (offsets are whole numbers)
    assert Curve(5.0, 0.0, power, 0.9).steady(examples, count) == [count]
