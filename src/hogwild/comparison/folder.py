"""The runs of a comparison that have ended, as files, and checkpoints of the one that has not: both go on."""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import final

from hogwild import __version__
from hogwild.comparison.contestants import Entry
from hogwild.comparison.runs import Run
from hogwild.data.atomic import replacing
from hogwild.pages import machine
from hogwild.stopping import Stop
from hogwild.wording import in_short, shown

WORDS = {
    "data": "other data",
    "budget": "another budget",
    "hogwild": "another version of hogwild",
    "machine": "another machine",
    "model": "another model",
    "strategy": "another strategy",
}
AGAIN = ("failed", "refused")  # outcomes after which a run is tried again: it may go better now


def file_name(name: str, seed: int) -> str:
    """Of a run of this contestant: no two have the same."""
    plain = re.sub(r"[^A-Za-z0-9.=_-]+", "_", name)[:80]
    if plain != name:  # two names may look alike now
        plain += f"-{zlib.crc32(name.encode()):08x}"
    return f"{plain}-{seed}"


@final
class Folder:
    """`folder/runs/NAME-SEED.json`, each written whole or not at all, and `folder/unfinished/NAME-SEED/` with the
    checkpoints of a run that has not ended. None: nothing is kept. data: their fingerprint.

    Raises ValueError for runs of another comparison, or files that are none.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, data: str, stop: Stop) -> None:
        self._runs = None if folder is None else Path(folder) / "runs"
        if self._runs is None:
            return
        self._runs.mkdir(parents=True, exist_ok=True)
        self._about = {"data": data, "budget": in_short(stop), "hogwild": __version__, "machine": machine()}
        for path in sorted(self._runs.glob("*.json")):
            self._read(path, self._about)

    def find(self, entry: Entry, seed: int) -> Run | None:
        """This run, if it has ended before."""
        path = self._path(entry, seed)
        if path is None or not path.exists():
            return None
        run = self._read(path, self._of(entry))
        return None if run.outcome in AGAIN else run

    def keep(self, entry: Entry, run: Run) -> None:
        """Write it down; its checkpoints are no longer needed."""
        path = self._path(entry, run.seed)
        if path is None:
            return
        stored = {"about": self._of(entry), "run": run.as_dict()}
        with replacing(path) as file:
            file.write(json.dumps(stored, indent=1, allow_nan=False).encode())
        if (checkpoints := self.unfinished(entry, run.seed)) is not None and checkpoints.is_dir():
            shutil.rmtree(checkpoints)

    def unfinished(self, entry: Entry, seed: int) -> Path | None:
        """Where this run keeps its checkpoints until it has ended."""
        return None if self._runs is None else self._runs.parent / "unfinished" / file_name(entry.name, seed)

    @staticmethod
    def _read(path: Path, about: Mapping[str, str]) -> Run:
        """ValueError if it is no run, or of something else."""
        try:
            stored = json.loads(path.read_text("utf-8"))
            before, run = {name: str(stored["about"][name]) for name in WORDS}, Run.of_dict(stored["run"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no run of a comparison: delete it, or give another folder") from error
        for name, now in about.items():
            if before[name] != now:
                was = f"{WORDS[name]} ({before[name]}, not {now})"
                raise ValueError(f"{path} is of a comparison with {was}: give another folder")
        return run

    def _of(self, entry: Entry) -> dict[str, str]:
        return self._about | {
            "model": shown(entry.model),
            "strategy": f"{shown(entry.strategy)} on {shown(entry.engine)}, {entry.engine.size} workers",
        }

    def _path(self, entry: Entry, seed: int) -> Path | None:
        return None if self._runs is None else self._runs / f"{file_name(entry.name, seed)}.json"
