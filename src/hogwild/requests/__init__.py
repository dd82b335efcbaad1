"""The closed list of requests: all that a strategy may await, and all that an engine must answer.

Each says here, and only here, what it means, what it answers, in which order things happen and how it can fail.
Requests of one worker are answered one after another. What fails is raised where it is awaited; what the strategy does
not catch ends the run, for all workers. A request carries a whole block of work or a whole vector: asking costs
microseconds.
"""

from __future__ import annotations

from typing import get_args

from hogwild.answers import ALL, Ack, All, Message, Portion, Reduced, Round, Versioned
from hogwild.deltas import Change, Delta, Vector
from hogwild.requests.own import Apply, Gradient, NextRound, Rounds, Share, Steps, Upcoming
from hogwild.requests.shared import (
    Average,
    Get,
    Inbox,
    OnServer,
    Pull,
    Push,
    Put,
    Reduce,
    Start,
    Take,
    Ticket,
    Wait,
)
from hogwild.rows import Keys

Compute = Steps | Gradient | Apply | Upcoming | Share
"""Answered where the worker is, with its memory and its data."""

Communicate = Reduce | Put | Inbox | Get | Average | Pull | Push | OnServer | Take | Start | Wait
"""Answered by what the workers have in common."""

Request = NextRound | Compute | Communicate

#: The same as sets of classes: looking up a type is ten times as fast as asking a union.
COMPUTE: frozenset[type] = frozenset(get_args(Compute))
COMMUNICATE: frozenset[type] = frozenset(get_args(Communicate))
REQUESTS: frozenset[type] = COMPUTE | COMMUNICATE | {NextRound}

__all__ = [
    "ALL",
    "COMMUNICATE",
    "COMPUTE",
    "REQUESTS",
    "Ack",
    "All",
    "Apply",
    "Average",
    "Change",
    "Communicate",
    "Compute",
    "Delta",
    "Get",
    "Gradient",
    "Inbox",
    "Keys",
    "Message",
    "NextRound",
    "OnServer",
    "Portion",
    "Pull",
    "Push",
    "Put",
    "Reduce",
    "Reduced",
    "Request",
    "Round",
    "Rounds",
    "Share",
    "Start",
    "Steps",
    "Take",
    "Ticket",
    "Upcoming",
    "Vector",
    "Versioned",
    "Wait",
]
