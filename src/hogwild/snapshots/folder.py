"""The checkpoints of one run, each in a directory of its own, which counts when its manifest is there.

The manifest is written last. It names all other files, with their sizes and checksums.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, final

from hogwild.snapshots.parts import CheckpointError, Part, checksum
from hogwild.snapshots.stores import AbstractStore, find_store

LOG = logging.getLogger("hogwild")
FORMAT, FORMAT_VERSION = "hogwild-run", 1
MANIFEST = "manifest.json"
_NAME = re.compile(r"checkpoint-(\d{8,})")


class Written(NamedTuple):
    """What a manifest says of a file."""

    n_bytes: int
    checksum: str


@final
@dataclass(frozen=True)
class Manifest:
    """What a checkpoint consists of.

    about : of the run: see `Keeping`
    progress : how far it is
    how :   of its checkpoints: every_s, epochs, keep
    files : by name
    ended : has the run ended? Then there is nothing but its result.
    """

    number: int
    about: Mapping[str, Any]
    progress: Mapping[str, Any]
    how: Mapping[str, Any]
    files: Mapping[str, Written]
    ended: bool = False

    def packed(self) -> bytes:
        """As a file."""
        facts = {**vars(self), "files": {name: list(written) for name, written in self.files.items()}}
        text = json.dumps({"format": FORMAT, "format_version": FORMAT_VERSION, **facts}, sort_keys=True)
        return json.dumps({"checksum": checksum(text.encode()), "manifest": json.loads(text)}, indent=1).encode()

    @classmethod
    def unpacked(cls, contents: bytes) -> Manifest:
        """What was packed. ValueError that says what is wrong with anything else."""
        try:
            outer = json.loads(contents)
            facts = dict(outer["manifest"])
            known = outer["checksum"]
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError("it is not one of hogwild's") from error
        if checksum(json.dumps(facts, sort_keys=True).encode()) != known:
            raise ValueError("its checksum does not agree")
        if facts.pop("format", None) != FORMAT:
            raise ValueError("it is not one of hogwild's")
        version = facts.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise ValueError(f"it has format {version!r}, and this hogwild reads {FORMAT_VERSION}: use that hogwild")
        facts["files"] = {name: Written(*written) for name, written in facts["files"].items()}
        return cls(**facts)


@final
@dataclass(frozen=True)
class Saved:
    """A checkpoint that is complete. It may be sent to other processes."""

    place: str
    manifest: Manifest

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.place}/{_folder(self.manifest.number)}"

    def part(self, name: str) -> Part:
        """CheckpointError if it cannot be read, or is not what was written."""
        file = f"{_folder(self.manifest.number)}/{name}"
        try:
            contents = find_store(self.place).read(file)
        except OSError as error:
            raise CheckpointError(f"{self.place}/{file} cannot be read: {error.strerror or error}") from error
        if Written(len(contents), checksum(contents)) != self.manifest.files[name]:
            raise self._damaged(file, "its checksum does not agree")
        try:
            return Part.unpacked(contents)
        except ValueError as error:
            raise self._damaged(file, str(error)) from error

    def _damaged(self, file: str, why: str) -> CheckpointError:
        return CheckpointError(
            f"{self.place}/{file} is damaged: {why}; remove {self.name} to go on from the checkpoint before it"
        )


@final
class Folder:
    """Where a run keeps its checkpoints. CheckpointError for what cannot be read or written."""

    def __init__(self, place: str) -> None:
        self.place = place
        try:
            self._store: AbstractStore = find_store(place)
        except ValueError as error:
            raise CheckpointError(f"{place} is no place for checkpoints: {error}") from error

    def prepare(self) -> None:
        """See whether something can be written there, before there is anything to lose."""
        try:
            self._store.prepare()
            self._store.write("trial/trial", b"")
            self._store.remove("trial")
        except OSError as error:
            raise CheckpointError(f"{self.place} cannot be written: {error.strerror or error}") from error

    def next_number(self) -> int:
        """Above all that there are, also such as are not complete."""
        return max((number for number, _ in self._numbered()), default=-1) + 1

    def is_empty(self) -> bool:
        """Is there no complete checkpoint?"""
        return self._newest(warn=False) is None

    def newest(self) -> Saved:
        """The newest that is complete; newer ones that are not are named in the log. CheckpointError if none is."""
        found = self._newest(warn=True)
        if found is None:
            raise CheckpointError(f"{self.place} has no complete checkpoint: give the directory that a run has written")
        return found

    def _newest(self, *, warn: bool) -> Saved | None:
        for number, files in self._numbered():
            try:
                return Saved(self.place, self._manifest(number, files))
            except ValueError as error:
                if warn:
                    LOG.warning("%s/%s is passed over: %s", self.place, _folder(number), error)
        return None

    def _manifest(self, number: int, files: Mapping[str, int]) -> Manifest:
        """ValueError if it is not complete."""
        if MANIFEST not in files:
            raise ValueError("it is not complete")
        try:
            manifest = Manifest.unpacked(self._store.read(f"{_folder(number)}/{MANIFEST}"))
        except (OSError, TypeError, ValueError) as error:
            raise ValueError(f"its {MANIFEST} cannot be used: {error}") from error
        for name, written in manifest.files.items():
            if files.get(name) != written.n_bytes:
                found = "is missing" if name not in files else f"has {files[name]} bytes, not {written.n_bytes}"
                raise ValueError(f"its {name} {found}")
        return manifest

    def _numbered(self) -> list[tuple[int, dict[str, int]]]:
        """Of each checkpoint, the newest first, the sizes of its files."""
        found: dict[int, dict[str, int]] = {}
        try:
            sizes = self._store.sizes()
        except OSError as error:
            raise CheckpointError(f"{self.place} cannot be read: {error.strerror or error}") from error
        for path, size in sizes.items():
            folder, _, name = path.partition("/")
            match = _NAME.fullmatch(folder)
            if match is not None:
                found.setdefault(int(match[1]), {})[name] = size
        return sorted(found.items(), reverse=True)

    def write(self, number: int, name: str, part: Part) -> Written:
        """A part of a checkpoint that is not complete yet. OSError where the system refuses."""
        contents = part.packed()
        self._store.write(f"{_folder(number)}/{name}", contents)
        return Written(len(contents), checksum(contents))

    def complete(self, manifest: Manifest, keep: int) -> None:
        """All parts are there: it counts from now on. Older ones that need not be kept are removed. OSError, or
        ValueError if not all are there, as they were written elsewhere.
        """
        files = dict(self._numbered()).get(manifest.number, {})
        for name, written in manifest.files.items():
            if files.get(name) != written.n_bytes:
                raise ValueError(
                    f"{self.place}/{_folder(manifest.number)}/{name} was written on another machine and is not here: "
                    "give a directory that all machines share"
                )
        self._store.write(f"{_folder(manifest.number)}/{MANIFEST}", manifest.packed())
        kept = 0
        for number, names in self._numbered():
            kept += MANIFEST in names and number <= manifest.number
            if kept > keep or (number < manifest.number and MANIFEST not in names):
                self._store.remove(_folder(number))


def _folder(number: int) -> str:
    return f"checkpoint-{number:08d}"
