"""From features as a format gives them, a GeoJSON geometry with properties, to fences: the same for every format.

Mistakes are told all at once, each with its feature, its line where the format has lines, its field and what would be
right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from geofences.errors import FenceError, Problem
from geofences.faults import fault
from geofences.formats.properties import ONLY_FOR, PROPERTIES, RADII, identifier, shown, suggestion
from geofences.model import Circle, Corridor, Fence, Polygonal, Position, Shape

_KNOWN = [*PROPERTIES, *RADII]
RADIUS_OF = MappingProxyType({"Point": "radius_m", "LineString": "buffer_m", "MultiLineString": "buffer_m"})
"""Which of the two radii a geometry takes."""
_GEOMETRIES = "Point, LineString, MultiLineString, Polygon or MultiPolygon"


@dataclass(frozen=True, slots=True)
class Raw:
    """One feature, nothing of it checked: a geometry as in GeoJSON and properties by name. `line` is where it begins.

    `wrong` is a field and why it cannot be read; then there is no geometry, and of what has no properties nothing more is
    said.
    """

    geometry: Any
    properties: Mapping[str, Any]
    line: int | None = None
    wrong: tuple[str | None, str] | None = None


@dataclass(slots=True)
class Foreign:
    """How a file is taken that was not written for us: what it says beyond a fence is passed over.

    `defaults` are properties, as in JSON, of fences that have none of their own where they can have one. `ignored` counts
    the properties that were passed over, by name.
    """

    defaults: Mapping[str, Any] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Read:
    """What came of a feature: a fence, or problems. `drawn` is the fence with the shape it was drawn with.

    It is there as well where that shape cannot be used, and nothing else is wrong.
    """

    problems: tuple[Problem, ...]
    drawn: Fence | None

    @property
    def fence(self) -> Fence | None:
        """None where anything is wrong."""
        return None if self.problems else self.drawn


def read_fences(raws: Iterable[Raw], source: str, foreign: Foreign | None = None) -> tuple[Fence, ...]:
    """The fences, in their order. Raises FenceError with every mistake found.

    A property that is not known is a mistake, unless the file is a foreign one.
    """
    found = read_features(raws, foreign)
    if problems := [problem for read in found for problem in read.problems]:
        raise FenceError(problems, source)
    return tuple(read.fence for read in found if read.fence is not None)


def read_features(raws: Iterable[Raw], foreign: Foreign | None = None) -> list[Read]:
    """What came of each feature, in their order."""
    found: list[Read] = []
    numbers: dict[str, int] = {}
    for number, raw in enumerate(raws, start=1):
        reader = _Feature(number, raw, foreign)
        drawn = reader.drawn()
        if reader.id is not None and numbers.setdefault(reader.id, number) != number:
            reader.fails("id", f"feature {numbers[reader.id]} has this id already; give each fence its own")
        found.append(Read(tuple(reader.problems), drawn))
    return found


def drawn_as(shape: Shape) -> tuple[dict[str, Any], dict[str, float]]:
    """A shape as a GeoJSON geometry, and the radius that goes with it."""
    match shape:
        case Circle(lon, lat, radius_m):
            return {"type": "Point", "coordinates": [lon, lat]}, {"radius_m": radius_m}
        case Corridor(lines, buffer_m):
            return {"type": "MultiLineString", "coordinates": lines}, {"buffer_m": buffer_m}
        case Polygonal(polygons):
            return {"type": "MultiPolygon", "coordinates": polygons}, {}


def properties_of(fence: Fence) -> dict[str, Any]:
    """The properties in force, as in JSON."""
    properties = {
        name: known.write(value)
        for name, known in PROPERTIES.items()
        if (value := getattr(fence, name, None)) is not None
    }
    if fence.kind != ONLY_FOR["risk"]:
        properties.pop("risk", None)
    return properties


class _Feature:
    """Reads one feature, and goes on after a mistake to find them all."""

    def __init__(self, number: int, raw: Raw, foreign: Foreign | None) -> None:
        self.number = number
        self.raw = raw
        self.foreign = foreign
        self.id: str | None = None
        self.problems: list[Problem] = []

    def fails(self, field: str | None, text: str) -> None:
        self.problems.append(Problem(text, self.number, self.id, field, self.raw.line))

    def drawn(self) -> Fence | None:
        raw = self.raw
        given = {name: value for name, value in raw.properties.items() if value is not None}
        values: dict[str, Any] = {}
        if given or raw.wrong is None:
            self._read_id(given)
            values = self._values(self._completed(given))
        if raw.wrong is not None:
            self.fails(*raw.wrong)
            return None
        shape = self._shape(raw.geometry, values)
        is_drawn = not self.problems
        if shape is None:
            return None
        if text := fault(shape, values.get("approach_m", 0.0)):
            self.fails("geometry", text)
        if not is_drawn:
            return None
        for name in RADII:
            values.pop(name, None)
        return Fence(shape=shape, **values)

    def _completed(self, given: dict[str, Any]) -> dict[str, Any]:
        """With the defaults of a foreign file that this feature can have."""
        if self.foreign is None:
            return given
        whole = {**self.foreign.defaults, **given}
        kind = str(self.raw.geometry.get("type")) if isinstance(self.raw.geometry, dict) else ""
        for name in self.foreign.defaults.keys() - given.keys():
            wants = ONLY_FOR.get(name)
            if (name in RADII and RADIUS_OF.get(kind) != name) or (wants and whole.get("kind", "generic") != wants):
                del whole[name]
        return whole

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
            if known is None and self.foreign is not None:
                self.foreign.ignored[name] += 1
            elif known is None:
                self.fails(shown(name), f"unknown property{suggestion(name, _KNOWN)}")
            elif name != "id":
                try:
                    values[name] = known.read(value)
                except FenceError as error:
                    for problem in error.problems:
                        self.fails(f"{name}.{problem.field}", problem.text)
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
        if values.get("valid_from", float("-inf")) >= values.get("valid_to", float("inf")):
            self.fails("valid_to", "must be later than valid_from")

    def _shape(self, geometry: Any, values: dict[str, Any]) -> Shape | None:
        if not isinstance(geometry, dict) or not isinstance(kind := geometry.get("type"), str):
            self.fails("geometry", f"expected an object with type and coordinates, found {shown(geometry)}")
            return None
        for name in RADII:
            if name in values and name != RADIUS_OF.get(kind):
                self.fails(name, f"a {shown(kind)} takes none; {_taker(name)}")
        radius = RADIUS_OF.get(kind)
        if radius and radius not in values and not any(problem.field == radius for problem in self.problems):
            self.fails(radius, f"a {kind} needs one, in metres")
        try:
            shape = _drawn(kind, geometry.get("coordinates"), values.get(radius or "", 1.0))
        except ValueError as error:
            self.fails("geometry", str(error))
            return None
        return shape


def _taker(name: str) -> str:
    return f"{name} belongs to a {' or '.join(kind for kind, radius in RADIUS_OF.items() if radius == name)}"


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
