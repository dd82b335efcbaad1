"""When a checkpoint is due, workers rest between two rounds; what they have is copied, and written beside them."""

from __future__ import annotations

import logging
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, final

import numpy as np

from hogwild.interfaces import Job
from hogwild.params import NonFiniteError
from hogwild.snapshots.folder import Folder, Manifest, Written
from hogwild.snapshots.parts import Part
from hogwild.snapshots.settings import Keeping

LOG = logging.getLogger("hogwild")
NEVER = sys.maxsize
SESSION = "session.safetensors"


def worker_file(rank: int) -> str:
    """Where a worker's part is."""
    return f"worker-{rank:05d}.safetensors"


def shard_file(number: int) -> str:
    """Where a shard's part is."""
    return f"shard-{number:05d}.safetensors"


Common = Callable[[Collection[int]], Part | None]
"""What all have in common, when these workers rest between two rounds; None: nothing that one could go on from."""

Write = Callable[[Folder, int], Mapping[str, Written]]
"""Write all parts that were kept, into the checkpoint of this number. NonFiniteError, OSError."""


class AbstractOwners(ABC):
    """Who has the weights of workers and of shards, and writes them down."""

    @abstractmethod
    def keep(self, ranks: Collection[int]) -> Write:
        """Copy what these workers and all shards are now. All are at rest."""


def write_part(folder: Folder, number: int, name: str, part: Part) -> Written:
    """NonFiniteError if its weights are NaN or infinite: nobody should go on from those."""
    weights = part.arrays.get("weights")
    if weights is not None and not np.isfinite(weights).all():
        raise NonFiniteError(f"weights of {name} are NaN or infinite")
    return folder.write(number, name, part)


@final
class Here(AbstractOwners):
    """They are in this process: `worker(rank)` and those for the shards give their parts, as copies."""

    def __init__(self, worker: Callable[[int], Part], shards: Sequence[Callable[[], Part]]) -> None:
        self._worker, self._shards = worker, shards

    def keep(self, ranks: Collection[int]) -> Write:
        parts = {worker_file(rank): self._worker(rank) for rank in ranks}
        parts |= {shard_file(number): shard() for number, shard in enumerate(self._shards)}
        return lambda folder, number: {name: write_part(folder, number, name, part) for name, part in parts.items()}


def keeper_of(job: Job, clock: Callable[[], float], *, patient: bool = False) -> Keeper | None:
    """None if there are to be no checkpoints. CheckpointError if nothing can be written there."""
    return None if job.keeping is None else Keeper(job.keeping, clock, agreed=job.strategy.agree, patient=patient)


@final
class Keeper:
    """Takes the checkpoints of one run.

    `look` and `holds` are asked when a worker wants to begin a round; `take` and `release` are called by one worker,
    when all rest. `hold` is the round before which workers rest: that which nobody has begun, where they agree on their
    rounds; else each the next of its own. Nobody rests before its first round, which is not like the others.

    clock : gives seconds
    patient : wait for what is being written, when the next is due? Else that is late.
    """

    def __init__(self, keeping: Keeping, clock: Callable[[], float], *, agreed: bool, patient: bool) -> None:
        self._how, self._about, self._clock = keeping.checkpoint, keeping.about, clock
        self._agreed, self._patient = agreed, patient
        self._folder = Folder(self._how.place)
        self._folder.prepare()
        self._number = self._folder.next_number()
        self._last_s, self._epochs, self._told = clock(), 0, 0  # of the last one; and how many epochs there are now
        self._hold = NEVER
        self._taken = False
        self._writer: threading.Thread | None = None

    @property
    def pausing(self) -> bool:
        """Are workers to rest?"""
        return self._hold < NEVER

    def epoch_ended(self, epochs: int) -> None:
        """So many have ended."""
        self._epochs = epochs

    def look(self, index: int) -> None:
        """A worker may begin this round; agreed: the first that asks for it. Is a checkpoint due?"""
        if index and self._hold == NEVER and self._is_due() and (self._patient or not self._is_writing()):
            self._hold = index if self._agreed else 1

    def holds(self, index: int) -> bool:
        """Must a worker rest before this round?"""
        return index >= self._hold

    def _is_due(self) -> bool:
        every_s, epochs = self._how.every_s, self._how.epochs
        late = every_s is not None and self._clock() - self._last_s >= every_s
        return late or (epochs is not None and self._epochs - self._told >= epochs)

    def _is_writing(self) -> bool:
        return self._writer is not None and self._writer.is_alive()

    def attend(self, common: Common, owners: AbstractOwners) -> None:
        """Who is asked for what is to be written."""
        self._common, self._owners = common, owners

    def take(self, met: Collection[int]) -> None:
        """All rest, these between two rounds: copy what they are."""
        self.wait()
        self._taken = True
        part = self._common(met)
        if part is not None:
            self._start(part, self._owners.keep(part.facts["there"]))

    def release(self) -> bool:
        """Workers may go on, if they have rested for a checkpoint."""
        taken, self._taken = self._taken, False
        if taken:
            self._hold, self._last_s, self._told = NEVER, self._clock(), self._epochs
        return taken

    def _start(self, part: Part, write: Write) -> None:
        number, self._number = self._number, self._number + 1
        self._writer = threading.Thread(target=self._write, args=(number, part, write), name="hogwild-checkpoint")
        self._writer.start()

    def _write(self, number: int, part: Part, write: Write | None) -> None:
        """What goes wrong costs this checkpoint, not the run. Without `write` it has ended."""
        folder = self._folder
        try:
            files = {SESSION: folder.write(number, SESSION, part), **(write(folder, number) if write else {})}
            progress = part.facts["progress"]
            manifest = Manifest(number, self._about, progress, self._manner(), files, ended=write is None)
            folder.complete(manifest, self._how.keep)
        except Exception as error:
            LOG.warning("checkpoint %d in %s was not written: %s", number, self._folder.place, error)

    def _manner(self) -> dict[str, Any]:
        return {"every_s": self._how.every_s, "epochs": self._how.epochs, "keep": self._how.keep}

    def wait(self) -> None:
        """Until all that was copied is written."""
        if self._writer is not None:
            self._writer.join()
            self._writer = None

    def end(self, part: Part) -> None:
        """The run has ended by itself: this is its result."""
        self.wait()
        self._write(self._number, part, None)
