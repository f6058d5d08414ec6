"""Time where nobody reports: the ticks that a broker would have had and a track file has not.

Every 5 s for 2 h after an input, then every 60 s for up to 72 h, then none until the next input. A timer fires at its
due time whoever tells the time; but what is told more than 2 min later is marked as `delayed`, which a live monitor,
fed by ticks, would not have done. 72 h is longer than any timer of the rules, so that a gap of a year costs no more
than one of three days.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from telematics.wire.ticks import TICK_INTERVAL_MS

_FINE_MS = 2 * 3_600_000
_COARSE_TICK_MS = 60_000
_LONGEST_MS = 72 * 3_600_000


def ticks_between(start_ms: int, end_ms: int) -> Iterator[int]:
    """Arrivals of the ticks after an input at `start_ms` and before `end_ms`."""
    fine = range(start_ms + TICK_INTERVAL_MS, min(end_ms, start_ms + _FINE_MS), TICK_INTERVAL_MS)
    coarse = range(start_ms + _FINE_MS, min(end_ms, start_ms + _LONGEST_MS), _COARSE_TICK_MS)
    return chain(fine, coarse)
