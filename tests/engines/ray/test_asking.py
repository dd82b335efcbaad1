"""What a worker asks the conductor for, and what it is told before it asks."""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from hogwild.data.blocks import Block
from hogwild.rules.schedules import Moment

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
TAKEN = [Block(np.array([0, 5]), 5)], Moment(0, 0.0, 0), 10
USUAL = 10, 1, False


class Conductor:
    """Notes what it is asked for."""

    def __init__(self):
        self.asked = []

    def ask(self, method, what, *arguments, **options):
        assert method == "supply"
        self.asked.append((what, *arguments, *options.values()))
        return [] if what == "reserve" else TAKEN


def begun(rounds):
    """The supply of a worker after rounds that began as usual, and the conductor."""
    conductor = Conductor()
    supply = import_module("hogwild.engines.ray.asking").AskedSupply(conductor, 100)
    for number in range(rounds):
        supply.begin_round(TAKEN if supply.wanted == USUAL and number else None)
        assert supply.take(0, 10, 1) == TAKEN
    assert supply.wanted == USUAL
    return supply, conductor


def test_who_begins_each_round_alike_asks_once():
    _, conductor = begun(5)
    assert conductor.asked == [("take", 10, 1, False)]


def test_what_is_taken_later_in_a_round_is_asked_for():
    supply, conductor = begun(2)
    supply.take(0, 7)
    assert conductor.asked[1:] == [("take", 7, 1, False)]
    assert supply.wanted == USUAL


def test_who_wants_another_number_puts_back_with_the_same_question():
    supply, conductor = begun(2)
    supply.begin_round(TAKEN)
    supply.take(0, 20, 1)
    assert conductor.asked[1:] == [("take_instead", 20, 1, False)]
    assert supply.wanted == (20, 1, False)


@pytest.mark.parametrize("other", ["reserve", "settle"])
def test_who_does_something_else_first_puts_back_once(other):
    supply, conductor = begun(2)
    supply.begin_round(TAKEN)
    if other == "reserve":
        supply.reserve(0, 3)
    supply.settle()
    supply.settle()
    assert [what for what, *_ in conductor.asked[1:]] == ["put_back", "reserve"][: 1 + (other == "reserve")]
    assert supply.wanted is None


def test_who_was_given_nothing_puts_nothing_back():
    supply, conductor = begun(2)
    supply.begin_round()
    supply.settle()
    assert conductor.asked == [("take", 10, 1, False)]


def test_what_is_given_is_checked():
    """Kernels read what blocks name without a look."""
    supply, _ = begun(2)
    supply.begin_round(([Block(np.array([100]), 5)], *TAKEN[1:]))
    with pytest.raises(ValueError, match="must lie in 0"):
        supply.take(0, 10, 1)
