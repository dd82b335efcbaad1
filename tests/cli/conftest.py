"""What all tests of the command line share: files, an empty directory, and processes that end with the test."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import dump_svmlight_file
from tests.cli.commands import LABELS, X

import hogwild

Process = subprocess.Popen[bytes]


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Path:
    """A folder with two.svm, three.svm and numbers.svm."""
    folder = tmp_path_factory.mktemp("files")
    for name, y in LABELS.items():
        dump_svmlight_file(X, y, str(folder / f"{name}.svm"), zero_based=False)
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Start `hogwild` in a process of its own; it is ended with the test."""
    started: list[Process] = []
    path = os.pathsep.join([str(Path(hogwild.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])

    def begin(*arguments: object, before: tuple[str, ...] = (), **options: Any) -> Process:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [*before, sys.executable, "-m", "hogwild", *map(str, arguments)]
        process = subprocess.Popen(command, **{**pipes, "env": {**os.environ, "PYTHONPATH": path}, **options})
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
