"""The line from the process that leads a shard to the one that has the copy: what is told while a batch is on its way
goes with the next. Whoever waits for an answer sees to that; there is no thread for it.
"""

from __future__ import annotations

import pickle
import threading
from contextlib import suppress
from typing import Any, Final, final

import numpy as np
import ray
from numpy.typing import NDArray

from hogwild.engines.ray.errors import LOST, said
from hogwild.engines.ray.stream import Batch, Stream
from hogwild.engines.ray.terms import Reign, View
from hogwild.engines.ray.wire import Unanswered
from hogwild.engines.ray.wiring import LEADER, Wiring

COMPLETE: Final = "complete"  # a message: the copy knows all that workers were answered, and is waited for
PACKED_BYTES = 100_000  # Ray takes several times as long to pack small arrays, but does not copy large ones


class Deposed(RuntimeError):
    """Another process leads this shard now, which did not hear of this one."""


@final
class Relay:
    """One reign of a shard's process. `lock` is the shard's, held where that is said.

    lost_copy : of the conductor
    copy :      the actor that has the first copy, number 0; None: there is none yet
    """

    def __init__(self, lock: threading.Lock, reign: Reign, conductor: Any, copy: Any) -> None:
        self._reign, self._conductor, self._copy = reign, conductor, copy
        self._stream = Stream(chained=copy is not None)
        self._changed = threading.Condition(lock)
        self._failure: Exception | None = None  # nobody is answered any more
        self._wiring = Wiring(LEADER, reign.run)

    def close(self) -> None:
        """The run is over."""
        self._wiring.end()

    @property
    def told(self) -> int:
        """How many messages the copy was told, or would have been. Lock held."""
        return self._stream.told

    def tell(self, message: Any, n_bytes: int = 0) -> None:
        """The copy must hear of it. Lock held."""
        self._stream.tell(message, n_bytes)

    def settle(self, mark: int) -> None:
        """Wait until an answer may go out that is made of the first `mark` messages. `Deposed` if it never may."""
        while (found := self._next(mark)) is not None:
            self._send(*found)

    def _next(self, mark: int) -> tuple[Batch, Any] | None:
        """What this thread should send, and to whom; None if it need not wait any more."""
        stream = self._stream
        with self._changed:
            while self._failure is None and not stream.is_safe(mark):
                batch = stream.take()
                if batch is not None:
                    return batch, self._copy
                self._changed.wait()
            if self._failure is not None:
                raise self._failure
        return None

    def _send(self, batch: Batch, copy: Any) -> None:
        try:
            obeyed = self._followed(batch, copy)
        except LOST as error:
            self._lost(batch.copy, error)
            return
        except Exception as error:
            self._end(error)
            return
        if not obeyed:
            self._end(Deposed())
            return
        with self._changed:
            self._stream.confirm(batch)
            self._changed.notify_all()

    def _followed(self, batch: Batch, copy: Any) -> bool:
        """Tell the copy; does it obey? What it is told twice it knows by its number."""
        told = tuple(self._reign), batch.first, batch.messages
        awaited = self._wiring.ask(self._reign.shard, View(batch.copy, copy), "follow", told)
        if awaited is not None:
            with suppress(Unanswered):
                return bool(awaited.get())
        if batch.n_bytes <= PACKED_BYTES:
            return bool(ray.get(copy.hear.remote(pickle.dumps(told, pickle.HIGHEST_PROTOCOL))))
        return bool(ray.get(copy.follow.remote(*told)))

    def _lost(self, copy: int, error: Exception) -> None:
        """The copy is out of reach. If that is because it leads itself, the conductor knows."""
        reign = self._reign
        about = reign.shard, reign.life, copy, said(error)
        if ray.get(self._conductor.shards.remote(reign.run, "lost_copy", *about)) is not True:
            self._end(Deposed())
            return
        with self._changed:
            self._stream.stop(copy)
            self._changed.notify_all()

    def _end(self, failure: Exception) -> None:
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def begin(self, number: int, copy: Any, snapshot: dict[str, NDArray[np.generic]]) -> None:
        """Another copy, of which this is the beginning. Lock held."""
        self._copy, self._since = copy, self._stream.told
        self._stream.begin(number, sum(array.nbytes for array in snapshot.values()))

    def bring(self, number: int, snapshot: dict[str, NDArray[np.generic]]) -> None:
        """Send it there, and what has happened meanwhile; until it is complete, or dead."""
        try:
            ray.get(self._copy.restore.remote(self._reign, self._since, snapshot))
        except LOST as error:
            self._lost(number, error)
            return
        except Exception as error:
            self._end(error)
            return
        with self._changed:
            self._stream.complete(number, (COMPLETE,))
            mark = self._stream.told
            self._changed.notify_all()
        self.settle(mark)
