"""How commands talk: results to standard output, all else to standard error, an error in one sentence."""

from __future__ import annotations

import functools
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

FAILED, INTERRUPTED = 1, 130
# What users can cause and mend. Anything else is a defect of the program, and keeps its traceback.
EXPECTED = (ValueError, OSError, FloatingPointError, ImportError, MemoryError)


def plain_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Decorator of a command: an expected error becomes one sentence and an exit code; so does Ctrl-C."""

    @functools.wraps(command)
    def guarded(*arguments: Any, **options: Any) -> None:
        try:
            with _plain_warnings():
                command(*arguments, **options)
        except KeyboardInterrupt:
            fail("interrupted", INTERRUPTED)
        except BrokenPipeError:  # who read our output wants no more of it, as `head` does
            _abandon_stdout()
            raise SystemExit(FAILED) from None
        except EXPECTED as error:
            fail(_sentence(error))

    return guarded


def fail(sentence: str, code: int = FAILED) -> None:
    """End the program with one sentence on standard error."""
    click.echo(f"hogwild: error: {sentence}" if code == FAILED else f"hogwild: {sentence}", err=True)
    raise SystemExit(code)


def say(sentence: str) -> None:
    """A line for people, beside the results."""
    click.echo(sentence, err=True)


def write_stdout(text: str) -> None:
    """Write results, at once and wholly; OSError with one sentence if that fails."""
    rest = memoryview(text.encode(sys.stdout.encoding, sys.stdout.errors or "strict"))
    try:
        sys.stdout.flush()
        while rest:  # with PYTHONUNBUFFERED a write may be short, and sys.stdout.write() would not say so
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _abandon_stdout()
        raise OSError(f"standard output cannot be written: {error.strerror or error}") from error


def write_json(result: dict[str, Any]) -> None:
    """One JSON object, and nothing else, on standard output."""
    write_stdout(json.dumps(result, indent=2, allow_nan=False) + "\n")


def table(rows: list[tuple[str, str]]) -> str:
    """Names and values in two columns."""
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:<{width}}  {value}".rstrip() + "\n" for name, value in rows)


def _sentence(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "out of memory; use fewer examples or features" + (f" ({error})" if str(error) else "")
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    said = str(error) or type(error).__name__
    return " ".join(" ".join([said, *getattr(error, "__notes__", ())]).split())  # notes say e.g. in which worker


def _abandon_stdout() -> None:
    """Let the interpreter's own last flush go nowhere, or it would complain a second time."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings as one line each, without the line of source code."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        say(f"hogwild: warning: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.filterwarnings("default", category=UserWarning)
        warnings.showwarning = show
        yield
