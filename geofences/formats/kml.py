"""KML and KMZ, as Google Earth and most map tools write them: each Placemark is a fence.

Its geometry is read as in GeoJSON: polygons, alone or several in a MultiGeometry, stand for themselves, a Point with
`radius_m` is a circle, LineStrings with `buffer_m` are a corridor; heights are ignored and a ring that is left open is
closed. Properties are its ExtendedData, by their names, and its name; the names of the folders it lies in are its tags.

XML that declares a document type is refused, for that is what expands to gigabytes or reads other files; so is what has
more elements or coordinates than any fence file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from geofences.errors import FenceError
from geofences.formats.features import Foreign, Raw, drawn_as, properties_of, read_fences
from geofences.formats.files import read_bytes
from geofences.formats.kmz import is_packed, packed, unpacked
from geofences.formats.naming import named, tidy
from geofences.formats.properties import LONGEST_TAG, as_text, parsed, shown
from geofences.model import Fence

_DEEPEST = 100
MOST_ELEMENTS = 2_000_000
"""In memory each takes 50 times what it takes in a file; 10,000 fences with all their properties have 500,000."""
MOST_COMMAS = 8_000_000
"""In coordinates, one or two to a position: as many as 10,000 fences with 400 corners and their heights have."""
_ROOTS = frozenset({"kml", "Document", "Folder", "Placemark"})
_SHAPES = frozenset({"MultiGeometry", "Point", "LineString", "LinearRing", "Polygon", "Model", "Track", "MultiTrack"})
_PLACED = frozenset({"coordinates"})
_RINGS = frozenset({"LinearRing"})
# What is kept of the elements within an element; of others there may be millions.
_READ = MappingProxyType(
    {
        "Folder": frozenset({"name"}),
        "Placemark": _SHAPES | {"name", "ExtendedData"},
        "ExtendedData": frozenset({"Data", "SchemaData"}),
        "Data": frozenset({"value"}),
        "SchemaData": frozenset({"SimpleData"}),
        "MultiGeometry": _SHAPES,
        "Point": _PLACED,
        "LineString": _PLACED,
        "LinearRing": _PLACED,
        "Polygon": frozenset({"outerBoundaryIs", "innerBoundaryIs"}),
        "outerBoundaryIs": _RINGS,
        "innerBoundaryIs": _RINGS,
    }
)
_NAMED = frozenset({"Data", "SimpleData"})
_TEXTS = frozenset({"name", "value", "SimpleData", "coordinates"})
# A folder in a folder needs a level each, of which there are not so many.
_MOST_FOLDERS = 20


def load_kml(source: str | Path | bytes, foreign: Foreign | None = None) -> tuple[Fence, ...]:
    """The fences of a KML or KMZ file, or of its bytes, in their order.

    A fence without an id is given one made of its name. Raises FenceError, and nothing else, with every mistake found:
    file, feature, line, field and what would be right.
    """
    name = "KML" if isinstance(source, bytes) else str(source)
    data = read_bytes(source, name)
    if is_packed(data):
        data, name = unpacked(data, name)
    foreign = foreign or Foreign()
    placemarks = _Placemarks(name)
    raws = placemarks.of(data)
    if placemarks.links:
        foreign.ignored["NetworkLink"] += placemarks.links
    return read_fences(named(raws), name, foreign)


def dump_kml(fences: Iterable[Fence]) -> str:
    """A document that `load_kml` reads back as the same fences; tags are folders, one in the other."""
    placemarks = "".join(_written(fence) for fence in fences)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<kml xmlns="http://www.opengis.net/kml/2.2">\n<Document>\n{placemarks}</Document>\n</kml>\n'
    )


def dump_kmz(fences: Iterable[Fence]) -> bytes:
    """`dump_kml`, packed; the same bytes for the same fences."""
    return packed(dump_kml(fences))


class _Node:
    """An element that is read."""

    __slots__ = ("children", "line", "name", "parts", "tag")

    def __init__(self, tag: str, name: str, line: int) -> None:
        self.tag = sys.intern(tag)
        self.name = name
        """Its attribute; of a folder what it is called."""
        self.line = line
        self.parts: list[str] = []
        self.children: list[_Node] = []

    @property
    def text(self) -> str:
        """Its own text, without spaces at the ends."""
        return "".join(self.parts).strip()

    def all(self, tag: str) -> Iterator[_Node]:
        """The children of that name."""
        return (child for child in self.children if child.tag == tag)

    def text_of(self, tag: str) -> str:
        """The text of the first child of that name; empty where there is none."""
        return next((child.text for child in self.all(tag)), "")


class _Placemarks:
    """Reads a document; of what is not a Placemark only the names of folders are kept."""

    def __init__(self, name: str) -> None:
        self.links = 0
        """To what lies elsewhere."""
        self._name = name
        self._path: list[_Node | None] = []
        self._placemark: _Node | None = None
        self._elements = 0
        self._commas = 0
        self._raws: list[Raw] = []
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def of(self, data: bytes) -> list[Raw]:
        """The features, at least one. Raises FenceError."""
        try:
            self._parser.Parse(data, True)  # noqa: FBT003
        except FenceError:
            raise
        except expat.ExpatError as error:
            raise FenceError(
                f"line {error.lineno}, column {error.offset + 1}: not XML: {expat.ErrorString(error.code)}", self._name
            ) from error
        except (ValueError, LookupError) as error:  # an encoding that nobody knows
            raise FenceError(f"not XML: {shown(str(error))}", self._name) from error
        if not self._raws:
            told = "; a NetworkLink only says where one is: download that layer as KML" if self.links else ""
            raise FenceError(f"no Placemark in it, and each is a fence{told}", self._name)
        return self._raws

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            self._fails(f"more than {MOST_ELEMENTS:,} elements, which no fence file has")
        if len(self._path) == _DEEPEST:
            self._fails(f"nested deeper than {_DEEPEST} levels, which no KML is")
        tag = tag.rpartition(" ")[2]
        if not self._path and tag not in _ROOTS:
            self._fails(f"expected <kml>, found <{tag[:60]}>")
        parent = self._path[-1] if self._path else None
        is_read = parent is not None and tag in _READ.get(parent.tag, ())
        node = None
        if is_read or (self._placemark is None and tag in {"Folder", "Placemark"}):
            node = _Node(tag, attributes.get("name", "") if tag in _NAMED else "", self._parser.CurrentLineNumber)
        if parent is not None and node is not None and is_read:
            parent.children.append(node)
        if tag == "Placemark" and self._placemark is None:
            self._placemark = node
        self.links += tag == "NetworkLink"
        self._path.append(node)

    def _end(self, _: str) -> None:
        node = self._path.pop()
        if node is None:
            return
        parent = self._path[-1] if self._path else None
        if node.tag == "name" and parent is not None and parent.tag == "Folder" and not parent.name:
            parent.name = " ".join(tidy(node.text).split())
        if node is self._placemark:
            self._placemark = None
            self._raws.append(_feature(node, [self._folder(one) for one in self._path if one is not None and one.name]))

    def _folder(self, node: _Node) -> str:
        if len(node.name) > LONGEST_TAG:
            self._fails(
                f"it lies in the folder {shown(node.name[:100])} of line {node.line}, whose name has {len(node.name):,} "
                f"characters; it becomes a tag, which has at most {LONGEST_TAG}: shorten it"
            )
        return node.name

    def _text(self, text: str) -> None:
        node = self._path[-1] if self._path else None
        if node is None or node.tag not in _TEXTS:
            return
        node.parts.append(text)
        if node.tag == "coordinates":
            self._commas += text.count(",")
            if self._commas > MOST_COMMAS:
                self._fails(f"more than {MOST_COMMAS:,} coordinates, which no fence file has; simplify the shapes")

    def _doctype(self, *_: object) -> None:
        self._fails("declares a document type; no KML needs one, and attacks on readers do: remove it")

    def _fails(self, text: str) -> NoReturn:
        raise FenceError(f"line {self._parser.CurrentLineNumber}: {text}", self._name)


def _feature(placemark: _Node, folders: list[str]) -> Raw:
    given = {name: value for name, value in _extended(placemark) if value}
    properties = parsed(given)
    if name := placemark.text_of("name"):
        properties["name"] = name
    tags = properties.get("tags", [])
    if folders:
        properties["tags"] = sorted({*folders, *tags}) if isinstance(tags, list) else tags
    try:
        return Raw(_geometry(placemark), properties, placemark.line)
    except ValueError as error:
        return Raw(None, properties, placemark.line, ("geometry", str(error)))


def _extended(placemark: _Node) -> Iterator[tuple[str, str]]:
    for extended in placemark.all("ExtendedData"):
        for data in extended.all("Data"):
            yield data.name, data.text_of("value")
        for schema in extended.all("SchemaData"):
            for data in schema.all("SimpleData"):
                yield data.name, data.text


def _geometry(placemark: _Node) -> dict[str, Any]:
    """As GeoJSON has it. Raises ValueError."""
    points: list[Any] = []
    lines: list[Any] = []
    polygons: list[Any] = []
    waiting = [placemark]
    while waiting:
        for child in waiting.pop().children:
            match child.tag:
                case "MultiGeometry":
                    waiting.append(child)
                case "Point":
                    points += _positions(child)
                case "LineString" | "LinearRing":
                    lines.append(_positions(child))
                case "Polygon":
                    polygons.append(_rings(child))
                case "Model" | "Track" | "MultiTrack":
                    raise ValueError(f"a {child.tag} is no fence; draw a Point, LineString or Polygon")
    if sum(map(bool, (points, lines, polygons))) > 1:
        raise ValueError("points, lines and polygons in one Placemark; make a Placemark of each")
    if polygons:
        return {"type": "MultiPolygon", "coordinates": polygons}
    if lines:
        return {"type": "MultiLineString", "coordinates": lines}
    if len(points) != 1:
        found = f"{len(points)} points" if points else "no Point, LineString or Polygon"
        raise ValueError(f"{found} in this Placemark; give it one shape, or remove it")
    return {"type": "Point", "coordinates": points[0]}


def _rings(polygon: _Node) -> list[Any]:
    outer = [ring for edge in polygon.all("outerBoundaryIs") for ring in edge.all("LinearRing")]
    if len(outer) != 1:
        raise ValueError(f"line {polygon.line}: a Polygon has one outerBoundaryIs with one LinearRing")
    inner = [ring for edge in polygon.all("innerBoundaryIs") for ring in edge.all("LinearRing")]
    rings = [_positions(ring) for ring in outer + inner]
    return [ring if ring[0] == ring[-1] else [*ring, ring[0]] for ring in rings]


def _positions(shape: _Node) -> list[list[float]]:
    text = shape.text_of("coordinates").split()
    if not text:
        raise ValueError(f"line {shape.line}: a {shape.tag} without coordinates")
    return [_position(each, shape.line) for each in text]


def _position(text: str, line: int) -> list[float]:
    try:
        lon, lat, *_ = map(float, text.split(","))
    except ValueError:
        raise ValueError(f"line {line}: {shown(text)} is no position; write longitude,latitude,height") from None
    return [lon, lat]


def _written(fence: Fence) -> str:
    geometry, radius = drawn_as(fence.shape)
    properties = properties_of(fence) | radius
    name, tags = properties.pop("name"), properties.pop("tags")
    # Inner spaces and the order of the rest are as they were; a folder's name is a word of its own.
    plain = [tag for tag in tags if " ".join(tag.split()) == tag][:_MOST_FOLDERS]
    if plain != tags:
        properties["tags"] = [tag for tag in tags if tag not in plain]
    data = "".join(
        f"<Data name={quoteattr(key)}><value>{escape(as_text(value))}</value></Data>\n"
        for key, value in properties.items()
    )
    placemark = (
        f"<Placemark>\n<name>{escape(name)}</name>\n<ExtendedData>\n{data}</ExtendedData>\n"
        f"{_drawn(geometry)}\n</Placemark>\n"
    )
    for tag in reversed(plain):
        placemark = f"<Folder>\n<name>{escape(tag)}</name>\n{placemark}</Folder>\n"
    return placemark


def _drawn(geometry: dict[str, Any]) -> str:
    coordinates = geometry["coordinates"]
    match geometry["type"]:
        case "Point":
            return f"<Point>{_coordinates([coordinates])}</Point>"
        case "MultiLineString":
            parts = [f"<LineString><tessellate>1</tessellate>{_coordinates(line)}</LineString>" for line in coordinates]
        case _:
            parts = [_polygon(*rings) for rings in coordinates]
    return parts[0] if len(parts) == 1 else f"<MultiGeometry>{''.join(parts)}</MultiGeometry>"


def _polygon(outer: Any, *holes: Any) -> str:
    edges = [("outerBoundaryIs", outer), *(("innerBoundaryIs", hole) for hole in holes)]
    rings = "".join(f"<{edge}><LinearRing>{_coordinates(ring)}</LinearRing></{edge}>" for edge, ring in edges)
    return f"<Polygon><tessellate>1</tessellate>{rings}</Polygon>"


def _coordinates(positions: Iterable[Any]) -> str:
    return f"<coordinates>{' '.join(f'{lon!r},{lat!r}' for lon, lat in positions)}</coordinates>"
