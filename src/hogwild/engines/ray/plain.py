"""What messages between workers and the conductor are made of."""

from __future__ import annotations

from hogwild.answers import All, Message, Portion, Reduced, Round
from hogwild.data.blocks import Block
from hogwild.deltas import Change, Coded, Delta, PartialState
from hogwild.engines.ray.packing import Plain
from hogwild.engines.ray.terms import Over, Parked, Shown, Summed
from hogwild.requests import Average, Get, Inbox, Put, Reduce, Take
from hogwild.rules.schedules import Moment

_REQUESTS = Average, Get, Inbox, Parked, Put, Reduce, Take
_ANSWERS = All, Block, Message, Moment, Over, Portion, Reduced, Round, Summed
_IN_BOTH = Change, Coded, Delta, PartialState
PLAIN = Plain((*_REQUESTS, *_ANSWERS, *_IN_BOTH, Shown))
"""None of these has code of its own, but checks. A worker checks blocks before kernels read what they name."""
