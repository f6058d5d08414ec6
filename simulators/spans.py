"""Spans of time as people write them."""

from __future__ import annotations

import re

from telematics.errors import UserError

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


def parse_span(text: str) -> int:
    """Return milliseconds of `90s`, `30m`, `1.5h` or `2d`. Raises UserError on anything else."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise UserError(f"duration {text!r}: write a number and a unit, such as 90s, 30m, 1.5h or 2d")
    return round(float(match[1]) * _UNITS_MS[match[2]])
