"""What is wrong with one feature, whatever the others are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import shapely

from geofences.boundary import smallest_extent_m
from geofences.lint.codes import GPS_ERROR_M, LEG_ERROR, LITTLE, Code
from geofences.lint.finding import Finding, Region
from geofences.lint.measures import inside, legs_m, width_m
from geofences.lint.refused import refused, swapped
from geofences.lint.thin import slivers, spikes
from geofences.lint.vertices import vertices
from geofences.model import Corridor, Fence, Polygonal, Position, Shape

if TYPE_CHECKING:
    from geofences.formats.features import Read
    from geofences.shapes import Area


def looked(number: int, read: Read, area: Area | None, region: Region, now: int | None) -> list[Finding]:
    """What a feature is refused for, or what its fence, laid out as `area`, will not do; repairs are safe that are so together."""
    found = list(refused(number, read, region))
    if read.fence is not None and area is not None:
        found += _of_fence(number, read.fence, area, region, now)
    losses = {finding.code: finding.loss for finding in found if finding.is_safe}
    if sum(losses.values()) < LITTLE:
        return found
    return [replace(finding, is_safe=finding.is_safe and not finding.loss) for finding in found]


def _of_fence(number: int, fence: Fence, polygon: Area, region: Region, now: int | None) -> Iterator[Finding]:
    if finding := swapped(number, fence, region):
        yield finding
        return
    west, south, east, north = polygon.bounds
    if east < region.west or west > region.east or north < region.south or south > region.north:
        yield Finding(
            Code.OUTSIDE_REGION,
            number,
            fence.id,
            f"lies outside the region {', '.join(f'{edge:g}' for edge in region)} (west, south, east, north)",
            "move it, or name the region the fleet drives in",
            inside(polygon),
        )
    if now is not None and fence.period(now) == (False, None):
        yield _never_active(number, fence, now)
    if isinstance(fence.shape, Polygonal):
        yield from spikes(number, fence, fence.shape)
        yield from slivers(number, fence, fence.shape)
    yield from _size(number, fence, polygon)
    yield from _corridor(number, fence)
    yield from vertices(number, fence)


def _never_active(number: int, fence: Fence, now: int) -> Finding:
    if fence.valid_to is not None and fence.valid_to <= now:
        text, remedy = "valid_to has passed", "remove the fence, or give it a later valid_to"
    elif replace(fence, valid_to=None).period(now) == (False, None):
        text, remedy = f"its schedule never wakes it: {fence.schedule}", "give hours that come, or remove the fence"
    else:
        text = f"its schedule does not wake it before valid_to: {fence.schedule}"
        remedy = "give hours that come before valid_to, or a later valid_to"
    return Finding(Code.NEVER_ACTIVE, number, fence.id, text, remedy)


def _size(number: int, fence: Fence, polygon: Area) -> Iterator[Finding]:
    size_m = _size_m(fence.shape, polygon)
    if size_m < 2 * GPS_ERROR_M:
        text = f"is {size_m:.0f} m across, and GPS is off by {GPS_ERROR_M:g} m either way"
        remedy = f"make it {2 * GPS_ERROR_M:g} m wide or wider: a visit will often be missed, or end too early"
        yield Finding(Code.BELOW_GPS_ERROR, number, fence.id, text, remedy, inside(polygon))


def _size_m(shape: Shape, polygon: Area) -> float:
    """Across the widest place of the widest part; of polygons only as far as it matters."""
    if not isinstance(shape, Polygonal):
        return smallest_extent_m(shape, polygon)
    return max(width_m(part, 2 * GPS_ERROR_M) for part in shapely.get_parts(polygon))


def _corridor(number: int, fence: Fence) -> Iterator[Finding]:
    if not isinstance(fence.shape, Corridor):
        return
    legs, lengths = legs_m(fence.shape)
    longest = int(lengths.argmax())
    off_m = LEG_ERROR * float(lengths[longest])
    if fence.shape.buffer_m < off_m:
        text = (
            f"buffer_m is {fence.shape.buffer_m:,.0f} and a leg is {lengths[longest] / 1000:,.1f} km long: a road is "
            f"seldom so straight, and leaves the corridor"
        )
        remedy = f"draw the line with more positions, or give buffer_m at least {off_m:,.0f}"
        yield Finding(Code.NARROW_CORRIDOR, number, fence.id, text, remedy, _middle(*legs[longest]))


def _middle(start: Position, end: Position) -> Position:
    return round((start[0] + end[0]) / 2.0, 6), round((start[1] + end[1]) / 2.0, 6)
