"""The two ends of a run, as parts of its checkpoints: the weights that it was given, and its result."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hogwild.engines.keeper import SESSION
from hogwild.history import History
from hogwild.interfaces import AbstractModel, Result
from hogwild.params import Params
from hogwild.snapshots.folder import Saved
from hogwild.snapshots.parts import Part
from hogwild.snapshots.values import params_of, part_of
from hogwild.traffic import Traffic


def start_of(saved: Saved) -> Params | None:
    """The weights with which the run began, if it was given any."""
    if saved.manifest.ended:
        return None
    part = saved.part(SESSION)
    return params_of(Part(part.facts["start"], part.under("start."))) if "start" in part.facts else None


def ended_part(params: Params, history: History, reason: str) -> Part:
    """The result of a run that has ended."""
    facts, arrays = part_of(params)
    traffic = None if history.traffic is None else history.traffic.as_dict()
    told = {"history": history.as_dict(), "traffic": traffic, "counts": history.counts, "reason": reason}
    progress = progress_of(history, history[-1].examples, history[-1].time_s)
    return Part({**told, "params": facts, "progress": progress}, arrays)


def progress_of(history: History, examples: int, time_s: float) -> dict[str, Any]:
    """How far a run is, for people."""
    objective = history[-1].objective if len(history) else None
    return {"epochs": len(history), "examples": examples, "time_s": time_s, "objective": objective}


def result_of(model: AbstractModel, saved: Saved) -> Result:
    """The same result again."""
    part = saved.part(SESSION)
    facts = part.facts
    history = history_of(saved)
    history.traffic = None if facts["traffic"] is None else Traffic.of_dict(facts["traffic"])
    history.counts = Counter(facts["counts"])
    return Result(model, params_of(Part(facts["params"], part.arrays)), history, str(facts["reason"]))


def history_of(saved: Saved) -> History:
    """The records until then."""
    facts = saved.part(SESSION).facts
    return History.of_dict((facts if saved.manifest.ended else facts["course"])["history"])
