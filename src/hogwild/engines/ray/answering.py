"""The end of a connection where messages are answered."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple, final

from hogwild.engines.ray.buffers import Buffers
from hogwild.engines.ray.mesh import Broken, Mesh
from hogwild.engines.ray.packing import Bytes, Plain, packed, unpacked

SERVER, WORKER = 0, 1  # the ends of a connection: a shard or the conductor has the other
NOTHING = ()  # for an answer, which is alone in a tuple: it is an error, too large or lost, and the actor is called
Answer = Callable[[str, tuple[Any, ...]], Any]


@final
class Way(NamedTuple):
    """Who asks, and the kinds of its messages and of their answers."""

    asks: int
    asked: int
    answered: int


TO_SERVER = Way(WORKER, 0, 1)
TO_WORKER = Way(SERVER, 2, 3)


def answer_all(mesh: Mesh, way: Way, answer: Answer, most_bytes: int, plain: Plain | None = None) -> None:
    """Until who asks ends, or is out of reach; then the connection is broken.

    most_bytes : of a message and of an answer
    plain :      classes that may be in them
    """

    buffers = Buffers()

    def receive() -> tuple[Bytes, Any]:
        """Into memory that is free: some of the last message may be kept."""
        into, message = buffers.take_bytes(most_bytes)
        return message, mesh.receive(into, way.asks, way.asked)

    sending = None
    try:
        message, receiving = receive()
        while True:
            mesh.finish(receiving)
            asked = _question(unpacked(message, plain))
            if asked is None:
                return
            del message  # if nothing of it is kept, the next one may take its place
            message, receiving = receive()  # before it is sent: gloo need not ask whether it may
            data = packed(_answered(answer, *asked), most_bytes, plain)
            if data is None:
                data = packed(NOTHING, most_bytes, plain)
                assert data is not None
            if sending is not None:
                mesh.finish(sending)
            sending = mesh.send(data, way.asks, way.answered)
    except (Broken, pickle.UnpicklingError):  # actors are called then
        return
    finally:
        mesh.close()


def _question(found: Any) -> tuple[str, tuple[Any, ...]] | None:
    """A method and its arguments; None: there are no more. UnpicklingError for what is neither."""
    if found is None or (isinstance(found, tuple) and [type(each) for each in found] == [str, tuple]):
        return found
    raise pickle.UnpicklingError("this is no question")


def _answered(answer: Answer, method: str, arguments: tuple[Any, ...]) -> Any:
    try:
        return (answer(method, arguments),)
    except Exception:  # which is raised again when the actor is called
        return NOTHING
