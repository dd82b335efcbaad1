"""Weights with their state, and messages, as facts and arrays."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from hogwild.deltas import Change, Coded, Delta, PartialState, Posted
from hogwild.params import Params
from hogwild.rules.schedules import Moment
from hogwild.snapshots.parts import Part, prefixed

SENT: dict[str, type] = {kind.__name__: kind for kind in (Change, Coded, Delta, PartialState)}


def part_of(params: Params) -> Part:
    """A copy."""
    views = [[name, list(shape)] for name, shape in params.views.items()]
    state = prefixed("state.", {name: array.copy() for name, array in params.state.items()})
    return Part({"views": views, "own": sorted(params.own)}, {"weights": params.weights.copy(), **state})


def params_of(part: Part) -> Params:
    """What `part_of` gave."""
    weights = part.arrays["weights"]
    params = Params({name: tuple(shape) for name, shape in part.facts["views"]}, weights.dtype)
    become(params, part)
    return params


def become(params: Params, part: Part) -> None:
    """In place; without weights, if there are none, as all workers have the same."""
    if "weights" in part.arrays:
        params.weights[:] = part.arrays["weights"]
    own = set(part.facts["own"])
    for name, array in part.under("state.").items():
        if name in own:
            params.local(name, array)
        params.state[name] = array


def without_own(part: Part) -> Part:
    """For another worker: see `Params.local`."""
    own = {f"state.{name}" for name in part.facts["own"]}
    return Part({**part.facts, "own": []}, {name: array for name, array in part.arrays.items() if name not in own})


def message_part(x: Posted) -> Part:
    """What lies in a mailbox."""
    if isinstance(x, np.ndarray):
        return Part({"kind": "vector"}, {"values": x})
    facts: dict[str, Any] = {"kind": type(x).__name__}
    arrays = {}
    for name in (each.name for each in fields(x)):
        value = getattr(x, name)
        if isinstance(value, np.ndarray):
            arrays[name] = value
        else:
            facts[name] = value
    return Part(facts, arrays)


def message_of(part: Part) -> Posted:
    """What `message_part` was given."""
    facts = dict(part.facts)
    kind = facts.pop("kind")
    if kind == "vector":
        return part.arrays["values"]
    if "moment" in facts:
        facts["moment"] = Moment(*facts["moment"])
    message: Posted = SENT[kind](**facts, **part.arrays)
    return message
