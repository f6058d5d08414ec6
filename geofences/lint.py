"""What is wrong with a set of fences, or will cry wolf: told with the place, and with what would be right.

What a file is refused for is an error. The rest is judged by what the fences are for, a truck whose position is off by
metres: the thresholds below say which, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from math import cos, inf, radians
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from shapely.geometry import LineString, Polygon

from geofences.boundary import smallest_extent_m, width_m
from geofences.faults import built, fault
from geofences.geodesy import geodesic_m, metres_per_degree
from geofences.model import Circle, Corridor, Fence, FenceKind, Line, Polygonal, Position, Ring, Shape
from geofences.shapes import area_m2, geometry

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from geofences.formats.features import Read
    from geofences.shapes import Area

# What is assumed of a fix that says nothing of its accuracy (GPS.gov: 3 to 10 m under open sky; a truck has a cab).
GPS_ERROR_M = 15.0
# A road drawn with long legs lies beside them. Of 24 Mexican federal roads drawn with legs of 16 to 114 km the farthest
# point was off by 1.3 to 7.9 % of the longest leg, of 22 of them by 1.9 % or more.
LEG_ERROR = 0.02
MOST_VERTICES = 1_000
_ENOUGH_VERTICES = 500
_TOLERANCES_M = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_SPIKE_DEG = 3.0
_SPIKE_M = 1.0
_SAME = 0.9
# A repair that changes less than this part of the area, or moves an edge by less than a third of what GPS is off by, is
# one that nobody needs to look at.
_LITTLE = 0.01
_LITTLE_M = GPS_ERROR_M / 3.0


class Severity(StrEnum):
    """An error keeps the file from being used; a warning is a fence that will not do what it was drawn for."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """What is wrong."""

    PROPERTY = "property"
    SHAPE = "shape"
    DUPLICATE_ID = "duplicate-id"
    SELF_INTERSECTION = "self-intersection"
    SWAPPED = "swapped"
    OUTSIDE_REGION = "outside-region"
    NEVER_ACTIVE = "never-active"
    NEAR_IDENTICAL = "near-identical"
    SPIKE = "spike"
    SLIVER = "sliver"
    BELOW_GPS_ERROR = "below-gps-error"
    NARROW_CORRIDOR = "narrow-corridor"
    PLACE_IN_NO_STOP = "place-in-no-stop"
    TOO_MANY_VERTICES = "too-many-vertices"


class Meaning(NamedTuple):
    """Of a code: how severe it is, what it says, and when `--fix` repairs it."""

    severity: Severity
    text: str
    repaired: str


_WARNING, _ERROR, _NEVER = Severity.WARNING, Severity.ERROR, "never"
MEANINGS = MappingProxyType(
    {
        Code.PROPERTY: Meaning(_ERROR, "a property is missing, unknown or out of range", _NEVER),
        Code.SHAPE: Meaning(_ERROR, "the shape cannot be a fence: out of range, open, over the antimeridian", _NEVER),
        Code.DUPLICATE_ID: Meaning(_ERROR, "two fences have one id", _NEVER),
        Code.SELF_INTERSECTION: Meaning(
            _ERROR, "the boundary crosses itself", f"where the area changes by less than {_LITTLE:.0%}"
        ),
        Code.SWAPPED: Meaning(_ERROR, "longitude and latitude are swapped", "always"),
        Code.OUTSIDE_REGION: Meaning(_WARNING, "the fence lies outside the region", _NEVER),
        Code.NEVER_ACTIVE: Meaning(_WARNING, "the fence is over, or never awake", _NEVER),
        Code.NEAR_IDENTICAL: Meaning(
            _WARNING, f"two fences of a kind share {_SAME:.0%} of their area: each visit is told twice", _NEVER
        ),
        Code.SPIKE: Meaning(
            _WARNING,
            f"the boundary runs out and back at less than {_SPIKE_DEG:g} degrees",
            f"where the area changes by less than {_LITTLE:.0%}",
        ),
        Code.SLIVER: Meaning(
            _WARNING,
            f"a part or a hole is narrower than {GPS_ERROR_M:g} m, what GPS is off by",
            f"where it is less than {_LITTLE:.0%} of the area",
        ),
        Code.BELOW_GPS_ERROR: Meaning(
            _WARNING, f"the fence is narrower than {2 * GPS_ERROR_M:g} m: fixes in it may be told outside", _NEVER
        ),
        Code.NARROW_CORRIDOR: Meaning(
            _WARNING,
            f"`buffer_m` is less than {LEG_ERROR:.0%} of the longest leg: the road leaves the corridor",
            _NEVER,
        ),
        Code.PLACE_IN_NO_STOP: Meaning(
            _WARNING, "a place to stop at lies in a no-stop zone, and the zone wins", _NEVER
        ),
        Code.TOO_MANY_VERTICES: Meaning(
            _WARNING, f"more than {MOST_VERTICES:,} corners", f"where no edge moves by more than {_LITTLE_M:g} m"
        ),
    }
)


def codes_table() -> str:
    """The codes as Markdown for the documentation."""
    rows = ["| code | severity | it says | `--fix` repairs it |", "|---|---|---|---|"]
    rows += [
        f"| `{code}` | {meaning.severity} | {meaning.text} | {meaning.repaired} |" for code, meaning in MEANINGS.items()
    ]
    return "\n".join(rows) + "\n"


class Region(NamedTuple):
    """A box, degrees."""

    west: float
    south: float
    east: float
    north: float


# Mexico's extremes (INEGI): Guadalupe, the mouth of the Suchiate, Isla Mujeres, Los Algodones.
MEXICO = Region(-118.46, 14.53, -86.71, 32.72)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the feature of a number, from 1: where it is, what would be right, and the repaired fence.

    `is_safe`: nobody needs to look at the repair.
    """

    code: Code
    feature: int
    fence_id: str | None
    text: str
    remedy: str
    place: Position | None = None
    fix: Fence | None = None
    is_safe: bool = False

    @property
    def severity(self) -> Severity:
        """As its code has it."""
        return MEANINGS[self.code].severity

    def document(self) -> dict[str, Any]:
        """What is told of it, as JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "feature": self.feature,
            "fence": self.fence_id,
            "place": None if self.place is None else dict(zip(("lon", "lat"), self.place, strict=True)),
            "what": self.text,
            "right": self.remedy,
        }


def lint(read: Sequence[Read], region: Region = MEXICO, now: int | None = None) -> list[Finding]:
    """Everything wrong with the features of a file, by feature. `now` (ms since the epoch) is for what is over."""
    found: list[Finding] = []
    sound: list[_Sound] = []
    for number, one in enumerate(read, start=1):
        found += _refused(number, one, region)
        if one.fence is not None:
            sound.append(_Sound(number, one.fence, geometry(one.fence.shape)))
            found += _of_one(*sound[-1], region, now)
    found += _of_several(sound)
    return sorted(found, key=lambda finding: finding.feature)


class _Sound(NamedTuple):
    """A fence that can be used: the number of its feature, and its shape laid out."""

    number: int
    fence: Fence
    polygon: Area


def fixed(findings: Iterable[Finding]) -> dict[int, Fence]:
    """The repaired fences by the number of their feature, of findings whose repair nobody needs to look at.

    One of each feature: repairs of the same fence follow from looking again.
    """
    repaired: dict[int, Fence] = {}
    for finding in findings:
        if finding.is_safe and finding.fix is not None:
            repaired.setdefault(finding.feature, finding.fix)
    return repaired


# What a file is refused for


def _refused(number: int, read: Read, region: Region) -> Iterator[Finding]:
    for problem in read.problems:
        drawn = read.drawn if problem.field == "geometry" else None
        if drawn is not None and (finding := _swapped(number, drawn, region) or _crossing(number, drawn, problem.text)):
            yield finding
            continue
        code = Code.SHAPE if problem.field == "geometry" else Code.PROPERTY
        if problem.field == "id" and "already" in problem.text:
            code = Code.DUPLICATE_ID
        text, _, remedy = problem.text.partition("; ")
        field = f"{problem.field}: " if problem.field else ""
        yield Finding(code, number, problem.fence_id, field + text, remedy)


def _crossing(number: int, drawn: Fence, text: str) -> Finding | None:
    shape = drawn.shape
    if not isinstance(shape, Polygonal) or "crosses or touches itself" not in text:
        return None
    repaired = _polygonal(shapely.make_valid(built(shape.polygons), method="structure", keep_collapsed=False))
    if repaired is None or fault(repaired, drawn.approach_m):
        return None
    # What the crossing cut off is what was drawn twice, or inside out: as drawn the two do not count as area.
    whole, drawn_m2 = area_m2(geometry(repaired)), abs(sum(_signed_m2(rings) for rings in shape.polygons))
    share = abs(whole - drawn_m2) / whole if whole else inf
    what, _, place = text.partition(" (near ")
    remedy = f"repaired, its area would be {whole:,.0f} m² instead of {drawn_m2:,.0f} m²; {what.partition('; ')[2]}"
    lon, lat = (
        (float(each) for each in place.rstrip(")").rpartition("latitude ")[2].split(", ")) if place else (0.0, 0.0)
    )
    fix = replace(drawn, shape=repaired)
    at = (lon, lat) if place else None
    return Finding(Code.SELF_INTERSECTION, number, drawn.id, what.partition("; ")[0], remedy, at, fix, share < _LITTLE)


# One fence


def _of_one(number: int, fence: Fence, polygon: Area, region: Region, now: int | None) -> Iterator[Finding]:
    if swapped := _swapped(number, fence, region):
        yield swapped
        return
    west, south, east, north = polygon.bounds
    if east < region.west or west > region.east or north < region.south or south > region.north:
        yield Finding(
            Code.OUTSIDE_REGION,
            number,
            fence.id,
            f"lies outside the region {', '.join(f'{edge:g}' for edge in region)} (west, south, east, north)",
            "move it, or name the region the fleet drives in",
            _inside(polygon),
        )
    if now is not None and fence.period(now) == (False, None):
        yield _never_active(number, fence, now)
    if isinstance(fence.shape, Polygonal):
        whole_m2 = area_m2(polygon)
        yield from _spikes(number, fence, fence.shape, whole_m2)
        yield from _slivers(number, fence, fence.shape, whole_m2)
    yield from _size(number, fence, polygon)
    yield from _vertices(number, fence)


def _never_active(number: int, fence: Fence, now: int) -> Finding:
    if fence.valid_to is not None and fence.valid_to <= now:
        text, remedy = "valid_to has passed", "remove the fence, or give it a later valid_to"
    elif replace(fence, valid_to=None).period(now) == (False, None):
        text, remedy = f"its schedule never wakes it: {fence.schedule}", "give hours that come, or remove the fence"
    else:
        text = f"its schedule does not wake it before valid_to: {fence.schedule}"
        remedy = "give hours that come before valid_to, or a later valid_to"
    return Finding(Code.NEVER_ACTIVE, number, fence.id, text, remedy)


def _swapped(number: int, drawn: Fence, region: Region) -> Finding | None:
    positions = list(_positions(drawn.shape))
    if any(_is_in(region, lon, lat) for lon, lat in positions):
        return None
    if not all(_is_in(region, lat, lon) for lon, lat in positions):
        return None
    fix = replace(drawn, shape=_moved(drawn.shape, lambda position: (position[1], position[0])))
    if fault(fix.shape, fix.approach_m):
        return None
    lon, lat = positions[0]
    text = f"longitude and latitude are swapped: {lon:g}, {lat:g} is far away, and {lat:g}, {lon:g} is in the region"
    return Finding(Code.SWAPPED, number, drawn.id, text, "write longitude first", (lat, lon), fix, is_safe=True)


def _is_in(region: Region, lon: float, lat: float) -> bool:
    return region.west <= lon <= region.east and region.south <= lat <= region.north


def _spikes(number: int, fence: Fence, shape: Polygonal, whole_m2: float) -> Iterator[Finding]:
    for polygon, rings in enumerate(shape.polygons):
        for place, ring in enumerate(rings):
            corner = _spike(ring)
            if corner is None:
                continue
            lon, lat = ring[corner]
            kept = [*ring[:corner], *ring[corner + 1 : -1]] if corner else list(ring[1:-1])
            fix = replace(fence, shape=_with_ring(shape, polygon, place, (*kept, kept[0]))) if len(kept) > 2 else None
            if fix is not None and fault(fix.shape, fix.approach_m):
                fix = None
            share = inf if fix is None else abs(area_m2(geometry(fix.shape)) - whole_m2) / whole_m2
            text = f"the boundary runs out to {lon:g}, {lat:g} and straight back"
            remedy = "drop that corner" + ("" if fix is None else f"; the area changes by {share:.2%}")
            yield Finding(Code.SPIKE, number, fence.id, text, remedy, (lon, lat), fix, share < _LITTLE)


def _spike(ring: Ring) -> int | None:
    """The first corner at which a ring turns back on itself."""
    corners = np.array(ring[:-1]) * metres_per_degree(ring[0][1])
    back, forth = np.roll(corners, 1, axis=0) - corners, np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(*back.T) * np.hypot(*forth.T)
    with np.errstate(invalid="ignore", divide="ignore"):
        narrow = (back * forth).sum(axis=1) / lengths > cos(radians(_SPIKE_DEG))
    far = np.minimum(np.hypot(*back.T), np.hypot(*forth.T)) > _SPIKE_M
    found = np.flatnonzero(narrow & far)
    return int(found[0]) if len(found) else None


def _slivers(number: int, fence: Fence, shape: Polygonal, whole_m2: float) -> Iterator[Finding]:
    for place, (outer, *holes) in enumerate(shape.polygons):
        part = Polygon(outer)
        if len(shape.polygons) > 1 and width_m(part) < GPS_ERROR_M:
            others = tuple(rings for index, rings in enumerate(shape.polygons) if index != place)
            yield _sliver(number, fence, "a part", part, Polygonal(others), whole_m2)
        for hole in holes:
            gap = Polygon(hole)
            if width_m(gap) < GPS_ERROR_M:
                kept = (outer, *(ring for ring in holes if ring is not hole))
                polygons = tuple(kept if index == place else rings for index, rings in enumerate(shape.polygons))
                yield _sliver(number, fence, "a hole", gap, Polygonal(polygons), whole_m2)


def _sliver(number: int, fence: Fence, what: str, sliver: Polygon, without: Polygonal, whole_m2: float) -> Finding:
    share = area_m2(sliver) / whole_m2
    text = f"{what} is {width_m(sliver):.1f} m wide, less than GPS is off by ({GPS_ERROR_M:g} m)"
    remedy = f"drop it; it is {share:.3%} of the area"
    fix = None if fault(without, fence.approach_m) else replace(fence, shape=without)
    return Finding(
        Code.SLIVER, number, fence.id, text, remedy, _inside(sliver), fix, fix is not None and share < _LITTLE
    )


def _size(number: int, fence: Fence, polygon: Area) -> Iterator[Finding]:
    size_m = smallest_extent_m(fence.shape, polygon)
    if size_m < 2 * GPS_ERROR_M:
        text = f"is {size_m:.0f} m across, and GPS is off by {GPS_ERROR_M:g} m either way"
        remedy = f"make it {2 * GPS_ERROR_M:g} m wide or wider: a visit will often be missed, or end too early"
        yield Finding(Code.BELOW_GPS_ERROR, number, fence.id, text, remedy, _inside(polygon))
    if isinstance(fence.shape, Corridor):
        legs = [(start, end) for line in fence.shape.lines for start, end in pairwise(line)]
        lengths = geodesic_m(*np.array([start for start, _ in legs]).T, *np.array([end for _, end in legs]).T)
        longest = int(lengths.argmax())
        off_m = LEG_ERROR * float(lengths[longest])
        if fence.shape.buffer_m < off_m:
            text = (
                f"buffer_m is {fence.shape.buffer_m:,.0f} and a leg is {lengths[longest] / 1000:,.1f} km long: a road is "
                f"seldom so straight, and leaves the corridor"
            )
            remedy = f"draw the line with more positions, or give buffer_m at least {off_m:,.0f}"
            yield Finding(Code.NARROW_CORRIDOR, number, fence.id, text, remedy, _middle(*legs[longest]))


def _vertices(number: int, fence: Fence) -> Iterator[Finding]:
    count = sum(1 for _ in _positions(fence.shape))
    if count <= MOST_VERTICES:
        return
    text = f"has {count:,} corners, more than {MOST_VERTICES:,}: it takes longer to look at, and to look up"
    for tolerance_m in _TOLERANCES_M:
        simple = _simplified(fence.shape, tolerance_m)
        left = sum(1 for _ in _positions(simple))
        if left <= _ENOUGH_VERTICES and not fault(simple, fence.approach_m):
            off_m = _deviation_m(fence.shape, simple)
            remedy = f"{left:,} corners would do; no edge would move by more than {off_m:.1f} m"
            fix = replace(fence, shape=simple)
            yield Finding(Code.TOO_MANY_VERTICES, number, fence.id, text, remedy, None, fix, off_m <= _LITTLE_M)
            return
    yield Finding(Code.TOO_MANY_VERTICES, number, fence.id, text, "draw it with fewer, or split it")


# Several fences


def _of_several(sound: list[_Sound]) -> Iterator[Finding]:
    polygons = np.array([one.polygon for one in sound], dtype=object)
    tree = shapely.STRtree(polygons)
    for one, other in tree.query(polygons, predicate="intersects").T if len(sound) else ():
        (number, first, _), (_, second, _) = sound[one], sound[other]
        if one < other and first.kind is second.kind:
            shared = _shared(polygons[one], polygons[other])
            if shared >= _SAME:
                text = f"shares {shared:.1%} of its area with {second.id!r}, also a {second.kind}"
                remedy = "remove one of them: each visit is told twice"
                yield Finding(Code.NEAR_IDENTICAL, number, first.id, text, remedy, _inside(polygons[one]))
        if first.is_place and second.kind is FenceKind.NO_STOP:
            text = f"{first.kind} in the no-stop zone {second.id!r}, which wins: stopping here raises no_stop_zone"
            remedy = "cut it out of the zone (a hole), or remove one of the two"
            both = shapely.intersection(polygons[one], polygons[other])
            yield Finding(Code.PLACE_IN_NO_STOP, number, first.id, text, remedy, _inside(both))


def _shared(one: Area, other: Area) -> float:
    """The part of their common area that both have."""
    if not 0.5 < one.area / other.area < 2.0:
        return 0.0
    return float(shapely.intersection(one, other).area / shapely.union(one, other).area)


# Shapes


def _positions(shape: Shape) -> Iterator[Position]:
    match shape:
        case Circle(lon, lat):
            yield lon, lat
        case Corridor(lines):
            for line in lines:
                yield from line
        case Polygonal(polygons):
            for rings in polygons:
                for ring in rings:
                    yield from ring


def _moved(shape: Shape, move: Callable[[Position], Position]) -> Shape:
    match shape:
        case Circle(lon, lat, radius_m):
            return Circle(*move((lon, lat)), radius_m)
        case Corridor(lines, buffer_m):
            return Corridor(tuple(tuple(map(move, line)) for line in lines), buffer_m)
        case Polygonal(polygons):
            return Polygonal(tuple(tuple(tuple(map(move, ring)) for ring in rings) for rings in polygons))


def _with_ring(shape: Polygonal, polygon: int, place: int, ring: Ring) -> Polygonal:
    polygons = list(shape.polygons)
    polygons[polygon] = tuple(ring if index == place else each for index, each in enumerate(polygons[polygon]))
    return Polygonal(tuple(polygons))


def _polygonal(area: Area) -> Polygonal | None:
    """A shape of the polygons in it; None where there is none."""
    parts = [part for part in shapely.get_parts(area) if isinstance(part, Polygon) and not part.is_empty]
    rings = tuple((part.exterior, *part.interiors) for part in parts)
    return Polygonal(tuple(tuple(map(_line, each)) for each in rings)) if parts else None


def _line(drawn: BaseGeometry) -> Line:
    return tuple((float(lon), float(lat)) for lon, lat in shapely.get_coordinates(drawn))


def _simplified(shape: Shape, tolerance_m: float) -> Shape:
    lat = next(_positions(shape))[1]
    scale = np.array(metres_per_degree(lat))

    def simple(drawn: BaseGeometry) -> BaseGeometry:
        metres = shapely.transform(drawn, lambda at: at * scale)
        left: BaseGeometry = shapely.transform(shapely.simplify(metres, tolerance_m), lambda at: at / scale)
        return left

    match shape:
        case Corridor(lines, buffer_m):
            return Corridor(tuple(_line(simple(LineString(line))) for line in lines), buffer_m)
        case Polygonal():
            return _polygonal(simple(geometry(shape))) or shape
    return shape


def _deviation_m(drawn: Shape, simple: Shape) -> float:
    """How far the farthest position as drawn lies from the edges that are left, metres."""
    scale = np.array(metres_per_degree(next(_positions(drawn))[1]))
    lines = shapely.multilinestrings([np.array(line) * scale for line in _edges(simple)])
    points = shapely.points(np.array(list(_positions(drawn))) * scale)
    return float(shapely.distance(points, lines).max())


def _edges(shape: Shape) -> Iterator[tuple[Position, ...]]:
    match shape:
        case Corridor(lines):
            yield from lines
        case Polygonal(polygons):
            for rings in polygons:
                yield from rings


def _signed_m2(rings: tuple[Ring, ...]) -> float:
    """The area within the outer ring less that of its holes, by the formula of Gauss, which takes crossings as they come."""
    scale = float(np.array(metres_per_degree(rings[0][0][1])).prod())
    areas: list[float] = []
    for ring in rings:
        lon, lat = np.array(ring).T
        areas.append(abs(float(lon[:-1] @ lat[1:] - lon[1:] @ lat[:-1])) / 2.0 * scale)
    return areas[0] - sum(areas[1:])


def _inside(area: Area) -> Position | None:
    """A point in it."""
    if area.is_empty:
        return None
    point = shapely.point_on_surface(area)
    return round(float(point.x), 6), round(float(point.y), 6)


def _middle(start: Position, end: Position) -> Position:
    return round((start[0] + end[0]) / 2.0, 6), round((start[1] + end[1]) / 2.0, 6)
