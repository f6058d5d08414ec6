"""The fences and points that the bench holds against each other."""

from __future__ import annotations

import pytest
import shapely

from bench.geofences import VERTICES, dense, large, ratio, sparse, timed
from geofences.index import FenceIndex
from geofences.shapes import geometry


@pytest.mark.parametrize("count", [100, 1_000])
def test_a_point_hits_as_many_fences_however_many_there_are(count: int) -> None:
    """Some hundredths among sparse fences, about five among dense ones: so only what is not hit grows."""
    for fences, points, least, most in ((*sparse(count), 0.005, 0.05), (*dense(count), 3.0, 6.0)):
        assert len(fences) == count
        assert least < len(FenceIndex(fences).match(*points).fences) / len(points[0]) < most


def test_the_large_fence_is_one_that_can_be_drawn() -> None:
    """It has its vertices and does not cross itself."""
    assert shapely.get_num_coordinates(geometry(large().shape)) == VERTICES + 1


def test_works_are_told_round_by_round() -> None:
    """Each is done once to warm up and once a round; a ratio is that of the middle round."""
    done: list[str] = []
    found = timed({"a": (lambda: done.append("a"), 1), "b": (lambda: done.append("b"), 1)}, 2)
    assert done == ["a", "b"] * 3
    assert [len(each) for each in found.values()] == [2, 2]
    assert ratio({"slow": [4.0, 90.0, 6.0], "fast": [2.0, 1.0, 2.0]}, "slow", "fast") == 3.0
