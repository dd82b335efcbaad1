"""Who takes part."""

import pytest

from hogwild import Contestant, Downpour, Linear, LocalSGD, Simulated, Threads
from hogwild.comparison.contestants import entries

MODEL, OTHER = Linear("logistic"), Linear("hinge")
THREE = Threads(3)


def names(given, sizes=()):
    return [entry.name for entry in entries(given, MODEL, THREE, sizes)]


def test_they_are_called_as_they_were_given():
    given = ["hogwild", LocalSGD(50), Contestant("downpour", name="mine"), Contestant("gossip", engine=Simulated(7))]
    assert names(given) == ["hogwild", "LocalSGD(period=50)", "mine", "gossip on Simulated(workers=7)"]
    assert names({"a": "hogwild", "b": Downpour(), "c": Contestant("locked", name="other")}) == ["a", "b", "c"]


def test_what_is_not_their_own_is_that_of_the_comparison():
    first, second = entries(["hogwild", Contestant("hogwild", Threads(2), OTHER)], MODEL, THREE)
    assert (first.model, first.engine) == (MODEL, THREE)
    assert (second.model, second.engine) == (OTHER, Threads(2))


def test_serial_is_the_baseline_on_one_worker():
    assert entries(["serial"], MODEL, THREE)[0].engine == Threads(1)


def test_an_engine_of_their_own_is_as_it_was_given():
    """It will say itself that it has too many workers."""
    assert entries([Contestant("serial", engine=THREE)], MODEL, Threads(1))[0].engine == THREE


def test_sizes():
    found = entries(["serial", "hogwild"], MODEL, THREE, (1, 2, 4))
    assert [(entry.name, entry.group, entry.engine) for entry in found] == [
        ("serial x 1", "serial", Threads(1)),
        ("hogwild x 1", "hogwild", Threads(1)),
        ("hogwild x 2", "hogwild", Threads(2)),
        ("hogwild x 4", "hogwild", Threads(4)),
    ]


@pytest.mark.parametrize("given", [["hogwild", "hogwild"], [Downpour(), Downpour()]])
def test_two_of_one_name_are_refused(given):
    with pytest.raises(ValueError, match=r"^two contestants are called '.*': give a dict of them by names"):
        names(given)


@pytest.mark.parametrize("given", [[], {}])
def test_somebody_must_be_there(given):
    with pytest.raises(ValueError, match="there is nobody to compare"):
        names(given)


@pytest.mark.parametrize("given", ["hogwild", LocalSGD(), Contestant("hogwild"), 5, {"hogwild"}])
def test_a_single_one_is_no_list(given):
    with pytest.raises(TypeError, match="must be a list of strategies, or a dict of them by name"):
        names(given)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (["hogwilt"], ValueError, r"strategy='hogwilt' is not known \(did you mean hogwild\?\)"),
        ([LocalSGD], TypeError, r"not the class LocalSGD: write LocalSGD\(\.\.\.\)"),
        ([Contestant("hogwild", engine="abacus")], ValueError, "engine='abacus' is not known"),
        ([Contestant("hogwild", model="svm")], TypeError, "model='svm' must be a model"),
    ],
)
def test_what_is_no_contestant_is_named(given, error, words):
    with pytest.raises(error, match=words):
        names(given)


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="workers=0 must be a whole number"):
        names(["hogwild"], (1, 0))
