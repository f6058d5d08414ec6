"""What the monitor engine remembers of one vehicle: plain values only, bounded, restorable.

Nothing here accumulates per ping: stops, silences and visits are anchors (where and when they began) and
deadlines (when they will be too long), so that a ping which changes nothing but the last position needs no rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from telematics.model import Device, Severity, Trip

RING_FIXES = 20  # enough for ten minutes at 30 s
ODD_TIMES = 16  # times of accepted pings that carry no usable position, for telling duplicates
EVENT_TIMES = 32  # device events remembered, for telling duplicates
EPISODES = 32  # open alerts …
EXITS = 8  # … and of these, fences left and not entered again: they stay open, so an ordinary day would collect them
VISITS = 16  # fences a vehicle is followed in at once; the 8 KB bound of law 8 rests on these six numbers
DEFAULT_INTERVAL_S = 60.0  # until two pings have shown the device's own (domain: Mexican fleets 30-60 s moving)

Key = tuple[str, str]
"""A rule's id and its subject ('' for none): what episodes, deadlines and rule memories are filed under."""


class FixPoint(NamedTuple):
    """A good fix. A named tuple, not a dataclass: one is made per ping and costs a third."""

    ts: int
    lon: float
    lat: float
    accuracy_m: float
    speed_kmh: float


class Anchor(NamedTuple):
    """Where and since when the vehicle has stayed within the stop radius. `known`: its true beginning was seen."""

    ts: int
    lon: float
    lat: float
    known: bool


@dataclass(slots=True)
class DeviceState:
    """One device of the combination: when it was last heard, and how often it reports.

    `odd` holds the times of its latest pings that are in no ring of fixes, `floor` the latest time forgotten (of those
    that were in the ring as soon as it is looked at): what is not after it can no longer be told from a duplicate.
    `astray` holds times of pings whose clock could not be right.
    """

    heard_at: int = 0
    last_ts: int = -1
    interval_s: float = DEFAULT_INTERVAL_S
    gaps_s: tuple[float, ...] = ()
    reports_satellites: bool = False
    odd: list[int] = field(default_factory=list)
    astray: list[int] = field(default_factory=list)
    floor: int = -1


@dataclass(slots=True)
class Visit:
    """Membership of one fence: a state of the transition table with the instants it needs."""

    state: str
    since: int
    since_at: int
    leaving_since: int
    known: bool


@dataclass(slots=True)
class Episode:
    """An open alert. `known` is False for one already true when a truncated rebuild began: it stays silent."""

    alert_id: str
    seq: int
    severity: Severity
    start: int
    known: bool


def remembering(memory: dict[Key, Any]) -> frozenset[str]:
    """The ids of the rules that remember something."""
    return frozenset(rule_id for rule_id, _ in memory)


@dataclass(slots=True)
class VehicleState:
    """Everything known of one vehicle. Instants are ms; `at` in a name is arrival time, `ts` and `since` event time.

    `first_ts` is the vehicle's first fix when that was the first of a truncated rebuild, else -1: what began then began
    who knows when. `device` is the primary one, whose fixes are the vehicle's: the tractor's once it was heard.
    """

    vehicle_id: str
    first_ts: int = -1
    primary: Device = Device.TRACTOR
    device: DeviceState = field(default_factory=DeviceState)
    others: dict[Device, DeviceState] = field(default_factory=dict)
    fix: FixPoint | None = None
    anchor: Anchor | None = None
    moved_ts: int = -1
    ignition: bool | None = None
    ignition_ts: int = -1
    suspects: list[FixPoint] = field(default_factory=list)
    events: list[tuple[int, str]] = field(default_factory=list)
    event_floors: dict[str, int] = field(default_factory=dict)
    visits: dict[str, Visit] = field(default_factory=dict)
    exits: dict[str, int] = field(default_factory=dict)
    episodes: dict[Key, Episode] = field(default_factory=dict)
    deadlines: dict[Key, int] = field(default_factory=dict)
    memory: dict[Key, Any] = field(default_factory=dict)
    # Derived, never in a snapshot: the vehicle's number here, the trip in force, what the last fix stood in, with which
    # hits nothing changes and until when by the device's clock, and which rules remember something.
    slot: int = -1
    trip: Trip | None = None
    hits: tuple[int, ...] | None = None
    risk: int = 0
    corridor: int | None = None
    places: tuple[int, ...] = ()
    dead_zone: int | None = None
    settled_in: tuple[int, ...] | None = None
    settled_until: float = inf
    remembering: frozenset[str] = frozenset()

    def device_of(self, name: Device) -> DeviceState:
        """One device of the combination that has been heard."""
        return self.device if name is self.primary else self.others[name]

    def device_met(self, name: Device) -> DeviceState:
        """A device beside the primary one; known from now on."""
        device = self.others.get(name)
        if device is None:
            device = self.others[name] = DeviceState()
        return device
