"""What a fence costs a point: `FenceIndex` alone, in batches as large as the monitor's, beside a plain STRtree.

Alone and without a broker: `python -m bench.geofences '{"rounds": 7}'` prints its figures as JSON.

Sparse are the bench's fences over a country, a few hundred metres across; nine of ten points lie anywhere among them,
the tenth near one. Dense are fences of some kilometres that overlap, in a box that grows with their number. So a point
hits as many fences at 100 as at 10,000, and what a figure grows by is what the fences cost that it does not hit.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from math import cos, radians, sin, sqrt
from statistics import median
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from bench.child import answer, given
from bench.load import EAST, NORTH, SEED, SOUTH, WEST, sparse_fence
from geofences.formats.geojson import load_geojson
from geofences.index import FenceIndex
from geofences.model import Circle, Corridor, Fence, Polygonal, Shape
from geofences.shapes import geometry

COUNTS = (100, 1_000, 10_000)
POINTS = 100_000
JUDGED = 20_000
MEASURED = 2_000  # points whose distances are asked
BATCH = 5_000  # as many pings as the monitor fetches at once
ACCURACY_M = 10.0
NEAR_DEG = 0.005  # so far from a corner of a fence lies a point that is near it
HITS = 5.0  # of a point among dense fences, about
VERTICES = 10_000

Floats = NDArray[np.float64]
Points = tuple[Floats, Floats]
Work = Callable[[], object]


def sparse(count: int) -> tuple[list[Fence], Points]:
    """Fences over a country, and points: nine of ten anywhere, the tenth within some hundred metres of one."""
    rng = random.Random(SEED)
    features = [sparse_fence(rng, number) for number in range(count)]
    fences = list(load_geojson(json.dumps({"type": "FeatureCollection", "features": features}).encode()))
    chance = np.random.default_rng(SEED)
    lon, lat = chance.uniform(WEST, EAST, POINTS), chance.uniform(SOUTH, NORTH, POINTS)
    corners = np.array([shapely.get_coordinates(geometry(fence.shape))[0] for fence in fences])
    near = np.arange(0, POINTS, 10)
    lon[near], lat[near] = (
        corners[chance.integers(0, count, len(near))] + chance.normal(0, NEAR_DEG, (len(near), 2))
    ).T
    return fences, (lon, lat)


def dense(count: int) -> tuple[list[Fence], Points]:
    """Circles, hexagons and roads that overlap, and points anywhere among them."""
    rng = np.random.default_rng(SEED)
    # A fence of 1 to 5 km reaches over 32 square kilometres, a square degree here has 11,700.
    side = sqrt(count * 32.0 / 11_700.0 / HITS)
    west, south = -99.0 - side / 2, 19.5 - side / 2
    places = rng.uniform((west, south), (west + side, south + side), (count, 2)).tolist()
    sizes = rng.uniform(1_000.0, 5_000.0, count).tolist()
    fences = [
        Fence(id=f"dense-{number:05}", shape=_overlapping(number, lon, lat, size_m))
        for number, ((lon, lat), size_m) in enumerate(zip(places, sizes, strict=True))
    ]
    return fences, (rng.uniform(west, west + side, POINTS), rng.uniform(south, south + side, POINTS))


def _overlapping(number: int, lon: float, lat: float, size_m: float) -> Shape:
    reach = size_m / 108_000.0
    match number % 3:
        case 0:
            return Circle(lon, lat, size_m)
        case 1:
            ring = [(lon + reach * cos(radians(turn)), lat + reach * sin(radians(turn))) for turn in range(0, 360, 60)]
            return Polygonal((((*ring, ring[0]),),))
        case _:
            return Corridor((((lon - reach, lat), (lon, lat + reach / 4), (lon + reach, lat)),), size_m / 2.0)


def large() -> Fence:
    """A coast of 10,000 vertices, some 100 km across, in the middle of the country."""
    turn = np.linspace(0.0, 2.0 * np.pi, VERTICES, endpoint=False)
    reach = 0.5 * (1.0 + 0.2 * np.sin(7 * turn) + np.random.default_rng(SEED).uniform(-0.01, 0.01, VERTICES))
    ring = list(zip((-100.5 + reach * np.cos(turn)).tolist(), (21.5 + reach * np.sin(turn)).tolist(), strict=True))
    return Fence(id="large", shape=Polygonal((((*ring, ring[0]),),)))


def judging(index: FenceIndex, *, distances: bool = False) -> Callable[[Floats, Floats], object]:
    """What asks the index about points of the accuracy that a truck's have."""
    return lambda lon, lat: index.judge(lon, lat, ACCURACY_M, distances=distances)


def batched(ask: Callable[[Floats, Floats], object], points: Points, count: int = POINTS) -> Work:
    """Ask about the first `count` points, batch by batch."""
    lon, lat = (column[:count] for column in points)

    def work() -> None:
        for start in range(0, len(lon), BATCH):
            ask(lon[start : start + BATCH], lat[start : start + BATCH])

    return work


def timed(works: Mapping[str, tuple[Work, int]], rounds: int) -> dict[str, list[float]]:
    """Nanoseconds of CPU a point of each work, round by round; in a round they follow each other."""
    for work, _ in works.values():
        work()  # what is built at the first question is no part of the others
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, (work, points) in works.items():
            began = time.process_time_ns()
            work()
            found[name].append((time.process_time_ns() - began) / points)
    return found


def ratio(found: Mapping[str, list[float]], of: str, to: str) -> float:
    """How many times the second work is as fast as the first, in the middle one of the rounds."""
    return median(first / second for first, second in zip(found[of], found[to], strict=True))


def one(fences: list[Fence], points: Points, rounds: int) -> dict[str, float]:
    """A set of fences and points: nanoseconds a point, and how many times as fast as an STRtree."""
    index = FenceIndex(fences)
    tree = shapely.STRtree([geometry(fence.shape) for fence in fences])
    found = timed(
        {
            "match": (batched(index.match, points), POINTS),
            "strtree": (batched(lambda *at: tree.query(shapely.points(*at), predicate="intersects"), points), POINTS),
            "judge": (batched(judging(index), points, JUDGED), JUDGED),
            "distances": (
                batched(judging(index, distances=True), points, MEASURED),
                MEASURED,
            ),
        },
        rounds,
    )
    return {
        "hits_per_point": round(len(index.match(*points).fences) / POINTS, 3),
        **{f"{name}_ns": round(median(each)) for name, each in found.items()},
        "of_strtree": round(ratio(found, "strtree", "match"), 2),
    }


def beside_a_large_one(rounds: int) -> dict[str, float]:
    """What a fence of 10,000 vertices costs those who are not in it, and those who are in it or near it."""
    fences, (lon, lat) = sparse(1_000)
    coast = geometry(large().shape)
    west, south, east, north = coast.bounds
    rng = np.random.default_rng(SEED)
    there = rng.uniform(west, east, JUDGED), rng.uniform(south, north, JUDGED)
    is_out = ~shapely.intersects_xy(coast, lon, lat)
    lon, lat = (np.resize(column[is_out], POINTS) for column in (lon, lat))
    without, beside = FenceIndex(fences), FenceIndex([*fences, large()])
    found = timed(
        {
            "without": (batched(without.match, (lon, lat)), POINTS),
            "with": (batched(beside.match, (lon, lat)), POINTS),
            "judge_without": (batched(judging(without), (lon, lat), JUDGED), JUDGED),
            "judge_with": (batched(judging(beside), (lon, lat), JUDGED), JUDGED),
            "match_there": (batched(beside.match, there, JUDGED), JUDGED),
            "judge_there": (batched(judging(beside), there, JUDGED), JUDGED),
        },
        rounds,
    )
    return {
        "vertices": VERTICES,
        "ratio": round(ratio(found, "without", "with"), 3),
        "judge_ratio": round(ratio(found, "judge_without", "judge_with"), 3),
        **{f"{name}_ns": round(median(each)) for name, each in found.items()},
    }


def main(rounds: int) -> dict[str, Any]:
    """What the parent asks for."""
    return {
        "sparse": {str(count): one(*sparse(count), rounds) for count in COUNTS},
        "dense": {str(count): one(*dense(count), rounds) for count in COUNTS},
        "large": beside_a_large_one(rounds),
    }


if __name__ == "__main__":
    answer(**main(**given()))
