"""Which cluster a run uses: the one this process has joined, the one it is told to join, or one of its own."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

from hogwild.engines.ray import local, remote
from hogwild.engines.ray.terms import ClusterError
from hogwild.engines.threads import available_cores
from hogwild.names import wrong_type


@final
@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process is connected to.

    ray :   the module, initialised.
    local : did hogwild start it, on this machine alone?
    """

    ray: Any
    local: bool

    @property
    def n_hosts(self) -> int:
        """How many machines are there."""
        return sum(bool(host["Alive"]) for host in self.ray.nodes())

    def check_resources(self, wanted: Mapping[str, float], apiece: Mapping[str, float] | None = None) -> None:
        """ClusterError, with what is asked and what there is, unless the cluster has all that is `wanted`, in use or
        not, and one of its hosts all that one actor needs, `apiece`. Names as Ray's: "CPU", "GPU", or the user's own.
        """
        hosts = [host["Resources"] for host in self.ray.nodes() if host["Alive"]]
        total = {name: sum(host.get(name, 0.0) for host in hosts) for name in wanted}
        if any(total[name] < wanted[name] for name in wanted):
            raise ClusterError(
                f"the run needs {_listed(wanted)} and the cluster has {_listed(total)}: use fewer workers or shards, "
                f"or {'give cpus=...' if self.local else 'add hosts'}"
            )
        needs = apiece or {}
        if not any(all(host.get(name, 0.0) >= needs[name] for name in needs) for host in hosts):
            each = "; ".join(_listed({name: host.get(name, 0.0) for name in needs}) for host in hosts)
            raise ClusterError(
                f"one actor needs {_listed(needs)} on one host, and the hosts have {each}: ask for less for each"
            )


@final
class _Here:
    """What this process is connected to by hogwild; `lock` is held to change it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.own: local.Local | None = None
        self.address = ""  # joined by us
        self.inside = 0  # runs


_HERE = _Here()


@contextmanager
def joined(
    address: str | None = None,
    *,
    cpus: int | None = None,
    object_store_bytes: int | None = None,
    unauthenticated: bool = False,
) -> Iterator[Cluster]:
    """Within, this process is connected to a Ray cluster.

    address : None for the one that this process is connected to already, else the one in the environment's RAY_ADDRESS,
        else one of its own on this machine. "local" for one of its own in any case, "auto" for one that runs on
        this machine, "host:port", or "ray://host:port" (needs `pip install 'ray[client]'`).
    cpus, object_store_bytes : of a cluster of its own: logical CPUs (default: one a core) and the size of its memory
        for large objects. A cluster that exists is as it is.
    unauthenticated : join also a cluster that lets in everybody who reaches it.

    A cluster of its own listens on 127.0.0.1 only, asks for a token that nobody else has, and has no dashboard. It
    takes about 4 s to start, so it stays for the next runs, and ends with the process or by `ray.shutdown()`; who asks
    for a larger one while no run uses it gets a new one, without the objects of the old. A cluster that was joined is
    left at the end of the last run in it.

    ImportError if Ray is missing or too old, ConnectionError if there is no cluster or it does not let us in,
    ClusterError if its versions differ, if this process is connected to another one, or if none could be started,
    ValueError and TypeError for arguments that cannot be.
    """
    if address is not None and not isinstance(address, str):
        raise wrong_type("address", address, "a string such as 'host:port', or None")
    if address not in (None, "local"):
        remote.check_address(address)
    with _HERE.lock:
        ray = _connect(address, available_cores() if cpus is None else cpus, object_store_bytes, unauthenticated)
        _HERE.inside += 1
    try:
        yield Cluster(ray, _HERE.own is not None)
    finally:
        with _HERE.lock:
            _HERE.inside -= 1
            if _HERE.address and not _HERE.inside:
                _HERE.address = ""
                ray.shutdown()


def _connect(address: str | None, cpus: int, object_store_bytes: int | None, unauthenticated: bool) -> Any:
    """Ray, connected as asked."""
    own = _HERE.own
    if own is not None and not own.runs():
        own.stop()
        own = _HERE.own = None
    if own is not None and not _HERE.inside:
        small = cpus > own.cpus or (object_store_bytes or 0) > own.object_store_bytes
        if address not in (None, "local") or small:
            own.stop()
            own = _HERE.own = None
    if own is not None and address in (None, "local"):
        return own.ray
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        _check_same(ray, address)
        return ray
    wanted = (os.environ.get("RAY_ADDRESS") or "local") if address is None else address
    if wanted == "local":
        _HERE.own = local.start(cpus, object_store_bytes)
        return _HERE.own.ray
    ray = remote.join(wanted, unauthenticated)
    _HERE.address = wanted
    return ray


def _check_same(ray: Any, address: str | None) -> None:
    """ClusterError if this process is connected to another cluster than the one at the address."""
    if address in (None, "auto", _HERE.address):
        return
    connected = ray.get_runtime_context().gcs_address
    if address != connected:
        raise ClusterError(
            f"address={address!r} is not the cluster that this process is connected to, at {connected}: call "
            "ray.shutdown() first, or give no address"
        )


def _listed(resources: Mapping[str, float]) -> str:
    return ", ".join(f"{amount:g} {name}" for name, amount in resources.items())
