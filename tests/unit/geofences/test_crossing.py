"""Fences passed between two fixes: where the way from one to the other meets them."""

from __future__ import annotations

import numpy as np
import pytest

from geofences.crossing import Crossing, Crossings
from geofences.model import Detect, Fence, Polygonal, Ring

CROSS = frozenset({Detect.CROSS})


def box(west: float, south: float, east: float, north: float) -> Ring:
    """A rectangle, degrees."""
    return (west, south), (east, south), (east, north), (west, north), (west, south)


def crossings(*rings: Ring) -> Crossings:
    """Of one fence of these parts."""
    return Crossings([Fence(id="f", shape=Polygonal(tuple((ring,) for ring in rings)), detect=CROSS)])


MEXICO = box(-117.0, -10.0, -86.0, 10.0)
SPLIT = box(179.99, -1.0, 180.0, 1.0), box(-180.0, -1.0, -179.99, 1.0)


@pytest.mark.parametrize(
    ("rings", "start", "end", "expected"),
    [
        ((MEXICO,), (-118.0, 0.0), (-85.0, 0.0), (1 / 33, 32 / 33, 31 / 33)),
        ((MEXICO,), (179.995, 0.0), (-179.995, 0.0), None),
        ((MEXICO,), (-118.0, 0.0), (-117.5, 0.0), None),
        (SPLIT, (179.95, 0.0), (-179.95, 0.0), (0.4, 0.6, 0.2)),
        (SPLIT, (-179.95, 0.0), (179.95, 0.0), (0.4, 0.6, 0.2)),
        (SPLIT[:1], (179.95, 0.0), (-179.95, 0.0), (0.4, 0.5, 0.1)),
        (SPLIT[1:], (179.95, 0.0), (-179.95, 0.0), (0.5, 0.6, 0.1)),
        (SPLIT, (179.95, 0.5), (179.98, 0.5), None),
        ((box(0.0, 0.0, 1.0, 1.0),), (-1.0, 1.0), (2.0, 1.0), (1 / 3, 2 / 3, 1 / 3)),
        ((box(0.0, 0.0, 1.0, 1.0),), (-1.0, 2.0), (1.0, 0.0), None),
    ],
)
def test_a_way_meets_a_fence_the_short_way_round(
    rings: tuple[Ring, ...],
    start: tuple[float, float],
    end: tuple[float, float],
    expected: tuple[float, float, float] | None,
) -> None:
    """Over the antimeridian too, and along an edge; one that ends in the fence does not cross it. In bulk no way is missed."""
    ways = crossings(*rings)
    found = ways.between(start, end)
    if expected is None:
        assert found == []
    else:
        (one,) = found
        assert one == pytest.approx(Crossing(0, *expected), abs=1e-9)
        assert ways.meets(*(np.array([each]) for each in (*start, *end))).tolist() == [True]


def test_many_ways_are_told_apart() -> None:
    """Those that touch no fence, those over the antimeridian and those that do not go there, each at its place."""
    lon, to_lon = np.array([179.95, 179.95, -179.95, 0.0, 179.0]), np.array([-179.95, 179.98, 179.95, 1.0, -179.995])
    lat = np.zeros(5)
    assert crossings(*SPLIT).meets(lon, lat, to_lon, lat).tolist() == [True, False, True, False, True]
