"""Where a comparison was made, and with what."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("hogwild", "numpy", "numba", "scipy", "scikit-learn", "ray", "torch", "bokeh")


def machine() -> str:
    """E.g. "x86_64, 8 cores, Linux"."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"


def versions() -> dict[str, str]:
    """Of Python and of the packages that are installed."""
    found: dict[str, str] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
