"""Where files lie: in a directory of this machine, or on a remote file system."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

from hogwild.data.atomic import replacing


class AbstractStore(ABC):
    """Files by name, below one place. Names have at most one "/". OSError where the system refuses."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the place, if it is not there."""

    @abstractmethod
    def write(self, name: str, contents: bytes) -> None:
        """Whole, or not at all where the system can do that."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """All of a file."""

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Bytes of each file there is; none, if the place is not there."""

    @abstractmethod
    def remove(self, folder: str) -> None:
        """With all files in it."""


@final
class LocalStore(AbstractStore):
    """A directory."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def prepare(self) -> None:
        self._path.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, contents: bytes) -> None:
        target = self._path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as file:
            file.write(contents)

    def read(self, name: str) -> bytes:
        return (self._path / name).read_bytes()

    def sizes(self) -> dict[str, int]:
        found = {}
        for folder, _, files in os.walk(self._path):
            for file in files:
                path = Path(folder, file)
                with suppress(FileNotFoundError):  # it has just been removed, or renamed
                    found[path.relative_to(self._path).as_posix()] = path.stat().st_size
        return found

    def remove(self, folder: str) -> None:
        shutil.rmtree(self._path / folder)


@final
class FsspecStore(AbstractStore):
    """Whatever fsspec knows."""

    def __init__(self, url: str) -> None:
        import fsspec

        self._system, self._root = fsspec.core.url_to_fs(url)

    def prepare(self) -> None:
        self._system.makedirs(self._root, exist_ok=True)

    def write(self, name: str, contents: bytes) -> None:
        path = f"{self._root}/{name}"
        self._system.makedirs(os.path.dirname(path), exist_ok=True)
        self._system.pipe_file(path, contents)

    def read(self, name: str) -> bytes:
        contents: bytes = self._system.cat_file(f"{self._root}/{name}")
        return contents

    def sizes(self) -> dict[str, int]:
        self._system.invalidate_cache()
        found: dict[str, Any] = self._system.find(self._root, detail=True)
        # Some systems write names with a "/" before them, and others do not.
        begin = len(self._root.strip("/")) + 1
        return {path.strip("/")[begin:]: int(info["size"]) for path, info in found.items()}

    def remove(self, folder: str) -> None:
        self._system.rm(f"{self._root}/{folder}", recursive=True)


@final
class ArrowStore(AbstractStore):
    """Whatever pyarrow knows."""

    def __init__(self, url: str) -> None:
        from pyarrow import fs

        self._selector = fs.FileSelector
        self._system, self._root = fs.FileSystem.from_uri(url)

    def prepare(self) -> None:
        self._system.create_dir(self._root, recursive=True)

    def write(self, name: str, contents: bytes) -> None:
        path = f"{self._root}/{name}"
        self._system.create_dir(os.path.dirname(path), recursive=True)
        with self._system.open_output_stream(path) as file:
            file.write(contents)

    def read(self, name: str) -> bytes:
        with self._system.open_input_stream(f"{self._root}/{name}") as file:
            contents: bytes = file.read()
        return contents

    def sizes(self) -> dict[str, int]:
        found = self._system.get_file_info(self._selector(self._root, allow_not_found=True, recursive=True))
        begin = len(self._root) + 1
        return {info.path[begin:]: int(info.size) for info in found if info.is_file}

    def remove(self, folder: str) -> None:
        self._system.delete_dir(f"{self._root}/{folder}")


def find_store(place: str) -> AbstractStore:
    """For a path, or an address. ImportError if nothing that could reach it is installed; ValueError if no file system
    is known by that name.
    """
    if "://" not in place:
        return LocalStore(place)
    if find_spec("fsspec") is not None:
        return FsspecStore(place)
    if find_spec("pyarrow") is not None:
        return ArrowStore(place)
    raise ImportError(f"{place} is on a remote file system, which needs fsspec: pip install 'hogwild[remote]'")
