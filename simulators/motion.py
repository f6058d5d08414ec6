"""How a loaded truck moves: phases of constant acceleration, laid end to end, each known exactly at any instant."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from simulators.roads import Line
    from telematics.model import DeviceEvent, Trip

KMH = 1 / 3.6
"""Metres per second in one kilometre per hour."""

GENTLE_MPS2 = (0.15, 0.45)
"""A loaded tractor gains 0.15-0.45 m/s²: 0 to 80 km/h in one to two and a half minutes."""
BRAKING_MPS2 = (0.5, 0.9)
"""Planned braking before a toll or a ramp; an emergency stop would be 4 and more."""
HOLD_S = (30.0, 240.0)
"""How long a driver keeps one speed before traffic or the road changes it."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of time with constant acceleration on one line.

    `gnss` False: the receiver has no fix. `contact` False: nothing sent reaches anybody. `events` are reported
    when the phase begins; a `trip` is published then.
    """

    line: Line
    start_ms: int
    end_ms: int
    s_m: float
    v_mps: float = 0.0
    a_mps2: float = 0.0
    odometer_m: float = 0.0
    ignition: bool = True
    gnss: bool = True
    contact: bool = True
    jammed: bool = False
    events: tuple[DeviceEvent, ...] = ()
    trip: Trip | None = None

    def at(self, ms: int) -> tuple[float, float]:
        """Return metres along the line and metres per second at an instant of this phase."""
        t = (ms - self.start_ms) / 1000
        return self.s_m + (self.v_mps + self.a_mps2 * t / 2) * t, self.v_mps + self.a_mps2 * t


class Motion:
    """Lays phases end to end: each begins where and when the one before ended, odometer included.

    `line`, `now_ms`, `s_m` and `v_mps` say where everything laid so far ends.
    """

    __slots__ = ("_odometer_m", "line", "now_ms", "s_m", "v_mps")

    def __init__(self, line: Line, now_ms: int, s_m: float, v_mps: float, odometer_m: float) -> None:
        self.line = line
        self.now_ms = now_ms
        self.s_m = s_m
        self.v_mps = v_mps
        self._odometer_m = odometer_m

    def turn_onto(self, line: Line, s_m: float = 0.0) -> None:
        """Go on from metre `s_m` of another line."""
        self.line = line
        self.s_m = s_m

    def phase(
        self,
        seconds: float,
        a_mps2: float = 0.0,
        *,
        ignition: bool = True,
        gnss: bool = True,
        contact: bool = True,
        jammed: bool = False,
        events: tuple[DeviceEvent, ...] = (),
        trip: Trip | None = None,
    ) -> Phase:
        """Lay one phase of at least a millisecond and return it."""
        start_ms, s_m, v_mps, odometer_m = self.now_ms, self.s_m, self.v_mps, self._odometer_m
        end_ms = start_ms + max(1, round(seconds * 1000))
        phase = Phase(
            self.line, start_ms, end_ms, s_m, v_mps, a_mps2, odometer_m, ignition, gnss, contact, jammed, events, trip
        )
        self.now_ms = end_ms
        self.s_m, self.v_mps = phase.at(end_ms)
        self._odometer_m += max(0.0, self.s_m - s_m)
        # Ends are rounded to milliseconds: what is left of a speed that should be zero is zero.
        if self.v_mps < 0.01:
            self.v_mps = 0.0
        return phase

    def drive(self, rng: Random, to_m: float, speed_kmh: tuple[float, float], *, stop: bool) -> Iterator[Phase]:
        """Drive to metre `to_m` at speeds drawn from `speed_kmh`, and stand there if `stop`, else roll through."""
        braking = rng.uniform(*BRAKING_MPS2)

        def room_m(v_mps: float) -> float:
            """Metres left before braking must begin, if the truck then does `v_mps`."""
            return to_m - self.s_m - (v_mps * v_mps / (2 * braking) if stop else 0.0)

        while room_m(self.v_mps) > 1.0:
            v, target, gain = self.v_mps, rng.uniform(*speed_kmh) * KMH, rng.uniform(*GENTLE_MPS2)
            if target > v:
                # Reach no speed from which standing at `to_m` (or simply being there) is impossible.
                share = braking / (gain + braking) if stop else 1.0
                peak = sqrt(2 * (to_m - self.s_m) * gain * share + v * v * share)
                yield self.phase((min(target, peak) - v) / gain, gain)
            elif (v * v - target * target) / (2 * gain) < room_m(target):
                yield self.phase((v - target) / gain, -gain)
            room = room_m(self.v_mps)
            if room > 1.0:
                yield self.phase(min(rng.uniform(*HOLD_S), room / self.v_mps))
        if stop and self.v_mps > 0:
            left_m = max(to_m - self.s_m, 1.0)
            yield self.phase(2 * left_m / self.v_mps, -(self.v_mps**2) / (2 * left_m))
