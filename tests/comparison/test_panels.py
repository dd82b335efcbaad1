"""What pictures show, as numbers."""

from collections import Counter

import pytest
from tests.comparison.runs import comparison_of, run_of

from hogwild.comparison.panels import LEAST, NEVER_STALE, curves, looks, panels
from hogwild.traffic import Traffic


def keys(found):
    return [panel.key for panel in panels(found)]


def test_lines_are_means_over_seeds_with_a_band():
    found = comparison_of(run_of("a", 0, [0.5, 0.25]), run_of("a", 1, [0.75, 0.5]), start=1.0)
    panel = curves(found, "time_s", "objective")
    (line,) = panel.lines
    assert not panel.y_log
    assert (line.x, line.y) == ([0.0, 1.0, 2.0], [1.0, 0.625, 0.375])
    assert (line.low, line.high) == ([1.0, 0.5, 0.25], [1.0, 0.75, 0.5])


def test_a_single_run_has_no_band():
    (line,) = curves(comparison_of(run_of("a", 0, [0.5])), "examples", "objective").lines
    assert (line.x, line.low, line.high) == ([0.0, 100.0], (), ())


def test_lines_go_as_far_as_all_runs():
    found = comparison_of(run_of("a", 0, [0.5, 0.4, 0.3]), run_of("a", 1, [0.5, 0.4]))
    assert len(curves(found, "time_s", "objective").lines[0].x) == 3


def test_wide_gaps_are_drawn_to_the_lowest_of_each_seed():
    """On a logarithmic axis, on which the lowest itself has no place."""
    runs = [
        run_of("a", 0, [0.5, 0.101, 0.1]),
        run_of("b", 0, [0.6, 0.2, 0.11]),
        run_of("a", 1, [0.6, 0.201, 0.2]),
        run_of("b", 1, [0.7, 0.3, 0.21]),
    ]
    panel = curves(comparison_of(*runs), "time_s", "objective")
    first, second = panel.lines
    assert panel.y_log
    assert first.x == [0.0, 1.0, 2.0]
    assert first.y == pytest.approx([0.85, 0.4, 0.001])
    assert second.y == pytest.approx([0.85, 0.5, 0.1, 0.01])


def test_bands_end_on_a_logarithmic_axis():
    runs = [run_of("a", 0, [0.9, 0.5, 0.1]), run_of("a", 1, [0.9, 0.1001, 0.11]), run_of("b", 1, [0.1])]
    panel = curves(comparison_of(*runs), "time_s", "objective")
    line = panel.lines[0]
    assert panel.y_log
    assert all(low >= LEAST * y for low, y in zip(line.low, line.y, strict=True))


def test_who_sends_nothing_is_not_against_bytes():
    found = comparison_of(run_of("quiet", 0, [0.5]), run_of("loud", 0, [0.5, 0.4], sent_bytes=10))
    assert [line.name for line in curves(found, "sent_bytes", "objective").lines] == ["loud"]
    assert "objective-sent_bytes" in keys(found)
    assert "objective-sent_bytes" not in keys(comparison_of(run_of("quiet")))


def test_times_that_differ_much_are_on_a_logarithmic_axis():
    found = comparison_of(run_of("a", 0, [0.5, 0.4]), run_of("b", 0, [0.5, 0.4], step_s=100.0))
    assert curves(found, "time_s", "objective").x_log
    assert not curves(comparison_of(run_of("a", 0, [0.5, 0.4])), "time_s", "objective").x_log


def test_who_diverges_leaves_the_picture():
    runs = [run_of("good", 0, [0.5, 0.3]), run_of("bad", 0, [1e10, 1e20], outcome="diverged")]
    panel = curves(comparison_of(*runs), "time_s", "objective")
    assert [line.name for line in panel.lines] == ["good", "bad"]
    assert panel.y_range[1] < 10
    assert curves(comparison_of(runs[0]), "time_s", "objective").y_range is None


def test_a_seed_that_diverges_spoils_no_line():
    runs = [
        run_of("a", 0, [0.5, 0.3, 0.2]),
        run_of("a", 1, [1e9], outcome="diverged"),
        run_of("b", 0, [0.6, 0.4, 0.3]),
    ]
    first, second = curves(comparison_of(*runs), "time_s", "objective").lines
    assert first.y == [1.0, 0.5, 0.3, 0.2]
    assert second.y == [1.0, 0.6, 0.4, 0.3]


def test_who_has_learned_nothing_has_no_line():
    found = comparison_of(run_of("good", 0, [0.5]), run_of("refused", 0, [], outcome="refused"))
    assert [line.name for line in curves(found, "time_s", "objective").lines] == ["good"]


def test_scaling_is_shown_where_there_are_sizes():
    runs = [run_of(f"a x {n}", 0, [0.5], step_s=1.0 / n, workers=n, group="a") for n in (4, 1, 2)]
    (panel,) = [panel for panel in panels(comparison_of(*runs)) if panel.key == "scaling"]
    (line,) = panel.lines
    assert (line.name, line.x, line.y) == ("a", [1.0, 2.0, 4.0], [100.0, 200.0, 400.0])
    assert "scaling" not in keys(comparison_of(run_of("a"), run_of("b")))


def test_sizes_of_one_have_one_colour():
    runs = [run_of(f"{name} x {n}", group=name) for name in ("a", "b") for n in (1, 2)]
    assert looks(comparison_of(*runs)) == {"a x 1": (0, 0), "a x 2": (0, 1), "b x 1": (1, 0), "b x 2": (1, 1)}


def test_staleness_is_how_many_were_at_most_so_stale():
    traffic = Traffic(staleness=Counter({0: 6, 1: 3, 5: 1}))
    (panel,) = [p for p in panels(comparison_of(run_of("a", traffic=traffic))) if p.key == "staleness"]
    assert panel.lines[0].x == [NEVER_STALE, 1.0, 5.0]
    assert panel.lines[0].y == pytest.approx([0.6, 0.9, 1.0])


def test_waiting_is_shown_where_it_was_measured():
    traffic = Traffic()
    traffic.busy(0, 1.0)
    traffic.waiting(0, 3.0)
    (panel,) = [p for p in panels(comparison_of(run_of("a", traffic=traffic))) if p.key == "waiting"]
    assert [(bar.name, bar.length) for bar in panel.bars] == [("a", 0.75)]
    assert "waiting" not in keys(comparison_of(run_of("a")))


@pytest.mark.parametrize(("x", "y", "words"), [("rate", "objective", "x='rate'"), ("time_s", "beauty", "y='beauty'")])
def test_what_cannot_be_drawn_is_named(x, y, words):
    with pytest.raises(ValueError, match=f"^{words} cannot be drawn; use one of "):
        curves(comparison_of(run_of("a")), x, y)
