"""Checkpoints from the side of `train`: what a run is, where it goes on, and whether that is the same run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hogwild.data.fingerprint import fingerprint
from hogwild.engines import result_of
from hogwild.interfaces import AbstractEngine, Job, Result
from hogwild.names import wrong_type
from hogwild.params import Params
from hogwild.snapshots import Checkpoint, Folder, Keeping, Saved
from hogwild.wording import shown

WORDS = {
    "model": "model",
    "strategy": "strategy",
    "stop": "stop",
    "workers": "number of workers",
    "shards": "number of shards",
    "data": "data",
}


def find_saved(resume: str | os.PathLike[str] | None, seed: int | None, start: Params | None) -> Saved | None:
    """Where to go on. CheckpointError if there is no complete checkpoint, ValueError for what cannot be said twice."""
    if resume is None:
        return None
    if not isinstance(resume, str | os.PathLike):
        raise wrong_type("resume", resume, "the directory of a run's checkpoints")
    if start is not None:
        raise ValueError("resume goes on from the weights of the checkpoint: leave start out")
    saved = Folder(Checkpoint(resume).place).newest()
    before = saved.manifest.about["seed"]
    if seed is not None and seed != before:
        raise ValueError(f"{saved.name} is of a run with seed={before}, not {seed}: leave seed out")
    return saved


def with_keeping(job: Job, engine: AbstractEngine, checkpoint: Checkpoint | None, saved: Saved | None) -> Job:
    """The job with its checkpoints, and where it goes on. ValueError that names what is not as it was, or the
    checkpoints of another run.
    """
    if not (checkpoint is None or isinstance(checkpoint, Checkpoint)):
        raise wrong_type("checkpoint", checkpoint, 'a Checkpoint such as Checkpoint("runs/7")')
    if checkpoint is None and saved is None:
        return job
    about = _about(job, engine)
    if saved is not None:
        _check_same(saved, about)
        checkpoint = checkpoint or Checkpoint(saved.place, **saved.manifest.how)
    assert checkpoint is not None
    if (saved is None or saved.place != checkpoint.place) and not Folder(checkpoint.place).is_empty():
        raise ValueError(
            f"{checkpoint.place} has checkpoints of another run: go on with that one (resume), or give another "
            "directory"
        )
    return replace(job, keeping=Keeping(checkpoint, about, saved))


def ended(job: Job) -> Result | None:
    """The result of a run that has ended; None if it goes on."""
    saved = None if job.keeping is None else job.keeping.saved
    if saved is None or not saved.manifest.ended:
        return None
    return result_of(job.model, saved)


def _about(job: Job, engine: AbstractEngine) -> dict[str, Any]:
    return {
        "model": shown(job.model),
        "strategy": shown(job.strategy),
        "stop": shown(replace(job.stop, time_s=None, examples=None, sent_bytes=None)),  # there may be more, or less
        "workers": engine.size,
        "shards": None if job.strategy.server is None else int(getattr(engine, "shards", 1)),
        "data": None if job.local is not None else fingerprint(job.examples, job.bounds),
        "seed": job.seed,
    }


def _check_same(saved: Saved, about: Mapping[str, Any]) -> None:
    for name, word in WORDS.items():
        before, now = saved.manifest.about[name], about[name]
        if before != now and not (name == "data" and None in (before, now)):  # None: workers open them themselves
            raise ValueError(f"{saved.name} is of a run with another {word}: {before}, not {now}; give what it had")
