"""GeoJSON (RFC 7946): a FeatureCollection whose features are fences.

Polygon and MultiPolygon stand for themselves; Point with `radius_m` is a circle, LineString and MultiLineString
with `buffer_m` a corridor. Positions are longitude first; a height is ignored. Properties that are null count as
absent, as desktop tools write every column of every feature. Members of the collection and of a feature other
than those read here are ignored, unknown *properties* are not: a misspelt `min_inside_s` would be a silent fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from geofences.errors import FenceError, Problem
from geofences.faults import fault
from geofences.formats.properties import ONLY_FOR, PROPERTIES, RADII, identifier, shown, suggestion
from geofences.model import Circle, Corridor, Fence, Polygonal, Position, Shape

_KNOWN = [*PROPERTIES, *RADII]
_RADIUS_OF = {"Point": "radius_m", "LineString": "buffer_m", "MultiLineString": "buffer_m"}
_GEOMETRIES = "Point, LineString, MultiLineString, Polygon or MultiPolygon"
_WGS84 = ("CRS84", "EPSG::4326", "EPSG:4326")


def load_geojson(source: str | Path | bytes) -> tuple[Fence, ...]:
    """The fences of a file, or of its bytes, in their order.

    Raises FenceError, and nothing else, with every mistake found: file, feature, field and what would be right.
    """
    name = "GeoJSON" if isinstance(source, bytes) else str(source)
    features = _features(_parse(source, name), name)
    problems: list[Problem] = []
    fences: list[Fence] = []
    numbers: dict[str, int] = {}
    for number, feature in enumerate(features, start=1):
        reader = _Feature(number, feature)
        fence = reader.fence()
        if reader.id is not None and numbers.setdefault(reader.id, number) != number:
            reader.fails("id", f"feature {numbers[reader.id]} has this id already; give each fence its own")
        problems += reader.problems
        if fence is not None:
            fences.append(fence)
    if problems:
        raise FenceError(problems, name)
    return tuple(fences)


def dump_geojson(fences: Iterable[Fence]) -> str:
    """A FeatureCollection that `load_geojson` reads back as the same fences; every property in force is written."""
    features = [_written(fence) for fence in fences]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, indent=1)


class _Feature:
    """Reads one feature, and goes on after a mistake to find them all."""

    def __init__(self, number: int, feature: Any) -> None:
        self.number = number
        self.feature = feature
        self.id: str | None = None
        self.problems: list[Problem] = []

    def fails(self, field: str | None, text: str) -> None:
        self.problems.append(Problem(text, self.number, self.id, field))

    def fence(self) -> Fence | None:
        feature = self.feature
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            self.fails(None, 'expected an object with "type": "Feature"')
            return None
        given = feature.get("properties")
        given = {} if given is None else given
        if not isinstance(given, dict):
            self.fails("properties", f"expected an object, found {shown(given)}")
            return None
        given = {name: value for name, value in given.items() if value is not None}
        if "id" not in given and feature.get("id") is not None:
            given["id"] = feature["id"]
        self._read_id(given)
        values = self._values(given)
        shape = self._shape(feature.get("geometry"), values)
        if self.problems or shape is None:
            return None
        for name in RADII:
            values.pop(name, None)
        return Fence(shape=shape, **values)

    def _read_id(self, given: dict[str, Any]) -> None:
        # First of all, so that every other problem of the feature can name it.
        if "id" not in given:
            self.fails("id", "every fence needs one; add it to the properties")
            return
        try:
            self.id = identifier(given["id"])
        except ValueError as error:
            self.fails("id", str(error))

    def _values(self, given: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in given.items():
            known = PROPERTIES.get(name) or RADII.get(name)
            if known is None:
                self.fails(shown(name), f"unknown property{suggestion(name, _KNOWN)}")
            elif name != "id":
                try:
                    values[name] = known.read(value)
                except ValueError as error:
                    self.fails(name, str(error))
        if self.id is not None:
            values["id"] = self.id
        self._check_together(values)
        return values

    def _check_together(self, values: dict[str, Any]) -> None:
        kind = values.get("kind", "generic")
        kind_is_known = not any(problem.field == "kind" for problem in self.problems)
        for name, only in ONLY_FOR.items():
            if name in values and kind_is_known and kind != only:
                self.fails(name, f"only a {only} has one, this is a {kind}; remove it or change the kind")
        if "dwell" in values.get("detect", ()) and "dwell_s" not in values:
            self.fails("dwell_s", "detect asks for dwell; say after how many seconds inside")
        if values.get("valid_from", 0) >= values.get("valid_to", float("inf")):
            self.fails("valid_to", "must be later than valid_from")

    def _shape(self, geometry: Any, values: dict[str, Any]) -> Shape | None:
        if not isinstance(geometry, dict) or not isinstance(kind := geometry.get("type"), str):
            self.fails("geometry", f"expected an object with type and coordinates, found {shown(geometry)}")
            return None
        for name in RADII:
            if name in values and name != _RADIUS_OF.get(kind):
                self.fails(name, f"a {shown(kind)} takes none; {_taker(name)}")
        radius = _RADIUS_OF.get(kind)
        if radius and radius not in values and not any(problem.field == radius for problem in self.problems):
            self.fails(radius, f"a {kind} needs one, in metres")
        try:
            shape = _drawn(kind, geometry.get("coordinates"), values.get(radius or "", 1.0))
        except ValueError as error:
            self.fails("geometry", str(error))
            return None
        if text := fault(shape, values.get("approach_m", 0.0)):
            self.fails("geometry", text)
            return None
        return shape


def _taker(name: str) -> str:
    return f"{name} belongs to a {' or '.join(kind for kind, radius in _RADIUS_OF.items() if radius == name)}"


def _drawn(kind: str, coordinates: Any, metres: float) -> Shape:
    match kind:
        case "Point":
            return Circle(*_position(coordinates, "coordinates"), radius_m=metres)
        case "LineString":
            return Corridor((_line(coordinates, "coordinates"),), metres)
        case "MultiLineString":
            return Corridor(tuple(_line(line, at) for line, at in _items(coordinates, "coordinates")), metres)
        case "Polygon":
            return Polygonal((_rings(coordinates, "coordinates"),))
        case "MultiPolygon":
            return Polygonal(tuple(_rings(rings, at) for rings, at in _items(coordinates, "coordinates")))
    raise ValueError(f"a fence cannot be a {shown(kind)}; draw a {_GEOMETRIES}")


def _rings(value: Any, at: str) -> tuple[tuple[Position, ...], ...]:
    return tuple(_line(ring, place) for ring, place in _items(value, at))


def _line(value: Any, at: str) -> tuple[Position, ...]:
    return tuple(_position(position, place) for position, place in _items(value, at))


def _items(value: Any, at: str) -> Iterable[tuple[Any, str]]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{at} is {shown(value)}, expected a list that is not empty")
    return ((item, f"{at}[{index}]") for index, item in enumerate(value))


def _position(value: Any, at: str) -> Position:
    if not isinstance(value, list) or not 2 <= len(value) <= 4:
        raise ValueError(f"{at} is {shown(value)}, expected a position [longitude, latitude]")
    for degrees in value[:2]:
        if isinstance(degrees, bool) or not isinstance(degrees, int | float) or not abs(degrees) < 1e6:
            raise ValueError(f"{at} holds {shown(degrees)}, expected degrees as numbers: [longitude, latitude]")
    return float(value[0]), float(value[1])


def _parse(source: str | Path | bytes, name: str) -> Any:
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except (OSError, ValueError) as error:
        raise FenceError(f"cannot be read: {getattr(error, 'strerror', None) or error}", name) from error
    try:
        # Editors on Windows begin a file with a byte order mark; it does no harm.
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise FenceError(f"byte {error.start} is not UTF-8; save the file with UTF-8 encoding", name) from error
    except json.JSONDecodeError as error:
        text = f"line {error.lineno}, column {error.colno}: not JSON: {error.msg}"
        raise FenceError(text, name) from error
    except RecursionError as error:
        raise FenceError("nested too deeply; a FeatureCollection needs eight levels", name) from error
    except ValueError as error:
        raise FenceError(f"not JSON: {str(error)[:200]}", name) from error


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON; give a finite number or leave the member out")


def _features(document: Any, name: str) -> list[Any]:
    kind = document.get("type") if isinstance(document, dict) else document
    if not isinstance(document, dict) or kind != "FeatureCollection":
        raise FenceError(f'expected an object with "type": "FeatureCollection", found {shown(kind)}', name)
    if not isinstance(features := document.get("features"), list):
        raise FenceError(f"features: expected a list, found {shown(features)}", name)
    crs = document.get("crs")
    if crs is not None and not json.dumps(crs).rstrip('"}').endswith(_WGS84):
        raise FenceError("crs: GeoJSON is in WGS 84 longitude and latitude; reproject the file (RFC 7946)", name)
    return features


def _written(fence: Fence) -> dict[str, Any]:
    properties = {
        name: known.write(value)
        for name, known in PROPERTIES.items()
        if (value := getattr(fence, name, None)) is not None
    }
    geometry: dict[str, Any]
    match fence.shape:
        case Circle(lon, lat, radius_m):
            properties["radius_m"] = radius_m
            geometry = {"type": "Point", "coordinates": [lon, lat]}
        case Corridor(lines, buffer_m):
            properties["buffer_m"] = buffer_m
            geometry = {"type": "MultiLineString", "coordinates": lines}
        case Polygonal(polygons):
            geometry = {"type": "MultiPolygon", "coordinates": polygons}
    if fence.kind != ONLY_FOR["risk"]:
        properties.pop("risk", None)
    return {"type": "Feature", "geometry": geometry, "properties": properties}
