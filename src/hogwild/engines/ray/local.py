"""A cluster of this machine alone: on loopback, with a token of its own, in a folder that only its owner can read.

It ends with the process: its processes die with their parent (Ray asks the kernel for that), and its folder is
removed, unless the process is killed by SIGKILL.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, final

from hogwild.engines.ray.installed import (
    LOOPBACK_ONLY,
    environment,
    import_ray,
    is_authenticated,
    is_loopback_only,
    read_credentials,
)
from hogwild.engines.ray.lasting import LastingThread
from hogwild.engines.ray.terms import ClusterError
from hogwild.limits import check_whole

OBJECT_STORE_BYTES = 1_000_000_000  # of which only what is used takes memory
LONGEST_FOLDER = 14  # characters: the paths of Ray's sockets in it are 89 longer, and some systems allow 103
NICENESS = "RAY_worker_niceness"
PATIENCE_S = 5.0  # for processes to end by themselves
_STARTER = LastingThread()


@final
@dataclass(frozen=True)
class Local:
    """A running cluster that this process started."""

    ray: Any
    folder: str
    cpus: int
    object_store_bytes: int
    owner: int  # process id: a fork inherits this object, not the cluster

    def runs(self) -> bool:
        """Is it the one that this process is connected to? It is no more after `ray.shutdown()`."""
        return os.getpid() == self.owner and self.ray.is_initialized() and bool(_processes(self.folder))

    def stop(self) -> None:
        """End its processes and remove its folder."""
        if os.getpid() == self.owner:
            with undisturbed():
                _end(self.ray, self.folder)


def start(cpus: int, object_store_bytes: int | None) -> Local:
    """Start one with so many logical CPUs and connect this process to it, which takes about 4 s.

    ImportError if Ray is missing or too old, ClusterError if it was imported without `LOOPBACK_ONLY` or does not
    start, ValueError for a number that cannot be. Nothing is left of it after an error or Ctrl-C.
    """
    check_whole("cpus", cpus)
    size = OBJECT_STORE_BYTES if object_store_bytes is None else object_store_bytes
    check_whole("object_store_bytes", size)
    lent = {
        LOOPBACK_ONLY: "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray gives way to all other programs; the threads that these processes stand for would not.
        NICENESS: os.environ.get(NICENESS, "0"),
        # 0 is what Ray will do in future, of which it warns until then.
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": os.environ.get("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0"),
    }
    with environment(**lent):
        ray = import_ray()
        if not is_loopback_only():
            raise ClusterError(
                "Ray was imported before hogwild could tell it to listen on this machine only: set "
                f"{LOOPBACK_ONLY}=0 in the environment before `import ray`, or join a cluster with address=..."
            )
        least = import_module("ray._private.ray_constants").OBJECT_STORE_MINIMUM_MEMORY_BYTES
        check_whole("object_store_bytes", size, least)
        folder = _folder()
        try:
            with undisturbed():
                read_credentials()
                _STARTER.do(lambda: _init(ray, folder, cpus, size))
        except BaseException:
            with undisturbed():
                _end(ray, folder)
            raise
    local = Local(ray, folder, cpus, size, os.getpid())
    atexit.register(local.stop)  # before Ray's own, which was registered when Ray was imported
    return local


def _init(ray: Any, folder: str, cpus: int, object_store_bytes: int) -> None:
    """`ray.init`, and does the cluster keep to itself? ClusterError otherwise."""
    try:
        ray.init(
            address="local",
            num_cpus=cpus,
            object_store_memory=object_store_bytes,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _temp_dir=str(Path(folder, "ray")),  # which Ray opens to everybody
        )
    except Exception as error:
        why = " ".join(str(error).split())
        raise ClusterError(f"Ray {ray.__version__} could not start a cluster on this machine: {why}") from error
    hosts = [node["NodeManagerAddress"] for node in ray.nodes()]
    if hosts != ["127.0.0.1"] or not is_authenticated():
        raise ClusterError(
            f"Ray {ray.__version__} started on {', '.join(hosts)} and not, with a token, on 127.0.0.1 alone; it was "
            "ended: install a version that hogwild was tested with, pip install 'ray==2.60.0'"
        )


def _folder() -> str:
    """A new folder that only its owner can read, with a path short enough for sockets."""
    usual = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="hogwild-ray-", dir=usual if len(usual) <= LONGEST_FOLDER else "/tmp")


def _processes(folder: str) -> list[Any]:
    """The processes below this one that work in the folder, and theirs."""
    psutil = import_module("psutil")  # Ray brings it
    found = []
    for child in psutil.Process().children():
        try:
            if any(folder in word for word in child.cmdline()):
                found += [child, *child.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue  # it has just ended
    return found


def _end(ray: Any, folder: str) -> None:
    """Disconnect, end what works in the folder, remove the folder."""
    psutil = import_module("psutil")
    processes = _processes(folder)
    if processes:
        ray.shutdown()
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=PATIENCE_S)
    shutil.rmtree(folder, ignore_errors=True)  # stopped twice, it is not there


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within, Ctrl-C is only noted, and obeyed at the end: what is half started could not be found again."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if noted:
            signal.raise_signal(signal.SIGINT)
