"""A module looked over: which weights and buffers it has, and where they are in `Params`."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hogwild.models.network_torch import import_torch
from hogwild.params import Params

Arrays = Mapping[str, NDArray[Any]]

PREFIX = "buffer."  # of the names of buffers in `Params.state`


class Layout(NamedTuple):
    """What a module consists of: views of the weight vector, by the names of its parameters; and buffers."""

    views: dict[str, tuple[int, ...]]
    dtype: np.dtype
    buffers: dict[str, NDArray[Any]]  # copies of what the module has now

    @property
    def n_rows(self) -> int:
        """Rows of `Params`."""
        return sum(shape[0] if shape else 1 for shape in self.views.values())

    def check(self, params: Params) -> None:
        """ValueError if these parameters are not of this module."""
        if list(params.views.items()) != list(self.views.items()) or params.weights.dtype != self.dtype:
            raise ValueError(
                f"these weights are not of this module: they are {_spell(params.views, params.weights.dtype)}, and the "
                f"module has {_spell(self.views, self.dtype)}"
            )
        for name, array in self.buffers.items():
            found = params.state.get(name)
            if found is None or found.shape != array.shape or found.dtype != array.dtype:
                raise ValueError(f"these weights are not of this module: its {name} of shape {array.shape} is missing")


def _spell(views: Mapping[str, tuple[int, ...]], dtype: np.dtype) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in views.items()) + f" ({dtype})"


def layout_of(module: Any) -> Layout:
    """Look a module over; TypeError or ValueError, with one sentence, for what cannot be trained."""
    torch = import_torch()
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, not {type(module).__name__}")
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if isinstance(tensor, torch.nn.parameter.UninitializedTensorMixin):
            raise ValueError(f"{name!r} has no shape yet: run one batch through the module before it is trained")
        if tensor.device.type != "cpu":
            raise ValueError(f"{name!r} is on {tensor.device}, but workers share main memory: use module.cpu()")
    learnt = trainable(module)
    if not learnt:
        raise ValueError("the module has no parameter with requires_grad: there is nothing to learn")
    dtypes = {str(parameter.dtype).removeprefix("torch."): name for name, parameter in learnt}
    if len(dtypes) > 1:
        found = " and ".join(f"{dtype} ({name!r})" for dtype, name in dtypes.items())
        raise ValueError(f"parameters must all be of one dtype, not {found}: use module.float()")
    (dtype,) = dtypes
    if dtype not in ("float32", "float64"):
        raise ValueError(f"parameters must be float32 or float64, not {dtype}: use module.float()")
    buffers = {}
    for name, _, _, tensor in buffers_of(module):
        try:
            buffers[PREFIX + name] = tensor.detach().numpy().copy()
        except (TypeError, RuntimeError) as error:
            raise ValueError(f"buffer {name!r} ({tensor.dtype}, {tensor.layout}) has no NumPy form") from error
    return Layout({name: tuple(p.shape) for name, p in learnt}, np.dtype(dtype), buffers)


def trainable(module: Any) -> list[tuple[str, Any]]:
    """Parameters that are learnt, each once, however many names it has. Frozen ones stay as they are."""
    return [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]


def buffers_of(module: Any) -> list[tuple[str, Any, str, Any]]:
    """(name, module that has it, its name there, tensor), each tensor once."""
    seen: set[int] = set()
    found = []
    for prefix, owner in module.named_modules():
        for key, tensor in owner._buffers.items():
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                found.append((f"{prefix}.{key}" if prefix else key, owner, key, tensor))
    return found


def copy_of(module: Any, *, training: bool) -> Any:
    """An independent copy: for training in the modes that the module has, or else in eval mode. ValueError if the
    module holds what cannot be copied.
    """
    try:
        with import_torch().inference_mode(False):  # what is made in that mode knows no gradients
            copy = deepcopy(module)
    except (RuntimeError, TypeError) as error:  # the result of a computation; a lock, an open file
        raise ValueError(f"the module cannot be copied, and each worker needs a copy: {error}") from error
    if not training:
        copy.eval()
    elif not copy.training:
        copy.train()
    return copy


def load(module: Any, params: Params) -> None:
    """Copy weights and buffers into a module."""
    torch = import_torch()
    with torch.no_grad():
        for name, parameter in trainable(module):
            parameter.copy_(torch.from_numpy(params[name].copy()))
        for name, _, _, tensor in buffers_of(module):
            tensor.copy_(torch.from_numpy(params.state[PREFIX + name].copy()))


def flat_weights(module: Any, params: Params) -> None:
    """Copy the module's weights into the vector."""
    for name, parameter in trainable(module):
        params[name][...] = parameter.detach().numpy()


def columns(output: Any) -> Any:
    """(n, 1) as (n,): against labels (n,) it would be broadcast to (n, n)."""
    return output[:, 0] if output.ndim == 2 and output.shape[1] == 1 else output
