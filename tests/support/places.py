"""A road to test on: due east along a parallel, with fences at known kilometres. Nothing here is a real place."""

from __future__ import annotations

from geofences.geodesy import metres_per_degree
from geofences.index import FenceIndex
from geofences.model import Circle, Corridor, Detect, Fence, FenceKind

ORIGIN_LON, ORIGIN_LAT = -100.0, 20.0
_EAST_M, _NORTH_M = metres_per_degree(ORIGIN_LAT)


def spot(km: float, north_m: float = 0.0) -> tuple[float, float]:
    """(lon, lat) at a kilometre of the road, `north_m` metres beside it."""
    return (round(ORIGIN_LON + km * 1000.0 / _EAST_M, 7), round(ORIGIN_LAT + north_m / _NORTH_M, 7))


def circle(km: float, radius_m: float, north_m: float = 0.0) -> Circle:
    """A circle round a kilometre."""
    return Circle(*spot(km, north_m), radius_m)


def along(first_km: float, last_km: float, buffer_m: float = 300.0) -> Corridor:
    """The road between two kilometres."""
    return Corridor((tuple(spot(km) for km in (first_km, (first_km + last_km) / 2.0, last_km)),), buffer_m)


ALL_VISITS = frozenset({Detect.ENTER, Detect.EXIT, Detect.DWELL})

# km:  0    5 yard   10 dock   15 workshop | 20 ===== risky ===== 60 | 60 === federal === 80 | 85 gate, 90 pen, 95 base
FENCES = (
    Fence(id="yard", kind=FenceKind.DEPOT, shape=circle(5, 300)),
    Fence(id="dock", kind=FenceKind.CUSTOMER, shape=circle(10, 300)),
    Fence(id="workshop", kind=FenceKind.WORKSHOP, shape=circle(15, 300)),
    Fence(id="risky", kind=FenceKind.HIGH_RISK_CORRIDOR, risk=4, shape=along(20, 60)),
    Fence(id="mined", kind=FenceKind.NO_STOP, shape=circle(30, 500), min_outside_s=120),
    Fence(id="plaza", kind=FenceKind.TOLL, shape=circle(40, 150), approach_m=1000),
    Fence(id="post", kind=FenceKind.INSPECTION, shape=circle(45, 200)),
    Fence(id="pumps", kind=FenceKind.AUTHORISED_STOP, shape=circle(50, 200)),
    Fence(id="federal", kind=FenceKind.HIGH_RISK_CORRIDOR, risk=3, shape=along(60.5, 80)),
    Fence(id="canyon", kind=FenceKind.KNOWN_DEAD_ZONE, shape=along(65, 70), usual_crossing_s=240),
    Fence(id="gate", shape=circle(85, 250), detect=ALL_VISITS, dwell_s=300),
    Fence(id="pen", shape=circle(90, 250), min_inside_s=60, min_outside_s=120),
    Fence(id="base", kind=FenceKind.RESTRICTED, shape=circle(95, 250), applies_to=frozenset({"hazmat"})),
)
INDEX = FenceIndex(FENCES)
