"""Who is at this address? Run as a program of its own: asking leaves traces in Ray's memory, prints, and may hang.

`python probe.py ADDRESS` prints JSON: the `verdict` ("nobody", "open" to all, "closed" and our token fits, "refused",
"no token", "no client"), the `address` found, `ray` and `python` of the cluster, and is it on `loopback` alone?
It imports nothing of hogwild, so that it starts at once.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

PATIENCE_S = 5.0


def ask(address: str) -> dict[str, Any]:
    """The answer, as said above."""
    if address.startswith("ray://"):
        server = address.removeprefix("ray://")
        return ask_as("" if not listens(server) else server, client_answer) | {"address": address}
    if address == "auto":
        from ray._private.services import canonicalize_bootstrap_address

        try:
            address = str(canonicalize_bootstrap_address("auto"))
        except ConnectionError:
            return {"verdict": "nobody", "address": "auto"}
    return ask_as("" if not listens(address) else address, head_answer) | {"address": address}


def listens(address: str) -> bool:
    """Does anything accept connections there?"""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE_S).close()
    except OSError:
        return False
    return True


def ask_as(address: str, answer: Callable[[str], dict[str, Any] | None]) -> dict[str, Any]:
    """Ask without a token first, then with the one of the environment; `answer` is None for who is not let in."""
    if not address:
        return {"verdict": "nobody"}
    from ray._raylet import AuthenticationTokenLoader, Config
    from ray.exceptions import AuthenticationError

    for mode, verdict in (("disabled", "open"), ("token", "closed")):
        os.environ["RAY_AUTH_MODE"] = mode
        Config.initialize("")
        loader = AuthenticationTokenLoader.instance()
        loader.reset_cache()
        try:
            there = mode != "token" or loader.has_token()
        except AuthenticationError:  # newer versions raise it
            there = False
        if not there:
            return {"verdict": "no token"}
        found = answer(address)
        if found is not None:
            return {"verdict": verdict, **found}
    return {"verdict": "refused"}


def head_answer(address: str) -> dict[str, Any] | None:
    """What the head node tells of its cluster."""
    from ray._raylet import GcsClient
    from ray.exceptions import AuthenticationError, RpcError

    try:
        head = GcsClient(address=address)
        known = json.loads(head.internal_kv_get(b"CLUSTER_METADATA", b"cluster", timeout=PATIENCE_S))
        hosts = {node.node_manager_address for node in head.get_all_node_info(timeout=PATIENCE_S).values()}
    except AuthenticationError:
        return None
    except RpcError:
        return {"verdict": "nobody"}  # something else listens there
    return {"ray": known["ray_version"], "python": known["python_version"], "loopback": hosts == {"127.0.0.1"}}


def client_answer(address: str) -> dict[str, Any] | None:
    """Does the server of Ray's client let us in? It tells its versions only to those who stay."""
    try:
        import grpc
    except ModuleNotFoundError:
        return {"verdict": "no client"}
    from ray._private.grpc_utils import init_grpc_channel
    from ray.core.generated.ray_client_pb2 import ClusterInfoRequest, ClusterInfoType
    from ray.core.generated.ray_client_pb2_grpc import RayletDriverStub

    with init_grpc_channel(address, options=None) as channel:
        try:
            RayletDriverStub(channel).ClusterInfo(ClusterInfoRequest(type=ClusterInfoType.PING), timeout=PATIENCE_S)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                return None
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                return {"verdict": "nobody"}
    return {}  # whatever it thought of the question


if __name__ == "__main__":
    print(json.dumps(ask(sys.argv[1])))
