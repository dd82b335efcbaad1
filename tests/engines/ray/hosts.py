"""A cluster of several hosts, all of them on this machine: each has a raylet and processes of its own, that are killed
with it. On loopback only, with a token, and quick to notice who is gone.
"""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

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

    def __init__(self, cpus: int, store_bytes: int, folder: str) -> None:
        cluster_utils = import_module("ray.cluster_utils")
        Path(folder, "ray").mkdir()  # Ray writes there which cluster is the latest
        options = {"include_dashboard": False, "temp_dir": folder, "num_cpus": cpus, "object_store_memory": store_bytes}
        self._cpus, self._store_bytes = cpus, store_bytes
        self._cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=options, shutdown_at_exit=False)
        self.address = self._cluster.address

    def add(self, **resources: float) -> object:
        """Another host; what it has beside cores, by name."""
        return self._cluster.add_node(num_cpus=self._cpus, object_store_memory=self._store_bytes, resources=resources)

    def processes(self, host) -> list:
        """All that run there."""
        psutil = import_module("psutil")  # Ray brings it
        raylets = [each.process.pid for found in host.all_processes.values() for each in found]
        return [
            each for pid in raylets for each in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))
        ]

    def kill(self, host) -> None:
        """All at once, as when the power fails."""
        for process in self.processes(host):
            process.kill()
        self._cluster.remove_node(host, allow_graceful=False)

    def end(self) -> None:
        for host in [*self._cluster.worker_nodes, self._cluster.head_node]:
            for process in self.processes(host):
                process.kill()
            host.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)


@contextmanager
def hosts(cpus: int = 2, store_bytes: int = STORE_BYTES, **settings: str) -> Iterator[Hosts]:
    """Within, this process is connected to such a cluster."""
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
        **settings,
    }
    with environment(**given):
        ray = import_ray()
        ray.shutdown()
        read_credentials()
        found = Hosts(cpus, store_bytes, folder)
        try:
            ray.init(found.address, log_to_driver=False, logging_level="ERROR")
            yield found
        finally:
            ray.shutdown()
            found.end()
            shutil.rmtree(folder, ignore_errors=True)
