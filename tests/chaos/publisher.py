"""Whoever changes the fences while everything fails."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from geofences.formats.geojson import load_geojson
from geofences.model import Circle, Corridor, Fence
from simulators.geography import FENCES
from telematics.errors import BrokerError
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.fences_topic import Draft, publish_fences
from tests.chaos.faults import Deed, Fault
from tests.chaos.journal import Journal

_LEFT_OUT, _CHANGED = 0.1, 0.3


class Publisher:
    """Publishes sets made of the fences of the simulator, until each is there. `done` counts those after the first."""

    def __init__(self, settings: Settings, journal: Journal, done: Counter[Deed]) -> None:
        self._settings = settings
        self._journal = journal
        self._done = done
        self._drawn = load_geojson(FENCES)

    async def begin(self) -> None:
        """The first set: the fences as they are drawn."""
        await self._publish(self._drawn, None)

    async def do(self, fault: Fault) -> None:
        """Another set: from now on, or so much later in simulated time."""
        arrival = self._journal.written_until
        at = None if not fault.much or arrival is None else arrival + round(fault.much * 1000)
        await self._publish(list(varied(self._drawn, random.Random(fault.whom))), at)
        self._done[Deed.PUBLISH] += 1

    async def _publish(self, fences: Sequence[Fence], at: int | None) -> None:
        for wait_s in connection.backoff_s():
            try:
                made = await publish_fences(self._settings, Draft(fences, "chaos", at))
            except BrokerError as error:
                self._journal.note(f"not published: {error}")
                await asyncio.sleep(wait_s)
            else:
                number = made.manifest.number if made.manifest else "nothing, it is there"
                self._journal.note(f"published {number}, {len(fences)} fences, from {at}")
                return


def varied(fences: Sequence[Fence], rng: random.Random) -> Iterator[Fence]:
    """Some fences less, some larger or smaller, some graver."""
    for fence in fences:
        if rng.random() < _LEFT_OUT:
            continue
        if rng.random() >= _CHANGED:
            yield fence
            continue
        factor = rng.uniform(0.7, 1.5)
        shape = fence.shape
        if isinstance(shape, Circle):
            shape = replace(shape, radius_m=round(shape.radius_m * factor))
        elif isinstance(shape, Corridor):
            shape = replace(shape, buffer_m=round(shape.buffer_m * factor))
        yield replace(fence, shape=shape, severity=rng.randint(1, 5))
