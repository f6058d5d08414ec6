"""Fixes that are plain unless a rule objects, as the rules are shown them."""

from __future__ import annotations

from dataclasses import dataclass
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
    one fix, which may be drift); the anchor is then the vehicle's, on the way the fix itself. `learned_s` is the gap that a device shows which does
    not tell its interval, else NaN. What is called `before` is of the vehicle's former ping or, within a run of plain
    ones, of the ping in front.
    """

    at: Floats
    ts: Floats
    motion: Floats
    stands: NDArray[np.bool_]
    anchor_ts: Floats
    anchor_lon: Floats
    anchor_lat: Floats
    lon: Floats
    lat: Floats
    speed_kmh: Floats
    odometer_km: Floats
    ignition: Floats
    power_v: Floats
    interval_s: Floats
    learned_s: Floats
    before_at: Floats
    before_fix_ts: Floats
    before_interval_s: Floats


class NotedFix(NamedTuple):
    """One of them, of which a rule takes note."""

    ts: int
    lon: float
    lat: float
    odometer_km: float
    stands_since: float
    """The anchor's time, inf if the fix does not stand."""
