"""The coordinator of Sandblaster: it knows names of vectors and their inner products, and sees no vector.

Pairs and gradients are those of u = w / scales, in which columns of any scale are alike; points and directions are
those of w.
"""

from __future__ import annotations

import math
from typing import final

import numpy as np
from numpy.typing import NDArray

from hogwild.deltas import Vector
from hogwild.interfaces import Worker
from hogwild.rules.directions import Method, Products, grown
from hogwild.rules.line_search import Search, Stage, Trial, advance, begin, resolution_of

POINTS = ("point 0", "point 1")
"""One of them is the accepted point, and the next is written to the other: one is whole whenever we are lost."""


@final
class Coordinator:
    """Decides which point each pass evaluates: `move` before it and `conclude` after it.

    slot : which of POINTS is the accepted one; None: what "weights" are, as at the beginning of a run. Whoever takes
           over from a lost coordinator knows this alone: it has that point evaluated again, and has no history.
    """

    def __init__(self, me: Worker, method: Method, slot: int | None) -> None:
        self._me, self._method, self._slot = me, method, slot
        self._search: Search | None = None  # None: the accepted point itself is evaluated
        self._pairs: list[int] = []  # numbers of the pairs s and y, oldest first
        self._products = Products(0.0)
        self._gain: float | None = None  # what the slope promised for the last accepted step

    def packed(self) -> NDArray[np.float64]:
        """All that it knows, as numbers: when a run goes on, it does."""
        search, products = self._search, self._products
        told = [np.nan] if search is None else _numbers_of(search)
        slot, gain = (np.nan if value is None else value for value in (self._slot, self._gain))
        matrices = [np.ravel(matrix) for matrix in products[1:5]]
        numbers = [slot, gain, products.gg, products.step, products.before, len(self._pairs), *self._pairs]
        return np.concatenate([numbers, *matrices, told])

    @classmethod
    def unpacked(cls, me: Worker, method: Method, numbers: NDArray[np.float64]) -> Coordinator:
        """What was packed."""
        slot, gain, gg, step, before, pairs = numbers[:6].tolist()
        k = int(pairs)
        mind = cls(me, method, None if math.isnan(slot) else int(slot))
        mind._gain = None if math.isnan(gain) else gain
        mind._pairs = [int(number) for number in numbers[6 : 6 + k]]
        gs, gy, sy, yy, told = np.split(numbers[6 + k :].copy(), np.cumsum([k, k, k * k, k * k]))
        mind._products = Products(gg, gs, gy, sy.reshape(k, k), yy.reshape(k, k), step, before)
        mind._search = None if told.size == 1 else _search_of(told.tolist())
        return mind

    def message(self, news: int) -> Vector:
        """What all must know: who coordinates, where the accepted point is, and what is to be done."""
        return np.array([self._me.rank, self._slot or 0, news], np.float64)

    async def move(self) -> None:
        """Put the point that is to be evaluated where workers pull it from, and begin a new sum."""
        if self._slot is None:
            self._slot = 0
            await self._me.on_server("copy", POINTS[0], "weights")
        await self._place(0.0 if self._search is None else self._search.step)
        await self._me.on_server("clear")

    async def _place(self, step: float) -> None:
        """The weights become the accepted point, or the one that is so far along the direction."""
        await self._me.on_server("copy", "weights", POINTS[self._slot or 0])
        if step:
            await self._me.on_server("axpy", "weights", step, "direction")

    async def conclude(self) -> bool:
        """Accept the point that was evaluated, or go back to the best one. False: there is none that is better."""
        me, search = self._me, self._search
        me.counts["evaluations"] += 1
        loss = await me.on_server("loss")
        if search is None:
            await self._measure()
            search = await self._aim(loss)
        else:
            slope = await me.on_server("dot", "accrued", "direction")
            search = advance(search, loss, slope)
            if search.stage is Stage.ACCEPTED:
                me.counts["accepted steps"] += 1
                await self._accept(search, bends=slope > search.start.slope)
                search = await self._aim(loss)
            else:
                await self._place(search.low.step)
        if search.stage is Stage.FAILED and self._pairs:  # perhaps straight downhill
            me.counts["restarts"] += 1
            self._pairs, self._products = [], Products(self._products.gg)
            search = await self._aim(search.start.loss)
        self._search = search
        return search.stage is not Stage.FAILED

    async def _accept(self, search: Search, *, bends: bool) -> None:
        """The weights become the accepted point. What has changed since the last one is a new pair if the loss bends
        upwards in between: else s.y is not positive, and tells nothing.
        """
        me, memory = self._me, self._method.memory
        old, new = POINTS if self._slot == 0 else POINTS[::-1]
        await me.on_server("copy", new, "weights")
        drops = grows = False
        if bends and memory:
            drops = len(self._pairs) == memory
            del self._pairs[:drops]
            number = min(set(range(memory)) - set(self._pairs))
            s, y = f"s {number}", f"y {number}"
            await self._together(("copy", s, "weights"), ("copy", y, "accrued"))
            await self._together(("axpy", s, -1.0, old), ("units", y, 1.0))
            await self._together(("units", s, -1.0), ("axpy", y, -1.0, "gradient"))
            grows = await me.on_server("dot", s, y) > 0
            self._pairs += [number] * grows
        self._slot, self._gain = POINTS.index(new), -search.step * search.start.slope
        await self._measure(search.step, grows=grows, drops=drops)

    async def _measure(self, step: float = 1.0, *, grows: bool = False, drops: bool = False) -> None:
        """Take the gradient that was accrued, and its inner products; those of the newest pair if there is one more."""
        await self._me.on_server("copy", "gradient", "accrued")
        await self._me.on_server("units", "gradient", 1.0)
        s, y = ([f"{kind} {number}" for number in self._pairs] for kind in "sy")
        gg, *of_g = await self._dots("gradient", ["gradient", *s, *y])
        k, before = len(s), self._products
        sy, yy = before.sy[drops:, drops:], before.yy[drops:, drops:]
        if grows:
            of_s, of_y = np.array(await self._dots(s[-1], y)), np.array(await self._dots(y[-1], [*y, *s[:-1]]))
            sy, yy = grown(sy, row=of_s, column=of_y[k:]), grown(yy, row=of_y[:k], column=of_y[: k - 1])
        self._products = Products(gg, np.array(of_g[:k]), np.array(of_g[k:]), sy, yy, step, before.gg)

    async def _aim(self, loss: float) -> Search:
        """Find the direction from here, and begin to search along it."""
        me, method = self._me, self._method
        found = method.direction(self._products)
        await me.on_server("copy", "direction", "gradient")
        await me.on_server("scale", "direction", found.g)
        terms = [(f"s {n}", a) for n, a in zip(self._pairs, found.s, strict=True)]
        terms += [(f"y {n}", a) for n, a in zip(self._pairs, found.y, strict=True)]
        added = [each for name, a in terms if a != 0 for each in (float(a), name)]
        if added:
            await me.on_server("axpy", "direction", *added)
        await me.on_server("units", "direction", 1.0)
        step = found.first
        if step is None and found.slope < 0:  # as much as the last one promised; of the first of all, length 1
            step = 1 / math.sqrt(self._products.gg) if self._gain is None else self._gain / -found.slope
        resolution = resolution_of(float(np.finfo(me.params.weights.dtype).eps))
        return begin(loss, found.slope, step or 0.0, method.curvature, method.strong, resolution)

    async def _dots(self, x: str, names: list[str]) -> list[float]:
        return await self._together(*(("dot", x, name) for name in names))

    async def _together(self, *ops: tuple[object, ...]) -> list[float]:
        """Operations that do not depend on each other, as none changes what another reads or changes, are under way at
        the same time: they are done in any order.
        """
        tickets = [await self._me.start(self._me.on_server(*op)) for op in ops]
        return [await ticket for ticket in tickets]


def _numbers_of(search: Search) -> list[float]:
    """A search that is open: one that has ended is not remembered."""
    high = search.high or Trial(np.nan, np.nan, np.nan)
    rest = [search.step, search.curvature, search.strong, search.resolution, search.trials]
    return [*search.start, *search.low, *high, *rest]


def _search_of(numbers: list[float]) -> Search:
    """What `_numbers_of` was told of."""
    start, low, high = (Trial(*numbers[k : k + 3]) for k in (0, 3, 6))
    step, curvature, strong, resolution, trials = numbers[9:]
    known = None if math.isnan(high.step) else high
    return Search(start, step, curvature, bool(strong), resolution, low, known, int(trials))
