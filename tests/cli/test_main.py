"""`hogwild` itself: help, version, what it imports."""

import json
import subprocess
import sys

import pytest
from tests.cli.commands import done, run

import hogwild
from hogwild.cli import main


@pytest.mark.parametrize("command", [None, *main.commands])
def test_help_has_examples(command):
    text = done(*filter(None, [command]), "--help").stdout
    assert "Examples:\n" in text
    assert f"hogwild {command or ''}".rstrip() in text


def test_commands():
    assert list(main.commands) == ["train", "predict", "evaluate", "info", "recommend", "compare", "simulate", "demo"]


def test_version():
    assert done("--version").stdout == f"hogwild, version {hogwild.__version__}\n"


def test_an_unknown_command_is_wrong_usage():
    assert run("fly").exit_code == 2


def test_summaries_of_commands_are_whole():
    lines = done("--help").stdout.partition("Commands:\n")[2].splitlines()
    assert len(lines) == len(main.commands)
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)


def test_help_of_strategies_lists_them_all():
    text = done("train", "--help").stdout
    assert all(name in text for name in hogwild.STRATEGIES)


@pytest.mark.slow
def test_help_imports_nothing_heavy():
    code = (
        "import json, sys\n"
        "from hogwild.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(finished.stderr)}
    assert "click" in loaded
    assert loaded.isdisjoint({"matplotlib", "numba", "numpy", "rich", "safetensors", "scipy", "sklearn"})


@pytest.mark.slow
def test_it_is_a_module_too(start):
    out, err = start("--version").communicate()
    assert (out.decode(), err) == (f"hogwild, version {hogwild.__version__}\n", b"")
