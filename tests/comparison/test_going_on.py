"""compare() goes on where it was interrupted, in the midst of a run, too."""

import pytest
from tests.comparison.test_running import Notes, race

from hogwild import LocalSGD, NonFiniteError, Record, Simulated, Threads
from hogwild.comparison import running
from hogwild.snapshots import Folder

EPOCHS = 100
GOES_ON = {"engine": Threads(2), "budget": f"{EPOCHS} epochs"}


class Interrupts(Notes):
    """The run of this number: at once, or when there is a checkpoint with an epoch behind it in this folder."""

    def __init__(self, number, folder=None):
        super().__init__()
        self.number, self.folder = number, folder

    def begins(self, name, seed, number, total):
        callbacks = super().begins(name, seed, number, total)
        return [*callbacks, self._interrupt] if number == self.number else callbacks

    def _interrupt(self, record):
        if self.folder is not None:
            (path,) = (self.folder / "unfinished").iterdir()
            written = Folder(str(path))
            if written.is_empty() or not written.newest().manifest.progress["epochs"]:
                return
        raise KeyboardInterrupt


def interrupted(folder, monkeypatch):
    """The third run of four, in the midst of it."""
    monkeypatch.setattr(running, "CHECKPOINT_S", 1e-9)  # whenever the one before it is written
    found = race([LocalSGD(5), "serial"], spectator=Interrupts(2, folder), folder=folder, **GOES_ON)
    assert [run.seed for run in found.runs] == [0, 0], "it was not interrupted"
    return found


def test_a_run_goes_on_where_it_was_interrupted(tmp_path, monkeypatch):
    first = interrupted(tmp_path, monkeypatch)
    assert first.interrupted
    (unfinished,) = (tmp_path / "unfinished").iterdir()
    assert unfinished.name.endswith("-1")
    assert any(unfinished.glob("checkpoint-*/manifest.json"))
    notes = Notes()
    found = race([LocalSGD(5), "serial"], spectator=notes, folder=tmp_path, **GOES_ON)
    assert not (tmp_path / "unfinished").exists()
    again, whole = found.runs[2], race([LocalSGD(5), "serial"], **GOES_ON).runs[2]
    assert EPOCHS <= notes.records < 2 * EPOCHS, "one run, and the rest of another"
    columns = ("epoch", "examples", "objective", "holdout_loss")
    assert [again.history.as_dict()[name] for name in columns] == [whole.history.as_dict()[name] for name in columns]


def test_what_went_wrong_after_it_went_on_has_its_whole_history(tmp_path, monkeypatch):
    interrupted(tmp_path, monkeypatch)

    def breaks(*arguments, **options):
        options["callbacks"][0](Record(EPOCHS + 1, 1.0, 1, 0.1, 0.5))
        raise NonFiniteError("coef")

    monkeypatch.setattr(running, "train", breaks)
    found = race([LocalSGD(5), "serial"], folder=tmp_path, **GOES_ON)
    assert found.runs[2].outcome == "diverged"
    assert (found.runs[2].history[0].epoch, found.runs[2].history[-1].epoch) == (1, EPOCHS + 1)
    assert [record.epoch for record in found.runs[3].history] == [EPOCHS + 1], "which began anew"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"budget": "9 epochs"}, "another budget"),
        ({"engine": Simulated(2)}, "another strategy"),
        ({"engine": Threads(3)}, "another strategy"),
    ],
)
def test_checkpoints_of_another_comparison_are_refused(tmp_path, monkeypatch, options, what):
    interrupted(tmp_path, monkeypatch)
    for path in (tmp_path / "runs").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match=rf"unfinished.*-1 is of a comparison with {what}"):
        race([LocalSGD(5), "serial"], folder=tmp_path, **{**GOES_ON, **options})


def test_a_folder_that_says_nothing_of_its_run_is_named(tmp_path, monkeypatch):
    interrupted(tmp_path, monkeypatch)
    (path,) = (tmp_path / "unfinished").glob("*/about.json")
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"about\.json says nothing of a run: delete"):
        race([LocalSGD(5), "serial"], folder=tmp_path, **GOES_ON)


def test_simulated_runs_begin_again(tmp_path):
    race([LocalSGD(5)], spectator=Interrupts(1), folder=tmp_path)
    assert not (tmp_path / "unfinished").exists()
    assert [run.outcome for run in race([LocalSGD(5)], folder=tmp_path).runs] == ["ended", "ended"]
