"""Hosts with networks of their own, of which one is cut off or dies while a run is on them."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.engines.ray import lan

import hogwild

NOTICED_S = 30.0  # about 4 with the settings of docs/cluster.md on a quiet machine; Ray's own take 64
PATIENCE_S = 110.0  # for all scenes
ROOT = Path(__file__).parents[3]


def why_not() -> str | None:
    """What is missing here."""
    if any(find_spec(name) is None for name in ("ray", "torch")):
        return "the extras `cluster` and `nets` are not installed"
    try:
        code = "from tests.engines.ray import lan; lan.lay(); lan.connect(2)"
        done = subprocess.run([*lan.APART, sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    except FileNotFoundError as error:
        return f"there is no {error.filename}"
    return f"no network namespaces: {done.stderr.strip().splitlines()[-1]}" if done.returncode else None


# Not with the others: on a busy machine a scene may take longer than all of them may together.
pytestmark = [pytest.mark.slow, pytest.mark.soak]


def play(scenes: Sequence[str]) -> dict[str, dict[str, object]]:
    """What has come of each scene. All processes end with the first."""
    why = why_not()
    if why is not None:
        pytest.skip(why)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    paths = os.pathsep.join([str(Path(hogwild.__file__).parents[1]), str(ROOT), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory(prefix="lan-", dir="/tmp") as folder:  # paths of sockets may not be long
        program = [*lan.APART, sys.executable, "-m", "tests.engines.ray.apart", folder, *scenes]
        done = subprocess.run(
            program, env=outside | {"PYTHONPATH": paths}, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
        )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]  # Ray prints, too
    return {each["scene"]: each for each in found}


@pytest.fixture(scope="module")
def played() -> dict[str, dict[str, object]]:
    return play(["cut_and_healed", "cut_while_they_sum"])


@pytest.fixture(scope="module")
def played_too() -> dict[str, dict[str, object]]:
    return play(["cut_for_a_moment", "killed", "not_survived", "missing"])


def test_who_is_cut_off_is_noticed_and_another_takes_its_place(played):
    found = played["cut_and_healed"]
    assert found["noticed_s"] < NOTICED_S
    assert found["counted"] == [1, 1]
    assert found["good"]


@pytest.mark.soak
def test_who_is_cut_off_for_a_moment_goes_on(played_too):
    found = played_too["cut_for_a_moment"]
    assert found["counted"] == [0, 0]
    assert found["good"]


@pytest.mark.soak
def test_who_dies_is_noticed_and_another_takes_its_place(played_too):
    found = played_too["killed"]
    assert found["noticed_s"] < NOTICED_S
    assert found["counted"] == [1, 1]
    assert found["good"]


def test_sums_among_workers_do_not_wait_for_who_is_cut_off(played):
    """No connection says that it is."""
    found = played["cut_while_they_sum"]
    assert found["noticed_s"] < NOTICED_S
    assert found["counted"] == [1, 0]
    assert found["good"]


@pytest.mark.soak
def test_strategies_that_do_not_survive_it_end_with_a_sentence(played_too):
    found = played_too["not_survived"]
    assert found["noticed_s"] < NOTICED_S
    assert re.fullmatch("worker [01] of 2 has died, and the run with it: .*", found["said"])


@pytest.mark.soak
def test_a_part_that_is_missing_on_one_host_is_named_with_it(played_too):
    said = played_too["missing"]["said"]
    assert re.fullmatch(r"worker [01] of 2, on host 10\.77\.0\.2, cannot open its data: .*not here", said)
