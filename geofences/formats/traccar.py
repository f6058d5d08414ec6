"""Geofences of Traccar, as its API gives them (`GET /api/geofences`): a JSON list of objects.

The shape is the member `area`, WKT with *latitude first*: `CIRCLE (lat lon, radius)`, `POLYGON ((lat lon, ...))` or
`LINESTRING (lat lon, ...)`, whose half width in metres is the attribute `polylineDistance` (Traccar's own default, 25 m,
where there is none). The attribute `speedLimit` is in knots, and counts where it is not what ours beside it says.
Properties that Traccar does not know are attributes, under our names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from geofences.errors import FenceError, Problem
from geofences.formats.features import Foreign, Raw, properties_of, read_fences
from geofences.formats.geojson import parse_json
from geofences.formats.naming import named
from geofences.formats.properties import shown
from geofences.model import Circle, Corridor, Fence, Polygonal, Position, Shape

POLYLINE_DISTANCE_M = 25.0
KMH_PER_KNOT = 1.852
_AREA = re.compile(r"\s*(CIRCLE|POLYGON|LINESTRING)\s*\(([^()]*|\s*\([^()]*\)\s*)\)\s*", re.IGNORECASE)
_LIMIT_DECIMALS = 6
_ROUNDED_KNOTS = 0.05


def load_traccar(source: str | Path | bytes, foreign: Foreign | None = None) -> tuple[Fence, ...]:
    """The fences of a file, or of its bytes, in their order.

    Raises FenceError, and nothing else, with every mistake found: file, feature, field and what would be right.
    """
    name = "Traccar" if isinstance(source, bytes) else str(source)
    document = parse_json(source, name)
    if not isinstance(document, list):
        raise FenceError(f"expected a list of geofences, as GET /api/geofences gives, found {shown(document)}", name)
    if not document:
        raise FenceError("the list is empty; it holds no geofence to read", name)
    return read_fences(named(map(_raw, document)), name, foreign or Foreign())


def dump_traccar(fences: Iterable[Fence]) -> str:
    """A list that `load_traccar` reads back as the same fences.

    Raises FenceError naming the fences that Traccar cannot hold: with holes, or of several parts.
    """
    written: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for number, fence in enumerate(fences, start=1):
        try:
            written.append(_written(fence))
        except ValueError as error:
            problems.append(Problem(str(error), number, fence.id))
    if problems:
        raise FenceError(problems)
    return json.dumps(written, ensure_ascii=False, indent=1)


def _raw(given: Any) -> Raw:
    if not isinstance(given, dict) or not isinstance(given.get("area"), str):
        return Raw(None, {}, wrong=("area", f"expected an object with a text as area, found {shown(given)}"))
    attributes = given.get("attributes")
    properties = dict(attributes) if isinstance(attributes, dict) else {}
    wide = properties.pop("polylineDistance", None)
    limit = properties.pop("speedLimit", None)
    if limit is not None:
        properties["speed_limit_kmh"] = _limit_kmh(limit, properties.get("speed_limit_kmh"))
    if given.get("name"):
        properties["name"] = given["name"]
    if "id" not in properties and given.get("id"):
        properties["id"] = given["id"]
    # What else it says of the fence, so that it is known to be passed over: a description, a calendar.
    properties |= {f"{key} of Traccar": value for key in ("description", "calendarId") if (value := given.get(key))}
    try:
        geometry, radius_m = _geometry(given["area"])
    except ValueError as error:
        return Raw(None, properties, wrong=("area", str(error)))
    if geometry["type"] == "Point":
        properties["radius_m"] = radius_m
    if geometry["type"] == "LineString":
        properties["buffer_m"] = POLYLINE_DISTANCE_M if wide is None else wide
    return Raw(geometry, properties)


def _limit_kmh(knots: Any, ours: Any) -> Any:
    """Ours, to the last digit, as long as Traccar has the same; one that was changed in Traccar counts."""
    if not _is_speed(knots):
        return knots
    if _is_speed(ours) and abs(ours / KMH_PER_KNOT - knots) <= _ROUNDED_KNOTS:
        return ours
    return round(knots * KMH_PER_KNOT, _LIMIT_DECIMALS)


def _is_speed(value: Any) -> bool:
    """Whether it is a number that can be converted; what is none is refused as it is."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


def _geometry(area: str) -> tuple[dict[str, Any], float | None]:
    """As GeoJSON has it, and the radius of a circle. Raises ValueError."""
    found = _AREA.fullmatch(area)
    if found is None:
        raise ValueError(
            f"{shown(area)} is none of CIRCLE (lat lon, radius), POLYGON ((lat lon, ...)) with one ring, LINESTRING (lat "
            "lon, ...)"
        )
    kind, inner = found[1].upper(), found[2].strip()
    if inner.startswith("(") is not (kind == "POLYGON"):
        raise ValueError(f"{shown(area)}: a POLYGON has two parentheses, the others have one")
    first, *others = inner.strip("()").split(",")
    if kind == "CIRCLE":
        if len(others) != 1:
            raise ValueError(f"{shown(area)}: a CIRCLE is one position and a radius in metres")
        return {"type": "Point", "coordinates": _position(first)}, _number(others[0])
    positions = [_position(each) for each in (first, *others)]
    if kind == "LINESTRING":
        return {"type": "LineString", "coordinates": positions}, None
    ring = positions if positions[0] == positions[-1] else [*positions, positions[0]]
    return {"type": "Polygon", "coordinates": [ring]}, None


def _position(text: str) -> list[float]:
    numbers = text.split()
    if len(numbers) != 2:
        raise ValueError(f"{shown(text)} is no position; write latitude longitude")
    lat, lon = map(_number, numbers)
    return [lon, lat]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{shown(text.strip())} is no number") from None


def _written(fence: Fence) -> dict[str, Any]:
    attributes = properties_of(fence)
    area, wide = _area(fence.shape)
    if wide is not None:
        attributes["polylineDistance"] = wide
    if fence.speed_limit_kmh is not None:
        # For Traccar; ours stays beside it, for knots are no round figure of it.
        attributes["speedLimit"] = fence.speed_limit_kmh / KMH_PER_KNOT
    return {"id": 0, "name": attributes.pop("name"), "area": area, "attributes": attributes}


def _area(shape: Shape) -> tuple[str, float | None]:
    """The text, and half the width of a line. Raises ValueError for what Traccar cannot hold."""
    match shape:
        case Circle(lon, lat, radius_m):
            return f"CIRCLE ({lat!r} {lon!r}, {radius_m!r})", None
        case Corridor((line,), buffer_m):
            return f"LINESTRING ({_listed(line)})", buffer_m
        case Polygonal(((ring,),)):
            return f"POLYGON (({_listed(ring)}))", None
    raise ValueError("Traccar has no fences with holes or of several parts; make a fence of each part")


def _listed(positions: Iterable[Position]) -> str:
    return ", ".join(f"{lat!r} {lon!r}" for lon, lat in positions)
