"""What keeps a shape from being a fence: told with the place and with what would be right."""

from __future__ import annotations

from itertools import chain, pairwise
from math import cos, hypot, radians
from typing import TYPE_CHECKING

import shapely
from shapely.geometry import MultiPolygon, Polygon

from geofences.geodesy import metres_per_degree
from geofences.model import Circle, Corridor, Polygonal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from geofences.model import Line, Position, Ring, Shape

# Far below what GPS is off by; and the finer a buffer, the more chords a leg of it takes.
MIN_RADIUS_M = 1.0
# The error of 0.1 % is tested up to this radius.
MAX_RADIUS_M = 200_000.0
# Nothing is laid out beyond this latitude, where an edge straight in lon/lat strays too far from its arc; a polygon may be
# drawn there. The northernmost road ends at 82.
MAX_LATITUDE = 85.0
# Uniting the legs of a corridor takes about 0.6 ms each; a road of 1,000 km drawn every 100 m has 10,000.
MAX_CORRIDOR_POSITIONS = 20_000
# Twice round the earth. Laying out a buffer of 1 m takes 40 MB and 0.1 s for each 17,000 km.
MAX_CORRIDOR_M = 80_000_000.0

# From farther away nobody approaches a place.
MAX_APPROACH_M = 50_000.0

_SPLIT = "split the shape at longitude 180 into two fences"
_DRAW_SIDES = "draw what lies on each side of longitude 180 as a polygon, without an approach"
# What GEOS calls a fault, and what the person who drew it can do about it.
_REMEDIES = {
    "Self-intersection": "the boundary crosses or touches itself; draw it so that it does not",
    "Ring Self-intersection": "a ring touches itself; draw it so that it does not",
    "Hole lies outside shell": "a hole lies outside its outer ring; give it to the polygon it belongs to",
    "Holes are nested": "a hole lies inside another hole; drop the inner one",
    "Nested shells": "a polygon lies inside another of the same feature; drop it, or make it a hole",
    "Duplicate Rings": "a ring is there twice; drop one",
    "Interior is disconnected": "the holes cut the polygon in two; draw two polygons",
    "Too few points in geometry component": "a ring needs at least three different positions",
}


def fault(shape: Shape, approach_m: float = 0.0) -> str | None:
    """What is wrong with a shape, and with the reach of its approach, and what would be right; None when sound."""
    if text := _approach(approach_m):
        return text
    match shape:
        case Circle(lon, lat, radius_m):
            centre = [(lon, lat)]
            return _radius(radius_m) or _range(centre) or _reach(centre, radius_m + approach_m)
        case Corridor(lines, buffer_m):
            return _radius(buffer_m) or _lines(lines) or _reach(list(chain(*lines)), buffer_m + approach_m)
        case Polygonal(polygons):
            if (text := _polygons(polygons)) or approach_m == 0.0:
                return text
            rings = list(chain(*polygons))
            return _length(rings) or _reach(list(chain(*rings)), approach_m)


def _lines(lines: tuple[Line, ...]) -> str | None:
    if not lines:
        return "a corridor needs a line"
    if (positions := sum(map(len, lines))) > MAX_CORRIDOR_POSITIONS:
        return f"{positions} positions are too many for a corridor; simplify it to at most {MAX_CORRIDOR_POSITIONS}"
    for line in lines:
        if text := _range(line) or _steps(line):
            return text
        if len(set(line)) < 2:
            return "a line needs at least two different positions"
    return _length(lines)


def _length(lines: Iterable[Line]) -> str | None:
    lon_m, lat_m = metres_per_degree(0.0)
    metres = sum(
        hypot((end[0] - start[0]) * lon_m * cos(radians((start[1] + end[1]) / 2)), (end[1] - start[1]) * lat_m)
        for start, end in chain(*map(pairwise, lines))
    )
    if metres <= MAX_CORRIDOR_M:
        return None
    return (
        f"{metres / 1000:,.0f} km are too long for a corridor or an approach; at most {MAX_CORRIDOR_M / 1000:,.0f} km"
    )


def _polygons(polygons: tuple[tuple[Ring, ...], ...]) -> str | None:
    if not polygons or not all(polygons):
        return "a polygon needs an outer ring"
    for ring in chain(*polygons):
        if text := _range(ring) or _steps(ring) or _ring(ring):
            return text
    drawn = built(polygons)
    if shapely.is_valid(drawn):
        return None
    reason, _, place = shapely.is_valid_reason(drawn).partition("[")
    remedy = _REMEDIES.get(reason, f"{reason}; draw the boundary anew")
    return f"{remedy} (near longitude, latitude {', '.join(place.rstrip(']').split())})"


def built(polygons: tuple[tuple[Ring, ...], ...]) -> MultiPolygon:
    """Polygons as they were drawn, sound or not. Raises ValueError for rings that are none."""
    return MultiPolygon([Polygon(outer, holes) for outer, *holes in polygons])


def _radius(metres: float) -> str | None:
    if MIN_RADIUS_M <= metres <= MAX_RADIUS_M:  # false for NaN too
        return None
    return f"{metres:g} m is no radius or buffer; give {MIN_RADIUS_M:g} to {MAX_RADIUS_M:,.0f} m"


def _approach(metres: float) -> str | None:
    if metres == 0.0 or MIN_RADIUS_M <= metres <= MAX_APPROACH_M:
        return None
    return f"{metres:g} m is no approach; give 0 for none, or {MIN_RADIUS_M:g} to {MAX_APPROACH_M:,.0f} m"


def _range(points: Iterable[Position]) -> str | None:
    for lon, lat in points:
        if -180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0:
            continue
        hint = ""
        if abs(lat) <= 180.0 and abs(lon) <= 90.0:
            hint = "; swapped? GeoJSON has longitude first"
        elif 180.0 < abs(lon) <= 360.0 and abs(lat) <= 90.0:
            hint = f"; over the antimeridian? {_SPLIT}"
        return f"position {[lon, lat]} is out of range: longitude is -180 to 180, latitude -90 to 90{hint}"
    return None


def _steps(line: tuple[Position, ...]) -> str | None:
    """An edge that spans over half the globe was meant to go round the other side, over the antimeridian."""
    for start, end in pairwise(line):
        if abs(end[0] - start[0]) > 180.0:
            return f"the edge from {list(start)} to {list(end)} crosses the antimeridian; {_SPLIT}"
    return None


def _ring(ring: tuple[Position, ...]) -> str | None:
    if len(ring) < 4:
        return f"a ring needs at least four positions, the last equal to the first; this one has {len(ring)}"
    if ring[0] != ring[-1]:
        return f"a ring must end where it began: it starts at {list(ring[0])} and ends at {list(ring[-1])}"
    return None


def _reach(points: list[Position], metres: float) -> str | None:
    """Whether all that lies within a radius stays on the map: short of the poles and of the antimeridian."""
    lats, lons = [lat for _, lat in points], [lon for lon, _ in points]
    # The equator has the fewest metres to a degree of latitude, so this is the widest a radius can reach.
    reach_lat = metres / metres_per_degree(0.0)[1]
    north, south = max(lats) + reach_lat, min(lats) - reach_lat
    if north > MAX_LATITUDE or south < -MAX_LATITUDE:
        return f"the shape reaches beyond {MAX_LATITUDE:g} degrees of latitude; fences end there"
    reach_lon = metres / metres_per_degree(max(abs(north), abs(south)))[0]
    if max(lons) + reach_lon >= 180.0 or min(lons) - reach_lon <= -180.0:
        return f"the shape reaches over the antimeridian; {_DRAW_SIDES}"
    return None
