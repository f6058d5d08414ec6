"""What holds for every fleet, whatever the seed: repeatable, ordered, readable, and silent about the truth."""

from __future__ import annotations

from itertools import pairwise

import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from simulators.faults import Faults
from simulators.fleet import FleetPlan, records
from simulators.merge import Kind, Record
from telematics.model import Ping, Trip
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import decode_ping, encode_ping, read_ping
from telematics.wire.ticks import TICK_VALUE
from telematics.wire.trips import decode_trip

SHARES = st.sampled_from([0.0, 0.05, 0.3])
PLANS = st.builds(
    FleetPlan,
    vehicles=st.integers(4, 12),
    seed=st.integers(0, 2**32),
    duration_ms=st.integers(1_000, 2_400_000),
    cadence_s=st.sampled_from([None, 10, 30, 60]),
    hijacks=st.integers(0, 2),
    dead_zones=st.integers(0, 2),
    partitions=st.integers(1, 5),
    faults=st.builds(Faults, SHARES, SHARES, SHARES, SHARES),
)
FEW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FULL = FleetPlan(vehicles=10, seed=3, duration_ms=2_400_000, hijacks=3, dead_zones=3)


def of_kind(plan: FleetPlan, kind: Kind) -> list[Record]:
    """The records of one kind."""
    return [record for record in records(plan) if record.kind is kind]


@FEW
@given(PLANS)
@example(FULL)
def test_a_plan_repeats_itself(plan: FleetPlan) -> None:
    """The same plan gives the same records, to the byte."""
    assert list(records(plan)) == list(records(plan))


def test_seeds_differ() -> None:
    """Another seed gives another fleet."""
    other = FleetPlan(vehicles=10, seed=4, duration_ms=2_400_000, hijacks=3, dead_zones=3)
    assert {r.value for r in of_kind(FULL, Kind.PING)}.isdisjoint(r.value for r in of_kind(other, Kind.PING))


def test_a_vehicle_does_not_depend_on_the_size_of_its_fleet() -> None:
    """A truck's numbers are its own: more trucks beside it change nothing of its life."""
    small, large = (FleetPlan(vehicles=n, seed=3, duration_ms=900_000) for n in (2, 9))
    assert [r.value for r in of_kind(small, Kind.PING) if r.lane == 1] == [
        r.value for r in of_kind(large, Kind.PING) if r.lane == 1
    ]


@FEW
@given(PLANS)
@example(FULL)
def test_arrivals_never_decrease(plan: FleetPlan) -> None:
    """Records come in order of arrival, within the run, with a tick in every partition every 5 s."""
    found = list(records(plan))
    assert all(a.arrival <= b.arrival for a, b in pairwise(found))
    assert plan.end_ms is not None
    assert all(plan.start_ms <= record.arrival <= plan.end_ms for record in found)
    due = list(range(plan.start_ms, plan.end_ms + 1, 5_000))
    for partition in range(plan.partitions):
        ticks = [r for r in found if r.kind is Kind.TICK and r.partition == partition]
        assert [tick.arrival for tick in ticks] == due
        assert all(tick.key is None and tick.value == TICK_VALUE for tick in ticks)


@FEW
@given(PLANS)
@example(FULL)
def test_every_ping_is_a_ping(plan: FleetPlan) -> None:
    """Every ping decodes, knows no unknown field, lies in its key's partition and did not arrive before it was made.

    Its bytes are what the wire's own encoder makes of it.
    """
    for record in of_kind(plan, Kind.PING):
        ping, unknown = read_ping(record.value)
        assert isinstance(ping, Ping)
        assert unknown == 0
        assert encode_ping(ping) == record.value
        assert record.key == ping.vehicle_id.encode()
        assert record.partition == partition_of(record.key, plan.partitions)
        assert ping.ts <= record.arrival


@FEW
@given(PLANS)
def test_every_vehicle_has_its_trip_before_its_pings(plan: FleetPlan) -> None:
    """Dispatch publishes each vehicle's trip, with planned stops at known fences, before the first ping."""
    seen: set[bytes | None] = set()
    for record in records(plan):
        if record.kind is Kind.TRIP:
            trip = decode_trip(record.value)
            assert isinstance(trip, Trip)
            assert trip.trip is not None
            assert trip.effective_at is not None
            assert trip.effective_at >= record.arrival
            assert len(trip.trip.stops) >= 2
            assert all(stop.place for stop in trip.trip.stops)
            seen.add(record.key)
        elif record.kind is Kind.PING:
            assert record.key in seen


def test_truth_is_never_in_a_ping() -> None:
    """Nothing in pings or trips tells a scenario's vehicle from another: no field, no name, no word of the truth."""
    truths = [orjson.loads(record.value) for record in of_kind(FULL, Kind.TRUTH)]
    assert {truth["scenario"] for truth in truths} == {"H01", "C03"}
    marked = {truth["vehicle_id"].encode() for truth in truths}
    told = [record for record in records(FULL) if record.kind in {Kind.PING, Kind.TRIP}]
    fields: dict[bool, set[str]] = {True: set(), False: set()}
    for record in told:
        fields[record.key in marked] |= orjson.loads(record.value).keys()
        assert not any(word in record.value.lower() for word in (b"h01", b"c03", b"hijack", b"scenario", b"truth"))
    # What a device may say only when something happens is no tag of ours.
    assert fields[True] - fields[False] <= {"events", "buffered"}
    numbers = sorted(int(key.decode().removeprefix("MX-")) for key in marked)
    assert numbers != list(range(1, 7))


@FEW
@given(st.integers(0, 2**32), st.sampled_from(["loss", "duplicates", "reorder", "no_fix"]))
def test_each_fault_does_what_it_says(seed: int, fault: str) -> None:
    """Each fault alone: lost pings are missing, duplicates equal, overtaken ones late, and no fix has no satellites."""
    plain = FleetPlan(vehicles=8, seed=seed, duration_ms=1_800_000, cadence_s=10)
    spoilt = FleetPlan(vehicles=8, seed=seed, duration_ms=1_800_000, cadence_s=10, faults=Faults(**{fault: 0.2}))
    before, after = of_kind(plain, Kind.PING), of_kind(spoilt, Kind.PING)
    sent = {record.value for record in before}
    match fault:
        case "loss":
            assert len(after) < len(before)
            assert {record.value for record in after} < sent
        case "duplicates":
            assert len(after) > len(before)
            assert {record.value for record in after} == sent
        case "reorder":
            assert {record.value for record in after} <= sent
            late = [r for r in after if r.arrival - _ping(r).ts > 60_000]
            assert 0.05 < len(late) / len(after) < 0.5
        case _:
            blind = [_ping(r) for r in after if r.value not in sent]
            assert blind
            assert all(ping.satellites == 0 and ping.fix == "none" and ping.speed_kmh == 0 for ping in blind)


def _ping(record: Record) -> Ping:
    ping = decode_ping(record.value)
    assert isinstance(ping, Ping)
    return ping
