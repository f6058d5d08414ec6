"""What a fix stands in: corridors and their risk, places, dead zones, and the fences whose visits are followed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from geofences.model import FenceKind
from geofences.transitions import State
from telematics.core import visits
from telematics.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from geofences.index import FenceIndex
    from telematics.core.state import VehicleState

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

    def __init__(self, fences: FenceIndex, number_of: Mapping[str, int]) -> None:
        self._index = fences
        self._number_of = number_of
        self._keys: dict[Hits, float] = {}
        self._spots: Memo[Hits, Spot] = Memo(self._spot, _KEYS)
        self._tracked = visits.tracked(fences.fences)
        # Fences that are not there for everybody, always: what one fix stood in says nothing of the next.
        self._conditional = frozenset(
            number
            for number, fence in enumerate(fences.fences)
            if fence.applies_to or fence.valid_from is not None or fence.valid_to is not None
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
        """The hits of fences that are there for this vehicle (`applies_to`) at this time (`valid_from`, `valid_to`)."""
        if self._spots[hits].lasting:
            return hits
        tags = set(state.trip.vehicle.tags) if state.trip is not None else set()

        def applies(number: int) -> bool:
            fence = self._index.fences[number]
            return (
                (not fence.applies_to or not tags.isdisjoint(fence.applies_to))
                and (fence.valid_from is None or fence.valid_from <= ts)
                and (fence.valid_to is None or ts < fence.valid_to)
            )

        return tuple(code for code in hits if code >> 1 not in self._conditional or applies(code >> 1))

    def followed(self, hits: Hits) -> frozenset[int]:
        """The numbers of the fences a point is inside of whose visits are followed."""
        return self._spots[hits].inside

    def settle(self, state: VehicleState, hits: Hits, inside: AbstractSet[int]) -> None:
        """Note until when another fix with the same hits changes nothing.

        It is inside for good wherever it is inside; elsewhere only a leaving waits to be confirmed.
        """
        state.settled_in, state.settled_until = None, math.inf
        if not self._spots[hits].lasting:
            return
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

        That is, it is in the same corridor or dead zone, and no visit begins or begins to end.
        """
        spot = self._spots[hits]
        if not spot.lasting:
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
