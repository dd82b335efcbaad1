"""Examples that a worker is given before it asks for them, and puts back when it wants others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.test_own_rows import parts

from hogwild.engines.supply import Supply
from hogwild.rules.schedules import Moment

N = 60
START = Moment(0, 0.0, 0)
WANTED = st.tuples(st.integers(1, 20), st.integers(1, 4), st.booleans())
DOES = st.lists(st.tuples(st.sampled_from(["take", "reserve", "take_rest"]), WANTED, st.none() | WANTED), max_size=8)


def supply(size=2, bounds=(0, N), **how):
    return Supply(parts(bounds, 3), START, size, **{"agreed": True, "hurried": lambda epoch: False, **how})


def does(supply, rank, what, wanted):
    examples, minibatch, together = wanted
    if what == "take":
        return supply.take(rank, examples, minibatch, together=together)
    return supply.reserve(rank, examples) if what == "reserve" else supply.take_rest(rank)


def takes_ahead(supply, rank, wanted):
    return supply.take_ahead(rank, *wanted[:2], together=wanted[2])


def plain(found):
    blocks, *rest = found if isinstance(found, tuple) else (found,)
    return [(block.starts.tolist(), block.chunk) for block in blocks], rest


@given(DOES)
def test_what_was_put_back_was_never_taken(order):
    """Here another thing is taken ahead of some; then it is put back, which those that take do with the same call."""
    usual, ahead = supply(), supply()
    for what, wanted, first in order:
        expected = plain(does(usual, 1, what, wanted))
        if first is None:
            found = does(ahead, 1, what, wanted)
        elif what == "take" and first == wanted:
            found = takes_ahead(ahead, 1, wanted)
        else:
            takes_ahead(ahead, 1, first)
            if what == "take":
                found = ahead.take_instead(1, wanted[0], wanted[1], together=wanted[2])
            else:
                ahead.put_back(1)
                found = does(ahead, 1, what, wanted)
        assert plain(found) == expected
        assert ahead.standing() == usual.standing()


@given(WANTED)
def test_what_is_taken_ahead_is_what_comes_next(wanted):
    usual, ahead = supply(), supply()
    expected = does(usual, 0, "take", wanted)
    assert plain(takes_ahead(ahead, 0, wanted)) == plain(expected)
    assert ahead.standing() == usual.standing()


def test_a_pass_that_ends_meanwhile_has_ended_for_who_puts_back():
    """All examples were learnt in portions, by the other worker."""
    found = supply()
    found.take_ahead(1, 5, 1, together=False)
    found.pass_is_over()
    found.put_back(1)
    assert not found.has(0)
    assert not found.has(1)


@pytest.mark.parametrize("what", ["take", "lost"])
def test_what_was_learnt_is_not_put_back(what):
    found = supply()
    found.take_ahead(1, 5, 1, together=False)
    if what == "take":
        found.take(1, 5)
    else:
        found.lost(1, 0)
    with pytest.raises(KeyError):
        found.put_back(1)


@pytest.mark.parametrize("how", [{"agreed": False}, {"bounds": (0, 30, N)}])
def test_what_cannot_be_put_back_is_not_taken_ahead(how):
    """Others may have taken what comes next; and of rows of their own workers know themselves which come next."""
    found = supply(**how)
    before = found.standing()
    assert found.take_ahead(0, 5, 1, together=False) is None
    assert found.standing() == before
