"""A module and flat vectors: which weights are where, and copies of the module whose parameters alias a vector.

Threads that shared Parameter objects would crash on autograd's version counters; so each thread has a replica of the
module, with Parameters of its own whose *data* is the common memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.models.network_losses import import_torch
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
    """An independent copy: for training in the modes that the module has, or else in eval mode."""
    try:
        copy = deepcopy(module)
    except RuntimeError as error:  # a tensor that is the result of a computation
        raise ValueError(f"the module cannot be copied: {error}") from error
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


@final
class Replica:
    """One thread's copy of the module. Its weights and buffers are whatever it was last bound to.

    `slope` (weights,) is where backward() adds gradients, as a tensor and as an array of the same memory.
    """

    def __init__(self, module: Any, *, training: bool) -> None:
        torch = import_torch()
        with torch.inference_mode(False):  # whatever the caller's mode: what is made there knows no gradients
            self._make(torch, module, training)

    def _make(self, torch: Any, module: Any, training: bool) -> None:
        self.module = copy_of(module, training=training)
        self._learning = [part for part in self.module.modules() if part.training]
        self._parameters = [parameter for _, parameter in trainable(self.module)]
        ends = list(accumulate((parameter.numel() for parameter in self._parameters), initial=0))
        self._parts = [slice(begin, end) for begin, end in pairwise(ends)]
        self._buffers = buffers_of(self.module)
        self._weights: NDArray[np.floating] | None = None
        self._arrays: list[Any] = [None] * len(self._buffers)
        self._slope = torch.zeros(ends[-1] if training else 0, dtype=self._parameters[0].dtype)
        self.slope: NDArray[np.floating] = self._slope.numpy()
        for parameter, part in zip(self._parameters, self._parts, strict=True):
            parameter.grad = self._slope[part].view(parameter.shape) if training else None

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
            for k, (_, _, _, tensor) in enumerate(self._buffers):
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


# ------------------------------------------------------------------------------------- what threads have in common

_INSIDE = threading.Lock()
_inside, _threads_before = 0, 1


@contextmanager
def on_one_core() -> Iterator[None]:
    """Torch starts no threads of its own: a worker is one core, and the bits of a sum would depend on their number.

    The number is both the process's and the calling thread's. The last worker to leave gives the process its own back.
    """
    global _inside, _threads_before
    torch = import_torch()
    with _INSIDE:
        # Always asked: a thread's first question (or first large tensor) sets its number to that of the process, also
        # after it has been given another one.
        now = torch.get_num_threads()
        if _inside == 0:
            _threads_before = now
        _inside += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _INSIDE:
            _inside -= 1
            torch.set_num_threads(_threads_before)


_DRAWING = threading.Lock()


@contextmanager
def random_numbers(seed: Sequence[int]) -> Iterator[None]:
    """Layers draw from torch's one global generator: lend it to one thread at a time, seeded, and put it back.

    What is drawn depends on the seed alone, whatever other workers do meanwhile.
    """
    torch = import_torch()
    number = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))
    with _DRAWING:
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(number)
        try:
            yield
        finally:
            torch.set_rng_state(before)


class Trial(NamedTuple):
    """What a module does with rows."""

    shape: tuple[int, ...]  # of the output for one row, without a last axis of length 1
    draws: bool  # random numbers, in training
    pairs: bool  # training takes two rows or more (BatchNorm has no variance of one)


def tried(module: Any, rows: NDArray[Any]) -> Trial:
    """rows: two of them. ValueError if the module cannot take them, TypeError if it does not give one tensor."""
    torch = import_torch()
    with on_one_core(), torch.inference_mode(False), torch.no_grad(), random_numbers([0]):
        before = torch.get_rng_state()
        shape = _output(copy_of(module, training=True), rows)
        draws = not torch.equal(before, torch.get_rng_state())
        judged = _output(copy_of(module, training=False), rows)
        try:
            _output(copy_of(module, training=True), rows[:1])
        except ValueError:
            pairs = True
        else:
            pairs = False
    if shape != judged:
        raise ValueError(f"the module gives outputs of shape {shape} a row in training, but {judged} in eval mode")
    return Trial(shape, draws, pairs)


def _output(module: Any, rows: NDArray[Any]) -> tuple[int, ...]:
    torch = import_torch()
    try:
        output = module(torch.from_numpy(rows.copy()))
    except Exception as error:
        raise ValueError(f"the module cannot take rows of {rows.shape[1]} features: {error}") from error
    if not isinstance(output, torch.Tensor):
        raise TypeError(f"the module must give one tensor, not {type(output).__name__}")
    if output.ndim == 0 or output.shape[0] != rows.shape[0]:
        raise ValueError(f"the module gives {tuple(output.shape)} for {rows.shape[0]} rows, not an output for each")
    return tuple(columns(output).shape[1:])


def columns(output: Any) -> Any:
    """(n, 1) as (n,): against labels (n,) it would be broadcast to (n, n)."""
    return output[:, 0] if output.ndim == 2 and output.shape[1] == 1 else output
