"""Quantities with units, as they are typed."""

from __future__ import annotations

import re

UNITS = {"": 1.0, "b": 1.0, "bit": 0.125}
PREFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
WANTED_BANDWIDTH = "a positive number of bytes a second; write e.g. 1.25e9, 1.25GB or 10Gbit"


def bytes_per_second(text: str) -> float | None:
    """1.25e9, or with a unit, 1.25GB or 10Gbit. None for what is none."""
    found = re.fullmatch(r"([\d.]+(?:e[+-]?\d+)?|inf)\s*([kmgt]?)(b|bit)?(?:/s)?", text.strip().lower())
    if found is None or (found[2] and not found[3]):
        return None
    try:
        number = float(found[1])
    except ValueError:  # 1.2.3
        return None
    bytes_s = number * PREFIXES[found[2]] * UNITS[found[3] or ""]
    return bytes_s if bytes_s > 0 else None
