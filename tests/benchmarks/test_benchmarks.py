"""Every race runs on a few rows and gives a whole table; so small figures mean nothing and are not compared."""

import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from benchmarks import timing
from benchmarks.__main__ import main
from benchmarks.machine import compiler_version
from benchmarks.outcome import Goal, Outcome
from benchmarks.races import RACES
from benchmarks.races.real_data import SHARED
from benchmarks.report import section, write
from benchmarks.setting import Setting, hinge_objective
from benchmarks.timing import Spread, interleaved
from click.testing import CliRunner

from hogwild.data import check_examples

QUICK = Setting(rows=1500, repeats=1, quick=True)
PEERS = {"SGDClassifier", "SGDClassifier(shuffle=False)"}


@pytest.fixture(autouse=True)
def _own_temporary_folder_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(timing, "REST_S", 0.0)


def run(name: str, setting: Setting = QUICK) -> Outcome:
    """The outcome, after what must hold for all of them."""
    outcome = RACES[name](setting)
    assert outcome.rows
    assert all(len(row) == len(outcome.columns) for row in outcome.rows)
    assert all(np.isfinite(figure) for figure in outcome.figures.values())
    assert all(goal.reached is None for goal in outcome.goals)  # nothing is claimed from a quick run
    return outcome


def names(outcome: Outcome) -> set[str]:
    return {row[0] for row in outcome.rows}


@pytest.mark.slow
def test_kernel() -> None:
    outcome = run("kernel")
    compiled = compiler_version() is not None
    assert names(outcome) == ({"hogwild", "C loop"} if compiled else {"hogwild"})
    assert outcome.figures["hogwild", "ns per nonzero"] > 0
    if compiled:  # the two do the same arithmetic, if not in the same order
        assert outcome.figures["C loop", "ns per nonzero"] > 0
        assert outcome.figures["hogwild", "difference"] < 1e-3


@pytest.mark.slow
def test_epoch() -> None:
    assert names(run("epoch")) == {"hogwild", *PEERS}


@pytest.mark.slow
def test_threads() -> None:
    outcome = run("threads")
    assert [row[0] for row in outcome.rows] == [str(count) for count in QUICK.threads]
    for count in QUICK.threads:
        assert outcome.figures[f"{count} threads", "epochs per s"] > 0
        assert outcome.figures[f"{count} threads", "ceiling"] > 0


@pytest.mark.slow
def test_published() -> None:
    outcome = run("published")
    assert {name.split("(")[0] for name in names(outcome)} == {"Serial", "Hogwild", "Locked", "RoundRobin"}
    assert all(figure > 0 for figure in outcome.figures.values())


@pytest.mark.slow
def test_time_to_objective() -> None:
    outcome = run("time_to_objective")
    found = names(outcome)
    assert found >= {f"hogwild, {min(2, QUICK.cores)} threads", "LinearSVC", *PEERS}
    assert any("Vowpal Wabbit" in name for name in found) == (find_spec("vowpalwabbit") is not None)
    times = {key: figure for key, figure in outcome.figures.items() if key[1] == "s"}
    assert set(times) == {(name, "s") for name in found}
    assert all(figure > 0 for figure in times.values())


@pytest.mark.slow
def test_file_to_model() -> None:
    outcome = run("file_to_model", Setting(rows=4000, repeats=1, quick=True))
    assert len(outcome.rows) == 4
    assert all(figure > 0 for figure in outcome.figures.values())


@pytest.mark.slow
def test_rating_speed() -> None:
    """No peer here, as LIBMF is a program that people build."""
    outcome = run("rating_speed")
    assert {"hogwild", "hogwild, deterministic"} <= names(outcome)
    errors = [value for (_, kind), value in outcome.figures.items() if kind == "RMSE"]
    assert max(errors) < 1.1, "the deviation of the ratings is 1.1"


@pytest.mark.slow
def test_rating_errors() -> None:
    if not SHARED.is_dir():
        pytest.skip("the folder of real data (../shared/data) is not here")
    assert names(run("rating_errors")) == {"MovieLens latest-small", "Jester"}


@pytest.mark.slow
def test_comparing() -> None:
    outcome = run("comparing")
    assert 0.5 < outcome.figures["compared", "ratio"] < 5.0


@pytest.mark.slow
def test_memory() -> None:
    outcome = run("memory", Setting(rows=20_000, repeats=1, quick=True))
    assert outcome.figures["hogwild", "ratio"] > 0


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
@pytest.mark.soak  # what is raced is tested with the engine
def test_ray_server() -> None:
    outcome = run("ray_server")
    assert names(outcome) >= {"4 KB", "80 KB", "1,000 rows of 80 KB", "1,000 rows of 8 MB"}
    assert all(figure > 0 for figure in outcome.figures.values())


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
@pytest.mark.soak  # calibration takes a minute
def test_ray_predicted() -> None:
    outcome = run("ray_predicted")
    assert sum(name.startswith("sums") for name in names(outcome)) == 4
    assert all(figure > 0 for figure in outcome.figures.values())


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
@pytest.mark.soak
def test_ray_memory() -> None:
    outcome = run("ray_memory")
    assert {row[0] for row in outcome.rows} == {"driver", "workers", "shards", "conductor"}


def test_interleaved_runs_contenders_in_turn() -> None:
    calls = []

    def contender(name: str, seed: int) -> float:
        calls.append((name, seed))
        return float(seed)

    found = interleaved({name: lambda seed, name=name: contender(name, seed) for name in "AB"}, 3)
    assert calls == [("A", 0), ("B", 0), ("A", 1), ("B", 1), ("A", 2), ("B", 2)]
    assert found["A"] == Spread((0.0, 1.0, 2.0))


def test_ratios_are_of_the_same_round() -> None:
    slow, fast = Spread((2.0, 20.0, 6.0)), Spread((1.0, 10.0, 2.0))
    assert slow.over(fast).values == (2.0, 2.0, 3.0)
    assert slow.over(fast).text(1, unit=" x") == "2.0 x (2.0..3.0)"


def test_objective() -> None:
    data = check_examples([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    # margins 0.5 and 2: losses 0.5 and 0
    assert hinge_objective(data, np.array([0.5, -1.0]), 0.1) == pytest.approx(0.05 * 1.25 + 0.25)


def test_report_keeps_sections_of_the_same_machine(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"

    def text(name: str, measured: str) -> str:
        outcome = Outcome("title", "setting", ("who", "s"), [("A", "1.0")], [Goal("at most 2 s", measured, True)])
        return section(outcome, name, QUICK, "0.00 0.00 0.00")

    write(path, {"second": text("second", "1 s")}, ["first", "second"])
    write(path, {"first": text("first", "3 s")}, ["first", "second"])
    both = path.read_text(encoding="utf-8")
    assert both.index("## first") < both.index("## second")
    assert "| A | 1.0 |" in both
    assert "Measured 1 s: **reached**" in both
    path.write_text(both.replace("- CPU: ", "- CPU: another, "), encoding="utf-8")
    write(path, {"first": text("first", "4 s")}, ["first", "second"])
    assert "## second" not in path.read_text(encoding="utf-8")


def test_command_line_names_the_races() -> None:
    answer = CliRunner().invoke(main, ["no-such-race"])
    assert answer.exit_code == 2
    assert "there are kernel, epoch, threads" in answer.output


def test_corpus_is_shared() -> None:
    assert QUICK.corpus(1000) is QUICK.corpus(1000)
