"""The values of the library: a fence, its kind, and its shape as it was drawn.

Positions are `(lon, lat)` in degrees of WGS 84, as in GeoJSON. Names carry units; instants (`valid_from`,
`valid_to`) are integer milliseconds since 1970-01-01T00:00:00Z.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from geofences.schedule import Schedule

Position = tuple[float, float]
Line = tuple[Position, ...]
Ring = tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class Polygonal:
    """One or more polygons, each an outer ring followed by its holes; rings are closed, edges straight in lon/lat."""

    polygons: tuple[tuple[Ring, ...], ...]


@dataclass(frozen=True, slots=True)
class Circle:
    """All points within `radius_m` geodesic metres of a point."""

    lon: float
    lat: float
    radius_m: float


@dataclass(frozen=True, slots=True)
class Corridor:
    """All points within `buffer_m` geodesic metres of one or more lines; their legs are straight in lon/lat."""

    lines: tuple[Line, ...]
    buffer_m: float


Shape = Polygonal | Circle | Corridor


class FenceKind(StrEnum):
    """What a place is to a fleet."""

    HIGH_RISK_CORRIDOR = "high_risk_corridor"
    NO_STOP = "no_stop"
    AUTHORISED_STOP = "authorised_stop"
    DEPOT = "depot"
    CUSTOMER = "customer"
    WORKSHOP = "workshop"
    INSPECTION = "inspection"
    BORDER = "border"
    PORT = "port"
    TOLL = "toll"
    GRADE = "grade"
    KNOWN_DEAD_ZONE = "known_dead_zone"
    RESTRICTED = "restricted"
    GENERIC = "generic"


class Detect(StrEnum):
    """What a fence is asked to report."""

    ENTER = "enter"
    EXIT = "exit"
    DWELL = "dwell"
    CROSS = "cross"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class KindDefaults:
    """What a fence of a kind has when its author says nothing."""

    severity: int
    detect: frozenset[Detect]
    is_place: bool = False
    risk: int | None = None


_VISITS = frozenset({Detect.ENTER, Detect.EXIT})
_STOPS = frozenset({Detect.STOP})
_NOTHING: frozenset[Detect] = frozenset()
# Places a truck is expected at are recorded (1), not announced. Context (corridor, grade, dead zone) shapes other
# rules and reports no visits of its own.
_PLACE = KindDefaults(severity=1, detect=_VISITS, is_place=True)

KIND_DEFAULTS = MappingProxyType(
    {
        FenceKind.HIGH_RISK_CORRIDOR: KindDefaults(severity=3, detect=_STOPS, risk=3),
        FenceKind.NO_STOP: KindDefaults(severity=4, detect=_STOPS),
        FenceKind.AUTHORISED_STOP: _PLACE,
        FenceKind.DEPOT: _PLACE,
        FenceKind.CUSTOMER: _PLACE,
        FenceKind.WORKSHOP: _PLACE,
        FenceKind.INSPECTION: _PLACE,
        FenceKind.BORDER: _PLACE,
        FenceKind.PORT: _PLACE,
        FenceKind.TOLL: _PLACE,
        FenceKind.GRADE: KindDefaults(severity=1, detect=_NOTHING),
        FenceKind.KNOWN_DEAD_ZONE: KindDefaults(severity=1, detect=_NOTHING),
        FenceKind.RESTRICTED: KindDefaults(severity=4, detect=_VISITS),
        FenceKind.GENERIC: KindDefaults(severity=3, detect=_VISITS),
    }
)

# Stands for "as the kind has it" in the constructor below; no Fence ever holds it.
_AS_KIND: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A place with a meaning. Left out, `severity`, `detect` and `risk` follow the kind and `name` is the id.

    `risk` (1 to 5) only belongs to a high_risk_corridor, `usual_crossing_s` to a known_dead_zone. `applies_to`
    holds vehicle tags; empty means every vehicle. `tags` are words to group fences by. A `dwell_s` given without
    `detect` asks for dwell as well. It is awake by its schedule, always without one, from `valid_from` until `valid_to`.
    """

    id: str
    shape: Shape
    kind: FenceKind = FenceKind.GENERIC
    version: int = 1
    name: str = ""
    risk: int | None = None
    severity: int = _AS_KIND
    detect: frozenset[Detect] = _AS_KIND
    min_inside_s: float = 0.0
    min_outside_s: float = 60.0
    dwell_s: float | None = None
    exit_margin_m: float = 50.0
    approach_m: float = 0.0
    usual_crossing_s: float | None = None
    speed_limit_kmh: float | None = None
    tags: frozenset[str] = frozenset()
    schedule: Schedule | None = None
    applies_to: frozenset[str] = frozenset()
    valid_from: int | None = None
    valid_to: int | None = None
    protocol: str | None = None

    def __post_init__(self) -> None:
        defaults = KIND_DEFAULTS[self.kind]
        detect = self.detect
        if detect is _AS_KIND:
            detect = defaults.detect | ({Detect.DWELL} if self.dwell_s is not None else _NOTHING)
        for name, value in (
            ("name", self.name or self.id),
            ("severity", defaults.severity if self.severity is _AS_KIND else self.severity),
            ("detect", detect),
            ("risk", defaults.risk if self.risk is None else self.risk),
        ):
            object.__setattr__(self, name, value)

    def acts_like(self, other: Fence) -> bool:
        """Whether trucks are judged alike by both: they differ in words (name, tags, protocol) and version, if at all."""
        if self == other:  # as nearly all of a set are, and soon seen
            return True
        called = replace(self, version=other.version, name=other.name, tags=other.tags, protocol=other.protocol)
        return called == other

    @property
    def is_place(self) -> bool:
        """Whether a truck may be expected to stand here: depots, customers, tolls and their like."""
        return KIND_DEFAULTS[self.kind].is_place

    @property
    def is_always(self) -> bool:
        """Whether it never sleeps."""
        return self.schedule is None and self.valid_from is None and self.valid_to is None

    def period(self, at_ms: int) -> tuple[bool, int | None]:
        """Whether it is awake at an instant, and until when; ms since the epoch, None for ever."""
        if self.valid_to is not None and at_ms >= self.valid_to:
            return False, None
        if self.valid_from is not None and at_ms < self.valid_from:
            awake, until = self.period(self.valid_from)
            return False, self.valid_from if awake else until
        awake, until = (True, None) if self.schedule is None else self.schedule.period(at_ms)
        if self.valid_to is not None and (until is None or until >= self.valid_to):
            return awake, self.valid_to if awake else None
        return awake, until
