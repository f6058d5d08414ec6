"""Distances: held against Karney's geodesic as pyproj has it."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Geod

from geofences.geodesy import destination, distance_m, geodesic_m, metres_per_degree

GEOD = Geod(ellps="WGS84")


@pytest.mark.parametrize(
    ("metres", "worst"), [(1.0, 1e-6), (1e3, 1e-6), (1e5, 1e-6), (2e5, 2e-6), (1e6, 5e-5), (5e6, 1e-3)]
)
def test_the_scalar_distance_is_as_exact_as_it_says(metres: float, worst: float) -> None:
    """The distance of two points below 75 degrees is off by no more than its docstring allows."""
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-180, 180, 2000), rng.uniform(-75, 75, 2000)
    to_lon, to_lat, _ = GEOD.fwd(lon, lat, rng.uniform(0, 360, 2000), np.full(2000, metres))
    found = np.array([distance_m(*ends) for ends in zip(lon, lat, to_lon, to_lat, strict=True) if abs(ends[3]) < 75])
    assert len(found) > 500
    assert np.abs(found / metres - 1).max() <= worst


def test_the_distance_of_a_point_to_itself_is_zero() -> None:
    """A vehicle that stands still has moved by nothing at all."""
    assert distance_m(-99.1, 19.4, -99.1, 19.4) == 0.0


def test_the_distance_ignores_the_antimeridian() -> None:
    """A step over longitude 180 is as short as any other."""
    assert distance_m(179.999, 0.0, -179.999, 0.0) == pytest.approx(222.6, abs=0.1)


def test_the_distance_to_the_far_side_of_the_globe_is_a_number() -> None:
    """Rounding never asks for the angle of a sine above one."""
    assert distance_m(0.0, 0.0, 180.0, 0.0) == pytest.approx(20_037_508, rel=1e-3)


def test_destination_and_distance_undo_each_other() -> None:
    """Where a geodesic ends is as far away as it is long, for arrays of any one shape."""
    lon, lat = destination(-99.0, 19.0, np.array([0.0, 90.0, 200.0]), np.array([10.0, 5e4, 2e5]))
    assert geodesic_m(-99.0, 19.0, lon, lat) == pytest.approx([10.0, 5e4, 2e5], abs=1e-6)


@pytest.mark.parametrize("lat", [-80.0, 0.0, 19.4, 60.0])
def test_a_degree_has_the_length_it_has_on_the_ellipsoid(lat: float) -> None:
    """The scale of both axes is that of the ellipsoid at the latitude."""
    lon_m, lat_m = metres_per_degree(lat)
    assert GEOD.inv(0, lat, 1e-4, lat)[2] * 1e4 == pytest.approx(lon_m, rel=1e-6)
    assert GEOD.inv(0, lat - 5e-5, 0, lat + 5e-5)[2] * 1e4 == pytest.approx(lat_m, rel=1e-6)
