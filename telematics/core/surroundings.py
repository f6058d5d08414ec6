"""What a fix stands in: corridors and their risk, places, dead zones, and the fences whose visits are followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geofences.model import FenceKind
from geofences.transitions import State
from telematics.core import visits

if TYPE_CHECKING:
    from geofences.index import FenceIndex
    from telematics.core.state import VehicleState
    from telematics.model import Ping

Hits = tuple[int, ...]
"""The fences a point is in or near, as codes: twice the fence's number, plus 1 where the point is inside."""


class Surroundings:
    """The fences, as the engine asks for them: for a batch of pings at once, then fix by fix."""

    def __init__(self, fences: FenceIndex) -> None:
        self._index = fences
        self._tracked = visits.tracked(fences.fences)
        # Fences that are not there for everybody, always: what one fix stood in says nothing of the next.
        self._conditional = frozenset(
            number
            for number, fence in enumerate(fences.fences)
            if fence.applies_to or fence.valid_from is not None or fence.valid_to is not None
        )

    def locate(self, pings: list[Ping | None]) -> list[Hits]:
        """The hits of every ping's position; a tick has none."""
        placed = [ping for ping in pings if ping is not None]
        located = iter(self.locate_points([ping.lon for ping in placed], [ping.lat for ping in placed]))
        if len(placed) == len(pings):
            return list(located)
        return [() if ping is None else next(located) for ping in pings]

    def locate_points(self, lon: list[float], lat: list[float]) -> list[Hits]:
        """The hits of points, degrees."""
        if not lon:
            return []
        matches = self._index.match(np.array(lon), np.array(lat))
        codes = [number * 2 + inside for number, inside in zip(matches.fences, matches.inside, strict=True)]
        starts = matches.starts
        return [tuple(codes[starts[i] : starts[i + 1]]) for i in range(len(lon))]

    def applicable(self, state: VehicleState, hits: Hits, ts: int) -> Hits:
        """The hits of fences that are there for this vehicle (`applies_to`) at this time (`valid_from`, `valid_to`)."""
        if not hits or self._conditional.isdisjoint(code >> 1 for code in hits):
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

    def followed(self, hits: Hits) -> set[int]:
        """The numbers of the fences a point is inside of whose visits are followed."""
        return {code >> 1 for code in hits if code & 1} & self._tracked

    def is_settled(self, state: VehicleState, hits: Hits, inside: set[int]) -> bool:
        """Whether another fix with the same hits changes nothing: inside for good wherever it is inside, nowhere else."""
        return (
            len(state.visits) == len(inside)
            and self._conditional.isdisjoint(code >> 1 for code in hits)
            and all(visit.state == State.INSIDE for visit in state.visits.values())
        )

    def look_around(self, state: VehicleState, hits: Hits) -> None:
        """Note in the state what its last good fix stands in. `hits`: the applicable ones."""
        if hits == state.hits:
            return
        state.hits = hits
        state.risk, state.corridor, state.dead_zone = 0, None, None
        places: list[int] = []
        for code in hits:
            number = code >> 1
            fence = self._index.fences[number]
            if fence.is_place:
                places.append(number)
            elif fence.kind is FenceKind.KNOWN_DEAD_ZONE:
                state.dead_zone = number
            elif fence.kind is FenceKind.HIGH_RISK_CORRIDOR and code & 1 and (fence.risk or 0) > state.risk:
                state.risk, state.corridor = fence.risk or 0, number
        state.places = tuple(places)
