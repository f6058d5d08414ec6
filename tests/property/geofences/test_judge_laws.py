"""The laws of judging points with an accuracy: what a loop over all fences would say, by their signed distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geofences.index import FenceIndex, Judgements
from geofences.model import Circle, Fence, Polygonal, Position
from tests.property.geofences.strategies import fence_sets, positions
from tests.property.geofences.test_index_laws import ask, corners, listed

Row = tuple[int, bool, bool]

_bad = st.sampled_from([(np.nan, 19.0), (-99.0, np.inf), (200.0, 19.0), (-99.0, 90.5)])
_accuracies = st.one_of(st.sampled_from([0.0, 8.0, 60.0, 1_000.0, 50_000.0]), st.floats(0.0, 4_000.0))


def rows(judgements: Judgements) -> list[list[Row]]:
    """The (fence, inside, certain) of each point."""
    columns = (judgements.fences.tolist(), judgements.inside.tolist(), judgements.certain.tolist())
    whole = list(zip(*columns, strict=True))
    return [whole[start:end] for start, end in zip(judgements.starts, judgements.starts[1:], strict=False)]


def by_brute_force(index: FenceIndex, points: list[Position], accuracies: list[float]) -> list[list[Row]]:
    """Every point held against every fence by its distance to the boundary."""
    told = []
    for (lon, lat), accuracy_m, hits in zip(points, accuracies, listed(ask(index, points)), strict=True):
        within = {number for number, is_inside in hits if is_inside}
        is_on_map = abs(lon) <= 180.0 and abs(lat) <= 90.0
        signed = [(n, n in within, index.signed_m(n, lon, lat)) for n in range(len(index.fences)) if is_on_map]
        told.append([(n, inside, inside and m <= -accuracy_m) for n, inside, m in signed if inside or m <= accuracy_m])
    return told


@settings(deadline=None, max_examples=60)
@given(fences=fence_sets(), points=st.lists(st.one_of(positions, _bad), max_size=20), data=st.data())
def test_a_judgement_equals_brute_force(fences: list[Fence], points: list[Position], data: st.DataObject) -> None:
    """Holes, points on edges and vertices, points nowhere, no fence at all: the rows are those of a loop over all."""
    index = FenceIndex(fences)
    points = points + corners(fences)[:30]
    accuracies = data.draw(st.lists(_accuracies, min_size=len(points), max_size=len(points)))
    lon, lat = np.array(points, dtype=np.float64).reshape(-1, 2).T
    found = index.judge(lon, lat, accuracies, distances=True)
    assert rows(found) == by_brute_force(index, points, accuracies)
    assert rows(index.judge(lon, lat, accuracies)) == rows(found)
    point = np.repeat(np.arange(len(points)), np.diff(found.starts))
    signed = [index.signed_m(fence, lon[i], lat[i]) for i, fence in zip(point, found.fences.tolist(), strict=True)]
    assert found.signed_m == pytest.approx(signed, rel=1e-12, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(fences=fence_sets(), points=st.lists(positions, min_size=1, max_size=20), accuracy_m=_accuracies)
def test_a_worse_accuracy_only_takes_certainty(fences: list[Fence], points: list[Position], accuracy_m: float) -> None:
    """What is touched stays touched by a larger disc, and what is certain under it was certain before."""
    index = FenceIndex(fences)
    lon, lat = np.array(points).T
    small, large = index.judge(lon, lat, accuracy_m / 2.0), index.judge(lon, lat, accuracy_m)
    for before, after in zip(rows(small), rows(large), strict=True):
        assert {n for n, _, _ in before} <= {n for n, _, _ in after}
        assert {n for n, _, certain in after if certain} <= {n for n, _, certain in before if certain}


@settings(deadline=None, max_examples=30)
@given(fences=fence_sets(), points=st.lists(positions, max_size=20))
def test_a_perfect_accuracy_judges_as_match_does(fences: list[Fence], points: list[Position]) -> None:
    """With 0 m all that is inside is certain, and what is more lies on a boundary, but for the last bit."""
    index = FenceIndex(fences)
    points = points + corners(fences)[:20]
    lon, lat = np.array(points, dtype=np.float64).reshape(-1, 2).T
    found = index.judge(lon, lat, 0.0)
    assert [[n for n, inside, _ in one if inside] for one in rows(found)] == [
        [n for n, inside in one if inside] for one in listed(index.match(lon, lat))
    ]
    assert (found.certain == found.inside).all()


@settings(deadline=None, max_examples=40)
@given(
    west=st.sampled_from([-180.0, -179.9, 175.0, 179.0]),
    offset_m=st.floats(-3_000.0, 3_000.0),
    accuracy_m=st.sampled_from([0.0, 500.0, 40_000.0]),
    lat=st.sampled_from([0.05, 1.0, -0.01]),
)
def test_a_disc_reaches_over_the_antimeridian(west: float, offset_m: float, accuracy_m: float, lat: float) -> None:
    """Fences on either side of longitude 180 are found from the other side, and no further away than they are."""
    east = -179.5 if west < 0 else 180.0
    ring = ((west, 0.0), (east, 0.0), (east, 0.1), (west, 0.1), (west, 0.0))
    index = FenceIndex([Fence(id="f", shape=Polygonal(((ring,),))), Fence(id="g", shape=Circle(0.0, 0.0, 100.0))])
    lon = (180.0 + offset_m / 111_319.0 + 180.0) % 360.0 - 180.0
    assert rows(index.judge([lon], [lat], accuracy_m)) == by_brute_force(index, [(lon, lat)], [accuracy_m])


def test_ten_thousand_fences_are_judged_as_by_brute_force() -> None:
    """In a set as large as the largest fleets' each of 10,000 circles is told as its geodesic distance says."""
    rng = np.random.default_rng(6)
    lons, lats, radius_m = rng.uniform(-100, -98, 10_000), rng.uniform(18, 20, 10_000), 900.0
    index = FenceIndex(
        Fence(id=f"f{k}", shape=Circle(*at, radius_m))
        for k, at in enumerate(zip(lons.tolist(), lats.tolist(), strict=True))
    )
    lon, lat = rng.uniform(-100, -98, 40), rng.uniform(18, 20, 40)
    accuracy_m = rng.choice([0.0, 5.0, 300.0, 20_000.0], 40)
    x, y, to_x, to_y = np.broadcast_arrays(lon[:, None], lat[:, None], lons, lats)
    signed_m = np.asarray(Geod(ellps="WGS84").inv(x, y, to_x, to_y)[2]) - radius_m
    found = index.judge(lon, lat, accuracy_m)
    touched, certain = np.zeros((2, 40, 10_000), dtype=bool)
    point = np.repeat(np.arange(40), np.diff(found.starts))
    touched[point, found.fences], certain[point, found.fences] = True, found.certain
    # Nearer to its limit than the chords are to their arc, a circle may be told either way.
    sure = np.abs(np.abs(signed_m) - accuracy_m[:, None]) > 0.001 * radius_m
    assert (touched == (signed_m <= accuracy_m[:, None]))[sure].all()
    assert (certain == (signed_m <= -accuracy_m[:, None]))[sure].all()
    assert touched.sum() == len(found.fences) > 1_000
    assert certain.sum() > 5
