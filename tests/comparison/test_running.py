"""compare(): runs under one budget, whatever becomes of them."""

import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from hogwild import (
    AbstractObserver,
    AbstractSpectator,
    AbstractStrategy,
    Contestant,
    DataError,
    Linear,
    LocalSGD,
    Partitioned,
    Ray,
    Simulated,
    Stop,
    Threads,
    compare,
    constant,
    train,
    write_npz,
)
from hogwild.comparison import Run, running
from hogwild.rules.partitions import evenly
from hogwild.testing import problem

EASY = problem()
FAST = Simulated(2)
DATA = EASY.data


def race(strategies, budget="3 epochs", **options):
    return compare(EASY.model, DATA, strategies, **{"engine": FAST, "budget": budget, "seeds": 2, **options})


class Notes(AbstractSpectator):
    """What it has seen."""

    def __init__(self):
        self.begun, self.ended, self.records = [], [], 0

    def begins(self, name, seed, number, total):
        self.begun.append((name, seed, number, total))
        return [self._record]

    def ends(self, run, known):
        self.ended.append((run.name, run.seed, known))

    def _record(self, record):
        self.records += 1


def test_each_is_what_train_gives():
    found = race(["serial", LocalSGD(5)])
    assert [(run.name, run.seed) for run in found.runs] == [
        ("serial", 0),
        ("LocalSGD(period=5)", 0),
        ("serial", 1),
        ("LocalSGD(period=5)", 1),
    ]
    stop = Stop(epochs=3, tol=0, holdout=0.1)
    alone = train(EASY.model, DATA, strategy=LocalSGD(5), engine=FAST, stop=stop, seed=1).history
    run = found.of("LocalSGD(period=5)")[1]
    assert run.history.as_dict() == alone.as_dict()
    assert run.history.traffic.as_dict() == alone.traffic.as_dict()
    assert (run.outcome, run.why, run.workers) == ("ended", "epochs", 2)
    assert found.of("serial")[0].workers == 1


@pytest.mark.parametrize(
    ("budget", "why", "used"),
    [
        ("2 epochs", "epochs", lambda record: record.epoch == 2),
        ("500 examples", "examples", lambda record: 500 <= record.examples < 600),
        ("20kB", "bytes", lambda record: 20_000 <= record.sent_bytes < 30_000),
        ("0.0005s", "time", lambda record: 0.0005 <= record.time_s < 0.01),
    ],
)
def test_all_use_all_of_the_budget(budget, why, used):
    found = race([LocalSGD(5), "all-reduce"], budget)
    assert [run.why for run in found.runs] == [why] * 4
    assert all(used(run.last) for run in found.runs)


def test_seeds_may_be_chosen():
    assert [run.seed for run in race(["serial"], seeds=[7, 3]).runs] == [7, 3]


def test_what_the_engine_refuses_is_told():
    found = race(["round-robin", "serial"])
    refused, ended = found.of("round-robin"), found.of("serial")
    assert {run.outcome for run in refused} == {"refused"}
    assert "Simulated does not have" in refused[0].why
    assert {run.outcome for run in ended} == {"ended"}
    assert found.problems == {"round-robin": f"refused (2 of 2 runs): {refused[0].why}"}
    assert [row.name for row in found.rows()] == ["serial", "round-robin"]


STEEP = Linear("squared", schedule=constant(1e9), average=False)


def test_what_diverges_is_told():
    found = race([Contestant("serial", model=STEEP, name="steep"), "serial"])
    assert {run.outcome for run in found.of("steep")} == {"diverged"}
    assert "NaN or infinite" in found.of("steep")[0].why
    assert found.rows()[-1].name == "steep"


class Uphill(AbstractStrategy):
    """Ends where the objective is higher than it was."""

    agree = True

    async def work(self, me):
        async for _ in me.rounds():
            await me.steps(1)
            me.params.weights[:] = 50.0


def test_what_ends_above_where_it_began_has_diverged():
    found = race({"uphill": Uphill(), "serial": "serial"})
    assert {run.outcome for run in found.of("uphill")} == {"diverged"}
    assert "above" in found.runs[0].why


class Stuck(AbstractStrategy):
    """Everybody waits for everybody."""

    agree = True

    async def work(self, me):
        async for _ in me.rounds():
            await me.inbox((1 - me.rank,))


def test_what_hangs_has_failed():
    found = race({"stuck": Stuck(), "serial": "serial"})
    assert {run.outcome for run in found.of("stuck")} == {"failed"}


def test_a_budget_in_which_nothing_is_learned_is_told():
    found = race(["serial"], Stop(epochs=5, time_s=1e-12, tol=0.0), engine=Threads(1), seeds=1)
    problem = "failed (1 of 1 runs): the budget (time) ended it before it had learned anything: give more"
    assert found.problems == {"serial": problem}


def test_figures_that_are_no_numbers_are_left_out():
    model = Linear("hinge", schedule=constant(1e155), average=False)
    X = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float64)
    found = compare(model, (X, np.sign(X[:, 0])), ["serial"], engine=Simulated(1), budget="2 epochs", seeds=1)
    assert found.runs[0].outcome == "diverged"
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_budget_that_judges_nothing_is_refused():
    with pytest.raises(ValueError, match="judge nothing"):
        race(["serial"], Stop(epochs=5, tol=None))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"seeds": 0}, ValueError, "seeds=0 must be a whole number of at least 1"),
        ({"seeds": []}, TypeError, "seeds=.* must be how many, or a list of them"),
        ({"seeds": [1, 1]}, ValueError, "has one twice"),
        ({"seeds": [-1]}, ValueError, "seed=-1 must be"),
        ({"engine": "abacus"}, ValueError, "engine='abacus' is not known"),
        ({"holdout": 1.0}, ValueError, r"holdout=1.0 must lie in \[0, 1\)"),
    ],
)
def test_arguments_are_checked(options, error, words):
    with pytest.raises(error, match=words):
        race(["serial"], **options)


def test_the_model_is_checked():
    with pytest.raises(TypeError, match="model='svm' must be a model"):
        compare("svm", DATA, ["serial"])


def test_spectators_see_it():
    notes = Notes()
    race(["serial", "local-sgd"], spectator=notes)
    assert notes.begun == [("serial", 0, 0, 4), ("local-sgd", 0, 1, 4), ("serial", 1, 2, 4), ("local-sgd", 1, 3, 4)]
    assert [(name, seed) for name, seed, _ in notes.ended] == [(name, seed) for name, seed, _, _ in notes.begun]
    assert notes.records == 4 * 3


def test_observers_are_told_of_runs():
    """Callbacks may be observers, as `train` knows them."""

    class Watcher(AbstractObserver):
        def __init__(self):
            self.records = 0

        def __call__(self, record):
            self.records += 1

        def status(self, status):
            pass

    watcher = Watcher()

    class Seen(Notes):
        def begins(self, name, seed, number, total):
            return [watcher]

    race(["serial"], spectator=Seen(), engine=Threads(1))
    assert watcher.records == 2 * 3


def test_partitioned_data():
    found = compare(EASY.model, Partitioned(DATA, evenly()), ["local-sgd"], engine=FAST, budget="2 epochs", seeds=1)
    stop = Stop(epochs=2, tol=0, holdout=0.1)
    alone = train(EASY.model, Partitioned(DATA, evenly()), strategy="local-sgd", engine=FAST, stop=stop, seed=0)
    assert found.runs[0].history.as_dict() == alone.history.as_dict()


# ------------------------------------------------------------------------------------------------------ interruption


class Impatient(Notes):
    """Ctrl-C in the midst of the run of this number."""

    def __init__(self, number):
        super().__init__()
        self._number = number

    def begins(self, name, seed, number, total):
        super().begins(name, seed, number, total)
        return [self._stop] if number == self._number else []

    def _stop(self, record):
        raise KeyboardInterrupt


def test_ctrl_c_keeps_what_has_ended(tmp_path):
    found = race(["serial", "local-sgd"], spectator=Impatient(2), folder=tmp_path)
    assert found.interrupted
    assert [(run.name, run.seed) for run in found.runs] == [("serial", 0), ("local-sgd", 0)]
    notes = Notes()
    whole = race(["serial", "local-sgd"], spectator=notes, folder=tmp_path)
    assert [known for _, _, known in notes.ended] == [True, True, False, False]
    assert not whole.interrupted
    again = race(["serial", "local-sgd"])
    assert [run.history.as_dict() for run in whole.runs] == [run.history.as_dict() for run in again.runs]


def test_ctrl_c_before_anything_has_ended_is_one():
    with pytest.raises(KeyboardInterrupt):
        race(["serial"], spectator=Impatient(0))


# --------------------------------------------------------------------------------------------------------- the folder


def test_more_strategies_and_seeds_are_added(tmp_path):
    race(["serial"], seeds=1, folder=tmp_path)
    notes = Notes()
    race(["serial", "local-sgd"], seeds=2, folder=tmp_path, spectator=notes)
    assert notes.ended == [("serial", 0, True), ("local-sgd", 0, False), ("serial", 1, False), ("local-sgd", 1, False)]


def test_what_was_stored_is_the_same(tmp_path):
    first = race(["local-sgd", "serial"], folder=tmp_path)
    again = race(["local-sgd", "serial"], folder=tmp_path)
    assert first.as_dict() == again.as_dict()
    assert first.rows() == again.rows()


def test_what_was_refused_is_tried_again(tmp_path):
    """Somebody may have mended it."""
    notes = Notes()
    race(["round-robin", "serial"], seeds=1, folder=tmp_path)
    race(["round-robin", "serial"], seeds=1, folder=tmp_path, spectator=notes)
    assert notes.ended == [("round-robin", 0, False), ("serial", 0, True)]


def test_all_files_are_looked_at_first(tmp_path):
    """Not after hours of other runs."""
    race(["serial"], "2 epochs", seeds=1, folder=tmp_path)
    notes = Notes()
    with pytest.raises(ValueError, match="with another budget"):
        race(["local-sgd"], "3 epochs", seeds=1, folder=tmp_path, spectator=notes)
    assert notes.begun == []


def test_an_interrupted_comparison_has_all_that_is_known(tmp_path):
    race(["serial"], seeds=3, folder=tmp_path)
    found = race(["serial", "local-sgd"], seeds=3, folder=tmp_path, spectator=Impatient(1))
    assert found.interrupted
    assert [(run.name, run.seed) for run in found.runs] == [("serial", 0), ("serial", 1), ("serial", 2)]


def test_ctrl_c_while_kernels_are_compiled(monkeypatch):
    """Engines end a run well then, and say why."""
    stopped = []

    def interrupted(*arguments, **options):
        stopped.append(options["stop"])
        return replace(train(*arguments, **options), reason="interrupted")

    monkeypatch.setattr(running, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        race(["serial"], engine=Threads(1))
    assert stopped == [running.WARM_UP]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"budget": "4 epochs"}, "with another budget"),
        ({"model": Linear("squared", l2=0.5)}, "with another model"),
        ({"strategies": {"mine": "all-reduce"}}, "with another strategy"),
        ({"engine": Simulated(3)}, "with another strategy"),
        ({"data": (DATA[0] + 1.0, DATA[1])}, "with other data"),
    ],
)
def test_runs_of_another_comparison_are_refused(tmp_path, change, words):
    usual = {"model": EASY.model, "data": DATA, "strategies": {"mine": "local-sgd"}, "engine": FAST}
    usual["budget"] = "2 epochs"
    compare(**usual, seeds=1, folder=tmp_path)
    with pytest.raises(ValueError, match=rf"mine-0\.json is of a comparison {words} \(.*\): give another folder$"):
        compare(**{**usual, **change}, seeds=1, folder=tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"about": {}}', '{"about": {}, "run": {"name": 1}}', "about"])
def test_what_is_no_run_is_named(tmp_path, text):
    race(["serial"], seeds=1, folder=tmp_path)
    file = tmp_path / "runs" / "serial-0.json"
    if text == "about":  # what it is of is missing, and the run is there
        text = json.dumps({**json.loads(file.read_text()), "about": {}})
    file.write_text(text)
    with pytest.raises(ValueError, match=r"serial-0\.json is no run of a comparison: delete it"):
        race(["serial"], seeds=1, folder=tmp_path)


def test_names_that_look_alike_have_files_of_their_own(tmp_path):
    race({"a b": "serial", "a/b": "serial"}, seeds=1, folder=tmp_path)
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_data_that_vanish_leave_what_has_ended(tmp_path):
    file, out = tmp_path / "data.npz", tmp_path / "out"
    write_npz(file, *DATA)
    options = {"engine": FAST, "budget": "2 epochs", "seeds": 1, "folder": out}
    compare(EASY.model, str(file), ["serial"], **options)
    away = file.rename(tmp_path / "away.npz")
    with pytest.raises(DataError, match=r"data\.npz does not exist"):
        compare(EASY.model, str(file), ["serial", "local-sgd"], **options)
    away.rename(file)
    notes = Notes()
    compare(EASY.model, str(file), ["serial", "local-sgd"], **options, spectator=notes)
    assert notes.ended == [("serial", 0, True), ("local-sgd", 0, False)]


def test_a_run_is_plain_json():
    run = race(["downpour"], seeds=1).runs[0]
    assert Run.of_dict(json.loads(json.dumps(run.as_dict()))).as_dict() == run.as_dict()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
def test_it_races_on_ray():
    found = race({"here": Contestant("local-sgd", engine=Threads(2)), "there": "local-sgd"}, engine=Ray(2), seeds=1)
    here, there = found.runs
    assert [record.objective for record in here.history] == [record.objective for record in there.history]
