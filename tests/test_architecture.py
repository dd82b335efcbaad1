"""The habits that keep the code beautiful: cheap import, public names, abstract or final, arrows."""

import abc
import enum
import functools
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

import hogwild

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "hogwild"
FILES = sorted(SOURCE.rglob("*.py"))
MAX_LINES = 350
HEAVY = {"click", "matplotlib", "numba", "pandas", "ray", "rich", "scipy", "sklearn", "torch"}
EXTRAS = {"matplotlib", "pyarrow", "ray", "torch"}  # a module may need one of these, and we may not have it


def relative(path: Path) -> str:
    return path.relative_to(SOURCE.parent).as_posix()


def module_name(path: Path) -> str:
    return relative(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")


MODULES = [module_name(path) for path in FILES if path.name != "__main__.py"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a fresh interpreter that finds the hogwild of this checkout."""
    path = os.pathsep.join(filter(None, [str(SOURCE.parent), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


# ---- import and public names


@pytest.fixture(scope="module")
def fresh() -> dict[str, list[str]]:
    """What a fresh interpreter sees after `import hogwild`, before anything is touched."""
    code = (
        "import json, sys, hogwild; print(json.dumps("
        "{'modules': sorted(sys.modules), 'all': list(hogwild.__all__), 'dir': dir(hogwild)}))"
    )
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_loads_nothing_heavy(fresh):
    assert HEAVY.isdisjoint(name.partition(".")[0] for name in fresh["modules"])


def test_the_tests_run_on_this_checkout():
    assert Path(hogwild.__file__).resolve() == SOURCE / "__init__.py"


def test_public_names_are_sorted_and_unique(fresh):
    assert fresh["all"] == sorted(set(fresh["all"]))


def test_public_names_are_shown_by_dir(fresh):
    assert set(fresh["all"]) <= set(fresh["dir"])


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = hogwild.no_such_name


@pytest.mark.parametrize("name", hogwild.__all__)
def test_public_name_exists_and_is_documented(name):
    thing = getattr(hogwild, name)
    if inspect.isclass(thing) or inspect.isroutine(thing) or inspect.ismodule(thing):
        text = thing.__doc__ or ""
        # A dataclass without a docstring is given its signature for one.
        assert text.strip(), f"hogwild.{name} has no docstring"
        assert not text.startswith(f"{name}("), f"hogwild.{name} has no docstring"


# ---- abstract or final


def classes_of(module: ModuleType) -> Iterator[type]:
    """All classes that `module` defines, those inside classes included."""

    def inside(owner: ModuleType | type) -> Iterator[type]:
        for thing in vars(owner).values():
            if inspect.isclass(thing) and thing.__module__ == module.__name__:
                if inspect.isclass(owner) and not thing.__qualname__.startswith(f"{owner.__qualname__}."):
                    continue
                yield thing
                yield from inside(thing)

    yield from dict.fromkeys(inside(module))


def is_free(cls: type) -> bool:
    """Errors, NamedTuples, enums, TypedDicts and Protocols need be neither abstract nor final."""
    return (
        issubclass(cls, BaseException | enum.Enum)
        or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
        or typing.is_typeddict(cls)
        or is_protocol(cls)
    )


def is_protocol(cls: type) -> bool:
    return bool(vars(cls).get("_is_protocol"))


FINISHED = FunctionType | classmethod | staticmethod | property | functools.cached_property


def offences(classes: Iterable[type], home: str) -> Iterator[str]:
    """Equinox's rule: a class is abstract or final, and nothing finished is overridden."""
    for cls in classes:
        if is_free(cls):
            continue
        abstract, final = inspect.isabstract(cls), "__final__" in vars(cls)
        if abstract != cls.__name__.startswith("Abstract"):
            yield f"{cls.__qualname__} must be both named Abstract* and have abstract methods, or neither"
        if abstract == final:
            yield f"{cls.__qualname__} must be either abstract or decorated with typing.final"
        for base in cls.__mro__[1:]:
            if base.__module__.partition(".")[0] != home or is_protocol(base):
                continue
            if not inspect.isabstract(base):
                yield f"{cls.__qualname__} subclasses the finished class {base.__qualname__}"
            for name in vars(cls):
                old = vars(base).get(name)
                if (
                    isinstance(old, FINISHED)
                    and not name.startswith("__")
                    and not getattr(old, "__isabstractmethod__", False)
                ):
                    yield f"{cls.__qualname__}.{name} overrides a finished method of {base.__qualname__}"


@pytest.mark.parametrize("name", MODULES)
def test_every_class_is_abstract_or_final(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        pytest.skip(f"{name} needs {error.name}, which is not installed")
    assert list(offences(classes_of(module), "hogwild")) == []


class AbstractShape(abc.ABC):
    @abc.abstractmethod
    def area(self) -> float: ...

    @property
    def unit(self) -> str:
        return "m2"


@typing.final
class Square(AbstractShape):
    def area(self) -> float:
        return 1.0


class Unfinished(AbstractShape):
    def area(self) -> float:
        return 2.0


@typing.final
class Tweaked(Unfinished):
    def area(self) -> float:
        return 3.0


@typing.final
class Renamed(AbstractShape):
    unit = "cm2"

    def area(self) -> float:
        return 4.0


@typing.final
class AbstractNothing:
    pass


class Fault(ValueError):
    pass


class WorseFault(Fault):
    pass


class Pair(typing.NamedTuple):
    left: int
    right: int


@pytest.mark.parametrize("cls", [AbstractShape, Square, Fault, WorseFault, Pair])
def test_the_rule_accepts(cls):
    assert list(offences([cls], __name__.partition(".")[0])) == []


@pytest.mark.parametrize(
    ("cls", "complaints"),
    [
        (Unfinished, ["Unfinished must be either abstract or decorated"]),
        (Tweaked, ["Tweaked subclasses the finished class Unfinished", "Tweaked.area overrides"]),
        (Renamed, ["Renamed.unit overrides a finished method of AbstractShape"]),
        (AbstractNothing, ["AbstractNothing must be both named"]),
    ],
)
def test_the_rule_refuses(cls, complaints):
    found = list(offences([cls], __name__.partition(".")[0]))
    assert len(found) == len(complaints)
    assert all(text.startswith(start) for text, start in zip(found, complaints, strict=True))


# ---- arrows


def test_imports_follow_the_arrows():
    code = "from importlinter.cli import lint_imports_command as check; check()"
    done = run("-c", code, "--no-cache", "--no-logo")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_stands_in_a_contract():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = {
        module
        for contract in settings["tool"]["importlinter"]["contracts"]
        for key in ("source_modules", "forbidden_modules", "modules", "protected_modules")
        for module in contract.get(key, [])
    }
    rooms = {".".join(module.split(".")[:2]) for module in MODULES} - {"hogwild"}
    assert rooms - named == set()


# ---- small files, nothing left for later


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_file_is_small(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{relative(path)} has {lines} lines: split it"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_nothing_is_left_for_later(path):
    left = re.findall(r"\b(?:TODO|FIXME)\b.*", path.read_text(encoding="utf-8"))
    assert left == []
