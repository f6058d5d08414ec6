"""Trucks judged by fences without files: the episodes that come of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from geofences.index import FenceIndex
from geofences.model import Fence
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.model import Trip
from telematics.replay.episodes import Episode, Episodes
from tests.support.story import Input, batch_of


def episodes(
    inputs: Sequence[Input],
    fences: Iterable[Fence] | FenceIndex,
    rules: RuleSet | None = None,
    trips: Iterable[Trip] = (),
) -> dict[str, Episode]:
    """What an engine says of these inputs, by alert id."""
    index = fences if isinstance(fences, FenceIndex) else FenceIndex(fences)
    engine = MonitorEngine(index, rules or RuleSet())
    for trip in trips:
        engine.put_trip(trip)
    heard = Episodes()
    for alert in engine.step(batch_of(inputs)).alerts:
        heard.hear(alert)
    return heard.by_id
