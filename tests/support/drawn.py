"""Fence files as people draw them, and what lint says of them."""

from __future__ import annotations

import json
from typing import Any

from geofences.formats.geojson import load_geojson, open_geojson, patched
from geofences.lint import MEXICO, Finding, Region, fixed, lint

SQUARE = [[-99.1, 19.0], [-99.0, 19.0], [-99.0, 19.1], [-99.1, 19.1], [-99.1, 19.0]]
NOON = 1_769_600_000_000
METRE = 1 / 110_700  # degrees of latitude at 19 degrees


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    """A feature, named `f` if it has no other name."""
    return {"type": "Feature", "geometry": geometry, "properties": {"id": "f"} | properties}


def polygon(*rings: Any) -> dict[str, Any]:
    """A Polygon."""
    return {"type": "Polygon", "coordinates": list(rings)}


def circle(lon: float = -99.1, lat: float = 19.4, **properties: Any) -> dict[str, Any]:
    """A circle of 300 m."""
    return feature({"type": "Point", "coordinates": [lon, lat]}, **({"radius_m": 300} | properties))


def document(*features: Any) -> bytes:
    """A collection of these features."""
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def found(*features: Any, region: Region = MEXICO) -> list[Finding]:
    """What lint says of a collection of these features."""
    return lint(open_geojson(document(*features))[1], region, NOON)


def only(*features: Any) -> Finding:
    """The one thing it says."""
    (finding,) = found(*features)
    return finding


def repaired(*features: Any) -> Any:
    """The shapes after all safe repairs."""
    data = document(*features)
    opened, read = open_geojson(data)
    return [fence.shape for fence in load_geojson(patched(opened, fixed(read, now=NOON)).encode())]
