"""What of a polygon is too thin for any fix to tell: spikes of its boundary, slivers among its parts and holes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import cos, hypot, inf, radians, sin
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry import Polygon

from geofences.faults import fault
from geofences.geodesy import metres_per_degree
from geofences.lint.codes import GPS_ERROR_M, LITTLE, LITTLE_M, SPIKE_DEG, Code
from geofences.lint.finding import Finding, degrees
from geofences.lint.measures import changed, inside, plane, width_m
from geofences.model import Fence, Polygonal, Position, Ring

# Positions closer than this are one corner: a tip that was clicked twice is as sharp as one that was clicked once.
_ONE_CORNER_M = 1.0
# A corner that is no spike is as sharp as it was after the shape has lost its thin places and got its width back.
_MITRE = 1.0 / sin(radians(SPIKE_DEG / 2.0))


def spikes(number: int, fence: Fence, shape: Polygonal) -> Iterator[Finding]:
    """Each place where the boundary runs out and back."""
    tips: list[Position] = []
    polygons: list[tuple[Ring, ...]] = []
    for outer, *holes in shape.polygons:
        rings = [_without_turns(ring, tips) for ring in (outer, *holes)]
        polygons.append((_without_thin(rings[0], tips), *rings[1:]))
    if not tips:
        return
    cleared = Polygonal(tuple(polygons))
    fix = None if fault(cleared, fence.approach_m) else replace(fence, shape=cleared)
    loss = inf if fix is None else changed(shape, cleared)
    all_of_them = "" if len(tips) == 1 else f" without all {len(tips)} of them"
    remedy = "drop that corner" + ("" if fix is None else f";{all_of_them} the area changes by {loss:.2%}")
    for tip in tips:
        text = f"the boundary runs out to {degrees(tip)} and straight back"
        yield Finding(Code.SPIKE, number, fence.id, text, remedy, tip, fix, loss, loss < LITTLE)


def _without_turns(ring: Ring, tips: list[Position]) -> Ring:
    """A ring without the corners at which it turns back on itself, which are added to the tips."""
    while len(ring) > 3:
        corner = _corners(ring)
        firsts = np.unique(corner, return_index=True)[1]
        at = np.array(ring)[firsts] * metres_per_degree(ring[0][1])
        back, forth = np.roll(at, 1, axis=0) - at, np.roll(at, -1, axis=0) - at
        lengths = np.hypot(*back.T) * np.hypot(*forth.T)
        turns = (back * forth).sum(axis=1) > lengths * cos(radians(SPIKE_DEG))
        if len(firsts) < 3 or not turns.any():
            break
        tips += [ring[first] for first in firsts[turns]]
        ring = _closed([position for position, of in zip(ring, corner, strict=False) if not turns[of]])
    return ring


def _corners(ring: Ring) -> list[int]:
    """Of each position, but for the last, the number of its corner."""
    lon_m, lat_m = metres_per_degree(ring[0][1])
    corners: list[int] = []
    firsts: list[Position] = []
    for position in ring[:-1]:
        if not firsts or _apart_m(position, firsts[-1], lon_m, lat_m) > _ONE_CORNER_M:
            firsts.append(position)
        corners.append(len(firsts) - 1)
    if len(firsts) > 1 and _apart_m(firsts[0], firsts[-1], lon_m, lat_m) <= _ONE_CORNER_M:
        return [corner % (len(firsts) - 1) for corner in corners]
    return corners


def _apart_m(one: Position, other: Position, lon_m: float, lat_m: float) -> float:
    return hypot((one[0] - other[0]) * lon_m, (one[1] - other[1]) * lat_m)


def _closed(corners: list[Position]) -> Ring:
    return (*corners, corners[0]) if corners else ()


def _without_thin(ring: Ring, tips: list[Position]) -> Ring:
    """A ring without its spikes that have a blunt end; of each the outermost position is added to the tips.

    They are what lies apart from the shape after it was made thinner by half of what is little on each side, and thicker
    again, and begins and ends at one place: else it is a neck between two parts.
    """
    if len(ring) <= 4 or not (drawn := Polygon(ring)).is_valid:
        return ring
    flat = plane(drawn)
    opened = flat.buffer(-LITTLE_M / 2.0, join_style="mitre")
    opened = opened.buffer(LITTLE_M / 2.0, join_style="mitre", mitre_limit=_MITRE)
    at = shapely.get_coordinates(flat)[:-1]
    shapely.prepare(opened)
    apart = ~shapely.dwithin(shapely.points(at), opened, GPS_ERROR_M)
    if opened.is_empty or not apart.any() or apart.all():
        return ring
    kept = np.ones(len(at), dtype=bool)
    for run in _runs(apart):
        before, after = at[run[0] - 1], at[(run[-1] + 1) % len(at)]
        if np.hypot(*(after - before)) < GPS_ERROR_M:
            tips.append(ring[run[int(np.hypot(*(at[run] - before).T).argmax())]])
            kept[run] = False
    return _closed([position for position, is_kept in zip(ring, kept, strict=False) if is_kept])


def _runs(apart: np.ndarray) -> list[np.ndarray]:
    """The numbers of those that are, by stretches without a break, round the ring."""
    first = int(np.flatnonzero(~apart)[0])
    numbers = (np.arange(len(apart)) + first) % len(apart)
    numbers = numbers[apart[numbers]]
    return np.split(numbers, np.flatnonzero(np.diff(numbers) % len(apart) != 1) + 1)


class _Sliver(NamedTuple):
    what: str
    drawn: Polygon
    width_m: float


def slivers(number: int, fence: Fence, shape: Polygonal) -> Iterator[Finding]:
    """Each part and each hole that is too thin, beside a part that is not."""
    found: list[_Sliver] = []
    kept: list[tuple[Ring, ...]] = []
    for outer, *holes in shape.polygons:
        part = Polygon(outer)
        across = width_m(part, GPS_ERROR_M) if len(shape.polygons) > 1 else GPS_ERROR_M
        if across < GPS_ERROR_M:
            found.append(_Sliver("a part", part, across))
            continue
        gaps = [(hole, Polygon(hole)) for hole in holes]
        thin = {hole: across for hole, gap in gaps if (across := width_m(gap, GPS_ERROR_M)) < GPS_ERROR_M}
        found += [_Sliver("a hole", gap, thin[hole]) for hole, gap in gaps if hole in thin]
        kept.append((outer, *(hole for hole in holes if hole not in thin)))
    if not found or not kept:
        return
    whole = sum(Polygon(outer, holes).area for outer, *holes in shape.polygons)
    without = Polygonal(tuple(kept))
    fix = None if fault(without, fence.approach_m) else replace(fence, shape=without)
    loss = inf if fix is None else sum(one.drawn.area for one in found) / whole
    all_of_them = "" if len(found) == 1 or fix is None else f", and all {len(found)} such are {loss:.3%}"
    for one in found:
        text = f"{one.what} is {one.width_m:.1f} m wide, less than GPS is off by ({GPS_ERROR_M:g} m)"
        remedy = f"drop it; it is {one.drawn.area / whole:.3%} of the area{all_of_them}"
        yield Finding(Code.SLIVER, number, fence.id, text, remedy, inside(one.drawn), fix, loss, loss < LITTLE)
