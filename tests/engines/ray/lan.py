"""Several hosts that are network namespaces, joined by a bridge. Needs root and a kernel that allows it; to be used in
a process of its own, by `unshare --net --mount --pid --fork --kill-child --mount-proc`: all of it ends with that one.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
from importlib import import_module

from tests.engines.ray.hosts import QUICK, STORE_BYTES
from tests.engines.ray.waiting import wait_for

from hogwild.engines.ray.probe import listens

OURS = "10.77.0.1"  # of this process, on the bridge: the head
PORT = 6379
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


class Lan:
    """A Ray cluster there, of which this process is the head and joins it. `resources`: of the head, beside a core."""

    def __init__(self, folder: str, **resources: float) -> None:
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        usual = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_TMPDIR": folder}
        os.environ |= {**token, **usual, **QUICK}
        lay()
        options = (f"--port={PORT}", f"--temp-dir={folder}/ray", "--include-dashboard=false", "--disable-usage-stats")
        self._start([], OURS, resources, "--head", *options)
        wait_for(lambda: listens(f"{OURS}:{PORT}"))
        self._ray = import_module("ray")
        self._ray.init(f"{OURS}:{PORT}", _node_ip_address=OURS, log_to_driver=False, logging_level="ERROR")

    def add(self, host: int, **resources: float) -> None:
        """A raylet begins on this host; it is there when this returns."""
        self._start(["ip", "netns", "exec", f"host{host}"], address(host), resources, f"--address={OURS}:{PORT}")
        wait_for(lambda: address(host) in self.alive())

    def alive(self) -> set[str]:
        """The addresses of the hosts that Ray knows to be alive."""
        return {each["NodeManagerAddress"] for each in self._ray.nodes() if each["Alive"]}

    @staticmethod
    def _start(where: list[str], host: str, resources: dict[str, float], *options: str) -> None:
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", *options, f"--node-ip-address={host}", "--block"]
        given = ("--num-cpus=1", f"--object-store-memory={STORE_BYTES}", f"--resources={json.dumps(resources)}")
        nowhere = subprocess.DEVNULL
        subprocess.Popen([*where, *ray, *given], stdin=nowhere, stdout=nowhere, stderr=nowhere)
