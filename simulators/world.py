"""The world the trucks drive through: routes, and what lies along them, read from the sample geography."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import orjson

from simulators.geography import FENCES, ROADS
from simulators.roads import Line, Point, join

ON_THE_ROAD_M = 150.0
"""A place farther than this beside a line does not belong to it: places of the sample lie exactly on their road."""


class PlaceKind(StrEnum):
    """The kinds of fence a truck halts in."""

    TOLL = "toll"
    FUEL = "authorised_stop"
    DEPOT = "depot"
    CUSTOMER = "customer"
    BORDER = "border"


@dataclass(frozen=True, slots=True)
class Place:
    """A fence a truck may halt in, at metre `s_m` of one direction of a route."""

    fence_id: str
    kind: PlaceKind
    s_m: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of one direction of a route that lies in a fence, from metre to metre."""

    fence_id: str
    start_m: float
    end_m: float


@dataclass(frozen=True, slots=True)
class Direction:
    """A route driven one way, with what lies along it in driving order. The first and last place are its ends."""

    line: Line
    places: tuple[Place, ...]
    dead_zones: tuple[Stretch, ...]
    no_stops: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """A journey between two ends; `share` is the part of the ordinary fleet on it."""

    id: str
    share: float
    out: Direction
    back: Direction


@dataclass(frozen=True, slots=True)
class World:
    """All routes."""

    routes: tuple[Route, ...]


@cache
def load_world() -> World:
    """Read the sample geography. It is part of the package, so a mistake in it is ours: ValueError or KeyError."""
    roads = orjson.loads(ROADS.read_bytes())
    features = orjson.loads(FENCES.read_bytes())["features"]
    lines = {road["id"]: Line(road["line"]) for road in roads["roads"]}
    routes = []
    for route in roads["routes"]:
        line = join(lines[road] for road in route["roads"])
        out = _direction(line, features)
        routes.append(Route(route["id"], float(route["share"]), out, _direction(line.reverse(), features)))
    return World(tuple(routes))


def _direction(line: Line, features: list[dict[str, Any]]) -> Direction:
    """Trucks halt at places drawn as a point and are hijacked or silent on stretches drawn as a line; the rest is scenery."""
    places = []
    stretches: dict[str, list[Stretch]] = {"known_dead_zone": [], "no_stop": []}
    for feature in features:
        kind, fence_id = feature["properties"]["kind"], feature["properties"]["id"]
        drawn, coordinates = feature["geometry"]["type"], feature["geometry"]["coordinates"]
        if kind in stretches and drawn == "LineString":
            stretch = _stretch(line, fence_id, coordinates)
            if stretch:
                stretches[kind].append(stretch)
        elif kind in set(PlaceKind) and drawn == "Point":
            s_m, beside_m = line.nearest(coordinates)
            if beside_m <= ON_THE_ROAD_M:
                places.append(Place(fence_id, PlaceKind(kind), s_m))
    # A depot in mid-route belongs to another route that ends there.
    ends = {PlaceKind.DEPOT, PlaceKind.CUSTOMER, PlaceKind.BORDER}
    places = [p for p in places if p.kind not in ends or p.s_m < 1 or p.s_m > line.length_m - 1]
    places.sort(key=lambda place: place.s_m)
    if len(places) < 2 or places[0].kind not in ends or places[-1].kind not in ends:
        raise ValueError(f"a route from {line.points[0]} to {line.points[-1]} has no depot or customer at an end")
    return Direction(line, tuple(places), tuple(stretches["known_dead_zone"]), tuple(stretches["no_stop"]))


def _stretch(line: Line, fence_id: str, ends: list[Point]) -> Stretch | None:
    """Where a fence drawn along the road begins and ends on this line, or None if it lies on another road."""
    (first_m, first_beside), (last_m, last_beside) = line.nearest(ends[0]), line.nearest(ends[-1])
    if max(first_beside, last_beside) > ON_THE_ROAD_M:
        return None
    return Stretch(fence_id, min(first_m, last_m), max(first_m, last_m))
