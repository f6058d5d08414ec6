"""What a fix stands in: corridors and their risk, places, dead zones, and the fences whose visits are followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from geofences.crossing import Crossings
from geofences.model import FenceKind
from geofences.transitions import State
from telematics.core import visits
from telematics.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from geofences.crossing import Crossing
    from telematics.core.facts import Scope
    from telematics.core.state import FixPoint, VehicleState

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

Hits = tuple[int, ...]
"""The fences a point is in or near, as codes: twice the fence's number, plus 1 where the point is inside."""

_NO_KEY = float("nan")
_KEYS = 100_000  # different sets of several fences that have a key; fixes in others only miss a shortcut


class Spot(NamedTuple):
    """What a point with certain hits stands in, as the rules see it, and the fences whose visits are followed there.

    `lasting`: each of the fences hit is there for everybody, always.
    """

    risk: int
    corridor: int | None
    dead_zone: int | None
    places: tuple[int, ...]
    inside: frozenset[int]
    lasting: bool


class Located:
    """The hits of many points: `located[i]` those of point `i`, `keys[i]` the number that stands for them."""

    __slots__ = ("_codes", "_starts", "keys")

    def __init__(self, starts: list[int], codes: list[int], keys: NDArray[np.float64]) -> None:
        self._starts = starts
        self._codes = codes
        self.keys = keys

    def __getitem__(self, i: int) -> Hits:
        return tuple(self._codes[self._starts[i] : self._starts[i + 1]])


class Surroundings:
    """The fences, as the engine asks for them: for a batch of pings at once, then fix by fix."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.renew()

    def renew(self) -> None:
        """The scope has other fences now: nothing that was said of the former holds."""
        self._index = self._scope.fences
        self._number_of = self._scope.number_of
        self._keys: dict[Hits, float] = {}
        self._spots: Memo[Hits, Spot] = Memo(self._spot, _KEYS)
        self._tracked = visits.tracked(self._index.fences)
        self._crossings = Crossings(self._index.fences)
        # Fences that are not there for everybody, always.
        self._conditional = frozenset(
            number for number, fence in enumerate(self._index.fences) if fence.applies_to or not fence.is_always
        )

    def locate(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Located:
        """The hits of points, degrees; one that is not finite has none."""
        matches = self._index.match(lon, lat)
        starts, numbers = matches.starts, matches.fences * 2 + matches.inside
        codes = numbers.tolist()
        count = starts[1:] - starts[:-1]
        keys = np.zeros(len(count))
        alone, several = np.flatnonzero(count == 1), np.flatnonzero(count > 1)
        keys[alone] = numbers[starts[alone]] + 1
        spans = zip(starts[several].tolist(), starts[several + 1].tolist(), strict=True)
        keys[several] = [self.key(tuple(codes[start:end])) for start, end in spans]
        return Located(starts.tolist(), codes, keys)

    def key(self, hits: Hits | None) -> float:
        """A number that stands for these hits and no others, as long as this object lives; NaN for none known."""
        if hits is None:
            return _NO_KEY
        if len(hits) < 2:
            return float(hits[0] + 1) if hits else 0.0
        found = self._keys.get(hits)
        if found is None:
            if len(self._keys) >= _KEYS:
                return _NO_KEY
            found = self._keys[hits] = -1.0 - len(self._keys)
        return found

    def applicable(self, state: VehicleState, hits: Hits, ts: int) -> Hits:
        """The hits of fences that are there for this vehicle (`applies_to`) at this time (schedule, validity)."""
        if self._spots[hits].lasting:
            return hits
        tags = tags_of(state)
        fences = self._index.fences
        return tuple(
            code for code in hits if code >> 1 not in self._conditional or visits.applies(fences[code >> 1], tags, ts)
        )

    def next_change(self, state: VehicleState, hits: Hits, ts: int) -> int | None:
        """When the next of the fences that are hit or visited wakes up or falls asleep, ms; None if none ever does."""
        if not self._conditional:
            return None
        concerned = {code >> 1 for code in hits} | {self._number_of[fence_id] for fence_id in state.visits}
        changes = (self._index.fences[number].period(ts)[1] for number in concerned & self._conditional)
        return min((change for change in changes if change is not None), default=None)

    def depends(self, state: VehicleState, hits: Hits) -> bool:
        """Whether a fence that is hit or visited is not there for everybody, always."""
        if not self._conditional:
            return False
        return not self._spots[hits].lasting or any(
            self._number_of[fence_id] in self._conditional for fence_id in state.visits
        )

    def is_to_be_watched(self, state: VehicleState, hits: Hits, ts: int) -> bool:
        """Whether fences that are hit or visited change some day, or have the vehicle in them without a visit."""
        if self.next_change(state, hits, ts) is not None:
            return True
        visited = {self._number_of[fence_id] for fence_id in state.visits}
        return not self.followed(self.applicable(state, hits, ts)) <= visited

    def crossed(self, before: FixPoint, fix: FixPoint) -> list[Crossing]:
        """The fences that detect it and lie between two fixes, in neither of which the vehicle is in them."""
        return self._crossings.between((before.lon, before.lat), (fix.lon, fix.lat)) if self._crossings else []

    def may_cross(self, lon: Floats, lat: Floats, to_lon: Floats, to_lat: Floats) -> Mask | None:
        """Which ways of many meet a fence that detects it; None where no fence does."""
        return self._crossings.meets(lon, lat, to_lon, to_lat) if self._crossings else None

    def followed(self, hits: Hits) -> frozenset[int]:
        """The numbers of the fences a point is inside of whose visits are followed."""
        return self._spots[hits].inside

    def settle(self, state: VehicleState, hits: Hits, inside: AbstractSet[int], until: float) -> None:
        """Note until when another fix with the same hits changes nothing; no fence wakes up or falls asleep before `until`.

        It is inside for good wherever it is inside; elsewhere only a leaving waits to be confirmed.
        """
        state.settled_in, state.settled_until = None, until
        for fence_id, visit in state.visits.items():
            number = self._number_of[fence_id]
            if visit.state != (State.INSIDE if number in inside else State.LEAVING):
                return
            if visit.state == State.LEAVING:
                state.settled_until = min(state.settled_until, visits.left_by(self._index.fences[number], visit))
        if inside <= {self._number_of[fence_id] for fence_id in state.visits}:
            state.settled_in = hits

    def look_around(self, state: VehicleState, hits: Hits) -> None:
        """Note in the state what its last good fix stands in. `hits`: the applicable ones."""
        if hits == state.hits:
            return
        state.hits = hits
        state.risk, state.corridor, state.dead_zone, state.places, *_ = self._spots[hits]

    def is_passing(self, state: VehicleState, hits: Hits) -> bool:
        """Whether a settled vehicle that is now where these hits are has only come to other places, or past them.

        That is, it is in the same corridor or dead zone, no visit begins or begins to end, and no fence that it is in or
        was in wakes up or falls asleep some day.
        """
        spot = self._spots[hits]
        if not spot.lasting or visits.CHANGE in state.deadlines:
            return False
        visited = 0
        for fence_id, visit in state.visits.items():
            is_inside = self._number_of[fence_id] in spot.inside
            if is_inside is not (visit.state == State.INSIDE):
                return False
            visited += is_inside
        same = spot.risk == state.risk and spot.corridor == state.corridor and spot.dead_zone == state.dead_zone
        return same and visited == len(spot.inside)

    def pass_on(self, state: VehicleState, hits: Hits) -> None:
        """Let the vehicle be there."""
        self.look_around(state, hits)
        state.settled_in = hits

    def _spot(self, hits: Hits) -> Spot:
        risk, corridor, dead_zone = 0, None, None
        places: list[int] = []
        for code in hits:
            number = code >> 1
            fence = self._index.fences[number]
            if fence.is_place:
                places.append(number)
            elif fence.kind is FenceKind.KNOWN_DEAD_ZONE:
                dead_zone = number
            elif fence.kind is FenceKind.HIGH_RISK_CORRIDOR and code & 1 and (fence.risk or 0) > risk:
                risk, corridor = fence.risk or 0, number
        inside = self._tracked.intersection(code >> 1 for code in hits if code & 1)
        lasting = self._conditional.isdisjoint(code >> 1 for code in hits)
        return Spot(risk, corridor, dead_zone, tuple(places), inside, lasting)


def tags_of(state: VehicleState) -> AbstractSet[str]:
    """The tags of the vehicle, by its trip."""
    return frozenset() if state.trip is None else frozenset(state.trip.vehicle.tags)
