"""Fixes that are plain unless a rule objects, as the rules are shown them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOVES, STANDS, STRAYS = 0.0, 1.0, 2.0


@dataclass(frozen=True, slots=True)
class PlainFixes:
    """Columns of equal length, what came before each fix beside it.

    Units as in `Ping`; `at` is arrival, `ignition` 1 on, 0 off, NaN unknown, `odometer_km` and `power_v` NaN where not
    told. `motion` is MOVES, STANDS (within the stop radius of the anchor, where the stay began) or STRAYS (outside it for
    one fix, which may be drift); on the way the anchor is the fix itself. `learned_s` is the gap that a device shows
    which does not tell its interval, else NaN. What is called `before` is of the vehicle's former ping or, within a run
    of plain ones, of the ping in front.
    """

    at: Floats
    ts: Floats
    lon: Floats
    lat: Floats
    accuracy_m: Floats
    speed_kmh: Floats
    motion: Floats
    stands: NDArray[np.bool_]
    anchor_ts: Floats
    anchor_lon: Floats
    anchor_lat: Floats
    odometer_km: Floats
    ignition: Floats
    power_v: Floats
    interval_s: Floats
    learned_s: Floats
    before_at: Floats
    before_interval_s: Floats

    def noted(self, i: int) -> NotedFix:
        """The fix numbered `i`, for a rule that takes note of it."""
        since = float(self.anchor_ts[i]) if self.stands[i] else inf
        return NotedFix(int(self.ts[i]), float(self.lon[i]), float(self.lat[i]), float(self.odometer_km[i]), since)


class NotedFix(NamedTuple):
    """One of them, of which a rule takes note."""

    ts: int
    lon: float
    lat: float
    odometer_km: float
    stands_since: float
    """The anchor's time, inf if the fix does not stand."""
