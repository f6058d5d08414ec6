"""What is true of distances to lines, by Karney's geodesic as pyproj has it, and by nothing of ours."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod, Transformer

from geofences.model import Position

Floats = NDArray[np.float64]

GEOD = Geod(ellps="WGS84")
TO_SPACE = Transformer.from_crs(4979, 4978, always_xy=True)


def distances_to_line(points: Floats, line: Sequence[Position], exact_m: float) -> Floats:
    """Geodesic metres (n,) from each point to a line; the nearest place of each leg is found to `exact_m` along it."""
    flat = in_space(points)[:, None]
    nearest = np.full(len(points), np.inf)
    for start, end in pairwise(np.array(line)):
        best, wide = np.full(len(points), 0.5), 0.5
        while wide * GEOD.inv(*start, *end)[2] > exact_m:
            parts = np.clip(best[:, None] + wide * np.linspace(-1, 1, 33), 0, 1)
            squares = ((in_space(start + parts[..., None] * (end - start)) - flat) ** 2).sum(axis=-1)
            best, wide = parts[np.arange(len(parts)), squares.argmin(axis=1)], wide / 16
        foot = start + best[:, None] * (end - start)
        nearest = np.minimum(nearest, GEOD.inv(*points.T, *foot.T)[2])
    return nearest


def geodesics_m(lon: float, lat: float, points: Floats) -> Floats:
    """Geodesic metres (n,) from a place to each point (n, 2)."""
    lons, lats = np.full(len(points), lon), np.full(len(points), lat)
    return np.asarray(GEOD.inv(lons, lats, points[:, 0], points[:, 1])[2])


def in_space(points: Floats) -> Floats:
    """Metres about the centre of the earth, shape (..., 3), of lon and lat (..., 2)."""
    lon, lat = points[..., 0].ravel(), points[..., 1].ravel()
    return np.stack(TO_SPACE.transform(lon, lat, np.zeros(lon.size)), axis=-1).reshape(*points.shape[:-1], 3)
