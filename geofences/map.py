"""A set of fences as one HTML page, for people: a map that moves, without a network.

The page loads nothing and may load nothing (its content security policy forbids it), so that where trucks go stays where
the file is. What is in it, names too, is data to its script and never markup.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from math import inf
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


def page(
    title: str, fences: Iterable[Fence | None], findings: Iterable[Finding] = (), tracks: Iterable[Track] = ()
) -> str:
    """The page, to be saved as it is. Of each feature its fence, in their order; None for one that cannot be drawn."""
    drawn = {number: fence for number, fence in enumerate(fences, start=1) if fence is not None}
    areas = {number: _areas(fence) for number, fence in drawn.items()}
    driven = list(tracks)
    west = _west(
        [part.bounds[::2] for both in areas.values() for area in both if area for part in shapely.get_parts(area)]
        + [(lon, lon) for track in driven for lon, _, _ in track.points]
    )
    shown = []
    for number, (area, reach) in areas.items():
        approach = None if reach is None else _eastward(reach, west)
        shown.append(_fence(number, drawn[number], _eastward(area, west), approach))
    found = [_finding(finding, west) for finding in findings]
    parts = ((len(shown), "fence", "fences"), (len(found), "finding", "findings"), (len(driven), "track", "tracks"))
    data = {
        "title": title,
        "summary": ", ".join(f"{count:,} {one if count == 1 else many}" for count, one, many in parts if count),
        "fences": shown,
        "findings": found,
        "tracks": [_track(track, west) for track in driven],
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # Within a script element only this would end it.
    text = text.replace("<", "\\u003c")
    template = resources.files("geofences").joinpath("map.html").read_text(encoding="utf-8")
    return template.replace("{{data}}", text)


def _west(spans: Sequence[tuple[float, float]]) -> float:
    """The longitude at which a map that shows all of these begins, if it is to be as narrow as can be.

    It begins east of the widest gap between them: of fences either side of 180 degrees in the east.
    """
    if not spans:
        return -180.0
    starts, ends = np.array(sorted(spans)).T
    gaps = starts[1:] - np.maximum.accumulate(ends)[:-1]
    around = starts[0] + 360.0 - ends.max()
    return float(starts[1 + gaps.argmax()]) if gaps.size and gaps.max() > around else float(starts[0])


def _eastward(area: Area, west: float) -> Area:
    """With what lies west of where the map begins once round the globe: in the east of the map."""
    moved: Area = shapely.transform(area, lambda at: at + np.where(at < (west, -inf), (360.0, 0.0), 0.0))
    return moved


def _areas(fence: Fence) -> tuple[Area, Area | None]:
    """The fence, and how far its approach reaches."""
    return geometry(fence.shape), geometry(fence.shape, fence.approach_m) if fence.approach_m else None


def _fence(number: int, fence: Fence, area: Area, approach: Area | None) -> dict[str, Any]:
    at = shapely.point_on_surface(area)
    _, radius = drawn_as(fence.shape)
    told = properties_of(fence) | radius | ({"schedule": str(fence.schedule)} if fence.schedule else {})
    return {
        "feature": number,
        "id": fence.id,
        "kind": fence.kind,
        "properties": {name: value for name, value in told.items() if value != []},
        "polygons": _polygons(area),
        "approach": _polygons(approach) if approach else None,
        "box": [round(edge, _DECIMALS) for edge in area.bounds],
        "at": [round(at.x, _DECIMALS), round(at.y, _DECIMALS)],
    }


def _finding(finding: Finding, west: float) -> dict[str, Any]:
    told = finding.document()
    if told["place"] and told["place"]["lon"] < west:
        told["place"]["lon"] += 360.0
    return told


def _polygons(area: Area) -> list[Any]:
    seen = shapely.simplify(area, _UNSEEN_DEGREES)
    return [[_positions(ring) for ring in (part.exterior, *part.interiors)] for part in shapely.get_parts(seen)]


def _positions(ring: Any) -> Any:
    return np.round(shapely.get_coordinates(ring), _DECIMALS).tolist()


def _track(track: Track, west: float) -> dict[str, Any]:
    points = [
        (round(lon + 360.0 * (lon < west), _DECIMALS), round(lat, _DECIMALS), when) for lon, lat, when in track.points
    ]
    lons, lats, _ = zip(*points, strict=True)
    return {"vehicle": track.vehicle, "points": points, "box": [min(lons), min(lats), max(lons), max(lats)]}
