"""Joining a cluster that others have started: first a program of its own finds out who is there and lets us in."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hogwild.engines.ray.installed import (
    LOOPBACK_ONLY,
    check_installed,
    environment,
    import_ray,
    is_loopback_only,
    read_credentials,
)
from hogwild.engines.ray.terms import ClusterError

PATIENCE_S = 25.0  # for who is there to answer
FORM = re.compile(r"auto|(ray://)?(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):\d{1,5}")
WORDS = {
    "nobody": "there is no Ray cluster at {address}: start it, or give the address that `ray start` printed",
    "no client": "{address} needs Ray's client: pip install 'ray[client]'",
    "no token": "the cluster at {address} asks for a token and there is none here: set RAY_AUTH_TOKEN or "
    "RAY_AUTH_TOKEN_PATH to that of the cluster",
    "refused": "the cluster at {address} does not accept the token of this process: set RAY_AUTH_TOKEN or "
    "RAY_AUTH_TOKEN_PATH to that of the cluster",
}


def check_address(address: str) -> None:
    """ValueError for what cannot be an address."""
    if not FORM.fullmatch(address):
        raise ValueError(f"address={address!r} must be 'auto', 'local', 'host:port', 'ray://host:port' or None")


def join(address: str, unauthenticated: bool) -> Any:
    """Connect this process to the cluster, about 1 s; returns Ray.

    ImportError if Ray or its client is missing, ConnectionError if nobody is there or lets us in, ValueError if the
    cluster lets everybody in and `unauthenticated` does not say that this is known, ClusterError if its versions differ
    from ours.
    """
    check_installed()
    check_address(address)
    found = _probe(address)
    verdict, where = found["verdict"], found["address"]
    if verdict in WORDS:
        kind = ImportError if verdict == "no client" else ConnectionError
        raise kind(WORDS[verdict].format(address=where))
    if verdict == "open" and not unauthenticated:
        raise ValueError(
            f"the cluster at {where} lets in everybody who reaches it: start it with RAY_AUTH_MODE=token, or say "
            "unauthenticated=True if its network is trusted"
        )
    if "ray" in found:
        check_versions(where, {name: found[name] for name in ("ray", "python")})
    loopback = found.get("loopback", False)
    with environment(**({LOOPBACK_ONLY: "0"} if loopback else {})):
        ray = import_ray()
    if "loopback" in found and loopback != is_loopback_only():
        here, there, value = ("more than", "only", "0") if loopback else ("only", "more than", "1")
        raise ClusterError(
            f"the cluster at {where} listens on {there} 127.0.0.1, and Ray in this process was imported to use {here} "
            f"that: set {LOOPBACK_ONLY}={value} in a new process before `import ray`"
        )
    # An open cluster is not told our token.
    with environment(RAY_AUTH_MODE="disabled" if verdict == "open" else "token"):
        read_credentials()
        _init(ray, where)
    return ray


def check_versions(address: str, theirs: dict[str, str]) -> None:
    """ClusterError if the cluster has another Ray, or another Python as far as Ray looks at it."""
    ours = {"ray": version("ray"), "python": platform.python_version()}
    digits = 2 if os.environ.get("RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL") == "minor" else 3
    same = [theirs["ray"] == ours["ray"], theirs["python"].split(".")[:digits] == ours["python"].split(".")[:digits]]
    if not all(same):
        raise ClusterError(
            f"the cluster at {address} has Ray {theirs['ray']} on Python {theirs['python']}, and this process Ray "
            f"{ours['ray']} on Python {ours['python']}: they must be the same"
        )


def _init(ray: Any, address: str) -> None:
    """`ray.init`; its errors are one sentence."""
    try:
        ray.init(address, log_to_driver=False, logging_level="ERROR")
    except BaseException as error:
        ray.shutdown()
        if not isinstance(error, Exception):
            raise
        why = " ".join(str(error).split())
        kind = ClusterError if "version" in why.casefold() else ConnectionError
        raise kind(f"joining the cluster at {address} failed: {why}") from error


def _probe(address: str) -> dict[str, Any]:
    """The answer of `probe.py`."""
    # -P: Python would look for what it imports among its neighbours first.
    command = [sys.executable, "-P", str(Path(__file__).with_name("probe.py")), address]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {"verdict": "nobody", "address": address}
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1:]
        raise ConnectionError(f"asking for a Ray cluster at address={address!r} failed: {' '.join(why)}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
