"""A cluster of several hosts, all of them on this machine: each has a raylet and processes of its own, that are killed
with it. On loopback only, with a token, and quick to notice who is gone.
"""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.engines.ray.stumbling import title
from tests.engines.ray.waiting import wait_for

from hogwild.engines.ray.installed import LOOPBACK_ONLY, environment, import_ray, read_credentials

QUICK = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_grpc_client_keepalive_time_ms": "1000",
    "RAY_grpc_client_keepalive_timeout_ms": "2000",
    "RAY_grpc_keepalive_time_ms": "1000",
    "RAY_grpc_keepalive_timeout_ms": "2000",
}
"""As docs/cluster.md says."""
STORE_BYTES = 100_000_000


class Hosts:
    """The first is the head, to which this process is connected. Each host has `cpus` cores that workers may take."""

    def __init__(self, cpus: int, store_bytes: int, folder: str, resources: dict[str, float]) -> None:
        cluster_utils = import_module("ray.cluster_utils")
        Path(folder, "ray").mkdir()  # Ray writes there which cluster is the latest
        options = {"include_dashboard": False, "temp_dir": folder, "num_cpus": cpus, "object_store_memory": store_bytes}
        options["resources"] = resources
        self._cpus, self._store_bytes = cpus, store_bytes
        self._cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=options, shutdown_at_exit=False)
        self.address, self.head = self._cluster.address, self._cluster.head_node
        self._others: set[Any] = set()

    def add(self, **resources: float) -> Any:
        """Another host; what it has beside cores, by name."""
        host = self._cluster.add_node(num_cpus=self._cpus, object_store_memory=self._store_bytes, resources=resources)
        self._others.add(host)
        return host

    @staticmethod
    def processes(host: Any) -> list[Any]:
        """All that run there."""
        psutil, found = import_module("psutil"), []  # Ray brings it
        for process in (each.process for those in host.all_processes.values() for each in those):
            with suppress(psutil.NoSuchProcess):
                found += [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        return found

    def has(self, host: Any, actor: str) -> bool:
        """Does an actor of this class run there?"""
        return any(f"ray::{actor}" in title(process) for process in self.processes(host))

    def kill(self, host: Any) -> None:
        """All its processes at once, as when the power fails. Who is dead already may be killed again."""
        started = [each.process for those in host.all_processes.values() for each in those]
        for process in self.processes(host):
            with suppress(import_module("psutil").NoSuchProcess):
                process.kill()
        host.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
        for process in started:
            process.wait()
        self._others.discard(host)

    def clear(self) -> None:
        """Only the head is left."""
        for host in tuple(self._others):
            self.kill(host)

    @staticmethod
    def wait_until_known() -> None:
        """Ray knows which hosts are dead, and sends nobody there any more."""
        ray = import_ray()
        wait_for(lambda: sum(node["Alive"] for node in ray.nodes()) == 1)

    def end(self) -> None:
        """Nothing is left."""
        self.clear()
        self.kill(self.head)


@contextmanager
def hosts(cpus: int = 2, store_bytes: int = STORE_BYTES, **resources: float) -> Iterator[Hosts]:
    """Within, this process is connected to such a cluster. `resources`: of the head, beside cores."""
    folder = tempfile.mkdtemp(prefix="hogwild-hosts-", dir="/tmp")
    given = {
        LOOPBACK_ONLY: "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": folder,
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_worker_niceness": "0",
        **QUICK,
    }
    with environment(**given):
        ray = import_ray()
        ray.shutdown()
        read_credentials()
        found = Hosts(cpus, store_bytes, folder, resources)
        try:
            ray.init(found.address, log_to_driver=False, logging_level="ERROR")
            yield found
        finally:
            ray.shutdown()
            found.end()
            shutil.rmtree(folder, ignore_errors=True)
