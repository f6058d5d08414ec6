"""The laws of repairs: they come to an end, a second time does nothing, and all of them together change little."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from geofences.formats.features import Read
from geofences.formats.geojson import dump_geojson, open_geojson
from geofences.geodesy import metres_per_degree
from geofences.lint import fixed, lint
from geofences.model import Fence, Polygonal, Position, Ring, Shape
from geofences.shapes import geometry

LON_M, LAT_M = metres_per_degree(19.0)
# Corners on a grid of metres, so that rings cross, touch, turn back and are thin more often than by chance.
corners = st.builds(
    lambda east, north, off: (-99.0 + (east + off) / LON_M, 19.0 + north / LAT_M),
    st.sampled_from([0, 500, 1_000, 3_000]),
    st.sampled_from([0, 500, 1_000, 3_000]),
    st.sampled_from([0, 0, 0.5, 3, 12]),
)


def _closed(positions: list[Position]) -> Ring:
    return (*positions, positions[0])


rings = st.lists(corners, min_size=3, max_size=9).map(_closed)
shapes = st.lists(rings, min_size=1, max_size=3).map(lambda parts: Polygonal(tuple((part,) for part in parts)))


@settings(deadline=None, max_examples=200)
@given(shapes)
def test_a_second_time_repairs_nothing(shape: Polygonal) -> None:
    """Whatever was drawn; and what was no fence before may be one, but never the other way round."""
    read = _read(shape)
    fixes = fixed([read])
    for fence in fixes.values():
        again = _read(fence.shape)
        assert again.fence is not None
        assert fixed([again]) == {}
        safe = [finding for finding in lint([read]) if finding.is_safe]
        assert safe
        if read.fence is not None:
            drawn, left = geometry(shape), geometry(fence.shape)
            assert drawn.symmetric_difference(left).area < 0.01 * drawn.area


def _read(shape: Shape) -> Read:

    return open_geojson(dump_geojson([Fence(id="f", shape=shape)]).encode())[1][0]
