"""What a worker that asks for its next round is told."""

from __future__ import annotations

from enum import Enum
from typing import final


@final
class Turn(Enum):
    """What a worker that asks for its next round is told."""

    GO = "go"
    STOP = "stop"
    # Wait for the others. The last of them calls `close`, all `judge`, the last of these `decide`; then all ask again.
    MEET = "meet"
