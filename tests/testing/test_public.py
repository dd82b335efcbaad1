"""What implementers see of the room."""

import doctest
import importlib
import subprocess
import sys
import threading

import pytest

import hogwild.testing
from hogwild.testing import probes


def test_names_are_sorted_and_documented():
    names = hogwild.testing.__all__
    assert names == sorted(names)
    for name in set(names) - {"ENGINE_CHECKS"}:  # a table
        assert getattr(hogwild.testing, name).__doc__


@pytest.mark.parametrize("name", ["engines", "plans", "problems", "strategies", "survival"])
def test_examples_in_docstrings_run(name):
    # By import_module: hogwild.testing.problem, a function, stands beside hogwild.testing.problems, a module.
    found = doctest.testmod(importlib.import_module(f"hogwild.testing.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


def test_no_test_framework_is_needed():
    code = "import sys, hogwild.testing; print(*{'pytest', 'hypothesis', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_what_hangs_is_given_up():
    over = threading.Event()
    with pytest.raises(probes.Hangs, match=r"^the run has not ended after 0\.01 s$"):
        probes.within(over.wait, 0.01)
    over.set()
    for thread in threading.enumerate():
        if thread.name == "hogwild-testing":
            thread.join()
    assert probes.within(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        probes.within(lambda: 1 / 0)


def test_raised_wants_the_right_error_and_sentence():
    probes.raised(ValueError, "invalid literal .*abc", int, "abc")
    with pytest.raises(AssertionError, match=r"^ValueError must say 'no', but says .invalid literal"):
        probes.raised(ValueError, "no", int, "abc")
    with pytest.raises(AssertionError, match=r"^KeyError was expected, not ValueError: invalid literal"):
        probes.raised(KeyError, "", int, "abc")
    with pytest.raises(AssertionError, match=r"^KeyError was expected, but it ended with 3$"):
        probes.raised(KeyError, "", int, "3")


def test_numbers_are_compared():
    probes.same([1.0, 2.0], [1.0, 2.0], "x")
    probes.near([1.0, 2.0 + 1e-12], [1.0, 2.0], "x")
    with pytest.raises(AssertionError, match=r"^x: found \[1, 2\], expected \[1, 3\]$"):
        probes.same([1, 2], [1, 3], "x")
    with pytest.raises(AssertionError, match=r"^x: "):
        probes.near([1.0, 2.1], [1.0, 2.0], "x")
    with pytest.raises(AssertionError, match=r"^x: "):
        probes.near([1.0], [1.0, 1.0], "x")
    with pytest.raises(AssertionError, match=r"^x: "):
        probes.near(float("nan"), 1.0, "x")
