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
ABOUT = "about.json"
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
    checkpoints of a run that has not ended, and what it is of. None: nothing is kept. data: their fingerprint.

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
        for path in sorted(self._unfinished.glob(f"*/{ABOUT}")):
            self._check(path, self._about)

    def find(self, entry: Entry, seed: int) -> Run | None:
        """This run, if it has ended before."""
        path = self._path(entry, seed)
        if path is None:
            return None
        about = self._unfinished / file_name(entry.name, seed) / ABOUT
        if about.exists():
            self._check(about, self._of(entry))
        if not path.exists():
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
        checkpoints = self._unfinished / file_name(entry.name, run.seed)
        if checkpoints.is_dir():
            shutil.rmtree(checkpoints)
            if not any(self._unfinished.iterdir()):
                self._unfinished.rmdir()

    def begin(self, entry: Entry, seed: int) -> Path | None:
        """Where this run keeps its checkpoints until it has ended; it goes on if there are any."""
        if self._runs is None:
            return None
        path = self._unfinished / file_name(entry.name, seed)
        path.mkdir(parents=True, exist_ok=True)
        with replacing(path / ABOUT) as file:
            file.write(json.dumps(self._of(entry), indent=1).encode())
        return path

    @property
    def _unfinished(self) -> Path:
        assert self._runs is not None
        return self._runs.parent / "unfinished"

    @staticmethod
    def _read(path: Path, about: Mapping[str, str]) -> Run:
        """ValueError if it is no run, or of something else."""
        try:
            stored = json.loads(path.read_text("utf-8"))
            before, run = {name: str(stored["about"][name]) for name in WORDS}, Run.of_dict(stored["run"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no run of a comparison: delete it, or give another folder") from error
        _check_same(path, before, about)
        return run

    @staticmethod
    def _check(path: Path, about: Mapping[str, str]) -> None:
        """ValueError if checkpoints are of something else."""
        try:
            stored = json.loads(path.read_text("utf-8"))
            before = {name: str(stored[name]) for name in WORDS}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} says nothing of a run: delete {path.parent}, or give another folder") from error
        _check_same(path.parent, before, about)

    def _of(self, entry: Entry) -> dict[str, str]:
        return self._about | {
            "model": shown(entry.model),
            "strategy": f"{shown(entry.strategy)} on {shown(entry.engine)}, {entry.engine.size} workers",
        }

    def _path(self, entry: Entry, seed: int) -> Path | None:
        return None if self._runs is None else self._runs / f"{file_name(entry.name, seed)}.json"


def _check_same(path: Path, before: Mapping[str, str], about: Mapping[str, str]) -> None:
    for name, now in about.items():
        if before[name] != now:
            was = f"{WORDS[name]} ({before[name]}, not {now})"
            raise ValueError(f"{path} is of a comparison with {was}: give another folder")
