"""Measurements that need a process of their own: each program of `children/` prints one line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hogwild

ROOT = Path(__file__).parents[1]


def environment(**more: str) -> dict[str, str]:
    """Ours, so that the child finds the same hogwild."""
    paths = [str(Path(hogwild.__file__).parents[1]), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


def hogwild_command() -> list[str]:
    """The console script beside the running Python, else `python -m hogwild`."""
    script = Path(sys.executable).with_name("hogwild")
    return [str(script)] if script.exists() else [sys.executable, "-m", "hogwild"]


def run_child(name: str, *arguments: str, **more: str) -> dict[str, Any]:
    """What `python -m benchmarks.children.NAME` prints. Raises RuntimeError with its error output."""
    command = [sys.executable, "-m", f"benchmarks.children.{name}", *arguments]
    done = subprocess.run(command, env=environment(**more), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
