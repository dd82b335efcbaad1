"""Names that users give."""

import pytest

from hogwild.names import find_name, wrong_type

KNOWN = ("local-sgd", "squared_hinge", "auto")


@pytest.mark.parametrize("name", KNOWN)
def test_dashes_and_underscores_are_the_same(name):
    assert find_name("axis", name.replace("-", "_"), KNOWN) == name
    assert find_name("axis", name.replace("_", "-"), KNOWN) == name


@pytest.mark.parametrize(
    ("given", "hint"),
    [("local", " (did you mean local-sgd?)"), ("SQUARED-HINGE", " (did you mean squared_hinge?)"), ("zebra", "")],
)
def test_what_was_perhaps_meant_is_said(given, hint):
    with pytest.raises(ValueError, match="is not known") as caught:
        find_name("axis", given, KNOWN)
    assert str(caught.value) == f"axis={given!r} is not known{hint}; use one of local-sgd, squared_hinge, auto"


def test_who_gave_a_class_is_told_to_call_it():
    assert str(wrong_type("stop", dict, "a Stop")) == "stop must be a Stop, not the class dict: write dict(...)"
    assert str(wrong_type("stop", 5, "a Stop")) == "stop=5 must be a Stop"
