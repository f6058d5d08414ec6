"""Whether pings and fences are in the same part of the world."""

from __future__ import annotations

import pytest

from geofences.formats.geojson import load_geojson
from geofences.index import FenceIndex
from telematics.replay.far import Degree, far_from_fences


def _index(*points: tuple[float, float]) -> FenceIndex:
    features = ",".join(
        f'{{"type": "Feature", "geometry": {{"type": "Point", "coordinates": [{lon}, {lat}]}},'
        f' "properties": {{"id": "f{number}", "name": "F", "kind": "depot", "radius_m": 200}}}}'
        for number, (lon, lat) in enumerate(points)
    )
    return FenceIndex(load_geojson(f'{{"type": "FeatureCollection", "features": [{features}]}}'.encode()))


@pytest.mark.parametrize(
    ("seen", "fences", "far"),
    [
        ({(10, 50)}, [(50.0, 10.0)], True),
        ({(10, 50)}, [(10.2, 49.6)], False),
        ({(10, 50)}, [(50.0, 10.0), (13.0, 50.0)], False),
        ({(0, 0), (10, 50), (50, 10)}, [(-99.0, 19.0)], True),
        ({(0, 0), (-99, 20)}, [(-99.0, 19.0)], False),
        ({(180, 0)}, [(-178.0, 0.0)], False),
        ({(170, 0)}, [(-178.0, 0.0)], True),
        ({(10, 54)}, [(10.0, 50.0)], False),
        ({(10, 56)}, [(10.0, 50.0)], True),
        ({(16, 60)}, [(10.0, 60.0)], False),
        ({(16, 0)}, [(10.0, 0.0)], True),
        (set(), [(10.0, 50.0)], False),
        ({(10, 50)}, [], False),
    ],
)
def test_far(seen: set[Degree], fences: list[tuple[float, float]], far: bool) -> None:  # noqa: FBT001
    """Far is more than 500 km from each fence to each position, across the date line too; nothing is far from nothing."""
    assert far_from_fences(seen, _index(*fences)) is far
