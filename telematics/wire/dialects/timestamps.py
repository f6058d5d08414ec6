"""Timestamps as files and gateways write them: epoch seconds, epoch milliseconds, RFC 3339."""

from __future__ import annotations

import math
import re
from typing import Any

from telematics.instants import FIRST_MS, LAST_MS, parse_rfc3339

# As seconds, this is the year 5138; as milliseconds, March 1973. No tracker speaks of either, so the size of a
# number tells its unit.
_MS_FROM = 100_000_000_000

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{0,12})?")


def read_instant(value: Any) -> int:
    """Milliseconds since the epoch of a JSON value or a CSV text. Raises ValueError saying what would be right."""
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            return parse_rfc3339(text)
        number = float(text) if "." in text else int(text)
    elif type(value) is int or (type(value) is float and math.isfinite(value)):
        number = value
    else:
        msg = "expected epoch seconds, epoch milliseconds or RFC 3339 such as 2026-01-28T15:22:00Z"
        raise ValueError(msg)
    # Microseconds and nanoseconds fall outside the calendar and are named below, not guessed at.
    ms = round(number if abs(number) >= _MS_FROM else number * 1000)
    if not FIRST_MS <= ms <= LAST_MS:
        msg = f"{value!r} is neither epoch seconds nor epoch milliseconds"
        raise ValueError(msg)
    return ms
