"""Names that users give, looked up in the table of their axis; all say the same of the same mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def find_name(axis: str, given: Any, known: Iterable[str], otherwise: str = "") -> str:
    """The one of the `known` names that is meant; "_" and "-" are the same.

    ValueError lists the names there are, and the one that was perhaps meant. `otherwise`: what else could be given.
    """
    names = {_plain(name): name for name in known}
    if isinstance(given, str) and _plain(given) in names:
        return names[_plain(given)]
    from difflib import get_close_matches

    near = get_close_matches(_plain(given).casefold(), names, n=1) if isinstance(given, str) else []
    hint = f" (did you mean {names[near[0]]}?)" if near else ""
    raise ValueError(f"{axis}={given!r} is not known{hint}; use one of {', '.join(names.values())}{otherwise}")


def find_made(axis: str, given: Any, table: Mapping[str, Callable[[], Any]], kind: type, example: str) -> Any:
    """What was given, if it is of that kind; else what the table makes for that name.

    ValueError for a name that is not there, TypeError for anything else; `example`: of what could be given.
    """
    if isinstance(given, kind):
        return given
    if isinstance(given, str):
        return table[find_name(axis, given, table)]()
    raise wrong_type(axis, given, f"a name, or e.g. {example}")


def wrong_type(name: str, given: Any, wanted: str) -> TypeError:
    """The error for an argument of the wrong type; who gave a class probably forgot to call it."""
    if isinstance(given, type):
        return TypeError(f"{name} must be {wanted}, not the class {given.__name__}: write {given.__name__}(...)")
    return TypeError(f"{name}={given!r} must be {wanted}")


def _plain(name: str) -> str:
    return name.replace("-", "_")
