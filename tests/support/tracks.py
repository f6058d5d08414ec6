"""Track files, fences around where they went, and who entered what: counted with shapely and pyproj alone.

This is the oracle of the engine on real tracks. It imports nothing of ours and takes the slow, plain way: one track
and one fence at a time, distances on the ellipsoid or in a plane laid about the fence.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod, Transformer
from shapely.geometry.base import BaseGeometry

GEOD = Geod(ellps="WGS84")
ACCURACY_M = 15.0  # of a device that does not say
JUMP_M, JUMP_KMH, AGREEING = 1000.0, 150.0, 3
MIN_OUTSIDE_S, EXIT_MARGIN_M = 60.0, 50.0  # of a fence that does not say

Features = Sequence[Mapping[str, Any]]
"""Of a GeoJSON collection: fences as drawn."""

CELL_DEG = 0.01
# One rule a fence by turn: what a fence gets that says nothing, none at all, a demanding one, a wait at the door.
RULES: Sequence[Mapping[str, float]] = (
    {},
    {"min_outside_s": 0, "exit_margin_m": 0},
    {"min_outside_s": 180, "exit_margin_m": 120},
    {"min_inside_s": 30},
)


class Fix(NamedTuple):
    """Seconds since 1970, degrees rounded as on the wire."""

    t: int
    lon: float
    lat: float


class Visit(NamedTuple):
    """Who, where, since when (seconds)."""

    vehicle_id: str
    fence_id: str
    since: int


@dataclass(slots=True)
class Tracks:
    """Believed fixes by vehicle, in order of time, and how many rows were not, by reason."""

    fixes: dict[str, list[Fix]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)


def read_fixes(path: Path) -> dict[str, list[Fix]]:
    """The rows of a file with the columns track_id, t, lat, lon, by track, each in order of time."""
    found: dict[str, list[Fix]] = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found[row["track_id"]].append(Fix(int(row["t"]), round(float(row["lon"]), 6), round(float(row["lat"]), 6)))
    for fixes in found.values():
        fixes.sort(key=lambda fix: fix.t)
    return dict(found)


def around(found: Mapping[str, list[Fix]], count: int = 24) -> list[dict[str, Any]]:
    """Fences about the middle of the busiest cells: circles, squares with a hole, roads to the next, by turn."""
    cells: dict[tuple[int, int], list[Fix]] = defaultdict(list)
    for fixes in found.values():
        for fix in fixes:
            cells[int(fix.lon // CELL_DEG), int(fix.lat // CELL_DEG)].append(fix)
    busiest = sorted(cells, key=lambda cell: (-len(cells[cell]), cell))[: count + 1]
    middles = [
        (round(fmean(fix.lon for fix in cells[cell]), 4), round(fmean(fix.lat for fix in cells[cell]), 4))
        for cell in busiest
    ]
    features = []
    for number, (middle, following) in enumerate(pairwise(middles)):
        geometry, shape = _drawn(number, middle, following)
        asked = {"id": f"fence-{number:02}", "kind": "generic", **shape, **RULES[number % len(RULES)]}
        features.append({"type": "Feature", "properties": asked, "geometry": geometry})
    return features


def _drawn(
    number: int, middle: tuple[float, float], following: tuple[float, float]
) -> tuple[dict[str, Any], dict[str, float]]:
    match number % 3:
        case 0:
            return {"type": "Point", "coordinates": middle}, {"radius_m": 150.0 + 10.0 * number}
        case 1:
            rings = (_square(*middle, 0.003), _square(*middle, 0.0008))
            return {"type": "Polygon", "coordinates": rings}, {}
        case _:
            return {"type": "LineString", "coordinates": (middle, following)}, {"buffer_m": 120.0}


def _square(lon: float, lat: float, half_deg: float) -> list[tuple[float, float]]:
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    return [(round(lon + x * half_deg, 6), round(lat + y * half_deg, 6)) for x, y in corners]


def believe(found: Mapping[str, list[Fix]]) -> Tracks:
    """What is left of tracks without second rows of a second and without jumps.

    After a jump nothing is believed until three fixes in a row agree with each other; the third is then believed.
    """
    tracks = Tracks()
    for vehicle_id, fixes in found.items():
        believed: list[Fix] = []
        strays: list[Fix] = []
        seconds: set[int] = set()
        for fix in fixes:
            if fix.t in seconds:
                first = [known for known in believed if known.t == fix.t]
                elsewhere = first and first[0] != fix
                tracks.refused["same_time_elsewhere" if elsewhere else "duplicate"] += 1
                continue
            seconds.add(fix.t)
            if believed and _is_jump(believed[-1], fix):
                strays = [*strays, fix] if strays and not _is_jump(strays[-1], fix) else [fix]
                if len(strays) < AGREEING:
                    tracks.refused["implausible_jump"] += 1
                    continue
            strays = []
            believed.append(fix)
        tracks.fixes[vehicle_id] = believed
    return tracks


def _is_jump(before: Fix, after: Fix) -> bool:
    metres = GEOD.inv(before.lon, before.lat, after.lon, after.lat)[2]
    return bool(metres >= JUMP_M and metres / (after.t - before.t) * 3.6 > JUMP_KMH)


def entries(tracks: Tracks, features: Features) -> list[Visit]:
    """Every visit that counts, of every vehicle in every fence."""
    lon, lat = (np.array([fix[at] for fixes in tracks.fixes.values() for fix in fixes]) for at in (1, 2))
    ends = np.cumsum([len(fixes) for fixes in tracks.fixes.values()])[:-1]
    found = []
    for feature in features:
        asked = feature["properties"]
        by_vehicle = np.split(metres_outside(feature, lon, lat), ends)
        for (vehicle_id, fixes), metres in zip(tracks.fixes.items(), by_vehicle, strict=True):
            began = _visits([fix.t for fix in fixes], metres, asked)
            found += [Visit(vehicle_id, asked["id"], since) for since in began]
    return found


def _visits(seconds: list[int], metres_outside: NDArray[np.float64], asked: Mapping[str, Any]) -> list[int]:
    """When the visits of one track to one fence began. `asked`: the fence's properties.

    A visit counts once `min_inside_s` have passed without a fix clearly outside. It ends with a fix clearly outside
    (distance less accuracy over the margin), `min_outside_s` or more after the first such, none inside between.
    """
    min_inside_s, min_outside_s = asked.get("min_inside_s", 0.0), asked.get("min_outside_s", MIN_OUTSIDE_S)
    margin_m = asked.get("exit_margin_m", EXIT_MARGIN_M)
    found: list[int] = []
    since: int | None = None
    left: int | None = None
    for t, away_m in zip(seconds, metres_outside, strict=True):
        counts = since is not None and t - since >= min_inside_s
        if away_m == 0.0:
            since, left = t if since is None else since, None
        elif since is not None and away_m - ACCURACY_M > margin_m:
            left = t if left is None else left
            if not counts:
                since = left = None
            elif t - left >= min_outside_s:
                found.append(since)
                since = left = None
    return found if since is None else [*found, since]


def metres_outside(
    feature: Mapping[str, Any], lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Metres from points to a fence; 0 inside."""
    drawn, asked = shapely.geometry.shape(feature["geometry"]), feature["properties"]
    if "radius_m" in asked:
        centre = np.full_like(lon, drawn.x), np.full_like(lat, drawn.y)
        return _beyond(np.asarray(GEOD.inv(*centre, lon, lat)[2]), asked["radius_m"])
    middle = drawn.centroid
    plane = Transformer.from_crs("EPSG:4326", f"+proj=aeqd +lat_0={middle.y} +lon_0={middle.x}", always_xy=True)
    # An edge is straight in degrees; cut into pieces of some 20 m it is so in the plane as well.
    flat: BaseGeometry = shapely.transform(shapely.segmentize(drawn, 0.0002), plane.transform, interleaved=False)
    metres: NDArray[np.float64] = shapely.distance(flat, shapely.points(*plane.transform(lon, lat)))
    if "buffer_m" in asked:
        return _beyond(metres, asked["buffer_m"])
    return np.where(shapely.intersects_xy(drawn, lon, lat), 0.0, metres)


def _beyond(metres: NDArray[np.float64], radius_m: float) -> NDArray[np.float64]:
    beyond: NDArray[np.float64] = np.maximum(0.0, metres - radius_m)
    return beyond
