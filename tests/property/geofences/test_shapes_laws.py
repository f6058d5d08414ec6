"""The laws of laying out: a shape is where it was drawn, or it is refused; none is turned inside out."""

from __future__ import annotations

import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geofences.faults import fault
from geofences.geodesy import metres_per_degree
from geofences.model import Circle, Corridor
from geofences.shapes import geometry

_near_180 = st.builds(lambda side, off: side * (180.0 - off), st.sampled_from([-1.0, 1.0]), st.floats(0.0, 4.0))
_lons = st.one_of(_near_180, st.floats(-180.0, 180.0))
_lats = st.one_of(st.floats(-90.0, 90.0), st.sampled_from([84.0, -84.9, 90.0]))
_places = st.tuples(_lons, _lats)
_metres = st.one_of(st.floats(1.0, 200_000.0), st.sampled_from([25.0, 200_000.0]))


@settings(deadline=None, max_examples=150)
@given(
    line=st.lists(_places, min_size=1, max_size=3, unique=True), metres=_metres, approach_m=st.sampled_from([0.0, 5e4])
)
def test_a_shape_stays_where_it_was_drawn(line: list[tuple[float, float]], metres: float, approach_m: float) -> None:
    """Over the antimeridian or a pole it is refused with a remedy; all others reach as far as they should and no further."""
    shape = Circle(*line[0], metres) if len(line) == 1 else Corridor((tuple(line),), metres)
    if text := fault(shape, approach_m):
        assert (
            "split the shape at longitude 180" in text
            or "on each side of longitude 180" in text
            or "fences end" in text
        )
        return
    area = geometry(shape, approach_m)
    west, south, east, north = area.bounds
    # And the last digits of a degree, some tenths of a micrometre.
    reach_lat = (metres + approach_m) / metres_per_degree(0.0)[1] + 1e-12
    furthest = max(abs(lat) for _, lat in line) + reach_lat
    reach_lon = (metres + approach_m) / metres_per_degree(furthest)[0] + 1e-12
    lons, lats = [lon for lon, _ in line], [lat for _, lat in line]
    assert min(lons) - reach_lon <= west < min(lons) <= max(lons) < east <= max(lons) + reach_lon
    assert min(lats) - reach_lat <= south < min(lats) <= max(lats) < north <= max(lats) + reach_lat
    assert shapely.is_valid(area)
    assert all(shapely.intersects_xy(area, *place) for place in line)
