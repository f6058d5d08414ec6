"""CSV with a column of WKT, as QGIS and PostGIS write it, longitude first: each row is a fence.

The shape is in the column `wkt`; a POINT takes `radius_m` and lines `buffer_m`, columns like all other properties. An
empty cell is no property. Columns are parted by commas, semicolons or tabs, whichever the header has most of.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import shapely

from geofences.errors import FenceError
from geofences.formats.features import Foreign, Raw, drawn_as, named, properties_of, read_fences
from geofences.formats.files import MOST_BYTES, decoded, read_bytes
from geofences.formats.properties import PROPERTIES, RADII, as_text, parsed, shown
from geofences.model import Fence

_COLUMNS = ("wkt", "geometry", "geom", "the_geom")
_DELIMITERS = ",;\t"
# Of what GEOS reads only this: a collection may be nested deeper than its reader can follow.
_SHAPE = re.compile(r"\s*(?:SRID=(\d{1,9});)?\s*((?:MULTI)?(?:POINT|LINESTRING|POLYGON)\b[^;]*)", re.IGNORECASE)
_WGS84 = "4326"


def load_csv(source: str | Path | bytes, foreign: Foreign | None = None) -> tuple[Fence, ...]:
    """The fences of a file, or of its bytes, in their order.

    A fence without an id is given one made of its name. Raises FenceError, and nothing else, with every mistake found:
    file, feature, line, field and what would be right.
    """
    name = "CSV" if isinstance(source, bytes) else str(source)
    text = decoded(read_bytes(source, name), name)
    return read_fences(named(_rows(text, name)), name, foreign or Foreign())


def dump_csv(fences: Iterable[Fence]) -> str:
    """Rows that `load_csv` reads back as the same fences; every property in force is written."""
    columns = [*PROPERTIES, *RADII, "wkt"]
    written = io.StringIO()
    writer = csv.DictWriter(written, columns, lineterminator="\n")
    writer.writeheader()
    for fence in fences:
        geometry, radius = drawn_as(fence.shape)
        row = {key: as_text(value) for key, value in (properties_of(fence) | radius).items()}
        writer.writerow(row | {"wkt": _written(geometry)})
    return written.getvalue()


def _rows(text: str, name: str) -> Iterator[Raw]:
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    longest = csv.field_size_limit(MOST_BYTES)
    try:
        columns = {column.strip().lower(): column for column in rows.fieldnames or ()}
        shape = next((columns[column] for column in _COLUMNS if column in columns), None)
        if shape is None:
            present = ", ".join(shown(column) for column in rows.fieldnames or ()) or "nothing"
            raise FenceError(f"line 1: no column wkt; columns there are: {present}", name)
        for row in rows:
            # A cell may go on over several lines.
            yield _raw(row, shape, rows.line_num - sum(str(cell).count("\n") for cell in row.values()))
    except csv.Error as error:
        raise FenceError(f"line {rows.reader.line_num}: not CSV: {error}", name) from error
    finally:
        csv.field_size_limit(longest)


def _raw(row: dict[str | Any, str | Any], shape: str, line: int) -> Raw:
    beyond = row.pop(None, None)
    text = row.pop(shape) or ""
    properties = parsed({name.strip(): value for name, value in row.items() if value is not None})
    if beyond is not None:
        return Raw(None, properties, line, ("wkt", "more cells than columns; put what holds the delimiter in quotes"))
    try:
        return Raw(_geometry(text), properties, line)
    except ValueError as error:
        return Raw(None, properties, line, ("wkt", str(error)))


def _geometry(text: str) -> dict[str, Any]:
    """As GeoJSON has it. Raises ValueError."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ValueError(f"{shown(text)} is no shape such as POLYGON ((-99.1 19.4, -99 19.4, -99 19.5, -99.1 19.4))")
    if found[1] not in {None, _WGS84}:
        raise ValueError(f"SRID={found[1]}: fences are in WGS 84 longitude and latitude; reproject the file")
    try:
        drawn = shapely.force_2d(shapely.from_wkt(found[2]))
    except shapely.GEOSException as error:  # type: ignore[attr-defined]
        raise ValueError(f"not WKT: {shown(str(error))}") from error
    if drawn.is_empty:
        raise ValueError("the shape is empty; draw one, or remove the row")
    return {"type": drawn.geom_type, "coordinates": _lists(drawn.__geo_interface__["coordinates"])}


def _lists(value: Any) -> Any:
    return [_lists(each) for each in value] if isinstance(value, tuple | list) else value


def _written(geometry: dict[str, Any]) -> str:
    match geometry["type"]:
        case "Point":
            return f"POINT ({_position(geometry['coordinates'])})"
        case "MultiLineString":
            return f"MULTILINESTRING {_joined(_joined(map(_position, line)) for line in geometry['coordinates'])}"
        case _:
            polygons = (_joined(_joined(map(_position, ring)) for ring in rings) for rings in geometry["coordinates"])
            return f"MULTIPOLYGON {_joined(polygons)}"


def _joined(parts: Iterable[str]) -> str:
    return f"({', '.join(parts)})"


def _position(position: Any) -> str:
    return f"{position[0]!r} {position[1]!r}"
