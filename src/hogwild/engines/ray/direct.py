"""Sums among workers: each owns a part of the vector, adds there what all give, in rank order, and sends it to all.

A reduce-scatter and an all-gather, as in Thakur, Rabenseifner and Gropp 2005, section 4.5, but all parts of a sum go
straight to who adds them, so that their order does not depend on how many workers there are. What is small, or of some
rows only, each sends to all, and all add.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.engines.collectives import added
from hogwild.engines.ray.buffers import Buffers
from hogwild.engines.ray.mesh import Broken, Bytes, Mesh
from hogwild.engines.ray.offers import OFFER_BYTES, Kind, Offer, Way, offer, result
from hogwild.engines.transport import exchanged
from hogwild.requests import Reduced

FRAME_BYTES = 8192  # an offer, and what is offered if it is no more: a frame of 8 kB takes as long as an empty one
PAIR_FRAME_BYTES = 1 << 20  # of two: they send as much either way, and add all of it instead of half
GATHERED_BYTES = 65_536  # up to this it takes no longer to send all to all, and one message less
PIECE_BYTES = 1 << 20  # one is added while the next is on its way
FRAME, DATA, SUM = range(3)  # kinds of messages


@final
class Direct:
    """For one worker. A sum is `prepare`, `send`, `hear`, `total`.

    sent : bytes and messages of the sums that this worker has counted: of each, the first worker in it
    """

    def __init__(self, mesh: Mesh, rank: int, size: int) -> None:
        self._mesh, self._rank = mesh, rank
        self._peers = [peer for peer in range(size) if peer != rank]
        n_bytes = PAIR_FRAME_BYTES if size == 2 else FRAME_BYTES
        self._frame: Bytes = np.empty(n_bytes, np.uint8)
        self._frames: dict[int, Bytes] = {peer: np.empty(n_bytes, np.uint8) for peer in self._peers}
        self._sending: list[Any] = []
        self._hearing: list[Any] = []
        self._unheard: list[Any] = []  # what was sent to those that are gone
        self._buffers, self._scratch = Buffers(), np.empty(0, np.uint8)
        self._offers: dict[int, Offer] = {}
        self.sent = (0, 0)

    # ------------------------------------------------------------------------------------------------- who is there

    def prepare(self, x: Any) -> None:
        """This is what the worker gives to the next sum."""
        self._mine, self._keys, self._values = offer(x)
        try:
            packed = self._mine.packed()
        except struct.error:
            self._mine = Offer(Way.HERE, Kind.OTHER)
            packed = self._mine.packed()
        self._frame[:OFFER_BYTES] = np.frombuffer(packed, np.uint8)
        self._frame_bytes = OFFER_BYTES
        if self._is_inside(self._mine):
            middle, end = _ends(self._mine)
            self._frame[OFFER_BYTES:middle], self._frame[middle:end] = self._keys, self._values
            self._frame_bytes = end

    def send(self) -> None:
        """Tell all others."""
        self._hearing = [self._mesh.receive(self._frames[peer], peer, FRAME) for peer in self._peers]
        told = self._frame[: self._frame_bytes]
        self._sending = [self._mesh.send(told, peer, FRAME) for peer in self._peers]

    def tell(self, way: Way) -> None:
        """Instead of `send`: the worker does not come. Whose connection is lost need not be told."""
        told = np.frombuffer(bytearray(Offer(way, Kind.NOTHING).packed()), np.uint8)
        for peer in self._peers:
            try:
                self._unheard.append(self._mesh.send(told, peer, FRAME))
            except Broken:
                continue

    def close(self) -> None:
        """No sum is made here any more: who waits for this worker need not any longer."""
        self._mesh.close()

    def keep(self) -> None:
        """What the worker gives may change from now on."""
        self._keys, self._values = self._keys.copy(), self._values.copy()

    def hear(self) -> bool:
        """Wait for all others. False if one of them goes through the conductor, from now on. `Broken` if one died."""
        offers = {self._rank: self._mine}
        for begun, peer in zip(self._hearing, tuple(self._peers), strict=True):
            self._mesh.finish(begun)
            offers[peer] = found = Offer.unpacked(self._frames[peer])
            if found.way is Way.ELSEWHERE:
                return False
            if found.way is Way.GONE:
                del offers[peer]
        for sent in self._sending:
            if sent[0] in offers:
                self._mesh.finish(sent)
            else:
                self._unheard.append(sent)
                self._peers.remove(sent[0])
                self._frame = self._frame.copy()
        self._offers = dict(sorted(offers.items()))
        return True

    # --------------------------------------------------------------------------------------------------- what it is

    def total(self) -> Reduced | None:
        """The sum; None if what is given cannot be added here."""
        ranks = list(self._offers)
        given = {rank: each for rank, each in self._offers.items() if each.kind is not Kind.NOTHING}
        first = next(iter(given.values()), self._mine)
        if not all(each.like(first) for each in given.values()):
            return None
        if ranks[0] == self._rank:
            n_bytes, messages = exchanged(len(ranks), max((each.n_bytes for each in given.values()), default=0))
            self.sent = self.sent[0] + n_bytes, self.sent[1] + messages
        if not given:
            return Reduced(None, 0)
        inside = all(map(self._is_inside, given.values()))
        if first.kind is Kind.SPARSE or first.values_bytes <= GATHERED_BYTES or inside or len(ranks) == 1:
            return Reduced(self._gathered(given, ranks), len(given))
        return Reduced(result(given, self._scattered(given, ranks)), len(given))

    def _gathered(self, given: dict[int, Offer], ranks: list[int]) -> Any:
        """All send all to all."""
        parts, begun = {}, []
        for rank, each in given.items():
            if rank == self._rank:
                parts[rank] = self._keys, self._values
                if not self._is_inside(each):
                    begun += [
                        self._mesh.send(data, peer, DATA)
                        for peer in ranks
                        if peer != rank
                        for data in parts[rank]
                        if data.size
                    ]
            elif self._is_inside(each):
                middle, end = _ends(each)
                parts[rank] = self._frames[rank][OFFER_BYTES:middle], self._frames[rank][middle:end]
            else:
                parts[rank] = np.empty(each.keys_bytes, np.uint8), np.empty(each.values_bytes, np.uint8)
                begun += [self._mesh.receive(data, rank, DATA) for data in parts[rank] if data.size]
        self._finish(begun)
        return added({rank: each.given(*parts[rank]) for rank, each in given.items()})

    def _scattered(self, given: dict[int, Offer], ranks: list[int]) -> NDArray[Any]:
        """Each adds its part of the vector, piece by piece, and sends it to all."""
        mesh, me = self._mesh, self._rank
        others, givers = [rank for rank in ranks if rank != me], [rank for rank in given if rank != me]
        offered = next(iter(given.values()))
        dtype, size = np.dtype(offered.dtype), offered.size
        width = dtype.itemsize
        vector, shown = self._buffers.take(size, dtype)
        summed = vector.view(np.uint8)
        pieces = {rank: list(_pieces(size, width, place, len(ranks))) for place, rank in enumerate(ranks)}

        first = pieces[me][0][0] if pieces[me] else 0
        span = pieces[me][-1][1] - first if pieces[me] else 0
        if self._scratch.size < span * len(givers):
            self._scratch = np.empty(span * len(givers), np.uint8)
        theirs = {rank: self._scratch[i * span : (i + 1) * span] for i, rank in enumerate(givers)}
        arriving = [
            [mesh.receive(theirs[rank][a - first : b - first], rank, DATA) for rank in givers] for a, b in pieces[me]
        ]
        begun = [mesh.receive(summed[a:b], rank, SUM) for rank in others for a, b in pieces[rank]]
        if me in given:
            begun += [mesh.send(self._values[a:b], rank, DATA) for rank in others for a, b in pieces[rank]]
        for (a, b), receiving in zip(pieces[me], arriving, strict=True):
            self._finish(receiving)
            parts = [self._values[a:b] if rank == me else theirs[rank][a - first : b - first] for rank in given]
            _add(parts, summed[a:b], dtype)
            begun += [mesh.send(summed[a:b], rank, SUM) for rank in others]
        self._finish(begun)
        return shown

    def _is_inside(self, told: Offer) -> bool:
        """Is what is offered in the frame?"""
        return told.keys_bytes + told.values_bytes <= self._frame.size - OFFER_BYTES

    def _finish(self, begun: list[Any]) -> None:
        for each in begun:
            self._mesh.finish(each)


def _add(parts: list[Bytes], out: Bytes, dtype: np.dtype[Any]) -> None:
    """In this order."""
    first, *others = [part.view(dtype) for part in parts]
    summed = out.view(dtype)
    if not others:
        summed[:] = first
        return
    np.add(first, others[0], out=summed)
    for other in others[1:]:
        np.add(summed, other, out=summed)


def _pieces(size: int, width: int, place: int, places: int) -> Iterator[tuple[int, int]]:
    """Begin and end, in bytes, of the pieces that the worker at this place adds up, of `size` values."""
    begin, end = size * place // places * width, size * (place + 1) // places * width
    for piece in range(begin, end, PIECE_BYTES // width * width):
        yield piece, min(end, piece + PIECE_BYTES // width * width)


def _ends(told: Offer) -> tuple[int, int]:
    """Where in its frame the keys and the values end."""
    middle = OFFER_BYTES + told.keys_bytes
    return middle, middle + told.values_bytes
