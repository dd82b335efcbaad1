"""What the readers raise and warn: one class for bad files, one for odd but usable ones."""

from __future__ import annotations

from typing import final


@final
class DataError(ValueError):
    """A file cannot be used; the message names the file, the line where there is one, and what to do."""


@final
class DataWarning(UserWarning):
    """A file is unusual but was understood; the message says how it was read."""
