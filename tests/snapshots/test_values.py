"""Weights and messages are read as they were written."""

from dataclasses import fields

import numpy as np
import pytest

from hogwild import PartialState
from hogwild.deltas import Change, Coded, Delta
from hogwild.params import Params
from hogwild.rules.schedules import Moment
from hogwild.snapshots import Part
from hogwild.snapshots.values import become, message_of, message_part, params_of, part_of, without_own

VALUES, KEYS = np.arange(3.0), np.array([1, 4, 5])
MESSAGES = [
    VALUES,
    VALUES.astype(np.float32),
    Change(VALUES, 4, 2),
    Change(VALUES, 4, 2, KEYS, 7),
    Coded(VALUES, 5),
    PartialState(VALUES),
    PartialState(VALUES, KEYS),
    Delta(VALUES, 4, 2, 0.5, Moment(1, 2.0, 3), KEYS, 8, 0.25, 9),
    Delta(VALUES, 4, 2, 0.5, Moment(1, 2.0, 3)),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_messages(message):
    found = message_of(Part.unpacked(message_part(message).packed()))
    assert type(found) is type(message)
    if isinstance(message, np.ndarray):
        assert found.dtype == message.dtype
        assert np.array_equal(found, message)
        return
    for each in fields(message):
        assert np.array_equal(getattr(found, each.name), getattr(message, each.name)), each.name
    if isinstance(message, Delta):
        assert isinstance(found.moment, Moment)


def test_weights_with_their_state():
    params = Params({"coef": (2, 3), "intercept": (1,)}, np.float64, {"counts": np.arange(4)})
    params.weights[:] = np.linspace(0, 1, 7)
    params.local("mass", np.ones(1))
    part = Part.unpacked(part_of(params).packed())
    found = params_of(part)
    assert found.views == params.views
    assert np.array_equal(found.weights, params.weights)
    assert found.weights.dtype == params.weights.dtype
    assert found.state.keys() == {"counts", "mass"}
    assert found.own == {"mass"}
    assert found.copy().state.keys() == {"counts"}

    other = Params(params.views, np.float64)
    become(other, without_own(part))
    assert other.state.keys() == {"counts"}
    assert np.array_equal(other.weights, params.weights)


def test_copies_are_copies():
    params = Params({"coef": (2,)}, state={"counts": np.zeros(1)})
    part = part_of(params)
    params.weights += 1
    params.state["counts"] += 1
    assert not part.arrays["weights"].any()
    assert not part.arrays["state.counts"].any()
