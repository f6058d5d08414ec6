"""The signed distance to a boundary, held against geodesics to dense places on it."""

from __future__ import annotations

from math import cos, sin

import numpy as np
import pytest
import shapely
from pyproj import Geod
from shapely.geometry import Polygon

from geofences.boundary import width_m as width_m_of
from geofences.geodesy import metres_per_degree
from geofences.index import FenceIndex
from geofences.model import Circle, Corridor, Fence, Polygonal, Position, Ring, Shape
from geofences.shapes import geometry
from tests.unit.geofences.oracle import Floats, distances_to_line, geodesics_m

GEOD = Geod(ellps="WGS84")
# What `geofences.shapes` and `geofences.geodesy` say of themselves: of a radius, and of a distance by how far it is.
OF_RADIUS = 0.0005
OF_DISTANCE = ((200_000.0, 3e-6), (1_100_000.0, 5e-5))

SQUARE: Ring = ((-99.0, 19.0), (-98.9, 19.0), (-98.9, 19.1), (-99.0, 19.1), (-99.0, 19.0))
HOLE: Ring = ((-98.97, 19.03), (-98.97, 19.07), (-98.93, 19.07), (-98.93, 19.03), (-98.97, 19.03))
WIDE: Ring = ((0.0, 55.0), (12.0, 55.0), (10.0, 66.0), (3.0, 60.0), (0.0, 55.0))
LAKE: Ring = ((4.0, 56.0), (5.0, 59.0), (7.0, 57.0), (4.0, 56.0))
FAR: Ring = ((18.0, 62.0), (19.0, 62.0), (19.0, 63.0), (18.0, 62.0))
POLYGONS = {
    "square with a hole": Polygonal(((SQUARE, HOLE),)),
    "1,000 km wide with a hole at 60 degrees": Polygonal(((WIDE, LAKE),)),
    "two parts": Polygonal(((WIDE, LAKE), (FAR,))),
    "a long edge across Mexico": Polygonal(((((-106.0, 20.0), (-98.0, 27.0), (-98.0, 28.0), (-106.0, 20.0)),),)),
}
DISTANCES_M = (0.5, 30.0, 900.0, 1_100.0, 20_000.0, 300_000.0, 1_000_000.0)


def around(shape: Shape) -> list[Position]:
    """Places in the box of a shape, on and near its corners, and up to 1,000 km from them, below 75 degrees."""
    area, rng = geometry(shape), np.random.default_rng(11)
    west, south, east, north = area.bounds
    corners = rng.permutation(shapely.get_coordinates(area))[:12]
    starts, distances = np.repeat(corners, len(DISTANCES_M), axis=0), np.tile(DISTANCES_M, len(corners))
    lon, lat, _ = GEOD.fwd(starts[:, 0], starts[:, 1], rng.uniform(0, 360, len(starts)), distances)
    in_box = rng.uniform((west, south), (east, north), (60, 2))
    places = np.concatenate([in_box, np.column_stack([lon, lat])])
    return [(x, y) for x, y in places.tolist() if abs(y) < 75.0]


def signed_m(shape: Shape, places: list[Position]) -> Floats:
    """What the index says."""
    index = FenceIndex([Fence(id="f", shape=shape)])
    return np.array([index.signed_m(0, *place) for place in places])


def allowed_m(distances: Floats) -> Floats:
    """By how much a distance may be off, and a millimetre."""
    (near, nearly), (_, roughly) = OF_DISTANCE
    distances = np.abs(distances)
    return distances * np.where(distances <= near, nearly, roughly) + 1e-3


@pytest.mark.parametrize("shape", POLYGONS.values(), ids=POLYGONS)
def test_a_signed_distance_to_a_polygon_is_the_geodesic(shape: Polygonal) -> None:
    """Inside, in holes, between parts, near corners and far away: the metres are right, and negative only inside."""
    places = around(shape)
    rings = [ring for polygon in shape.polygons for ring in polygon]
    metres = np.min([distances_to_line(np.array(places), ring, 0.01) for ring in rings], axis=0)
    inside = shapely.intersects_xy(geometry(shape), *np.array(places).T)
    true_m = np.where(inside, -metres, metres)
    assert (np.abs(signed_m(shape, places) - true_m) <= allowed_m(metres)).all()
    assert 3 <= inside.sum() <= len(places) - 3


@pytest.mark.parametrize("radius_m", [25.0, 2_000.0, 200_000.0])
@pytest.mark.parametrize("lat", [0.0, 19.4, 60.0])
def test_a_signed_distance_to_a_circle_is_that_to_its_centre_less_the_radius(lat: float, radius_m: float) -> None:
    """But for the circle's own chords."""
    shape = Circle(-99.0, lat, radius_m)
    places = around(shape)
    true_m = geodesics_m(-99.0, lat, np.array(places)) - radius_m
    assert (np.abs(signed_m(shape, places) - true_m) <= allowed_m(true_m) + OF_RADIUS * radius_m).all()
    assert {True, False} == set((true_m < 0).tolist())


@pytest.mark.parametrize("buffer_m", [25.0, 2_500.0, 200_000.0])
@pytest.mark.parametrize(
    "line",
    [
        ((-108.0, 25.0), (-98.0, 25.0)),
        ((0.0, 60.0), (18.0, 60.0)),
        ((0.0, 58.0), (10.0, 66.0)),
        ((-99.0, 19.0), (-99.3, 19.2), (-98.99, 19.01), (-99.4, 19.0)),
    ],
    ids=["1,000 km", "1,000 km at 60 degrees", "1,000 km across 60 degrees", "hairpins"],
)
def test_a_signed_distance_to_a_corridor_is_that_to_its_line_less_the_buffer(
    line: tuple[Position, ...], buffer_m: float
) -> None:
    """From outside; inside a joint the boundary is further than that. The sign tells the sides apart."""
    shape = Corridor((line,), buffer_m)
    places = around(shape)
    true_m = distances_to_line(np.array(places), line, 0.01) - buffer_m
    found_m = signed_m(shape, places)
    wrong_m = np.abs(found_m - true_m)
    outside = true_m > 0
    slack_m = OF_RADIUS * buffer_m
    assert (wrong_m <= allowed_m(true_m) + slack_m)[outside].all()
    assert (found_m <= true_m + allowed_m(true_m) + slack_m)[~outside].all()
    assert 3 <= outside.sum() <= len(places) - 3


def test_a_signed_distance_on_the_boundary_is_zero() -> None:
    """On corners and edges, those of a hole too."""
    places = [SQUARE[0], HOLE[2], (-98.95, 19.0), (-98.93, 19.05)]
    assert signed_m(Polygonal(((SQUARE, HOLE),)), places) == pytest.approx(np.zeros(4), abs=1e-6)


@pytest.mark.parametrize(("lon", "metres"), [(179.99, -1_113.2), (-179.99, 1_113.2), (-179.0, 111_319.5)])
def test_a_distance_goes_over_the_antimeridian(lon: float, metres: float) -> None:
    """A fence split at longitude 180 is as near from the other side as it is."""
    ring: Ring = ((170.0, -10.0), (180.0, -10.0), (180.0, 10.0), (170.0, 10.0), (170.0, -10.0))
    shape = Polygonal(((ring,),))
    assert signed_m(shape, [(lon, 0.0)]) == pytest.approx([metres], abs=0.1)
    index = FenceIndex([Fence(id="f", shape=shape)])
    assert index.boundary_m(0, lon, 0.0, 2_000.0) == pytest.approx(min(abs(metres), 2_000.0), abs=0.1)
    assert index.judge([lon], [0.0], 50_000.0, distances=True).signed_m == pytest.approx(
        [metres] if metres < 50_000.0 else [], abs=0.1
    )


@pytest.mark.parametrize(
    ("west", "east", "place"),
    [
        ((179.0, 0.0, 179.9, 1.0), (-179.9, 10.0, -179.0, 11.0), (-179.95, 0.5)),
        ((179.5, 0.0, 180.0, 1.0), (-180.0, 0.9, -179.5, 2.0), (-179.999, 0.2)),
        ((179.5, 0.0, 180.0, 1.0), (-180.0, 0.9, -179.5, 2.0), (179.99, 1.5)),
        ((179.0, 0.0, 179.999, 1.0), (-179.999, 2.0, -179.0, 3.0), (-179.9995, 0.5)),
        ((-100.0, 0.0, -99.0, 1.0), (120.0, 0.0, 121.0, 1.0), (118.0, 0.5)),
    ],
)
def test_a_fence_of_parts_on_both_sides_is_as_near_as_its_nearest(
    west: tuple[float, ...], east: tuple[float, ...], place: Position
) -> None:
    """One that is cut at the antimeridian, and one that has parts all over the world."""
    corners = [((w, s), (e, s), (e, n), (w, n), (w, s)) for w, s, e, n in (west, east)]
    lines = [
        tuple((lon % 360.0 if place[0] > 0 else lon % 360.0 - 360.0, lat) for lon, lat in ring) for ring in corners
    ]
    spot = np.array([(place[0], place[1])])
    true_m = float(np.min([distances_to_line(spot, ring, 0.01) for ring in lines]))
    index = FenceIndex([Fence(id="f", shape=Polygonal(tuple((ring,) for ring in corners)))])
    assert index.signed_m(0, *place) == pytest.approx(true_m, rel=1e-4)
    assert index.boundary_m(0, *place, 9_000.0) >= 0.9999 * min(true_m, 9_000.0)
    for accuracy_m in (1.01 * true_m, 0.99 * true_m):
        judged = index.judge([place[0]], [place[1]], min(accuracy_m, 50_000.0), distances=True)
        assert judged.signed_m == pytest.approx([true_m] if true_m < min(accuracy_m, 50_000.0) else [], rel=1e-4)


@pytest.mark.parametrize("place", [(261.0, 19.0), (np.nan, 19.0), (-99.0, np.inf), (-99.0, 91.0)])
def test_a_point_off_the_map_has_no_distance(place: Position) -> None:
    """It is in no fence, so that any distance would be a wrong one."""
    index = FenceIndex([Fence(id="f", shape=Circle(-99.0, 19.0, 1_000.0))])
    for ask in (index.signed_m, index.outside_m):
        with pytest.raises(ValueError, match="off the map: longitude is -180 to 180"):
            ask(0, *place)


@pytest.mark.parametrize(
    ("corners", "width_m"),
    [
        (((0.0, 0.0), (300.0, 0.0), (300.0, 40.0), (0.0, 40.0)), 40.0),
        (((0.0, 0.0), (500.0, 0.0), (250.0, 433.0127)), 433.0127),
        # The smallest rectangle by area is 38 % wider here.
        (((318.4, 431.3), (109.1, 1095.9), (908.3, 704.4)), None),
    ],
)
def test_how_wide_a_polygon_is(corners: tuple[Position, ...], width_m: float | None) -> None:
    """The least of its heights, whichever way it lies."""
    lon_m, lat_m = metres_per_degree(0.0)
    for turn in (0.0, 0.3, 1.2):
        turned = [(x * cos(turn) - y * sin(turn), x * sin(turn) + y * cos(turn)) for x, y in corners]
        ring = [(x / lon_m, y / lat_m) for x, y in [*turned, turned[0]]]
        angles = np.linspace(0.0, np.pi, 20_001)
        heights = np.ptp(np.array(turned) @ np.array([np.cos(angles), np.sin(angles)]), axis=0)
        found = width_m_of(Polygon(ring))
        assert found == pytest.approx(heights.min(), rel=1e-3)
        assert width_m is None or found == pytest.approx(width_m, rel=1e-3)


def test_a_polygon_may_reach_the_pole() -> None:
    """Distances stay numbers there."""
    ring: Ring = ((0.0, 80.0), (90.0, 80.0), (45.0, 90.0), (0.0, 80.0))
    found = signed_m(Polygonal(((ring,),)), [(45.0, 85.0), (-135.0, 89.0), (45.0, 90.0), (45.0, 79.0)])
    assert np.isfinite(found).all()
    assert (found > 0).tolist() == [False, True, False, True]
