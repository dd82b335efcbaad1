"""What a comparison says of its runs."""

import math

import numpy as np
import pytest
from tests.comparison.runs import comparison_of, run_of

from hogwild.comparison.results import TARGETS, Spread
from hogwild.comparison.words import in_short_form, sentences, spell, table


def test_spreads():
    assert Spread.of([1.0, None, 3.0]) == (2.0, math.sqrt(2.0), 2)
    assert Spread.of([1.0]) == (1.0, None, 1)
    assert Spread.of([None]) is None


def test_the_best_is_what_train_gives_back():
    run = run_of("a", objectives=[0.5, 0.2, 0.3])
    assert (run.history.best.epoch, run.objective, run.last.epoch) == (2, 0.2, 3)
    held = run_of("a", objectives=[0.5, 0.2, 0.3], holdout=[0.3, 0.4, 0.2])
    assert (held.history.best.epoch, held.objective) == (3, 0.2)


def test_targets_are_of_each_seed():
    """With another seed other examples are held out, and the lowest objective is another."""
    runs = [
        run_of("a", 0, [0.5, 0.1]),
        run_of("b", 0, [0.2, 0.2]),
        run_of("a", 1, [0.6, 0.3]),
        run_of("b", 1, [0.4, 0.31]),
    ]
    found = comparison_of(*runs, start=1.1)
    assert [found.lowest(seed) for seed in (0, 1)] == [0.1, 0.3]
    assert [found.target(seed, 0.1) for seed in (0, 1)] == pytest.approx([0.2, 0.38])
    first, second = sorted(found.rows(), key=lambda row: row.name)
    assert first.targets[0.1] == (2.0, 0.0, 2)
    assert second.targets[0.1] == (1.5, math.sqrt(0.5), 2)
    assert second.targets[0.001] is None
    assert list(first.targets) == list(TARGETS)


def test_rows_are_in_order_of_their_objectives():
    runs = [run_of("high", 0, [0.3]), run_of("none", 0, [], outcome="refused"), run_of("low", 0, [0.1])]
    found = comparison_of(*runs)
    assert [row.name for row in found.rows()] == ["low", "high", "none"]
    assert found.names == ["high", "none", "low"]


def test_who_has_not_ended_with_a_seed_is_compared_on_the_others():
    """The examples of seed 1 are easier: the mean over both is no measure for who has only that one."""
    runs = [
        run_of("lame", 0, [], outcome="failed"),
        run_of("lame", 1, [0.2], holdout=[0.2], score=0.90),
        run_of("good", 0, [0.8], holdout=[0.8], score=0.50),
        run_of("good", 1, [0.1], holdout=[0.1], score=0.95),
    ]
    found = comparison_of(*runs)
    assert [row.name for row in found.rows()] == ["good", "lame"]
    assert found.best_scored() == "good"


def test_runs_that_have_not_ended_well_count_in_no_mean():
    runs = [run_of("a", 0, [0.1]), run_of("a", 1, [5.0], outcome="diverged", why="it went up")]
    (row,) = comparison_of(*runs).rows()
    assert (row.objective, row.runs, row.ended, row.outcomes) == ((0.1, None, 1), 2, 1, ("ended", "diverged"))
    assert comparison_of(*runs).problems == {"a": "diverged (1 of 2 runs): it went up"}


def test_nobody_of_that_name():
    with pytest.raises(KeyError, match="nobody"):
        comparison_of(run_of("a")).of("nobody")


def test_tables_have_a_row_for_each():
    found = comparison_of(run_of("a", 0, [0.5, 0.1], holdout=[0.3, 0.2]), run_of("b", 0, [], outcome="refused"))
    table = found.table()
    assert list(table.index) == ["a", "b"]
    assert table.loc["a", "objective"] == 0.1
    assert table.loc["a", "time_to_1%_s"] == 2.0
    assert np.isnan(table.loc["b", "objective"])
    assert list(table["outcomes"]) == ["ended", "refused"]


def test_words_say_who_has_won():
    slow, fast = run_of("slow", 0, [0.5, 0.1], step_s=10.0), run_of("fast", 0, [0.1001, 0.1001], score=0.9)
    assert sentences(comparison_of(slow, fast)) == [
        "Lowest objective: slow, 0.1.",
        "First within 10 % of the way down to it: fast, after 1 s.",
        "First within 1 % of the way down to it: fast, after 1 s.",
        "First within 0.1 % of the way down to it: fast, after 1 s.",
        "Best score on held-out examples: fast, 90.00%.",
    ]


def test_words_when_nobody_has():
    assert sentences(comparison_of(run_of("a", 0, [], outcome="refused"))) == [
        "No run has come to an end: see below why."
    ]


def test_columns_of_which_nobody_has_anything_to_say_are_left_out():
    found = comparison_of(run_of("a", 0, [0.5]), run_of("b", 0, [0.4], outcome="diverged"))
    assert table(found).head == [
        "",
        "workers",
        "objective",
        "s to 10 %",
        "s to 1 %",
        "s to 0.1 %",
        "examples",
        "examples/s",
        "runs",
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.5, "0.5"), (999.0, "999"), (999.9, "1 k"), (12_345, "12.3 k"), (2.5e6, "2.5 M"), (3e9, "3 G")],
)
def test_short_forms(number, text):
    assert in_short_form(number) == text


def test_spreads_are_spelled():
    assert spell(Spread(0.12345, 0.00123, 3), "{:.4g}") == "0.1235 ± 0.001"
    assert spell(Spread(0.5, None, 1), "{:.2%}") == "50.00%"
    assert spell(None, "{:.4g}") == "-"
