"""Time where nobody reports: the ticks that a broker would have had and a track file has not.

A tick every 60 s for up to 72 h after an input, then none until the next one. A timer fires at its due time whoever
tells the time, so the ticks of a live topic (every 5 s) would give the same alerts; but what is told more than 2 min
after it was due is marked as `delayed`, so that a minute is the most to be saved. 72 h is longer than any timer of the
rules: a gap of a year costs no more than one of three days.
"""

from __future__ import annotations

TICK_MS = 60_000
LONGEST_MS = 72 * 3_600_000


def ticks_between(start_ms: int, end_ms: int) -> range:
    """Arrivals of the ticks after an input at `start_ms` and before `end_ms`."""
    return range(start_ms + TICK_MS, min(end_ms, start_ms + LONGEST_MS + 1), TICK_MS)
