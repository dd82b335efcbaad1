"""`--tensorboard`: runs as TensorBoard shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hogwild.interfaces import Callback


@contextmanager
def boards(folder: str | None) -> Iterator[Sequence[Callback]]:
    """The callbacks of one run; none without a folder."""
    if folder is None:
        yield ()
        return
    from hogwild.boards import TensorBoard

    with TensorBoard(folder) as board:
        yield (board,)


def place_of(folder: str, name: str, seed: int) -> str:
    """Of one of several runs."""
    return str(Path(folder) / f"{re.sub(r'[^A-Za-z0-9.=_-]+', '_', name)[:80]}-{seed}")
