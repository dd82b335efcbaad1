"""Training on TensorBoard. Needs the extra `boards`."""

from __future__ import annotations

import os
from types import TracebackType
from typing import final

from hogwild.boards.board import AbstractBoard


@final
class TensorBoard(AbstractBoard):
    """A callback that writes what TensorBoard reads (`tensorboard --logdir FOLDER`): after each epoch objective, loss
    and score on held-out examples, step size, consensus distance, bytes, seconds and examples a second; and about twice
    a second how many workers there are, and how stale their pushes. Steps are examples learned.

    folder : for the files of this run; runs in folders side by side are drawn together

    To be closed, or used with `with`. Raises ImportError without TensorBoard, OSError if it cannot write.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__()
        try:
            from tensorboard.summary import DirectoryOutput, Writer
        except ImportError as error:
            raise ImportError("TensorBoard is not installed: pip install 'hogwild[boards]'") from error
        self._writer = Writer(DirectoryOutput(os.fspath(folder)))

    def show(self, figures: dict[str, float], step: int) -> None:
        """Written, and there to be read."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Nothing more is written."""
        self._writer.close()

    def __enter__(self) -> TensorBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
