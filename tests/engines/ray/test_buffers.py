"""Memory is used again when nobody looks at it any more, and not before."""

import gc

import numpy as np
import pytest

from hogwild.engines.ray.buffers import LARGE_BYTES, MOST_HELD, Buffers

FLOAT = np.dtype(np.float32)


def address(array):
    return array.__array_interface__["data"][0]


def test_both_are_the_same_and_one_cannot_be_written():
    writable, given = Buffers().take(5, FLOAT)
    writable[:] = 3
    assert set(given) == {3}
    with pytest.raises(ValueError, match="read-only"):
        given += 1


def test_a_message_can_be_written():
    into, message = Buffers().take_bytes(5)
    into[:] = 3
    message[0] = 7
    assert into.tolist() == message.tolist() == [7, 3, 3, 3, 3]


def test_memory_is_used_again():
    buffers = Buffers()
    first = address(buffers.take(5, FLOAT)[1])
    gc.collect()
    assert address(buffers.take(5, FLOAT)[1]) == first


@pytest.mark.parametrize("look", [lambda x: x, lambda x: x[2:], lambda x: x.view(np.uint8)[1:], memoryview])
def test_not_while_somebody_looks(look):
    buffers = Buffers()
    held = []
    for value in range(2 * MOST_HELD):
        writable, given = buffers.take(5, FLOAT)
        writable[:] = value
        held.append(look(given))
        del writable, given
    values = [np.asarray(each).view(np.uint8)[-4:].tobytes() for each in held]
    assert values == [np.float32(value).tobytes() for value in range(2 * MOST_HELD)]


def test_what_is_kept_for_ever_does_not_stand_in_the_way():
    buffers = Buffers()
    kept = [buffers.take(5, FLOAT)[1] for _ in range(2 * MOST_HELD)]
    places = {address(buffers.take(5, FLOAT)[1]) for _ in range(5)}
    assert len(places) == 1
    assert not places & set(map(address, kept))


def test_of_large_messages_one_is_held():
    buffers, size = Buffers(), LARGE_BYTES + 1
    first = buffers.take_bytes(size)[1]
    place = address(first)
    second = buffers.take_bytes(size)[1]
    assert address(second) != place
    latest = address(second)
    del first, second
    assert address(buffers.take_bytes(size)[1]) == latest
    assert len(buffers._held) == 1


def test_other_sizes_are_let_go():
    buffers = Buffers()
    buffers.take(5, FLOAT)
    assert buffers.take(7, FLOAT)[1].size == 7
