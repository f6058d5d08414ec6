"""GeoJSON (RFC 7946): a FeatureCollection whose features are fences.

Polygon and MultiPolygon stand for themselves; Point with `radius_m` is a circle, LineString and MultiLineString
with `buffer_m` a corridor. Positions are longitude first; a height is ignored. Properties that are null count as
absent, as desktop tools write every column of every feature. Members of the collection and of a feature other
than those read here are ignored, unknown *properties* are not: a misspelt `min_inside_s` would be a silent fault.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from geofences.errors import FenceError
from geofences.formats.features import Foreign, Raw, Read, drawn_as, properties_of, read_features, read_fences
from geofences.formats.files import decoded, read_bytes
from geofences.formats.naming import named
from geofences.formats.properties import shown
from geofences.model import Fence

# Of a surrogate pair: JSON can hold one, UTF-8 cannot.
_HALF = re.compile("[\ud800-\udfff]")
_WGS84 = ("CRS84", "EPSG::4326", "EPSG:4326")


def load_geojson(source: str | Path | bytes, foreign: Foreign | None = None) -> tuple[Fence, ...]:
    """The fences of a file, or of its bytes, in their order.

    In a foreign file a fence without an id is given one made of its name. Raises FenceError, and nothing else, with every
    mistake found: file, feature, field and what would be right.
    """
    name, document = _document(source)
    raws = map(_raw, document["features"])
    return read_fences(raws if foreign is None else named(raws), name, foreign)


def open_geojson(source: str | Path | bytes) -> tuple[dict[str, Any], list[Read]]:
    """The document, and what came of each of its features. Raises FenceError where there is none."""
    _, document = _document(source)
    return document, read_features(map(_raw, document["features"]))


def patched(document: dict[str, Any], fences: Mapping[int, Fence]) -> str:
    """The document with other shapes of the features of these numbers, from 1; all else is as it was."""
    for number, fence in fences.items():
        geometry, radius = drawn_as(fence.shape)
        feature = document["features"][number - 1]
        kind, parts = geometry["type"], geometry["coordinates"]
        if kind.startswith("Multi") and len(parts) == 1:
            geometry = {"type": kind.removeprefix("Multi"), "coordinates": parts[0]}
        feature["geometry"] = geometry
        if radius:
            feature["properties"] |= radius
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def dump_geojson(fences: Iterable[Fence]) -> str:
    """A FeatureCollection that `load_geojson` reads back as the same fences; every property in force is written."""
    features = [_written(fence) for fence in fences]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, indent=1)


def _raw(feature: Any) -> Raw:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        return Raw(None, {}, wrong=(None, 'expected an object with "type": "Feature"'))
    given = feature.get("properties")
    given = {} if given is None else given
    if not isinstance(given, dict):
        return Raw(None, {}, wrong=("properties", f"expected an object, found {shown(given)}"))
    if given.get("id") is None and feature.get("id") is not None:
        given = {**given, "id": feature["id"]}
    return Raw(feature.get("geometry"), given)


def parse_json(source: str | Path | bytes, name: str) -> Any:
    """The document in a file or in bytes. Raises FenceError with the place."""
    text = decoded(read_bytes(source, name), name)
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=lambda pairs: _members(pairs, name))
    except FenceError:
        raise
    except json.JSONDecodeError as error:
        raise FenceError(f"line {error.lineno}, column {error.colno}: not JSON: {error.msg}", name) from error
    except RecursionError as error:
        raise FenceError("nested too deeply; a FeatureCollection needs eight levels", name) from error
    except ValueError as error:
        raise FenceError(f"not JSON: {str(error)[:200]}", name) from error


def _members(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    """An object. Raises FenceError where a member is there twice: one of the two would be a fault that nobody sees."""
    members = dict(pairs)
    if len(members) < len(pairs):
        (twice, _), *_ = Counter(each for each, _ in pairs).most_common(1)
        where = f"the object with id {shown(members['id'])}" if "id" in members else "an object"
        raise FenceError(f"{shown(twice)} is there twice in {where}; keep one", name)
    return members


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON; give a finite number or leave the member out")


def _document(source: str | Path | bytes) -> tuple[str, dict[str, Any]]:
    """The name of the source, and a FeatureCollection. Raises FenceError."""
    name = "GeoJSON" if isinstance(source, bytes) else str(source)
    document = parse_json(source, name)
    kind = document.get("type") if isinstance(document, dict) else document
    if not isinstance(document, dict) or kind != "FeatureCollection":
        is_traccars = isinstance(document, list) and any(isinstance(one, dict) and "area" in one for one in document)
        hint = "; a list of Traccar's is read with --from traccar" if is_traccars else ""
        raise FenceError(f'expected an object with "type": "FeatureCollection", found {shown(kind)}{hint}', name)
    if not isinstance(features := document.get("features"), list):
        raise FenceError(f"features: expected a list, found {shown(features)}", name)
    if not _is_wgs84(document.get("crs")):
        raise FenceError("crs: GeoJSON is in WGS 84 longitude and latitude; reproject the file (RFC 7946)", name)
    return name, document


def _is_wgs84(crs: Any) -> bool:
    """Of the member of a GeoJSON older than its RFC."""
    if crs is None:
        return True
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return isinstance(name, str) and name.endswith(_WGS84)


def _written(fence: Fence) -> dict[str, Any]:
    geometry, radius = drawn_as(fence.shape)
    return {"type": "Feature", "geometry": geometry, "properties": properties_of(fence) | radius}
