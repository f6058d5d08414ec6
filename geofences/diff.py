"""What is different between two sets of fences, in the words of whoever drew them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import shapely

from geofences.formats.features import properties_of
from geofences.formats.properties import as_text
from geofences.geodesy import azimuth_deg, distance_m
from geofences.model import Circle, Corridor, Fence
from geofences.shapes import from_metres, geometry, in_metres

if TYPE_CHECKING:
    from typing import Any

    from shapely.geometry.base import BaseGeometry

    from geofences.schedule import Schedule
    from geofences.shapes import Area

# Less than these nobody sees: a shift and an edge in metres, a part of the area.
_SHIFT_M = 1.0
_GROWN = 0.001
_CORNERS = 2_000
_WINDS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


class Kind(StrEnum):
    """What became of a fence."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of the fence of an id; `words` are empty unless it is CHANGED."""

    fence_id: str
    kind: Kind
    words: tuple[str, ...] = ()


def differences(old: Iterable[Fence], new: Iterable[Fence]) -> list[Change]:
    """By id; fences that are as they were are left out."""
    before, after = ({fence.id: fence for fence in fences} for fences in (old, new))
    found: list[Change] = []
    for fence_id in sorted(before.keys() | after.keys()):
        if fence_id not in after:
            found.append(Change(fence_id, Kind.REMOVED))
        elif fence_id not in before:
            found.append(Change(fence_id, Kind.ADDED))
        elif before[fence_id] != after[fence_id]:
            words = (*_of_shapes(before[fence_id], after[fence_id]), *_of_properties(before[fence_id], after[fence_id]))
            found.append(Change(fence_id, Kind.CHANGED, words))
    return found


def _of_shapes(old: Fence, new: Fence) -> Iterator[str]:
    if old.shape == new.shape:
        return
    told = list(_measured(old, new))
    if type(old.shape) is not type(new.shape):
        told.insert(0, f"{_called(old)} became {_called(new)}")
    yield from told or ["drawn anew, by less than anybody sees"]


def _measured(old: Fence, new: Fence) -> Iterator[str]:
    match old.shape, new.shape:
        case Circle(_, _, before), Circle(_, _, after) if before != after:
            yield f"radius {_became(before, after)} m"
        case Corridor(_, before), Corridor(_, after) if before != after:
            yield f"buffer {_became(before, after)} m"
    (was, middle), (now, to_middle) = in_metres(geometry(old.shape)), in_metres(geometry(new.shape))
    lon, lat = from_metres(was.centroid.x, was.centroid.y, middle)
    to_lon, to_lat = from_metres(now.centroid.x, now.centroid.y, to_middle)
    shift_m = distance_m(lon, lat, to_lon, to_lat)
    if shift_m >= _SHIFT_M:
        wind = _WINDS[round(azimuth_deg(lon, lat, to_lon, to_lat) / 45.0) % len(_WINDS)]
        yield f"moved {_metres(shift_m)} to the {wind}"
    grown = now.area / was.area - 1.0
    if abs(grown) >= _GROWN:
        yield f"{'grew' if grown > 0 else 'shrank'} by {abs(grown):.1%}"
    edge_m = 0.0 if isinstance(old.shape, Circle) else _edge_m(was, now)
    if edge_m >= _SHIFT_M:
        yield f"its boundary changed, by up to {_metres(edge_m)} where it now lies"


def _of_properties(old: Fence, new: Fence) -> Iterator[str]:
    before, after = properties_of(old), properties_of(new)
    for name in [*before, *(name for name in after if name not in before)]:
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        if name == "schedule":
            yield from _of_schedules(old.schedule, new.schedule)
        elif isinstance(was, list) and isinstance(now, list):
            yield f"{name}: {_come_and_gone(was, now)}"
        else:
            yield f"{name}: {_became(was, now)}"


def _of_schedules(old: Schedule | None, new: Schedule | None) -> Iterator[str]:
    if old is None or new is None:
        yield f"schedule: {old or 'none'} → {new or 'none'}"
        return
    if old.zone != new.zone:
        yield f"schedule: {old.hours} ({old.zone}) → {new.hours} ({new.zone})"
    elif old.hours != new.hours:
        yield f"schedule: {old.hours} → {new.hours} ({new.zone})"
    if old.holidays != new.holidays:
        yield f"holidays: {_come_and_gone(*(list(map(str, each.holidays)) for each in (old, new)))}"


def _come_and_gone(was: list[str], now: list[str]) -> str:
    gone = [f"without {word}" for word in was if word not in now]
    return ", ".join([*gone, *(f"with {word}" for word in now if word not in was)])


def _called(fence: Fence) -> str:
    match fence.shape:
        case Circle():
            return "a circle"
        case Corridor():
            return "a corridor"
    return "a polygon"


def _became(was: Any, now: Any) -> str:
    before, after = _shown(was), _shown(now)
    return f"{before} → {after}" if before != after else f"{was!r} → {now!r}"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:,g}" if isinstance(value, float) else as_text(value)


def _metres(metres: float) -> str:
    return f"{metres / 1000:,.1f} km" if metres >= 10_000 else f"{metres:,.0f} m"


def _edge_m(one: Area, other: Area) -> float:
    """How far the edges of two shapes in metres are apart where they are farthest, each drawn about its own middle.

    GEOS looks from corner to edge: between corners it finds the greatest distance only if there are others.
    """
    edges = [_about_its_middle(area) for area in (one, other)]
    apart_m = max(_SHIFT_M, max(map(shapely.length, edges)) / _CORNERS)
    return float(shapely.hausdorff_distance(*(shapely.segmentize(edge, apart_m) for edge in edges)))


def _about_its_middle(area: Area) -> BaseGeometry:
    centre = shapely.get_coordinates(area.centroid)
    edge: BaseGeometry = shapely.transform(area.boundary, lambda at: at - centre)
    return edge
