"""What a file is refused for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geofences.faults import built, fault
from geofences.lint.codes import LITTLE, Code
from geofences.lint.finding import Finding, Region, degrees
from geofences.lint.measures import moved, polygonal, positions
from geofences.model import Fence, Polygonal, Position, Ring
from geofences.shapes import area_m2, geometry

if TYPE_CHECKING:
    from geofences.formats.features import Read

_NEAR = re.compile(r" \(near longitude, latitude (?P<lon>\S+), (?P<lat>\S+)\)$")


def refused(number: int, read: Read, region: Region) -> Iterator[Finding]:
    """Each problem of a feature, and the repair of a shape where there is one."""
    for problem in read.problems:
        drawn = read.drawn if problem.field == "geometry" else None
        if drawn is not None and (finding := swapped(number, drawn, region) or _crossing(number, drawn, problem.text)):
            yield finding
            continue
        code = Code.SHAPE if problem.field == "geometry" else Code.PROPERTY
        if problem.field == "id" and "already" in problem.text:
            code = Code.DUPLICATE_ID
        near = _NEAR.search(problem.text)
        text, _, remedy = _NEAR.sub("", problem.text).partition("; ")
        field = f"{problem.field}: " if problem.field else ""
        yield Finding(code, number, problem.fence_id, field + text, remedy, _place(near) or _first(drawn))


def swapped(number: int, drawn: Fence, region: Region) -> Finding | None:
    """Where all of it lies in the region as soon as longitude and latitude change places, and nothing does before."""
    drawn_at = list(positions(drawn.shape))
    if any(_is_in(region, lon, lat) for lon, lat in drawn_at):
        return None
    if not all(_is_in(region, lat, lon) for lon, lat in drawn_at):
        return None
    fix = replace(drawn, shape=moved(drawn.shape, lambda position: (position[1], position[0])))
    if fault(fix.shape, fix.approach_m):
        return None
    lon, lat = drawn_at[0]
    far, near = degrees((lon, lat)), degrees((lat, lon))
    text = f"longitude and latitude are swapped: {far} is far away, and {near} is in the region"
    return Finding(Code.SWAPPED, number, drawn.id, text, "write longitude first", (lat, lon), fix, is_safe=True)


def _is_in(region: Region, lon: float, lat: float) -> bool:
    return region.west <= lon <= region.east and region.south <= lat <= region.north


def _crossing(number: int, drawn: Fence, text: str) -> Finding | None:
    shape = drawn.shape
    if not isinstance(shape, Polygonal) or "touches itself" not in text:
        return None
    fixed = polygonal(shapely.make_valid(built(shape.polygons), method="structure", keep_collapsed=False))
    if fixed is None or fault(fixed, drawn.approach_m):
        return None
    # What the crossing cut off is what was drawn twice, or inside out: as drawn the two do not count as area. Both areas
    # are turned from square degrees into metres by one scale.
    area = geometry(fixed)
    whole, as_drawn = area.area, abs(sum(map(_signed, shape.polygons)))
    loss = abs(whole - as_drawn) / whole if whole else inf
    whole_m2 = area_m2(area)
    was_m2 = whole_m2 * as_drawn / whole if whole else 0.0
    what, _, remedy = _NEAR.sub("", text).partition("; ")
    remedy = f"repaired, its area would be {whole_m2:,.0f} m² instead of {was_m2:,.0f} m²; {remedy}"
    place = _place(_NEAR.search(text))
    fix = replace(drawn, shape=fixed)
    return Finding(Code.SELF_INTERSECTION, number, drawn.id, what, remedy, place, fix, loss, loss < LITTLE)


def _signed(rings: tuple[Ring, ...]) -> float:
    """Square degrees in the outer ring less those in its holes, by the formula of Gauss: crossings as they come."""
    areas: list[float] = []
    for ring in rings:
        lon, lat = (np.array(ring) - ring[0]).T
        areas.append(abs(float(lon[:-1] @ lat[1:] - lon[1:] @ lat[:-1])) / 2.0)
    return areas[0] - sum(areas[1:])


def _place(near: re.Match[str] | None) -> Position | None:
    return None if near is None else (float(near["lon"]), float(near["lat"]))


def _first(drawn: Fence | None) -> Position | None:
    """Where a shape begins, if that is on the globe."""
    first = next(positions(drawn.shape), None) if drawn else None
    return first if first and abs(first[0]) <= 180.0 and abs(first[1]) <= 90.0 else None
