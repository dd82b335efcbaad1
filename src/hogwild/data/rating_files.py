"""Ratings from files: a user, an item and a rating in each line, separated by commas, tabs, blanks or "::"."""

from __future__ import annotations

import csv
import io
import lzma
import os
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, TextIO, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.errors import DataError
from hogwild.data.opening import kind_of, reading, unreadable

SEPARATORS = ("::", "\t", ",", ";")  # what a first line has of these; else blanks
NAMES = tuple(
    map(re.compile, (r"user|reader|customer", r"item|movie|film|book|product|joke", r"rating|stars"))
)  # of columns
MOST = 2.0**53  # whole numbers above are not exact as floats
LARGEST = float(np.finfo(np.float32).max)  # rating
LONGEST, NO_ID = 1_000, frozenset("\r\n\0")  # characters of an id, and those that none has
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
    of user, item and rating are found by their names, and are the first three if it has no such names; others are left
    out. Ids are whole numbers if all of them are, of up to 18 digits, and text otherwise.

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
        _check_file(path)
        if path.suffix.lower() != ".zip":
            with reading(path) as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
                yield text
            return
        with zipfile.ZipFile(path) as archive, _opened(path, archive) as member:
            yield io.TextIOWrapper(member, "utf-8-sig", newline="")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8 ({error.reason}); convert it") from error
    except csv.Error as error:
        raise DataError(f"{path} is no table of ratings ({error}); is it text?") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise DataError(f"{path} is damaged ({error}); copy or download it again") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _check_file(path: Path) -> None:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise DataError(f"{path} is no regular file, and ratings are read more than once: save them first")
    with open(path, "rb") as raw:
        start = raw.read(8)
    kind = kind_of(start)
    if kind is not None and kind.open is None and path.suffix.lower() != ".zip":
        raise DataError(f"{path} is {kind.name}; give ratings as text, or text in a .zip")
    if not start:
        raise _empty(path)


def _empty(path: Path) -> DataError:
    return DataError(f"{path} is empty; it must hold at least one line with a user, an item and a rating")


def _opened(path: Path, archive: zipfile.ZipFile) -> IO[bytes]:
    try:
        return archive.open(_member(path, archive))
    except RuntimeError as error:  # zipfile says so of encrypted members, and of methods that it has not
        raise DataError(f"{path} is packed in a way that is not read ({error}): unpack it") from error


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
    number, first = next(((k, line.strip("\r\n")) for k, line in enumerate(lines, 1) if line.strip()), (0, ""))
    if not first:
        raise _empty(path)
    separator = next((each for each in SEPARATORS if each in first), " ")
    cells = [cell.strip().lower() for cell in next(_rows([first], separator))[1]]
    if len(cells) < len(COLUMNS):
        raise DataError(
            f"{path}, line {number} has {len(cells)} column(s): give a user, an item and a rating, separated by "
            "commas, tabs, blanks or ::"
        )
    if _is_number(cells[RATING]):
        return _Form(separator, (USER, ITEM, RATING), 0)
    columns: dict[int, int] = {}
    for column in (RATING, USER, ITEM):  # "movie_rating" is a rating
        places = (k for k, cell in enumerate(cells) if NAMES[column].search(cell) and k not in columns.values())
        if (place := next(places, None)) is not None:
            columns[column] = place
    if len(columns) == len(COLUMNS):
        return _Form(separator, [columns[column] for column in range(len(COLUMNS))], 1)
    if columns:
        raise DataError(
            f"{path}, line {number} names the columns {', '.join(cells)}: call those that are meant user, item and "
            "rating"
        )
    if any(map(_is_number, cells)):  # it names nothing
        raise _no_rating(path, number, cells[RATING])
    return _Form(separator, (USER, ITEM, RATING), 1)


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
    if not (
        (np.abs(table[:, RATING]) <= LARGEST).all()
        and np.isfinite(table).all()
        and (ids == np.floor(ids)).all()
        and (np.abs(ids) < MOST).all()
    ):
        return None
    return RatingTable(ids[:, USER].astype(np.int64), ids[:, ITEM].astype(np.int64), table[:, RATING])


def _texts(path: Path, lines: TextIO, form: _Form) -> RatingTable:
    most, before = max(form.columns), form.first
    users: list[str] = []
    items: list[str] = []
    ratings: list[float] = []
    for number, row in _rows(lines, form.separator):
        if not any(map(str.strip, row)):
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
            if len(value) > LONGEST or not NO_ID.isdisjoint(value):
                what = f"{len(value)} characters" if len(value) > LONGEST else "a line break or a zero byte"
                raise DataError(f"{path}, line {number} has {what} in its {name}: is a quotation mark missing?")
        if not _is_number(rating) or not abs(float(rating)) <= LARGEST:
            raise _no_rating(path, number, rating)
        users.append(user)
        items.append(item)
        ratings.append(float(rating))
    return RatingTable(_ids(users), _ids(items), np.array(ratings))


def _no_rating(path: Path, number: int, rating: str) -> DataError:
    return DataError(f"{path}, line {number} has the rating {rating!r}, which is no finite number")


def _rows(lines: Any, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The number of each line, or of the last of several that belong together, and its cells."""
    if separator in ("::", " "):
        by = None if separator == " " else separator
        yield from ((number, line.strip("\r\n").split(by)) for number, line in enumerate(lines, 1))
        return
    if separator == "\t":
        reader = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, delimiter=separator, strict=True)
    for row in reader:
        yield reader.line_num, row


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
