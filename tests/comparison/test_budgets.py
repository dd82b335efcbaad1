"""What a run may use, as people write it."""

import pytest

from hogwild import Stop
from hogwild.comparison.budgets import ENDLESS, MOST_EPOCHS, find_budget, spell_budget


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("60s", {"time_s": 60.0, "epochs": ENDLESS}),
        ("1.5 minutes", {"time_s": 90.0, "epochs": ENDLESS}),
        ("2h", {"time_s": 7200.0, "epochs": ENDLESS}),
        ("20epochs", {"epochs": 20}),
        ("1 epoch", {"epochs": 1}),
        ("1e7examples", {"examples": 10_000_000, "epochs": ENDLESS}),
        ("1,000,000 examples", {"examples": 1_000_000, "epochs": ENDLESS}),
        ("500MB", {"sent_bytes": 500_000_000, "epochs": MOST_EPOCHS}),
        ("1.5 kB", {"sent_bytes": 1_500, "epochs": MOST_EPOCHS}),
        ("100 bytes", {"sent_bytes": 100, "epochs": MOST_EPOCHS}),
    ],
)
def test_budgets_are_understood(text, limits):
    assert find_budget(text, 0.2) == Stop(tol=0.0, holdout=0.2, **limits)


@pytest.mark.parametrize("text", ["", "60", "s", "-1s", "1parsec", "ten epochs", "nan s", "60 s s", "1,5s"])
def test_what_is_none_is_named(text):
    with pytest.raises(ValueError, match=r"^budget='.*' must be a number with a unit: 60s, ") as caught:
        find_budget(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["0s", "0epochs", "0.0examples", "0MB", "1e999s"])
def test_nothing_is_no_budget_nor_is_everything(text):
    with pytest.raises(ValueError, match="must be a positive, finite amount"):
        find_budget(text)


def test_half_an_epoch_is_none():
    with pytest.raises(ValueError, match=r"^budget='0.5epochs': epochs=0.5 must be a whole number of at least 1"):
        find_budget("0.5epochs")


def test_a_stop_is_as_it_is():
    stop = Stop(epochs=3, time_s=1.0, tol=0.1)
    assert find_budget(stop, 0.3) is stop


def test_other_things_are_refused():
    with pytest.raises(TypeError, match=r"^budget=60 must be a number with a unit"):
        find_budget(60)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("60s", "60 s"),
        ("1epoch", "1 epoch"),
        ("20epochs", "20 epochs"),
        ("1e6examples", "1,000,000 examples"),
        ("5kB", "5,000 bytes or 100 epochs, whichever comes first"),
    ],
)
def test_they_are_told(text, spelled):
    assert spell_budget(find_budget(text)) == spelled


def test_all_of_them_are_told():
    stop = Stop(epochs=5, time_s=2.0, examples=7)
    assert spell_budget(stop) == "2 s, 7 examples or 5 epochs, whichever comes first"
