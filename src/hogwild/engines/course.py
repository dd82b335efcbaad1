"""How far a run has come, beside its weights and its examples: what was judged, and what is still to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from hogwild.engines.judging import Best
from hogwild.history import History
from hogwild.params import Params
from hogwild.rules.schedules import Moment
from hogwild.snapshots.parts import Arrays, Part, prefixed
from hogwild.snapshots.values import params_of, part_of
from hogwild.traffic import Traffic


@final
@dataclass
class Course:
    """answer : the true weights that were last judged; at the beginning, the first weights
    answered : when they were the weights that are trained
    recorded : examples of the last record
    begun :    epoch: the last round in it that a worker has begun
    due :      ends of epochs that are still to be judged by the worker whose weights count
    earlier :  what was sent before the run went on
    sent :     what was sent since, in parts; the engine sets it
    """

    answer: Params
    answered: Moment
    best: Best
    history: History = field(default_factory=History)
    recorded: int = -1
    begun: dict[int, int] = field(default_factory=dict)
    due: list[Moment] = field(default_factory=list)
    earlier: Traffic | None = None
    sent: Callable[[], Sequence[Traffic]] = tuple

    @property
    def traffic(self) -> list[Traffic]:
        """What was sent so far, in parts."""
        return [*([] if self.earlier is None else [self.earlier]), *self.sent()]

    def sent_bytes(self) -> int:
        """So far."""
        return sum(part.sent_bytes for part in self.traffic)

    def standing(self) -> Part:
        """A copy; without the answer, if nothing was judged."""
        best = self.best
        facts: dict[str, Any] = {
            "answered": self.answered,
            "history": self.history.as_dict(),
            "recorded": self.recorded,
            "begun": list(self.begun.items()),
            "due": list(self.due),
            "criterion": best.criterion,
            "stale": best.stale,
        }
        arrays: Arrays = {}
        for name, params in (("best", best.params), ("answer", self.answer if self.recorded >= 0 else None)):
            if params is None:
                continue
            facts[name] = "best" if name == "answer" and params is best.params else None
            if facts[name] is None:
                facts[name], found = part_of(params)
                arrays |= prefixed(f"{name}.", found)
        return Part(facts, arrays)

    def resume(self, part: Part) -> None:
        """Go on from there."""
        facts, best = part.facts, self.best
        self.answered, self.recorded = Moment(*facts["answered"]), facts["recorded"]
        self.history = History.of_dict(facts["history"])
        self.begun = {epoch: index for epoch, index in facts["begun"]}
        self.due = [Moment(*moment) for moment in facts["due"]]
        best.criterion, best.stale = facts["criterion"], facts["stale"]
        if "best" in facts:
            best.params = params_of(Part(facts["best"], part.under("best.")))
        if facts.get("answer") == "best":
            assert best.params is not None
            self.answer = best.params
        elif "answer" in facts:
            self.answer = params_of(Part(facts["answer"], part.under("answer.")))
