"""The run in Ray's own metrics, beside those of the cluster: where `ray[default]` is installed they are exported."""

from __future__ import annotations

from typing import final

from ray.util.metrics import Gauge

from hogwild.watching import Status

METERS = {
    "hogwild_examples": "examples handed out so far, to all workers",
    "hogwild_epoch": "the epoch that the furthest worker is in, from 1",
    "hogwild_objective": "penalty + mean loss at the end of the last epoch that was judged",
    "hogwild_sent_bytes": "what workers have sent so far, and what they were answered",
    "hogwild_staleness": "how many rounds or versions old weights were, on average, when a push came",
    "hogwild_workers": "workers that are there",
    "hogwild_joined": "processes that have come since the run began: in the place of dead ones, or late",
}


@final
class Meters:
    """Of one run, told apart by what is learnt and how."""

    def __init__(self, model: str, strategy: str) -> None:
        tags = {"model": model, "strategy": strategy}
        self._gauges = {name: Gauge(name, text, tuple(tags)) for name, text in METERS.items()}
        for gauge in self._gauges.values():
            gauge.set_default_tags(tags)

    def show(self, status: Status) -> None:
        """What is known of it."""
        for name, gauge in self._gauges.items():
            value = getattr(status, name.removeprefix("hogwild_"))
            if value is not None:
                gauge.set(float(value))
