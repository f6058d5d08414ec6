"""Pings that are nowhere near a fence: somebody may have swapped longitude and latitude."""

from __future__ import annotations

import numpy as np

from geofences.index import FenceIndex

FAR_KM = 500.0
FAR = (
    f"not one ping came within {FAR_KM:g} km of a fence: longitude and latitude may be swapped, in the pings or in the "
    "fences"
)
_KM_PER_DEGREE = 111.0

Degree = tuple[int, int]
"""Longitude and latitude of a position, rounded to whole degrees."""


def far_from_fences(degrees: set[Degree], fences: FenceIndex) -> bool:
    """Whether every position seen is far from every fence; False where there are none of either.

    Distances are those between the box of a degree and the box around a fence: never too long, so that nobody is told
    of swapped coordinates who has a fence near by.
    """
    if not degrees or not fences.fences:
        return False
    lon, lat = np.array(sorted(degrees), dtype=np.float64).T
    for west, south, east, north in fences.bounds():
        apart = np.abs((lon - (west + east) / 2 + 180.0) % 360.0 - 180.0)
        gap_lon = np.maximum(0.0, apart - (east - west) / 2 - 0.5)
        gap_lat = np.maximum(0.0, np.abs(lat - (south + north) / 2) - (north - south) / 2 - 0.5)
        # Degrees of longitude are shortest where either box is farthest from the equator.
        shrunk = np.cos(np.radians(np.minimum(90.0, np.maximum(np.abs(lat) + 0.5, max(abs(south), abs(north))))))
        if (np.hypot(gap_lat, gap_lon * shrunk) * _KM_PER_DEGREE <= FAR_KM).any():
            return False
    return True
