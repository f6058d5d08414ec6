"""The load of a chaos run has what the judge needs."""

from __future__ import annotations

from collections import Counter

from geofences.formats.geojson import load_geojson
from geofences.index import FenceIndex
from simulators.geography import FENCES
from telematics.core.params import RuleSet
from telematics.replay.dumpfile import DumpRecord
from telematics.replay.dumpfile import Kind as DumpKind
from telematics.wire.reasons import RejectReason
from telematics.wire.records import decode_records
from tests.chaos.faults import SHORT
from tests.chaos.load import PARTITIONS, load
from tests.support.feed import judge


def test_the_same_seed_gives_the_same_bytes() -> None:
    """And another seed another fleet."""
    assert load(1, SHORT.vehicles, SHORT.simulated_s) == load(1, SHORT.vehicles, SHORT.simulated_s)
    assert load(1, SHORT.vehicles, SHORT.simulated_s) != load(2, SHORT.vehicles, SHORT.simulated_s)


def test_there_are_alerts_and_dead_letters_everywhere() -> None:
    """Every partition has ticks, alerts and records nobody can read."""
    inputs = load(1, SHORT.vehicles, SHORT.simulated_s).inputs
    log: dict[int, list[DumpRecord]] = {number: [] for number in range(PARTITIONS)}
    for record in inputs:
        place = log[record.partition]
        place.append(
            DumpRecord(
                record.partition, len(place), record.arrival, DumpKind(record.kind.value), record.key, record.value
            )
        )
    reasons: Counter[RejectReason] = Counter()
    for number, records in log.items():
        rejects = decode_records(records, number, PARTITIONS).rejects
        assert any(record.kind is DumpKind.TICK for record in records)
        assert judge(records, PARTITIONS, FenceIndex(load_geojson(FENCES)), RuleSet())
        assert rejects
        reasons.update(rejected.reject.reason for rejected in rejects)
    assert len(reasons) >= 4
