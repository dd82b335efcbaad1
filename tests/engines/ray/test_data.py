"""Data that the workers of a real cluster open themselves: nobody else has the rows, and the bits are the same."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from hogwild import (
    AbstractStrategy,
    DataError,
    Downpour,
    GrowingBatches,
    Linear,
    Local,
    LocalSGD,
    Network,
    Partitioned,
    Ray,
    Stop,
    Threads,
    Unsupported,
    train,
    write_npz,
)
from hogwild.requests import ALL

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
RNG = np.random.default_rng(0)
N, BOUNDS = 300, (0, 80, 180, 300)
X = RNG.normal(size=(N, 5))
SIGNS = np.sign(X @ RNG.normal(size=5) + 0.1 * RNG.normal(size=N))
OWNERS = np.repeat([0, 1, 2], np.diff(BOUNDS))
MODEL = Linear("hinge", l2=1e-3)


def open_part(notes, rank, size):
    """The rows of that rank; notes which process has asked for them."""
    with open(Path(notes, str(os.getpid())), "a") as file:
        file.write(f"{rank}\n")
    first, end = list(pairwise(BOUNDS))[rank]
    return X[first:end], SIGNS[first:end]


def learn(data, engine, strategy, model=MODEL, epochs=3, **options):
    stop = Stop(epochs=epochs, tol=0, **options)
    return train(model, data, strategy=strategy, engine=engine, stop=stop, seed=1)


@dataclass(frozen=True)
class Everything(AbstractStrategy):
    """Asks for the examples in every way there is."""

    agree = True

    async def work(self, me):
        async for _ in me.rounds():
            await me.upcoming(7)
            await me.steps(7)
            await me.apply(await me.gradient(5))
            delta = await me.gradient(ALL)
            await me.apply(delta)
            mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count


@dataclass(frozen=True)
class Portions(AbstractStrategy):
    """Wants what goes to whoever is free."""

    agree = True

    async def work(self, me):
        async for _ in me.rounds():
            await me.take()


# ------------------------------------------------------------------------------------------------------------- the same


@pytest.mark.parametrize("strategy", [LocalSGD(7), LocalSGD(5, minibatch=3), Everything()])
@pytest.mark.parametrize("holdout", [0.0, 0.2])
def test_bits_are_those_of_partitioned_data_on_threads(tmp_path, strategy, holdout):
    expected = learn(Partitioned((X, SIGNS), OWNERS), Threads(3), strategy, holdout=holdout)
    found = learn(Local(partial(open_part, str(tmp_path))), Ray(3), strategy, holdout=holdout)
    assert np.array_equal(found.params.weights, expected.params.weights)
    for field in ("objective", "holdout_loss", "holdout_score"):
        assert [getattr(r, field) for r in found.history] == [getattr(r, field) for r in expected.history]


def test_only_its_worker_opens_a_part(tmp_path):
    learn(Local(partial(open_part, str(tmp_path))), Ray(3), LocalSGD(7))
    opened = {note.name: note.read_text().split() for note in tmp_path.iterdir()}
    assert sorted(opened.values()) == [["0"], ["1"], ["2"]]
    assert str(os.getpid()) not in opened


def test_sparse_files_of_different_widths_and_weights(tmp_path):
    """Regression, so that the score needs the variance of all labels."""
    full = sp.random_array((N, 40), density=0.2, rng=np.random.default_rng(1), format="csr")
    y, s = full @ RNG.normal(size=40), RNG.uniform(0.5, 2.0, N).astype(np.float32)
    for rank, (first, end) in enumerate(pairwise(BOUNDS)):
        part = full[first:end]
        width = int(part.indices.max()) + 1 if rank else 40
        write_npz(tmp_path / f"{rank}.npz", part[:, :width], y[first:end], s[first:end])
    model = Linear("squared", l2=1e-3)
    there = learn(Local(str(tmp_path / "{rank}.npz")), Ray(3), LocalSGD(7), model, holdout=0.2)
    here = learn(Partitioned((full, y, s), OWNERS), Threads(3), LocalSGD(7), model, holdout=0.2)
    np.testing.assert_allclose(there.params.weights, here.params.weights, rtol=1e-4, atol=1e-6)
    assert there.history[-1].holdout_loss == pytest.approx(here.history[-1].holdout_loss, rel=1e-4)


@pytest.mark.parametrize("strategy", [pytest.param(Downpour(), marks=pytest.mark.soak), GrowingBatches()])
def test_strategies_that_do_not_agree_on_rounds_learn_as_well(tmp_path, strategy):
    data = Local(partial(open_part, str(tmp_path)))
    here = learn(Partitioned((X, SIGNS), OWNERS), Threads(3), strategy, epochs=20)
    there = learn(data, Ray(3), strategy, epochs=20)
    best = min(record.objective for record in here.history)
    assert min(record.objective for record in there.history) < 1.3 * best + 0.02


@pytest.mark.soak
def test_l1_is_paid_by_shards_that_have_no_rows(tmp_path):
    model = Linear("hinge", l2=1e-3, l1=1e-3)
    found = learn(Local(partial(open_part, str(tmp_path))), Ray(3, shards=2), Downpour(), model, epochs=10)
    expected = learn(Partitioned((X, SIGNS), OWNERS), Threads(3, shards=2), Downpour(), model, epochs=10)
    best = min(record.objective for record in expected.history)
    assert min(record.objective for record in found.history) < 1.3 * best + 0.02


def test_one_worker_has_all(tmp_path):
    data = [str(tmp_path / "all.npz")]
    write_npz(data[0], X, SIGNS)
    expected = learn((X, SIGNS), Threads(1), LocalSGD(7))
    found = learn(Local(data), Ray(1), LocalSGD(7))
    assert np.array_equal(found.params.weights, expected.params.weights)


# ---------------------------------------------------------------------------------------------------------- what is not


def test_a_file_that_is_missing_is_named_with_its_worker_and_host(tmp_path):
    write_npz(tmp_path / "0.npz", X, SIGNS)
    with pytest.raises(DataError, match=r"^worker 1 of 2, on host [\d.]+, cannot open its data: .*1\.npz") as raised:
        learn(Local(str(tmp_path / "{rank}.npz")), Ray(2), LocalSGD(7))
    assert "\n" not in str(raised.value)


def test_parts_that_are_not_alike_are_named():
    def mixed(rank, size):
        return (sp.csr_array(X), SIGNS) if rank else (X, SIGNS)

    with pytest.raises(DataError, match=r"^worker 1 on host [\d.]+ \(X\) has a sparse X and worker 0 on host"):
        learn(Local(mixed), Ray(2), LocalSGD(7))


@pytest.mark.parametrize("row", range(3))  # with this seed the first and the last of them are in the sample
def test_labels_are_checked_where_they_are(row):
    def many(rank, size):
        y = np.ones(10_000)
        y[row] = 7.0 if rank else 1.0
        return np.ones((10_000, 1)), y

    sentence = rf"^worker 1 of 2, on host [\d.]+, cannot learn from its data: .* but row {row} has .*7\.0"
    with pytest.raises(DataError, match=sentence) as raised:
        learn(Local(many), Ray(2), LocalSGD(7))
    assert "\n" not in str(raised.value)


def test_portions_are_refused(tmp_path):
    with pytest.raises(Unsupported, match=r"^portions of a pass go to whoever is free"):
        learn(Local(partial(open_part, str(tmp_path))), Ray(3), Portions())


# ------------------------------------------------------------------------------------------------------------- who dies


@dataclass(frozen=True)
class Dies(AbstractStrategy):
    """Worker 1 is killed once, in its third round."""

    notes: str
    agree = True
    survives = frozenset({"lost worker"})

    async def work(self, me):
        async for round in me.rounds():
            await me.steps(10)
            if me.rank == 1 and round.number == 2 and not Path(self.notes, "died").exists():
                Path(self.notes, "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count


@dataclass(frozen=True)
class Apart(AbstractStrategy):
    """Workers meet only where weights are judged."""

    agree = True
    survives = frozenset({"lost worker"})

    async def work(self, me):
        async for _ in me.rounds():
            await me.steps(10, minibatch=5)


class Kills:
    """A module's loss; the process in which weights are judged for the second time is killed, once."""

    def __init__(self, folder):
        self.folder, self.judged = folder, 0

    def __call__(self, output, target):
        if not output.requires_grad:
            self.judged += 1
            if self.judged == 2:
                with suppress(FileExistsError):  # both may come here at the same time
                    Path(self.folder, "died").touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGKILL)
        return ((output - target.to(output.dtype)) ** 2).reshape(-1)


@pytest.mark.skipif(find_spec("torch") is None, reason="the extra `nets` is not installed")
@pytest.mark.parametrize("stays", [True, False])
def test_who_dies_while_judging_is_stood_in_for(tmp_path, stays):
    """By another process with the same rows, or by the others, who have them, too."""
    import torch

    torch.manual_seed(0)
    (tmp_path / "notes").mkdir()
    model = Network(torch.nn.Linear(5, 1), loss=Kills(str(tmp_path / "notes")))
    rows = X.astype(np.float32), (X @ np.arange(5)).astype(np.float32)

    def part(rank, size):
        return rows[0][rank::size], rows[1][rank::size]

    found = learn(Local(part) if stays else rows, Ray(2), Apart(), model, epochs=6)
    assert (tmp_path / "notes" / "died").exists()
    assert [record.epoch for record in found.history] == [1, 2, 3, 4, 5, 6]
    assert found.history[-1].objective < 0.5
    assert found.history.traffic.faults.workers_lost == 1


def test_a_process_that_takes_the_place_of_another_opens_the_same_part(tmp_path):
    notes, opened = tmp_path / "notes", tmp_path / "opened"
    notes.mkdir()
    opened.mkdir()
    found = learn(Local(partial(open_part, str(opened))), Ray(3), Dies(str(notes)), epochs=20)
    assert found.reason == "epochs"
    assert sorted(note.read_text().split() for note in opened.iterdir()) == [["0"], ["1"], ["1"], ["2"]]
    assert found.history[-1].objective < 0.2


def open_fewer_again(folder, rank, size):
    """A row less when the same part is opened again."""
    note = Path(folder) / str(rank)
    rows = len(X) // size - note.exists()
    note.touch()
    return X[:rows], SIGNS[:rows]


def test_a_process_that_opens_other_rows_than_the_one_before_it_is_named(tmp_path):
    notes, opened = tmp_path / "notes", tmp_path / "opened"
    notes.mkdir()
    opened.mkdir()
    words = r"^worker 1 of 3, on host 127\.0\.0\.1, has opened \d+ rows, where the process before it had \d+: "
    with pytest.raises(DataError, match=words):
        learn(Local(partial(open_fewer_again, str(opened))), Ray(3), Dies(str(notes)), epochs=10_000)
