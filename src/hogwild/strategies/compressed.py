"""Compressed: any strategy, with its messages sent in fewer bytes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from hogwild.deltas import Change, Coded, Delta, Sent
from hogwild.interfaces import AbstractStrategy, Unsupported, Worker
from hogwild.names import wrong_type
from hogwild.requests import Push, Put, Reduce, Start
from hogwild.requests.interposed import Interposed
from hogwild.rules.codecs import Codec, fed_back, find_codec
from hogwild.rules.updates import Update


@final
@dataclass(frozen=True)
class Compressed(AbstractStrategy):
    """`Compressed(Downpour(), topk(0.01))`: what a worker pushes, all-reduces or puts is coded first.

    Sums of gradients and changes: what a codec leaves out is kept, and added to what is sent next (error feedback; see
    `hogwild.rules.codecs.fed_back`). Residuals of gradients are kept for their mean gradients, as the next sum may be
    over other numbers of examples. Weights: the difference to what was sent last time is coded, and what is left out of
    it is in the next difference. What comes from a server is not coded.

    strategy : of those that push or all-reduce. Refused are Gossip and ParzenASGD, which throw weights at peers who do
        not know what was sent before, Alone, which sends once, Sandblaster, whose sums must be exact, and those on
        shared memory, which send nothing.
    codec : `float16()`, `topk(share)`, `sign()`, or a name of these
    """

    strategy: AbstractStrategy
    codec: Codec
    needs: frozenset[str] = field(init=False, repr=False, compare=False)
    least_workers: int = field(init=False, repr=False, compare=False)
    server: Update | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.strategy, AbstractStrategy) or isinstance(self.strategy, Compressed):
            raise wrong_type("strategy", self.strategy, "a strategy such as Downpour(), not compressed yet")
        inner, name = self.strategy, type(self.strategy).__name__
        if not inner.compressible:
            raise ValueError(
                f"messages of {name} cannot be compressed: use one that pushes or all-reduces, such as LocalSGD()"
            )
        object.__setattr__(self, "codec", find_codec(self.codec))  # a name will do
        for what in ("needs", "least_workers", "most_workers", "server", "answer", "survives", "coordinator"):
            object.__setattr__(self, what, getattr(inner, what))

    @property
    def agree(self) -> bool:
        return self.strategy.agree

    async def work(self, me: Worker) -> None:
        coder = _Coder(self.codec, me, type(self.strategy).__name__)
        await Interposed(self.strategy.work(me), me.made, coder.request)


@final
class _Coder:
    """One worker's: codes what it sends."""

    def __init__(self, codec: Codec, me: Worker, name: str) -> None:
        self._codec, self._me, self._name = codec, me, name
        weights = me.params.weights
        self._residual = me.params.local("residual", np.zeros_like(weights))
        self._known = me.params.local("known", weights.copy())  # my weights, as others know them

    def request(self, request: Any) -> Any:
        """The same, with what it sends coded."""
        match request:
            case Start(inner):
                return Start(self.request(inner))
            case Push(x):
                return Push(self._coded(x, 1))
            case Reduce(x, quorum) if x is not None:
                return Reduce(self._coded(x, self._me.size), quorum)
            case Put(peer, x, mode) if isinstance(x, Delta | Change):
                return Put(peer, self._coded(x, 1), mode)
            case Put():
                raise Unsupported(
                    f"{self._name} puts weights into mailboxes, which cannot be compressed: use it as it is"
                )
        return request

    def _coded(self, x: Sent, workers: int) -> Any:
        if isinstance(x, Coded):
            return x
        if isinstance(x, np.ndarray):
            return self._weights(x, workers) if x.shape == self._known.shape else x
        if isinstance(x, Delta) and x.portion is not None:
            raise Unsupported(f"{self._name} adds up portions exactly, which cannot be compressed: use it as it is")
        if isinstance(x, Delta) and x.examples == 0:  # all values are 0
            return replace(x, coded_bytes=self._n_bytes(x.values, workers))
        at = slice(None) if x.keys is None else self._me.params.positions(x.keys)
        scale = x.values.dtype.type(x.examples / x.steps if isinstance(x, Delta) else 1)
        arrives, self._residual[at] = fed_back(self._codec, x.values / scale, self._residual[at])
        return replace(x, values=arrives * scale, coded_bytes=self._n_bytes(arrives, workers))

    def _weights(self, x: Any, workers: int) -> Coded:
        difference = x - self._known
        self._known += self._codec.arrives(difference)
        return Coded(self._known.copy(), self._n_bytes(difference, workers))

    def _n_bytes(self, x: Any, workers: int) -> int:
        return self._codec.n_bytes(x) if workers == 1 else self._codec.n_bytes_summed(x, workers)
