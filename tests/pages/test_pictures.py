"""Panels as pictures of Matplotlib."""

import pytest

from hogwild.pages import Line, Panel, plot

pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")


def ticks(x, **more):
    panel = Panel("key", "A title", "", "threads", "speed", lines=[Line("a", (0, 0), x, [1.0] * len(x))], **more)
    return [float(tick) for tick in plot(panel).axes[0].get_xticks()]


def test_whole_numbers_have_ticks_at_whole_numbers():
    assert all(tick.is_integer() for tick in ticks([1.0, 2.0]))
    assert not all(tick.is_integer() for tick in ticks([0.5, 1.5]))


def test_logarithms_have_ticks_of_their_own():
    assert 10.0 in ticks([1.0, 100.0], x_log=True)
