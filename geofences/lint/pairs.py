"""What is wrong between two fences that both hold for some vehicle at some time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import shapely

from geofences.lint.codes import LITTLE_M, SAME, Code
from geofences.lint.finding import Finding
from geofences.lint.measures import inside, plane
from geofences.model import Detect, Fence, FenceKind
from geofences.schedule import Schedule
from geofences.shapes import Area

_VISITS = frozenset({Detect.ENTER, Detect.EXIT, Detect.DWELL, Detect.CROSS})
# What comes every week shows within two, what comes on holidays within a year.
_DAY_MS = 24 * 3_600_000
_WEEKS_MS, _YEAR_MS = 14 * _DAY_MS, 366 * _DAY_MS


class Sound(NamedTuple):
    """A fence that can be used: the number of its feature, and its shape laid out."""

    number: int
    fence: Fence
    area: Area


def paired(ones: Sequence[Sound], now: int | None) -> Iterator[Finding]:
    """Fences that are there twice, and places in no-stop zones."""
    tree = shapely.STRtree([one.area for one in ones])
    areas = np.array([one.area for one in ones], dtype=object)
    alike: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for first, second in tree.query(areas, predicate="intersects").T.tolist() if ones else ():
        one, other = ones[first], ones[second]
        is_kind = first < second and one.fence.kind is other.fence.kind
        is_stop = one.fence.is_place and other.fence.kind is FenceKind.NO_STOP
        if not (is_kind or is_stop) or not _meet(one.fence, other.fence, now or 0):
            continue
        if is_stop:
            yield from _in_no_stop(one, other)
        elif (shared := _shared(one.area, other.area)) >= SAME:
            alike[first].append((shared, second))
    for first, others in alike.items():
        yield _near_identical(ones[first], [(shared, ones[second]) for shared, second in others])


def _near_identical(one: Sound, others: list[tuple[float, Sound]]) -> Finding:
    shared, nearest = max(others, key=lambda other: other[0])
    more = f", and {SAME:.0%} or more with {len(others) - 1} more" if len(others) > 1 else ""
    text = f"shares {shared:.1%} of its area with {nearest.fence.id!r}{more}, also {one.fence.kind}"
    told = any(one.fence.detect & other.fence.detect & _VISITS for _, other in others)
    remedy = f"remove all but one of them: {'each visit is told twice' if told else 'one place is drawn twice'}"
    return Finding(Code.NEAR_IDENTICAL, one.number, one.fence.id, text, remedy, inside(one.area))


def _shared(one: Area, other: Area) -> float:
    """The part of their common area that both have."""
    if not SAME <= one.area / other.area <= 1.0 / SAME:
        return 0.0
    both = float(shapely.intersection(one, other).area)
    return both / float(one.area + other.area - both)


def _in_no_stop(place: Sound, zone: Sound) -> Iterator[Finding]:
    """Where they have more in common than the edge between them, which two people never draw alike."""
    both = shapely.intersection(place.area, zone.area)
    if both.is_empty or plane(both).buffer(-LITTLE_M / 2.0).is_empty:
        return
    share = both.area / place.area.area
    part = "all" if share > 0.995 else f"{share:.0%}" if share >= 0.01 else "less than 1%"
    text = f"{part} of it lies in the no-stop zone {zone.fence.id!r}, which wins: stopping there raises no_stop_zone"
    remedy = f"cut this {place.fence.kind} out of the zone (a hole), or remove one of the two"
    yield Finding(Code.PLACE_IN_NO_STOP, place.number, place.fence.id, text, remedy, inside(both))


def _meet(one: Fence, other: Fence, now: int) -> bool:
    """Whether some vehicle can be in both at an instant from now on when both are awake."""
    if one.applies_to and other.applies_to and not one.applies_to & other.applies_to:
        return False
    schedules = tuple(each.schedule for each in (one, other) if each.schedule is not None)
    start = max(now, one.valid_from or 0, other.valid_from or 0)
    far = start + (_YEAR_MS if any(schedule.holidays for schedule in schedules) else _WEEKS_MS)
    return _awake_together(schedules, start, min(each.valid_to or far for each in (one, other)))


@lru_cache
def _awake_together(schedules: tuple[Schedule, ...], start: int, end: int) -> bool:
    at = start
    while at < end:
        asleep = [until for awake, until in (schedule.period(at) for schedule in schedules) if not awake]
        if not asleep:
            return True
        at = max(end if until is None else until for until in asleep)
    return False
