"""What a user says about the checkpoints of a run, and what a run must be told of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from hogwild.limits import check_positive, check_whole
from hogwild.names import wrong_type

if TYPE_CHECKING:
    from hogwild.snapshots.folder import Saved


@final
@dataclass(frozen=True)
class Checkpoint:
    """`train(..., checkpoint=Checkpoint("runs/7"))`: write down again and again where the run is, so that
    `train(..., resume="runs/7")` can go on from there when its process has died.

    path :    a directory for the checkpoints of this run alone; made if it is not there. On a cluster one that all
              machines share. Or "scheme://..." of a remote file system: needs fsspec, or pyarrow.
    every_s : seconds between two checkpoints (virtual ones, if simulated); None: as `epochs` says
    epochs :  epochs between two; None: as `every_s` says. With both: whichever comes first.
    keep :    so many of the newest are kept

    Workers rest between two rounds while they copy what they have; files are written while they go on. What is not
    written yet when the next is due makes that wait. A checkpoint counts when it is complete: of one that was being
    written when the process died nothing is used. If weights are NaN or infinite none is written.

    Raises ValueError or TypeError for a setting out of its range.
    """

    path: str | os.PathLike[str]
    every_s: float | None = 60.0
    epochs: int | None = None
    keep: int = 2

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | os.PathLike) or not os.fspath(self.path):
            raise wrong_type("path", self.path, "the name of a directory")
        if self.every_s is not None:
            check_positive("every_s", self.every_s, " of seconds, or None")
        if self.epochs is not None:
            check_whole("epochs", self.epochs, 1, ", or None")
        if self.every_s is None and self.epochs is None:
            raise ValueError("every_s=None and epochs=None: nothing says when; give one of them a number")
        check_whole("keep", self.keep)

    @property
    def place(self) -> str:
        """The same for every process: an absolute path, or an address."""
        return place_of(self.path)


def place_of(path: str | os.PathLike[str]) -> str:
    """An address as it is, a path from the root."""
    name = os.fspath(path)
    return name if "://" in name else os.path.abspath(name)


@final
@dataclass(frozen=True)
class Keeping:
    """What a run must know of its checkpoints.

    about : what is trained how, for those who resume it: see `hogwild.training`
    saved : where it goes on; None: it begins
    """

    checkpoint: Checkpoint
    about: Mapping[str, Any]
    saved: Saved | None = None
