"""`--tensorboard`: runs as TensorBoard shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

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
