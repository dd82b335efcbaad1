"""Runs with checkpoints, and what is left of them when they have died early."""

import dataclasses
import shutil
from pathlib import Path

from hogwild import AllReduce, Checkpoint, ElasticAveraging, Stop, train
from hogwild.snapshots.folder import Folder
from hogwild.strategies import STRATEGIES
from hogwild.testing.problems import problem
from hogwild.testing.strategies import in_small_blocks

TASK = problem()
STOP = Stop(epochs=6, tol=0)


def small(name):
    """The strategy of the table, with rounds that suit 200 examples."""
    strategy = in_small_blocks(STRATEGIES[name]())
    if getattr(strategy, "period", 0) >= 100:
        strategy = dataclasses.replace(strategy, period=7)
    if isinstance(strategy, AllReduce) and strategy.minibatch == 1:
        strategy = dataclasses.replace(strategy, minibatch=10)
    return strategy


def learn(strategy, engine, *, task=TASK, stop=STOP, **options):
    return train(task.model, task.data, strategy=strategy, engine=engine, stop=stop, **options)


def often(folder, **options):
    """Checkpoints whenever it can be."""
    return Checkpoint(folder, **{"every_s": 1e-9, "keep": 10_000, **options})


def numbers(folder):
    """Of the checkpoints there are."""
    return sorted(int(path.name.partition("-")[2]) for path in Path(folder).glob("checkpoint-*"))


def died_after(folder, count, place):
    """What would be there if the run had died when it had written so many."""
    Path(place).mkdir()
    for number in numbers(folder)[:count]:
        name = f"checkpoint-{number:08d}"
        shutil.copytree(Path(folder, name), Path(place, name))
    return place


def lose(place, rank):
    """As if this worker had been dead when the checkpoint was taken."""
    folder = Folder(str(place))
    saved = folder.newest()
    files = {name: saved.part(name) for name in saved.manifest.files}
    del files[f"worker-{rank:05d}.safetensors"]
    files["session.safetensors"].facts["there"].remove(rank)
    shutil.rmtree(saved.name)
    written = {name: folder.write(saved.manifest.number, name, part) for name, part in files.items()}
    folder.complete(dataclasses.replace(saved.manifest, files=written), 99)


def bits(result, *, times=False):
    """What must be the same."""
    columns = result.history.as_dict()
    if not times:
        del columns["time_s"], columns["sent_bytes"]  # what was under way when it died is sent again
    return result.params.weights.tobytes(), columns, result.reason


SYNCHRONOUS = ElasticAveraging(period=7, synchronous=True, momentum=0.5)
__all__ = [
    *("SYNCHRONOUS", "STOP", "TASK", "LocalSGD"),
    *("bits", "died_after", "learn", "lose", "numbers", "often", "small"),
]
