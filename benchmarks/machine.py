"""On what the figures were measured: chip, cores, versions."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import hogwild
from hogwild.engines.threads import available_cores

PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "scikit-learn", "vowpalwabbit")


def machine() -> dict[str, str]:
    """What must be equal for figures to stand in one report."""
    return {
        "CPU": f"{_cpu_model()}, {available_cores()} cores used of {os.cpu_count()}",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}, {'.'.join(platform.libc_ver())}",
        "hogwild": hogwild.__version__,
        "Python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "C compiler": compiler_version() or "none",
    }


def load() -> str:
    """How busy the machine is right now."""
    return " ".join(f"{x:.2f}" for x in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


def compiler_version() -> str | None:
    """First line of `cc --version`, or None without a compiler."""
    try:
        answer = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.splitlines()[0]


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    model = {name.strip(): value.strip() for name, value in fields.items()}
    family = ", ".join(f"{key} {model[key]}" for key in ("cpu family", "model") if key in model)
    name = model.get("model name", platform.machine())
    return f"{name} ({family})" if family else name


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    except (ValueError, OSError, AttributeError):
        return "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
