"""Ratings from files: a user, an item and a rating in each line, separated by commas, tabs, blanks or "::"."""

from __future__ import annotations

import csv
import io
import os
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.errors import DataError
from hogwild.data.opening import reading, unreadable

SEPARATORS = ("::", "\t", ",", ";")  # what a first line has of these; else blanks
NAMES = tuple(
    map(re.compile, (r"user|reader|customer", r"item|movie|film|book|product|joke", r"rating|stars"))
)  # of columns
MOST = 2.0**53  # whole numbers above are not exact as floats
USER, ITEM, RATING = range(3)
COLUMNS = ("user", "item", "rating")


@final
class RatingTable(NamedTuple):
    """Users and items (n,), whole numbers or text, and ratings (n,)."""

    users: NDArray[Any]
    items: NDArray[Any]
    ratings: NDArray[np.float64]


class _Form(NamedTuple):
    """How lines are to be read. columns: of user, item and rating, from 0; first: lines before the first rating."""

    separator: str
    columns: Sequence[int]
    first: int


def read_ratings(path: str | os.PathLike[str]) -> RatingTable:
    """The ratings of a file: .csv, .tsv, .dat, .data or any other text, plain or .gz, .bz2 or .xz; or a .zip with one
    such file, or with one whose name begins with "ratings", as those of MovieLens.

    Separators are commas, semicolons, tabs, "::" or blanks: what the first line has. If that names its columns, those
    of user, item and rating are found by their names, and are the first three otherwise; others are left out. Ids are
    whole numbers if all of them are, and text otherwise.

    DataError, with the file and the line, for what cannot be read, is cut off, or has a rating that is no finite
    number.
    """
    path = Path(path)
    with _text(path) as lines:
        form = _form(path, lines)
    with _text(path) as lines:
        found = _numbers(lines, form)
    if found is None:  # there is text, or something is wrong: line by line
        with _text(path) as lines:
            found = _texts(path, lines, form)
    if not found.ratings.size:
        raise DataError(f"{path} has no ratings; it must hold at least one line with a user, an item and a rating")
    return found


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """The lines of the file, of the one member of an archive, or of its ratings."""
    try:
        if path.suffix.lower() != ".zip":
            with reading(path) as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
                yield text
            return
        with zipfile.ZipFile(path) as archive, archive.open(_member(path, archive)) as member:
            yield io.TextIOWrapper(member, "utf-8-sig", newline="")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8 ({error.reason} at byte {error.start}); convert it") from error
    except csv.Error as error:
        raise DataError(f"{path} is no table of ratings ({error}); is it text?") from error
    except zipfile.BadZipFile as error:
        raise DataError(f"{path} is damaged ({error}); copy or download it again") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _member(path: Path, archive: zipfile.ZipFile) -> str:
    files = [name for name in archive.namelist() if not name.endswith("/")]
    named = [name for name in files if Path(name).name.lower().startswith("ratings")]
    if len(files) != 1 and len(named) != 1:
        raise DataError(
            f"{path} has {len(files)} files, {len(named)} of them called ratings: unpack it and give the one that is "
            "meant"
        )
    return (named or files)[0]


def _form(path: Path, lines: TextIO) -> _Form:
    first = next((line.strip() for line in lines if line.strip()), "")
    if not first:
        raise DataError(f"{path} is empty; it must hold at least one line with a user, an item and a rating")
    separator = next((each for each in SEPARATORS if each in first), " ")
    cells = [cell.strip().lower() for cell in next(_rows([first], separator))]
    if len(cells) < len(COLUMNS):
        raise DataError(
            f"{path}, line 1 has {len(cells)} column(s): give a user, an item and a rating, separated by commas, tabs, "
            "blanks or ::"
        )
    if _is_number(cells[RATING]):
        return _Form(separator, (USER, ITEM, RATING), 0)
    places = [next((k for k, cell in enumerate(cells) if name.search(cell)), None) for name in NAMES]
    named = None not in places and len(set(places)) == len(COLUMNS)
    return _Form(separator, [int(place or 0) for place in places] if named else (USER, ITEM, RATING), 1)


def _numbers(lines: TextIO, form: _Form) -> RatingTable | None:
    """NumPy's reader, which is fast; None if not all are numbers, and ids whole ones."""
    if form.separator == "::":
        return None
    separator = None if form.separator == " " else form.separator
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "loadtxt: input contained no data")  # which is said by an error
        try:
            table = np.loadtxt(
                lines, delimiter=separator, skiprows=form.first, usecols=form.columns, ndmin=2, comments=None
            )
        except ValueError:
            return None
    if not table.size:
        return None
    ids = table[:, :RATING]
    if not (np.isfinite(table).all() and (ids == np.floor(ids)).all() and (np.abs(ids) < MOST).all()):
        return None
    return RatingTable(ids[:, USER].astype(np.int64), ids[:, ITEM].astype(np.int64), table[:, RATING])


def _texts(path: Path, lines: TextIO, form: _Form) -> RatingTable:
    most, before = max(form.columns), form.first
    users: list[str] = []
    items: list[str] = []
    ratings: list[float] = []
    for number, row in enumerate(_rows(lines, form.separator), 1):
        if not any(row):
            continue
        if before:
            before -= 1
            continue
        if len(row) <= most:
            raise DataError(f"{path}, line {number} has {len(row)} column(s), but {most + 1} are needed")
        user, item, rating = (row[k].strip() for k in form.columns)
        for name, value in zip(COLUMNS, (user, item, rating), strict=True):
            if not value:
                raise DataError(f"{path}, line {number} has no {name}")
        if not _is_number(rating) or not np.isfinite(float(rating)):
            raise DataError(f"{path}, line {number} has the rating {rating!r}, which is no finite number")
        users.append(user)
        items.append(item)
        ratings.append(float(rating))
    return RatingTable(_ids(users), _ids(items), np.array(ratings))


def _rows(lines: Any, separator: str) -> Iterator[list[str]]:
    if separator == "::":
        return (line.strip().split("::") for line in lines)
    if separator == " ":
        return (line.split() for line in lines)
    return csv.reader(lines, delimiter=separator)


def _ids(texts: list[str]) -> NDArray[Any]:
    if all(re.fullmatch(r"-?[0-9]{1,18}", text) for text in texts):
        return np.array(texts, np.int64)
    return np.array(texts)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
