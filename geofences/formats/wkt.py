"""CSV with a column of WKT, as QGIS and PostGIS write it, longitude first: each row is a fence.

The shape is in the column `wkt`; a POINT takes `radius_m` and lines `buffer_m`, columns like all other properties. An
empty cell is no property. Columns are parted by commas, semicolons or tabs, whichever the header has most of, or as a
first line `sep=;` says.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from geofences.errors import FenceError
from geofences.formats.features import Foreign, Raw, drawn_as, properties_of, read_fences
from geofences.formats.files import MOST_BYTES, decoded, read_bytes
from geofences.formats.naming import named
from geofences.formats.properties import PROPERTIES, RADII, as_text, parsed, shown
from geofences.model import Fence

_COLUMNS = ("wkt", "geometry", "geom", "the_geom")
_DELIMITERS = ",;\t"
_KNOWN = frozenset({*PROPERTIES, *RADII, *_COLUMNS})
# Of what GEOS reads only this: a collection may be nested deeper than its reader can follow.
_SHAPE = re.compile(
    r"\s*(?:SRID=(\d{1,9});)?\s*((?:MULTI)?(?:POINT|LINESTRING|POLYGON))\s*(ZM?|M)?\s*((?:\(|EMPTY)[^;]*)",
    re.IGNORECASE,
)
# Excel's own first line, which says how cells are parted.
_SAID = re.compile(r'"?sep=([,;\t|])"?\r?\n', re.IGNORECASE)
_WGS84 = "4326"


def load_csv(source: str | Path | bytes, foreign: Foreign | None = None) -> tuple[Fence, ...]:
    """The fences of a file, or of its bytes, in their order.

    A fence without an id is given one made of its name. Raises FenceError, and nothing else, with every mistake found:
    file, feature, line, field and what would be right.
    """
    name = "CSV" if isinstance(source, bytes) else str(source)
    text = _text(read_bytes(source, name), name)
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


def _text(data: bytes, name: str) -> str:
    """UTF-8, or UTF-16 that says so, as Excel saves "Unicode text". Raises FenceError."""
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return decoded(data, name)
    try:
        return data.decode("utf-16")
    except UnicodeDecodeError as error:
        raise FenceError(f"byte {error.start} is not UTF-16; save the file with UTF-8 encoding", name) from error


def _rows(text: str, name: str) -> Iterator[Raw]:
    said = _SAID.match(text)
    start = said.end() if said else 0
    skipped = 1 if said else 0
    first = text[start:].partition("\n")[0]
    delimiter = said[1] if said else max(_DELIMITERS, key=first.count)
    rows = csv.reader(io.StringIO(text[start:], newline=""), delimiter=delimiter, strict=True)
    longest = csv.field_size_limit(MOST_BYTES)
    try:
        columns, shape = _columns(next(rows, []), name, skipped + 1)
        found = 0
        for row in rows:
            # Spreadsheets end in rows of delimiters alone.
            if not any(cell.strip() for cell in row):
                continue
            found += 1
            # A cell may go on over several lines.
            yield _raw(row, columns, shape, skipped + rows.line_num - sum(cell.count("\n") for cell in row))
        if not found:
            raise FenceError(f"line {skipped + 1}: no row below the header, and each is a fence", name)
    except csv.Error as error:
        raise FenceError(f"line {skipped + rows.line_num}: not CSV: {error}", name) from error
    finally:
        csv.field_size_limit(longest)


def _columns(header: list[str], name: str, line: int) -> tuple[list[str], int]:
    """What each column is called, ours as we call them whatever their case, and which holds the shape. Raises FenceError."""
    columns = [folded if (folded := column.strip().casefold()) in _KNOWN else column.strip() for column in header]
    shape = next((column for column in _COLUMNS if column in columns), None)
    if shape is None:
        present = ", ".join(map(shown, header)) or "nothing"
        raise FenceError(f"line {line}: no column wkt; columns there are: {present}", name)
    for column, count in Counter(columns).items():
        if column and count > 1:
            raise FenceError(f"line {line}: {count} columns are named {shown(column)}; keep one, or rename them", name)
    return columns, columns.index(shape)


def _raw(row: list[str], columns: list[str], shape: int, line: int) -> Raw:
    given = dict(zip(columns, row, strict=False))
    text = given.pop(columns[shape], "")
    properties = parsed(given)
    if len(row) > len(columns):
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
        # What is beyond all numbers is told by its place, later on.
        with np.errstate(all="ignore"):
            drawn = shapely.force_2d(shapely.from_wkt(f"{found[2]} {found[3] or ''} {found[4]}"))
    except shapely.GEOSException as error:  # type: ignore[attr-defined]
        if "closed linestring" in str(error):
            raise ValueError("a ring must end where it began; repeat its first position at its end") from error
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
