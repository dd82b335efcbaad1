"""Several hosts that are network namespaces, joined by a bridge. Needs root and a kernel that allows it; to be used in
a process of its own, by `unshare --net --mount --pid --fork --kill-child --mount-proc`: all of it ends with that one.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from tests.engines.ray.hosts import QUICK

from hogwild.engines.ray.probe import listens

OURS = "10.77.0.1"  # of this process, on the bridge: the head
PORT = 6379
START_S = 30.0
APART = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def address(host: int) -> str:
    """Of the host with this number; the head has 1."""
    return f"10.77.0.{host}"


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def lay() -> None:
    """The bridge; names of namespaces are kept in a folder that others do not see."""
    os.makedirs("/run/netns", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run/netns"], check=True)
    ip("link", "set", "lo", "up")
    ip("link", "add", "lan", "type", "bridge")
    ip("link", "set", "lan", "up")
    ip("address", "add", f"{OURS}/24", "dev", "lan")


def connect(host: int) -> None:
    """Another host."""
    name, link = f"host{host}", f"link{host}"
    ip("netns", "add", name)
    ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
    ip("link", "set", link, "master", "lan", "up")
    for device in ("lo", "eth0"):
        ip("-n", name, "link", "set", device, "up")
    ip("-n", name, "address", "add", f"{address(host)}/24", "dev", "eth0")


def cut(host: int) -> None:
    ip("link", "set", f"link{host}", "down")


def heal(host: int) -> None:
    ip("link", "set", f"link{host}", "up")


def kill(host: int) -> None:
    """All its processes at once."""
    for pid in ip("netns", "pids", f"host{host}").split():
        os.kill(int(pid), signal.SIGKILL)


def wait_for(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Lan:
    """A Ray cluster there, which this process joins. `settings`: in the environment of all."""

    def __init__(self, folder: str, cpus: int, settings: dict[str, str] = QUICK) -> None:
        self._folder, self._cpus = folder, cpus
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.urandom(32).hex(), "RAY_USAGE_STATS_ENABLED": "0"}
        os.environ |= {**token, "RAY_TMPDIR": folder, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", **settings}
        lay()
        self._start(
            [],
            "--head",
            f"--port={PORT}",
            f"--node-ip-address={OURS}",
            f"--temp-dir={folder}/ray",
            "--include-dashboard=false",
            "--disable-usage-stats",
        )
        wait_for(lambda: listens(f"{OURS}:{PORT}"))
        import ray

        ray.init(f"{OURS}:{PORT}", _node_ip_address=OURS, log_to_driver=False, logging_level="ERROR")
        self._ray = ray

    def _start(self, where: list[str], *options: str) -> None:
        common = (f"--num-cpus={self._cpus}", "--object-store-memory=100000000", "--block")
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", *options, *common]
        subprocess.Popen([*where, *ray], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def add(self, host: int, **resources: float) -> None:
        """A raylet begins on this host; it is there when this returns."""
        self._start(
            ["ip", "netns", "exec", f"host{host}"],
            f"--address={OURS}:{PORT}",
            f"--node-ip-address={address(host)}",
            f"--resources={json.dumps(resources)}",
        )
        wait_for(lambda: address(host) in self.alive())

    def alive(self) -> set[str]:
        return {each["NodeManagerAddress"] for each in self._ray.nodes() if each["Alive"]}
