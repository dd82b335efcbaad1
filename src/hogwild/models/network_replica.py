"""Copies of a module whose parameters alias a vector.

Threads that shared Parameter objects would crash on autograd's version counters; so each thread has a replica of the
module, with Parameters of its own whose *data* is the memory that its worker trains.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.models.network_module import PREFIX, Arrays, buffers_of, copy_of, trainable
from hogwild.models.network_torch import import_torch


@final
class Replica:
    """One thread's copy of the module. Its weights and buffers are whatever it was last bound to.

    `slope` (weights,) is where backward() adds gradients, as a tensor and as an array of the same memory.
    """

    def __init__(self, module: Any, *, training: bool) -> None:
        torch = import_torch()
        self.module = copy_of(module, training=training)
        self._learning = [part for part in self.module.modules() if part.training]
        self._parameters = [parameter for _, parameter in trainable(self.module)]
        ends = list(accumulate((parameter.numel() for parameter in self._parameters), initial=0))
        self._parts = [slice(begin, end) for begin, end in pairwise(ends)]
        self._buffers = buffers_of(self.module)
        self._weights: NDArray[np.floating] | None = None
        self._arrays: list[Any] = [None] * len(self._buffers)
        with torch.inference_mode(False):  # what is made in that mode knows no gradients
            slope = torch.zeros(ends[-1] if training else 0, dtype=self._parameters[0].dtype)
            for parameter, part in zip(self._parameters, self._parts, strict=True):
                parameter.grad = slope[part].view(parameter.shape) if training else None
        self.slope: NDArray[np.floating] = slope.numpy()

    def bind(self, weights: NDArray[np.floating], state: Arrays) -> Replica:
        """From now on read these weights, and read and write these buffers."""
        torch = import_torch()
        arrays = [state[PREFIX + name] for name, _, _, _ in self._buffers]
        with torch.inference_mode(False):
            if weights is not self._weights:
                vector = torch.from_numpy(_writable(weights))
                for parameter, part in zip(self._parameters, self._parts, strict=True):
                    parameter.data = vector[part].view(parameter.shape)
                self._weights = weights if weights.flags.writeable else None
            for k, (_, owner, key, tensor) in enumerate(self._buffers):
                owner._buffers[key] = tensor  # unless the module has replaced it
                if arrays[k] is not self._arrays[k]:
                    tensor.data = torch.from_numpy(_writable(arrays[k]))
                    self._arrays[k] = arrays[k] if arrays[k].flags.writeable else None
        return self

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """In eval mode for a while."""
        for part in self._learning:
            part.training = False
        try:
            yield
        finally:
            for part in self._learning:
                part.training = True

    def settle(self) -> None:
        """After learning: a module may have replaced a buffer instead of writing to it."""
        for _, owner, key, tensor in self._buffers:
            now = owner._buffers[key]
            if now is not tensor:
                tensor.copy_(now)
                owner._buffers[key] = tensor


def _writable(array: NDArray[Any]) -> NDArray[Any]:
    """Torch has no tensors that are read-only: of such arrays (only judged, not trained) it gets a copy."""
    return array if array.flags.writeable else array.copy()
