"""What a server can do about pushes: rules that wrap rules, and what is no sound wish."""

import pytest

from hogwild.rules.pushes import Pushes
from hogwild.rules.server import compensated, damped, elastic, softsync
from hogwild.rules.updates import adagrad, momentum, sgd


def test_they_can_be_combined_in_any_order():
    both = softsync(damped(adagrad(0.3), 0.5), 3)
    assert both == damped(softsync(adagrad(0.3), 3), 0.5)
    assert both._replace(pushes=Pushes()) == adagrad(0.3)
    assert both.pushes == Pushes(damping=0.5, splits=3)
    assert compensated("momentum").pushes == Pushes(compensation=0.04)
    assert compensated(sgd(), adaptive=True).pushes == Pushes(compensation=2.0, adaptive=True)


def test_a_rule_says_what_it_does():
    assert repr(sgd()) == "sgd(None)"
    assert repr(softsync(momentum(0.1), 4)) == "momentum(0.1, 0.9) with splits=4"


@pytest.mark.parametrize(("splits", "workers", "many"), [(1, 12, 12), (4, 12, 3), (5, 12, 2), (12, 12, 1)])
def test_how_many_gradients_make_a_step(splits, workers, many):
    assert softsync(sgd(), splits).pushes.gathered(workers) == many


def test_more_splits_than_workers_are_refused():
    with pytest.raises(ValueError, match=r"^softsync with splits=20 is more than the 12 workers there are$"):
        softsync(sgd(), 20).pushes.gathered(12)


def test_only_rules_that_touch_gradients_need_more_than_the_formula():
    assert sgd().pushes.is_plain
    assert elastic().pushes.is_plain
    assert compensated(sgd(), 0.0).pushes.is_plain, "with lambda 0 it is the rule itself"
    assert not any(rule.pushes.is_plain for rule in (damped(sgd()), compensated(sgd()), softsync(sgd())))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: damped(sgd(), 0), r"^power=0 must lie in \(0, 2\]: a step that is tau updates late is divided by tau"),
        (lambda: damped("sdg"), r"^update='sdg' is not known \(did you mean sgd\?\)"),
        (lambda: compensated(sgd(), -1.0), r"^strength=-1.0 must be a finite number of at least 0, or None$"),
        (lambda: softsync(sgd(), 0), r"^splits=0 must be a whole number of at least 1$"),
        (lambda: elastic(1.5), r"^beta=1.5 must lie in \(0, 1\]: above 1 the centre overshoots"),
    ],
)
def test_bad_numbers(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
