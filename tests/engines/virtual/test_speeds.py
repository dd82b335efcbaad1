"""What workers draw: the right means, and nothing that depends on who else draws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.engines.virtual.speeds import BATCH, Clocks, Speeds

seeds = st.integers(0, 2**70)
sigmas = st.floats(0.01, 2.0)
kinds = st.builds(Speeds, st.floats(0, 2), st.floats(0, 1), st.floats(1, 100), st.floats(0, 2))
MANY = 20_000


def drawn(clocks: Clocks, rank: int, count: int) -> list[float]:
    return [clocks.draw(rank) for _ in range(count)]


@given(st.integers(1, 50), seeds)
def test_by_default_all_are_equal(size, seed):
    clocks = Clocks(Speeds(), size, seed)
    assert clocks.speeds.tolist() == [1.0] * size
    assert [clocks.draw(rank) for rank in range(size)] == [1.0] * size


@given(st.floats(0, 5), st.integers(1, 200), seeds)
def test_the_mean_speed_is_one(spread, size, seed):
    speeds = Clocks(Speeds(spread), size, seed).speeds
    assert speeds.shape == (size,)
    assert (speeds > 0).all()
    assert speeds.mean() == pytest.approx(1.0)


@pytest.mark.parametrize("spread", [0.1, 0.5, 1.0])
def test_the_spread_is_that_of_the_logarithm(spread):
    logs = np.log(Clocks(Speeds(spread), 4000, 0).speeds)
    assert logs.std() == pytest.approx(spread, rel=0.05)
    assert ((logs - logs.mean()) ** 3).mean() == pytest.approx(0.0, abs=0.15 * spread**3)


@given(st.floats(0, 2), st.integers(1, 20), seeds)
def test_without_noise_a_request_takes_as_long_as_the_worker_is_slow(spread, size, seed):
    clocks = Clocks(Speeds(spread), size, seed)
    for rank in range(size):
        assert drawn(clocks, rank, 3) == pytest.approx([1 / clocks.speeds[rank]] * 3)


@pytest.mark.parametrize("jitter", [0.1, 0.5])
def test_jitter_has_mean_one_and_its_sigma(jitter):
    times = np.array(drawn(Clocks(Speeds(jitter=jitter), 1, 0), 0, MANY))
    assert times.mean() == pytest.approx(1.0, abs=4 * math.sqrt(math.expm1(jitter**2) / MANY))
    assert np.log(times).std() == pytest.approx(jitter, rel=0.03)


@pytest.mark.parametrize("straggle", [0.01, 0.3])
def test_so_many_requests_straggle(straggle):
    times = np.array(drawn(Clocks(Speeds(straggle=straggle, straggle_factor=7), 1, 0), 0, MANY))
    assert set(times) == {1.0, 7.0}
    assert (times == 7).mean() == pytest.approx(straggle, abs=4 * math.sqrt(straggle * (1 - straggle) / MANY))
    assert times.mean() == pytest.approx(1 + straggle * 6, abs=24 * math.sqrt(straggle / MANY))


@pytest.mark.parametrize(("straggle", "time"), [(0.0, 1.0), (1.0, 10.0)])
def test_none_or_all_straggle(straggle, time):
    assert set(drawn(Clocks(Speeds(straggle=straggle), 1, 0), 0, 1000)) == {time}


@given(kinds, seeds, st.lists(st.integers(0, 2), max_size=30))
def test_draws_do_not_depend_on_the_interleaving(how, seed, turns):
    clocks, alone = Clocks(how, 3, seed), Clocks(how, 3, seed)
    mixed = [(rank, clocks.draw(rank)) for rank in turns]
    for rank in range(3):
        mine = [time for who, time in mixed if who == rank]
        assert mine == drawn(alone, rank, len(mine))


def test_draws_do_not_depend_on_the_interleaving_over_several_batches():
    how = Speeds(0.5, 0.1, 10.0, 0.3)
    clocks, alone = Clocks(how, 2, 0), Clocks(how, 2, 0)
    mixed = [(rank, clocks.draw(rank)) for rank in np.random.default_rng(0).integers(0, 2, 5 * BATCH).tolist()]
    for rank in range(2):
        mine = [time for who, time in mixed if who == rank]
        assert len(mine) > 2 * BATCH
        assert mine == drawn(alone, rank, len(mine))


@given(seeds, st.integers(1, 8), st.integers(1, 8))
def test_more_workers_leave_the_others_what_they_draw(seed, size, more):
    how = Speeds(0.3, 0.2, 3.0, 0.5)
    few, many = Clocks(how, size, seed), Clocks(how, size + more, seed)
    ratio = many.speeds[:size] / few.speeds  # they are scaled together
    assert ratio == pytest.approx([ratio[0]] * size)
    for rank in range(size):
        assert np.array(drawn(many, rank, 5)) * ratio[0] == pytest.approx(drawn(few, rank, 5))


def test_a_larger_share_adds_stragglers_and_takes_none_away():
    few, many = (np.array(drawn(Clocks(Speeds(straggle=p), 1, 0), 0, 1000)) > 1 for p in (0.1, 0.4))
    assert 0 < few.sum() < many.sum()
    assert not (few & ~many).any()


def test_the_same_requests_straggle_with_jitter_and_without():
    plain, uneven = (np.array(drawn(Clocks(Speeds(0.0, 0.1, 10.0, jitter), 1, 0), 0, 1000)) for jitter in (0.0, 0.1))
    np.testing.assert_array_equal(plain > 4, uneven > 4)


def test_batches_workers_and_seeds_are_unlike_each_other():
    how = Speeds(jitter=1.0)
    clocks = Clocks(how, 3, 0)
    streams = [np.log(drawn(clocks, rank, 4 * BATCH)) for rank in range(3)]
    streams.append(np.log(drawn(Clocks(how, 1, 1), 0, 4 * BATCH)))
    pieces = np.concatenate([stream.reshape(4, BATCH) for stream in streams])
    correlations = np.corrcoef(pieces)[np.triu_indices(len(pieces), 1)]
    assert np.abs(correlations).max() < 5 / math.sqrt(BATCH)
    assert len(np.unique(pieces)) == pieces.size


@pytest.mark.parametrize("name", ["spread", "jitter"])
@pytest.mark.parametrize("bad", [-0.1, 5.1, math.nan, math.inf, "0.5", None])
def test_a_sigma_that_cannot_be_is_refused(name, bad):
    with pytest.raises(ValueError, match=rf"^{name}=.* must lie in \[0, 5\]: it is the sigma of a lognormal$"):
        Speeds(**{name: bad})


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan, "0.5"])
def test_a_share_that_cannot_be_is_refused(bad):
    with pytest.raises(ValueError, match=r"^straggle=.* must lie in \[0, 1\]: it is the share of slow requests$"):
        Speeds(straggle=bad)


@pytest.mark.parametrize("bad", [0.9, -1, math.nan, math.inf, "10"])
def test_a_factor_that_cannot_be_is_refused(bad):
    with pytest.raises(ValueError, match=r"^straggle_factor=.* must be a finite number of at least 1$"):
        Speeds(straggle_factor=bad)


def test_there_is_a_worker():
    with pytest.raises(ValueError, match=r"^size=0 must be at least 1$"):
        Clocks(Speeds(), 0, 0)
