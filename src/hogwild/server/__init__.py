"""A parameter server without its engine: ranges of weights, shards that apply each push once, the workers' side."""

from __future__ import annotations

from hogwild.server.client import Client
from hogwild.server.messages import HEADER_BYTES, SEQS_OF_A_LIFE, WINDOW, Applied, OpPart, Pulled, PullPart, PushPart
from hogwild.server.ranges import Ranges, join
from hogwild.server.shard import Shard
from hogwild.server.vectors import check_operation

__all__ = [
    "Applied",
    "Client",
    "HEADER_BYTES",
    "OpPart",
    "PullPart",
    "Pulled",
    "PushPart",
    "Ranges",
    "SEQS_OF_A_LIFE",
    "Shard",
    "WINDOW",
    "check_operation",
    "join",
]
