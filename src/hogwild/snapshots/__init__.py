"""Checkpoints of a run as files: what they consist of, where they lie, and which of them may be believed.

What a run consists of, engines know. Nothing in such a file can run code.
"""

from hogwild.snapshots.folder import Folder, Saved
from hogwild.snapshots.parts import CheckpointError, Part
from hogwild.snapshots.settings import Checkpoint, Keeping

__all__ = ["Checkpoint", "CheckpointError", "Folder", "Keeping", "Part", "Saved"]
