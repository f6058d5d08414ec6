"""Law 8: state is plain data and bounded; restored from a snapshot the engine goes on as if it had never stopped."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geofences.index import FenceIndex
from geofences.model import Detect, Fence, FenceKind
from telematics.core import snapshot
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.core.snapshot import NewerStateError, parse_vehicle, restore_vehicle
from telematics.model import Device, DeviceEvent
from tests.support.generator import RULE_SET, Coverage, Stream, run, streams
from tests.support.places import FENCES, INDEX, circle
from tests.support.story import batch_of, in_order
from tests.support.truck import Truck

HARD_BYTES = 8192
# A truck on the road with 20 fixes in its ring and 5 fences behind it: some 1,510 bytes of compact JSON, 600 deflated.
TYPICAL_BYTES = 1530


def _size(plain: dict[str, Any]) -> int:
    return len(json.dumps(plain, separators=(",", ":")))


def test_a_restored_engine_goes_on_as_if_it_had_never_stopped() -> None:
    """Snapshot anywhere, through JSON into a new engine: the rest of the stream has identical bytes and counts."""
    coverage = Coverage()

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(stream=streams(), data=st.data())
    def law(stream: Stream, data: st.DataObject) -> None:
        inputs = stream.inputs
        cut = data.draw(st.integers(0, len(inputs)), label="cut")
        engine = stream.engine()
        before = run(engine, inputs[:cut])
        snapshot = engine.snapshot()
        frozen = json.dumps(snapshot)
        restored = stream.restored(snapshot)
        assert json.dumps(restored.snapshot()) == frozen
        rest = run(engine, inputs[cut:])
        assert json.dumps(snapshot) == frozen, "a snapshot must not change when the engine goes on"
        coverage.add([*before.alerts, *rest.alerts])
        again = run(restored, inputs[cut:])
        assert again.encoded() == rest.encoded()
        assert again.counts == rest.counts
        assert json.dumps(restored.snapshot()) == json.dumps(engine.snapshot())

    law()
    coverage.require()


def test_a_dirty_vehicle_stays_within_its_bound() -> None:
    """However dirty the stream, no vehicle's snapshot passes 8 KB."""
    coverage = Coverage()

    @settings(max_examples=36, deadline=None, derandomize=True)
    @given(stream=streams(most_acts=12, vehicles=2))
    def law(stream: Stream) -> None:
        engine = stream.engine()
        edges = [*range(0, len(stream.inputs), 200), len(stream.inputs)]
        for first, last in pairwise(edges):
            coverage.add(engine.step(batch_of(stream.inputs[first:last], first)).alerts)
            for plain in engine.snapshot()["vehicles"].values():
                assert _size(plain) <= HARD_BYTES

    law()
    coverage.require()


def test_an_ordinary_truck_takes_about_a_kilobyte() -> None:
    """Ordinary driving with stops and visits stays near 1 KB, and well under it once compressed."""
    engine = MonitorEngine(INDEX, RULE_SET)
    truck = Truck("MX-4711", every_s=30, hdop=0.9)
    for stop_km in (30, 60, 88):
        while truck.km < stop_km:
            truck.north_m = 40 * (truck.km % 3)
            truck.flag(30, kmh=72, odometer_km=812345.6 + truck.km)
        truck.stand(300, odometer_km=812345.6 + truck.km)
    while truck.km < 100:
        truck.flag(30, kmh=72, odometer_km=812345.6 + truck.km)
    run(engine, list(truck.sent))
    (plain,) = engine.snapshot()["vehicles"].values()
    assert _size(plain) <= TYPICAL_BYTES
    assert len(zlib.compress(json.dumps(plain, separators=(",", ":")).encode())) <= 1024


@pytest.mark.parametrize("letters", [16, 64])
def test_many_fences_on_one_spot_stay_within_the_bound(letters: int) -> None:
    """Sixty fences with ids of any length over each other: what is too much is dropped and counted, nothing repeats.

    A trailer and a cargo device report beside, with everything a device can flag.
    """
    stacked = [
        Fence(
            id=f"stacked-fence-{number:02d}".ljust(letters, "x"),
            kind=FenceKind.NO_STOP if number % 2 else FenceKind.GENERIC,
            shape=circle(25, 400 + number),
            detect=frozenset(Detect) - {Detect.CROSS},
            dwell_s=60,
            min_outside_s=0,
        )
        for number in range(60)
    ]
    engine = MonitorEngine(FenceIndex([*FENCES, *stacked]), RuleSet())
    truck = Truck("T1", km=22)
    for _ in range(4):
        truck.drive(25).stand(400).drive(28, kmh=72)
        truck.drive(25).drive(22)
    siblings = [
        replace(
            ping, device=device, ts=ping.ts + 7 * (1 + row % 5), events=(list(DeviceEvent)[row % len(DeviceEvent)],)
        )
        for row, (_, ping) in enumerate(truck.sent)
        for device in (Device.TRAILER, Device.CARGO)
    ]
    sent = in_order([*truck.sent, *((ping.ts, ping) for ping in siblings)])
    told: list[tuple[str, int]] = []
    dropped = largest = 0
    for number, input_ in enumerate(sent):
        effects = engine.step(batch_of([input_], number))
        told += [(alert.alert_id, alert.seq) for alert in effects.alerts]
        dropped += effects.counts["state_dropped"]  # type: ignore[index]
        (plain,) = engine.snapshot()["vehicles"].values()
        largest = max(largest, _size(plain))
    assert largest <= HARD_BYTES
    assert len(told) == len(set(told))
    assert dropped > 0


@pytest.mark.parametrize("late_fixes", [3, 21, 25])
def test_looking_at_a_state_changes_nothing_that_follows(late_fixes: int) -> None:
    """Late fixes that the ring has forgotten, then a jump that begins it anew: their duplicates are known either way."""
    truck = Truck("V1", km=83, interval_s=10.0).send(speed_kmh=20.0)
    began = truck.now_s
    truck.now_s = began + 400
    truck.send(satellites=0, arrives_s=400)  # without a fix, so that what follows is late and newer than the last one
    late = []
    for i in range(late_fixes):
        truck.now_s, truck.km = began + 10 * (i + 1), round(83 + 0.01 * (i + 1), 6)
        truck.send(speed_kmh=20.0, arrives_s=401 + i)
        late.append(truck.sent[-1][1])
    truck.km = 300
    for i in range(3):
        truck.now_s = 500 + 10 * i
        truck.send(speed_kmh=20.0, arrives_s=500 + 10 * i)
    last_at = truck.sent[-1][0]
    inputs = [*truck.sent, (last_at + 20_000, late[0]), (last_at + 21_000, late[-1])]
    watched, alone = MonitorEngine(INDEX, RULE_SET), MonitorEngine(INDEX, RULE_SET)
    seen, unseen = [], []
    for number in range(len(inputs)):
        seen.append(run(watched, inputs[number : number + 1]).counts)
        watched.snapshot()
        unseen.append(run(alone, inputs[number : number + 1]).counts)
    assert seen == unseen
    assert watched.snapshot() == alone.snapshot()
    assert all(counts["late_ignored"] or counts["duplicate"] for counts in seen[-2:])


def test_a_state_of_another_version_is_refused() -> None:
    """A snapshot that this program does not know is named, not guessed at."""
    engine = MonitorEngine(INDEX, RULE_SET)
    run(engine, list(Truck("T1").send().sent))
    plain = {**engine.snapshot()["vehicles"]["T1"], "v": 99}
    with pytest.raises(NewerStateError, match="it has version 99"):
        parse_vehicle(plain)


def test_states_of_older_versions_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step of a migration is taken in turn; a version from which none leads is refused."""
    engine = MonitorEngine(INDEX, RULE_SET)
    run(engine, list(Truck("T1").send().sent))
    plain = engine.snapshot()["vehicles"]["T1"]
    monkeypatch.setattr(snapshot, "STATE_VERSION", 3)
    monkeypatch.setitem(snapshot.MIGRATIONS, 1, lambda old: {**old, "v": 2, "moved_ts": old["moved_ts"] + 5})
    monkeypatch.setitem(snapshot.MIGRATIONS, 2, lambda old: {**old, "v": 3, "moved_ts": old["moved_ts"] * 2})
    parsed = parse_vehicle(plain)
    assert (parsed.v, parsed.moved_ts) == (3, (plain["moved_ts"] + 5) * 2)
    with pytest.raises(ValueError, match="it has version 0"):
        parse_vehicle({**plain, "v": 0})


@pytest.mark.parametrize(
    "spoilt",
    [
        {"ring": [["a", 0, 0, 0, 0]]},
        {"names": []},
        {"fix": [1, 2]},
        {"episodes": [[0, 0, 1, 9, 0, True]]},
        {"device": None},
    ],
)
def test_what_is_no_state_is_refused(spoilt: dict[str, Any]) -> None:
    """A state that contradicts its form never reaches an engine."""
    engine = MonitorEngine(INDEX, RULE_SET)
    truck = Truck("T1", km=28)
    run(engine, list(truck.drive(30).stand(300).sent))
    plain = json.loads(json.dumps(engine.snapshot()["vehicles"]["T1"]))
    restore_vehicle("T1", parse_vehicle(plain))
    with pytest.raises(ValueError, match=r"."):
        restore_vehicle("T1", parse_vehicle({**plain, **spoilt}))
