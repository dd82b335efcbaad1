"""The Ray that is installed, loaded when a run first needs it: new enough, with all that is used of its inside.

Ray reads some settings when it is imported and others when a cluster starts, all from the environment: they are lent
to it for that while, so that no other program started from this process inherits a token.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from typing import Any

OLDEST = (2, 52)  # the first with token authentication
LOOPBACK_ONLY = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # "0", when Ray is imported: every socket on 127.0.0.1
INSIDE = {
    "ray._private.ray_constants": ("ENABLE_RAY_CLUSTER", "OBJECT_STORE_MINIMUM_MEMORY_BYTES"),
    "ray._raylet": ("AuthenticationMode", "AuthenticationTokenLoader", "Config", "get_authentication_mode"),
}
"""What is used that Ray does not promise to keep."""


def import_ray() -> Any:
    """Ray; ImportError as `check_installed`, or for a version that lacks what is used of its inside."""
    check_installed()
    ray = import_module("ray")
    check_inside(ray.__version__, INSIDE)
    return ray


def check_installed() -> None:
    """ImportError, which says what to install, unless there is a Ray that is new enough; it is not imported."""
    try:
        check_version(metadata.version("ray"))
    except metadata.PackageNotFoundError as error:
        raise ModuleNotFoundError("the engine Ray needs Ray: pip install 'hogwild[cluster]'", name="ray") from error


def check_version(version: str) -> None:
    """ImportError for a Ray that is older than `OLDEST`."""
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ImportError(
            f"hogwild needs Ray {oldest} or newer, which authenticates by token, and Ray {version} is installed: "
            "pip install --upgrade 'hogwild[cluster]'"
        )


def check_inside(version: str, names: dict[str, tuple[str, ...]]) -> None:
    """ImportError if this version of Ray lacks one of these names, by module."""
    for module, wanted in names.items():
        try:
            there = dir(import_module(module))
        except ModuleNotFoundError:
            there = []
        for name in wanted:
            if name not in there:
                raise ImportError(
                    f"Ray {version} has no {module}.{name}, which hogwild needs to start safely: install a version "
                    "that hogwild was tested with, pip install 'ray==2.60.0'"
                )


def is_loopback_only() -> bool:
    """Was Ray imported such that all of its sockets listen on 127.0.0.1? It cannot be changed later."""
    return not import_module("ray._private.ray_constants").ENABLE_RAY_CLUSTER


def read_credentials() -> None:
    """Have Ray read the mode of authentication and the token from the environment, and forget those it had read."""
    raylet = import_module("ray._raylet")
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


def is_authenticated() -> bool:
    """Does Ray authenticate by token in this process?"""
    raylet = import_module("ray._raylet")
    return bool(raylet.get_authentication_mode() == raylet.AuthenticationMode.TOKEN)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Within, these variables are set; afterwards they are as they were."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
