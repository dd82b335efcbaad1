"""Why processes were ended: the driver says it, and whoever finds them dead tells it on."""

from __future__ import annotations

from typing import Any, final


@final
class Reasons:
    """Methods may be called from any thread."""

    def __init__(self) -> None:
        self._reasons: dict[Any, str] = {}

    def tell(self, actor: Any, why: str) -> None:
        """This actor is about to be ended."""
        self._reasons[actor] = why

    def of(self, actor: Any, otherwise: str) -> str:
        """Why it was ended, if that was said."""
        return self._reasons.get(actor, otherwise)
