"""A set of fences as one HTML page, for people: a map that moves, without a network.

The page loads nothing and may load nothing (its content security policy forbids it), so that where trucks go stays where
the file is. What is in it, names too, is data to its script and never markup.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geofences.formats.features import drawn_as, properties_of
from geofences.shapes import geometry

if TYPE_CHECKING:
    from geofences.lint import Finding
    from geofences.model import Fence
    from geofences.shapes import Area

# A tenth of a metre; and edges may be left out that nobody sees.
_DECIMALS = 6
_UNSEEN_DEGREES = 2e-6


@dataclass(frozen=True, slots=True)
class Track:
    """Where a vehicle was: longitude, latitude and, in words, when; at least one place."""

    vehicle: str
    points: Sequence[tuple[float, float, str]]


def page(title: str, fences: Iterable[Fence], findings: Iterable[Finding] = (), tracks: Iterable[Track] = ()) -> str:
    """The page, to be saved as it is."""
    shown = [_fence(fence) for fence in fences]
    found = [finding.document() for finding in findings]
    driven = [_track(track) for track in tracks]
    parts = ((len(shown), "fence", "fences"), (len(found), "finding", "findings"), (len(driven), "track", "tracks"))
    data = {
        "title": title,
        "summary": ", ".join(f"{count:,} {one if count == 1 else many}" for count, one, many in parts if count),
        "fences": shown,
        "findings": found,
        "tracks": driven,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # Within a script element only this would end it.
    text = text.replace("<", "\\u003c")
    template = resources.files("geofences").joinpath("map.html").read_text(encoding="utf-8")
    return template.replace("{{data}}", text)


def _fence(fence: Fence) -> dict[str, Any]:
    area = geometry(fence.shape)
    at = shapely.point_on_surface(area)
    _, radius = drawn_as(fence.shape)
    told = properties_of(fence) | radius | ({"schedule": str(fence.schedule)} if fence.schedule else {})
    return {
        "id": fence.id,
        "kind": fence.kind,
        "properties": {name: value for name, value in told.items() if value != []},
        "polygons": _polygons(area),
        "approach": _polygons(geometry(fence.shape, fence.approach_m)) if fence.approach_m else None,
        "box": [round(edge, _DECIMALS) for edge in area.bounds],
        "at": [round(at.x, _DECIMALS), round(at.y, _DECIMALS)],
    }


def _polygons(area: Area) -> list[Any]:
    seen = shapely.simplify(area, _UNSEEN_DEGREES)
    return [[_positions(ring) for ring in (part.exterior, *part.interiors)] for part in shapely.get_parts(seen)]


def _positions(ring: Any) -> Any:
    return np.round(shapely.get_coordinates(ring), _DECIMALS).tolist()


def _track(track: Track) -> dict[str, Any]:
    points = [(round(lon, _DECIMALS), round(lat, _DECIMALS), when) for lon, lat, when in track.points]
    lons, lats, _ = zip(*points, strict=True)
    return {"vehicle": track.vehicle, "points": points, "box": [min(lons), min(lats), max(lons), max(lats)]}
