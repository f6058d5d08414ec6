"""What the bench measures with."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from bench.latency import PANICS_PER_S, Plan, paced
from bench.load import PARTITIONS, fleet, member, write_fences
from bench.memory import size_of
from geofences.formats.geojson import load_geojson
from simulators.merge import Kind
from telematics.model import DeviceEvent, Ping
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import decode_ping


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_fence_files_are_what_they_say(tmp_path: Path, count: int) -> None:
    """So many fences, readable by the product, the same every time; a larger set holds the smaller one."""
    first, again, larger = (tmp_path / name for name in ("first", "again", "larger"))
    write_fences(first, count)
    write_fences(again, count)
    write_fences(larger, count + 50)
    assert len(load_geojson(first)) == count
    assert first.read_bytes() == again.read_bytes()
    assert json.loads(larger.read_bytes())["features"][:count] == json.loads(first.read_bytes())["features"]


def test_a_convoy_is_vehicles_of_its_own() -> None:
    """Each member sends the truck's pings under an id, a key and a partition of its own."""
    record = next(record for record in fleet(trucks=10) if record.kind is Kind.PING)
    assert record.key is not None
    second = member(record, record.key, 1)
    truck, other = decode_ping(record.value), decode_ping(second.value)
    assert isinstance(truck, Ping)
    assert isinstance(other, Ping)
    assert other.vehicle_id == f"{truck.vehicle_id}.1"
    assert second.key == other.vehicle_id.encode()
    assert second.partition == partition_of(second.key, PARTITIONS)
    assert (other.lat, other.lon, other.ts) == (truck.lat, truck.lon, truck.ts)


@pytest.mark.parametrize(("rate", "vehicles"), [(2_000, 1_000), (10_000, 10_000), (10_000, 1_000)])
def test_paced_pings_are_steady_and_believable(rate: int, vehicles: int) -> None:
    """At the rate that was asked, each vehicle in turn, at most one panic a vehicle a second of the run, no jumps."""
    trucks = [Ping(f"v-{n}", 0, 20.0, -100.0, speed_kmh=90.0, heading_deg=90.0) for n in range(vehicles)]
    plan = Plan(rate, 4.0, vehicles)
    pings = list(islice(paced(trucks, plan, 1_000_000), rate))
    assert len(pings) == rate
    assert [when for when, _ in pings] == [ping.ts for _, ping in pings] == sorted(ping.ts for _, ping in pings)
    assert pings[-1][0] - 1_000_000 == 1000 * (rate - 1) // rate
    panics = [ping.vehicle_id for _, ping in pings if DeviceEvent.PANIC in ping.events]
    assert len(panics) == pytest.approx(PANICS_PER_S, abs=2)
    assert len(set(panics)) == len(panics)
    turns = [ping for _, ping in pings if ping.vehicle_id == "v-7"]
    metres = (turns[-1].lon - turns[0].lon) * 111_195
    assert metres == pytest.approx(25.0 * (turns[-1].ts - turns[0].ts) / 1000, abs=0.3)


def test_an_object_is_measured_once_and_code_not_at_all() -> None:
    """Shared objects count once, however many refer to them; classes and functions are nobody's state."""
    shared = [1.5] * 3
    assert size_of([[shared, shared]]) == size_of([[shared, ()]]) - size_of([()])
    assert size_of([Ping, fleet]) == 0
