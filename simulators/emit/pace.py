"""Simulated time against real time."""

from __future__ import annotations

import asyncio
from time import monotonic

GRAIN_S = 0.005
"""Shorter waits are not worth a turn of the event loop: pings of one such moment leave together."""


class Pace:
    """Holds a simulation back to `speed` times real time; 0 does not hold it back at all."""

    def __init__(self, start_ms: int, speed: float) -> None:
        self._start_ms = start_ms
        self._speed = speed
        self._began_s = monotonic()

    async def until(self, arrival: int) -> None:
        """Return when it is time for `arrival` (simulated milliseconds)."""
        if self._speed:
            ahead_s = (arrival - self._start_ms) / 1000 / self._speed - (monotonic() - self._began_s)
            if ahead_s > GRAIN_S:
                await asyncio.sleep(ahead_s)
