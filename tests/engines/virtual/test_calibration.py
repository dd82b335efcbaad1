"""Seconds an example, on machines whose speed is known; and once on this one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.engines.virtual.calibration import seconds_per_example


class Machine:
    """Its clock moves when it works: `call_s` for a call, `example_s` for an example."""

    def __init__(self, call_s, example_s, *, most=math.inf, chunk=1, warm_up_s=0.0, hiccups=()):
        self.call_s, self.example_s, self.most, self.chunk = call_s, example_s, most, chunk
        self.warm_up_s, self.hiccups = warm_up_s, set(hiccups)
        self.now, self.calls = 0.0, []

    def clock(self) -> float:
        return self.now

    def run(self, n: int) -> int:
        done = min(math.ceil(n / self.chunk) * self.chunk, self.most)
        self.now += self.call_s + done * self.example_s
        self.now += 0.0 if self.calls else self.warm_up_s
        self.now += 1.0 if len(self.calls) in self.hiccups else 0.0
        self.calls.append(n)
        return done

    def measure(self, budget_s: float = 0.05) -> float:
        return seconds_per_example(self.run, budget_s, clock=self.clock)


@given(st.floats(1e-9, 1e-4))
def test_examples_alone(example_s):
    assert Machine(0.0, example_s).measure() == pytest.approx(example_s)


@given(st.floats(1e-9, 1e-5), st.floats(1e-7, 1e-5))
def test_what_a_call_costs_is_spread_over_many_examples(example_s, call_s):
    found = Machine(call_s, example_s).measure()
    assert example_s <= found <= 1.01 * example_s


@given(st.floats(1e-9, 1e-3), st.floats(0, 1e-4))
def test_the_budget_is_kept(example_s, call_s):
    machine = Machine(call_s, example_s)
    machine.measure(0.05)
    assert machine.now < 0.1


def test_the_warm_up_does_not_count():
    machine = Machine(0.0, 1e-6, warm_up_s=30.0)
    assert machine.measure() == pytest.approx(1e-6)
    assert machine.calls[0] == 1
    assert machine.now < 30.1


@pytest.mark.parametrize("hiccup", range(1, 20))
def test_one_interruption_does_not_count(hiccup):
    found = Machine(0.0, 1e-6, hiccups=[hiccup]).measure(10.0)
    assert found == pytest.approx(1e-6)


def test_where_examples_run_out_calls_are_repeated():
    machine = Machine(0.0, 1e-6, most=100)
    assert machine.measure() == pytest.approx(1e-6)
    assert max(machine.calls) < 1000
    assert machine.now > 0.02


@pytest.mark.parametrize("chunk", [7, 512, 10_000])
def test_what_is_done_counts_and_not_what_was_asked_for(chunk):
    for example_s in (1e-7, 1.0):
        assert Machine(0.0, example_s, chunk=chunk).measure() == pytest.approx(example_s)


def test_very_slow_examples_are_run_twice():
    machine = Machine(0.0, 10.0)
    assert machine.measure() == pytest.approx(10.0)
    assert machine.calls == [1, 1]


def test_a_machine_that_is_quicker_than_its_clock_can_tell():
    assert 0 < seconds_per_example(lambda n: n, 0.001) < 1e-6


def test_this_machine():
    rows, weights = np.ones((1000, 50)), np.ones(50)

    def run(n: int) -> int:
        part = rows[:n]
        np.einsum("ij,j->i", part, weights)
        return len(part)

    assert 0 < seconds_per_example(run, 0.005) < 1


@pytest.mark.parametrize("bad", [0, -1.0, math.nan, math.inf, "1", None])
def test_a_budget_that_cannot_be_is_refused(bad):
    with pytest.raises(ValueError, match=r"^budget_s=.* must be a positive number of seconds$"):
        seconds_per_example(lambda n: n, bad)


@pytest.mark.parametrize("done", [0, -1])
def test_a_run_of_nothing_is_refused(done):
    with pytest.raises(ValueError, match=rf"^run\(1\) processed {done} examples; at least 1 is needed"):
        seconds_per_example(lambda n: done)
