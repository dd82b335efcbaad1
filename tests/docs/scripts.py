"""The scripts in examples/ as modules, so that tests run what people are shown."""

import importlib.util
from types import ModuleType

from tests.docs.blocks import ROOT


def load(name: str) -> ModuleType:
    """The script of that name, without its `.py`; its `main` has not run."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
