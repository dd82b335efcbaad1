"""simulate(): what strategies would do on clusters of growing size."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from hogwild import (
    AbstractSpectator,
    Cluster,
    Contestant,
    Linear,
    LocalSGD,
    Partitioned,
    Simulated,
    Stop,
    Threads,
    Unsupported,
    calibrate,
    check_examples,
    constant,
    simulate,
    train,
)
from hogwild.simulation import calibrating
from hogwild.simulation.sheet import PICTURES, against_workers, sentences, table
from hogwild.testing import problem

EASY = problem()
CLUSTER = Cluster(latency_s=1e-6, example_s=1e-4)
STRATEGIES = {"means": LocalSGD(period=5), "alone": "serial"}


def found_by(strategies=STRATEGIES, cluster=CLUSTER, **options):
    options = {"workers": (1, 2, 4), "budget": "4 epochs", "seeds": 1, "target": 0.2, **options}
    return simulate(EASY.model, EASY.data, strategies, cluster, **options)


def test_each_run_is_that_of_train_on_such_a_cluster():
    found = found_by()
    assert [(run.group, run.workers) for run in found.runs.runs] == [
        ("means", 1),
        ("means", 2),
        ("means", 4),
        ("alone", 1),
    ]
    stop = Stop(epochs=4, tol=0.0, holdout=0.1)
    for run, size in zip(found.runs.runs, (1, 2, 4), strict=False):
        alone = train(EASY.model, EASY.data, strategy=LocalSGD(5), engine=CLUSTER.engine(size), stop=stop, seed=0)
        assert run.history.as_dict() == alone.history.as_dict()


def test_speed_up_is_against_the_best_of_the_smallest():
    rows = {(row.strategy, row.workers): row for row in found_by().rows()}
    base = min(row.time_s for (_, workers), row in rows.items() if workers == 1)
    for (_, workers), row in rows.items():
        assert row.speed_up == pytest.approx(base / row.time_s)
        assert row.efficiency == pytest.approx(base / row.time_s / workers)
        assert row.machines == workers
        assert row.cost is None
    assert 1.5 < rows["means", 2].speed_up < 2.5  # nearly free messages: twice as many do twice as much


def test_where_messages_are_dear_nobody_is_worth_it():
    found = found_by(cluster=Cluster(latency_s=1.0, example_s=1e-4))
    assert found.worth("means").workers == 1
    assert found.fastest("means").workers == 1
    told = sentences(found)
    assert "means: 1 worker is worth it; more do not make it faster than 1 worker." in told
    assert found.rows()[1].waiting > 0.9


def test_a_server_is_machines_too_and_all_are_paid_for():
    cluster = replace(CLUSTER, shards=3, price_per_hour=7.2)
    found = found_by(["downpour", "local-sgd"], cluster, workers=(2,), target=0.5)
    served, other = found.rows()
    assert (served.machines, other.machines) == (5, 2)
    assert served.cost == pytest.approx(7.2 * 5 * served.time_s / 3600)
    assert any(text.startswith("Cheapest: ") for text in sentences(found))
    assert {"machines", "cost"} <= set(table(found).head)


def test_data_may_grow_with_the_cluster():
    found = found_by(weak=True)
    assert {size: each.examples.n_examples for size, each in found.grown.items()} == {4: 200, 1: 50, 2: 100}
    assert found.grown[4] is found.runs  # who is largest learns all
    weak = {row.workers: row.weak for row in found.rows() if row.strategy == "means"}
    assert weak[1] == 1
    assert 0.8 < weak[4] < 1.2
    smaller, larger = (set(map(tuple, found.grown[size].examples.X)) for size in (1, 2))
    assert smaller < larger


def test_a_target_that_is_not_reached_is_told():
    found = found_by(budget="1 epoch", target=1e-12, workers=(1, 2), strategies={"means": LocalSGD(5)})
    reached = [row.workers for row in found.rows() if row.time_s is not None]
    assert len(reached) == 1  # who has come lowest of all
    assert found_by(strategies=["serial"], workers=(1,)).fastest("serial") is not None


@pytest.mark.parametrize("seeds", [2])
def test_all_seeds_must_reach_it(seeds):
    found = found_by(budget="1 epoch", target=1e-12, workers=(1, 2), strategies={"means": LocalSGD(5)}, seeds=seeds)
    hits = [run for run in found.runs.runs if run.reached(found.runs.target(run.seed, 1e-12))]
    assert len(hits) == seeds
    whole = {row.workers for row in found.rows() if row.time_s is not None}
    assert whole == {size for size in (1, 2) if [run.workers for run in hits].count(size) == seeds}


def test_runs_are_kept_and_what_was_measured_too(tmp_path):
    first = found_by(cluster=replace(CLUSTER, example_s="measured"), folder=tmp_path, weak=True)
    again = found_by(cluster=replace(CLUSTER, example_s="measured"), folder=tmp_path, weak=True)
    assert again.cluster == first.cluster
    assert isinstance(first.cluster.example_s, float)
    assert again.rows() == first.rows()
    assert json.loads(json.dumps(first.as_dict(), allow_nan=False))["target"] == 0.2
    first, *others = sorted(path.name for path in tmp_path.iterdir())
    assert first.startswith("measured-")
    assert others == ["strong", "weak-1-of-4", "weak-2-of-4"]
    larger = found_by(cluster=replace(CLUSTER, example_s="measured"), folder=tmp_path, weak=True, workers=(1, 2, 4, 8))
    assert larger.cluster == again.cluster
    assert set(larger.grown) == {1, 2, 4, 8}


@pytest.mark.parametrize("what", PICTURES)
def test_pictures_have_a_line_for_each_strategy_of_several_sizes(what):
    found = found_by(cluster=replace(CLUSTER, price_per_hour=1.0), weak=True)
    panel = against_workers(found, what)
    names = [line.name for line in panel.lines]
    assert names == ["means", *(["ideal"] if what == "speed_up" else [])]
    line = panel.lines[0]
    assert line.x == [row.workers for row in found.rows() if row.strategy == "means"][-len(line.x) :]
    assert all(math.isfinite(value) for value in line.y)


def test_what_cannot_be_drawn_is_told():
    with pytest.raises(ValueError, match="what='speed' cannot be drawn; use one of time_s"):
        found_by(workers=(1,)).plot(what="speed")
    with pytest.raises(ValueError, match="there is nothing to draw: no strategy has a cost at two sizes"):
        found_by(workers=(1, 2)).plot(what="cost")


def test_it_can_be_plotted_and_made_a_frame(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
    pytest.importorskip("pandas", reason="the extra `pages` is not installed")
    found = found_by()
    found.plot(tmp_path / "times.png")
    assert (tmp_path / "times.png").read_bytes().startswith(b"\x89PNG")
    frame = found.table()
    assert frame.loc[("means", 4), "speed_up"] == found.rows()[2].speed_up


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"workers": ()}, ValueError, "workers=() is empty"),
        ({"workers": (0,)}, ValueError, "workers=0 must be a whole number"),
        ({"target": 0}, ValueError, "target=0 must be a positive number"),
        ({"cluster": "moon"}, ValueError, "cluster='moon' is not known"),
        ({"strategies": []}, ValueError, "there is nobody to compare"),
        ({"budget": "lots"}, ValueError, "budget='lots' must be a number with a unit"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(options, error, words, tmp_path):
    with pytest.raises(error) as caught:
        found_by(**options, folder=tmp_path / "out")
    assert words in str(caught.value)
    assert not (tmp_path / "out" / "strong" / "runs").exists() or not any(
        (tmp_path / "out" / "strong" / "runs").iterdir()
    )


def test_partitioned_data_are_refused():
    with pytest.raises(Unsupported, match="do not grow and shrink with a cluster"):
        simulate(EASY.model, Partitioned(EASY.data), ["serial"], CLUSTER)


def test_a_strategy_may_have_a_model_of_its_own():
    other = Linear("squared", l2=0.5)
    found = found_by({"own": Contestant("serial", model=other), "usual": "serial"}, workers=(1,))
    assert len({run.objective for run in found.runs.runs}) == 2


def test_a_core_is_calibrated():
    X = np.random.default_rng(0).normal(size=(2_000, 20))
    examples = check_examples(X, np.sign(X[:, 0]))
    found = calibrate(Linear("hinge"), examples, engine=Threads(2))
    assert 1e-9 <= found.example_s < 1e-3
    assert 0 <= found.judge_s < 1e-3
    assert found.latency_s == Cluster().latency_s


def test_what_is_simulated_cannot_be_calibrated():
    with pytest.raises(Unsupported, match=r"Simulated\(.*cannot be calibrated: give Ray\(2\)"):
        calibrate(EASY.model, EASY.data, engine=Simulated(2))


def test_what_was_measured_of_other_data_or_models_is_not_taken(tmp_path):
    cluster = replace(CLUSTER, example_s="measured")
    found_by(["serial"], cluster, workers=(1,), folder=tmp_path)
    other = (EASY.data[0][:100], EASY.data[1][:100])
    simulate(EASY.model, other, {"other": "serial"}, cluster, workers=(1,), budget="1 epoch", seeds=1)
    with pytest.raises(ValueError, match="is of a comparison with other data"):
        simulate(EASY.model, other, ["serial"], cluster, workers=(1,), budget="4 epochs", seeds=1, folder=tmp_path)
    assert len(list(tmp_path.glob("measured-*.toml"))) == 2


def test_a_model_that_diverges_is_shown_as_such():
    model = replace(EASY.model, schedule=constant(1e9))
    found = simulate(model, EASY.data, ["serial"], workers=(1,), budget="2 epochs")
    assert found.cluster.example_s == "measured"
    assert "diverged" in found.problems["serial x 1"]
    assert found.rows()[0].objective is None


class Impatient(AbstractSpectator):
    """Ctrl-C when this run is about to begin."""

    def __init__(self, name):
        self._name = name

    def begins(self, name, seed, number, total):
        if name == self._name:
            raise KeyboardInterrupt
        return []

    def ends(self, run, known):
        pass


@pytest.mark.parametrize("name", ["means x 1, of 4 parts", "means x 2, of 4 parts", "means x 2"])
def test_ctrl_c_keeps_what_has_ended(name, tmp_path):
    options = {"strategies": {"means": LocalSGD(5)}, "weak": True, "folder": tmp_path}
    found = found_by(**options, spectator=Impatient(name))
    assert found.interrupted
    assert found.as_dict()["interrupted"]
    assert len(found.runs.runs) == (1 if name == "means x 2" else 3)
    assert not found_by(**options).interrupted


def test_ctrl_c_ends_calibration(monkeypatch):
    calls = []

    def interrupted(*arguments, **options):
        calls.append(None)
        return replace(train(*arguments, **options), reason="interrupted")

    monkeypatch.setattr(calibrating, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        calibrate(EASY.model, EASY.data)
    assert len(calls) == 1


def test_too_few_rows_for_the_smallest_part_are_told_before_anything_runs(tmp_path):
    with pytest.raises(ValueError, match="too few to hold"):
        found_by(workers=(1, 200), weak=True, folder=tmp_path)
    assert not list(tmp_path.rglob("*.json"))


def test_who_can_only_be_alone_is_the_baseline_of_any_sizes():
    found = found_by(workers=(2, 4))
    assert [(row.strategy, row.workers) for row in found.rows()] == [("means", 2), ("means", 4), ("alone", 1)]


def test_a_target_that_the_smallest_misses_is_compared_with_who_reaches_it_first():
    found = found_by({"means": LocalSGD(5)}, workers=(1, 2), budget="1 epoch", target=1e-12)
    (best,) = [row for row in found.rows() if row.time_s is not None]
    assert (best.speed_up, best.efficiency) == (1, 1)
    assert found.worth("means") == best


@pytest.mark.parametrize("engine", [Threads(2), Simulated(5)], ids=repr)
def test_contestants_have_no_engine_of_their_own(engine):
    with pytest.raises(ValueError, match="give them no engine of their own"):
        found_by([Contestant("local-sgd", engine=engine)])


def test_workers_are_a_list():
    with pytest.raises(TypeError, match="workers=4 must be a list of numbers of machines"):
        found_by(workers=4)
