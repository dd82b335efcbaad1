"""Trained estimators as files: safetensors with text metadata. Nothing in such a file can run code.

The arrays are stored bit for bit; everything else (classes, hyper-parameters, history) is JSON in the metadata,
under a checksum. A file is written whole or not at all, and believed only after every part was checked.
"""

from hogwild.checkpoint.layout import Estimator, ModelError, histories
from hogwild.checkpoint.loading import is_model, load_linear, load_model
from hogwild.checkpoint.saving import save_model

__all__ = ["Estimator", "ModelError", "histories", "is_model", "load_linear", "load_model", "save_model"]
