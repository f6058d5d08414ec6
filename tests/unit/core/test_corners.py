"""Corners of the laws that random streams seldom reach, each found by looking for a way to break the engine."""

from __future__ import annotations

import json
from collections.abc import Sequence

from geofences.index import FenceIndex
from geofences.model import Detect, Fence, FenceKind
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.model import Device, DeviceEvent, Ping, Trip, Vehicle
from tests.support.generator import RULE_SET, run
from tests.support.places import FENCES, INDEX, circle, spot
from tests.support.story import Input, Story, batch_of, clock
from tests.support.truck import NOON, Truck


def _told(inputs: Sequence[Input], index: FenceIndex = INDEX) -> list[tuple[str, str, str]]:
    alerts = run(MonitorEngine(index, RULE_SET), inputs).alerts
    return [(alert.rule, alert.event.value, clock(alert.raised_at)) for alert in alerts]


def test_a_duplicate_from_before_a_relocation_is_no_sign_of_life() -> None:
    """Law 4: the fixes that a relocation throws away are still known to have been seen."""
    truck = Truck(km=18).stand(60)
    old = truck.sent[2][1]
    truck.km = 75
    truck.stand(50)
    last = truck.sent[-1][0]
    end: Input = (last + 600_000, None)
    assert _told([*truck.sent, (last + 30_000, old), end]) == _told([*truck.sent, (last + 30_000, None), end])


def test_a_ping_from_the_future_is_not_news_when_its_time_has_come() -> None:
    """Law 4: quarantined once, its duplicate stays a duplicate."""
    engine = MonitorEngine(INDEX, RULE_SET)
    truck = Truck(km=18).stand(60)
    ahead = Ping("T1", ts=NOON + 720_000, lon=spot(19)[0], lat=spot(19)[1], speed_kmh=72.0)
    inputs: list[Input] = [*truck.sent, (NOON + 60_000, ahead), (NOON + 700_000, ahead)]
    came = run(engine, inputs)
    state = engine.vehicle("T1")
    assert state is not None
    assert state.fix is not None
    assert state.fix.ts == truck.sent[-1][1].ts
    assert (came.counts["quarantined"], came.counts["duplicate"]) == (1, 1)


def test_a_tractor_heard_late_does_not_move_the_vehicle_backwards() -> None:
    """Law 4: the tractor's fixes become the vehicle's with its first ping newer than the trailer's last fix."""
    engine = MonitorEngine(INDEX, RULE_SET)
    trailer = Truck(km=18, device=Device.TRAILER).stand(100)
    tractor = Truck(km=17.9, start_s=40)
    newest = []
    for at_s in (40, 80, 101):
        tractor.now_s = at_s
        tractor.send(arrives_s=101 + at_s / 100)
    for number, input_ in enumerate([*trailer.sent, *tractor.sent]):
        engine.step(batch_of([input_], number))
        state = engine.vehicle("T1")
        assert state is not None
        assert state.fix is not None
        newest.append(state.fix.ts - NOON)
    assert newest == [*range(0, 100_000, 10_000), 90_000, 90_000, 101_000]
    last = engine.vehicle("T1")
    assert last is not None
    assert last.primary is Device.TRACTOR


def _goes_on_alike(
    inputs: Sequence[Input], cut: int, trips: tuple[Trip, ...] = (), index: FenceIndex = INDEX
) -> list[str]:
    """Law 8 at one place; the alerts behind it."""
    engine = MonitorEngine(index, RULE_SET)
    run(engine, inputs[:cut])
    for trip in trips:
        engine.put_trip(trip)
    restored = MonitorEngine(index, RULE_SET)
    restored.restore(json.loads(json.dumps(engine.snapshot())), trips)
    rest = run(engine, inputs[cut:])
    assert run(restored, inputs[cut:]).encoded() == rest.encoded()
    return [f"{alert.rule} {int(alert.severity)}" for alert in rest.alerts]


def test_where_the_trailer_stood_is_not_where_the_tractor_stands() -> None:
    """Law 8: a tractor that takes over without a fix stands nowhere, before and after a restore."""
    sent = [*Truck(km=5, device=Device.TRAILER).stand(60).sent]
    tractor = Truck(km=5, start_s=65).send(satellites=0)
    tractor.now_s = 70
    tractor.send(DeviceEvent.POWER_CUT, satellites=0)
    inputs: list[Input] = [*sent, *tractor.sent, (NOON + 90_000, None)]
    assert _goes_on_alike(inputs, len(sent) + 1) == ["power_cut 4"]


def test_a_trip_that_makes_a_place_of_a_fence_does_so_at_once() -> None:
    """Law 8: fences for some vehicles follow the trip now in force, before and after a restore; it is in them then."""
    own_yard = Fence(id="own", kind=FenceKind.DEPOT, shape=circle(18, 300), applies_to=frozenset({"ours"}))
    index = FenceIndex([*FENCES, own_yard])
    truck = Truck(km=18).stand(60)
    trailer = Truck(km=18, device=Device.TRAILER, start_s=65).send(DeviceEvent.TRAILER_DETACHED)
    inputs = [*truck.sent, *trailer.sent]
    assert _goes_on_alike(inputs, len(inputs) - 1, index=index) == ["trailer_detached 5"]
    ours = Trip("T1", None, Vehicle(tags=("ours",)))
    assert _goes_on_alike(inputs, len(inputs) - 1, (ours,), index) == ["geofence_enter 1"]


def test_a_deadline_that_is_past_when_it_is_set_is_due_at_once() -> None:
    """Law 7: a dwell shorter than the time inside that makes a visit is told with it, whether or not anybody ticks."""
    fence = Fence(
        id="odd", shape=circle(18, 300), detect=frozenset({Detect.ENTER, Detect.DWELL}), min_inside_s=120, dwell_s=30
    )
    index = FenceIndex([fence])
    first: list[Input] = [*Truck(km=18).send().sent]
    end: Input = (NOON + 600_000, None)
    ticks: list[Input] = [(NOON + at_ms, None) for at_ms in range(5000, 600_000, 5000)]
    told = _told([*first, end], index)
    assert ("geofence_dwell", "raised", "2:00") in told
    assert _told([*first, *ticks, end], index) == told


def test_one_press_that_two_devices_tell_of_is_one_alert() -> None:
    """Law 5: the same instant told again by another device, after the alert has ended, does not reuse its id."""
    for event in (DeviceEvent.PANIC, DeviceEvent.TRAILER_DETACHED):
        story = Story(until="20:00")
        truck = story.truck(km=18).send(event)
        truck.now_s = 60
        truck.send(DeviceEvent.TRAILER_ATTACHED)
        story.truck(km=18, device=Device.CARGO).send(event, arrives_s=700)
        steps = [(alert.alert_id, alert.seq) for alert in story.told.alerts]
        assert len(steps) == len(set(steps))
        assert len({alert.alert_id for alert in story.told.alerts if alert.rule in {"panic", "trailer_detached"}}) == 1


def test_a_late_repeated_position_is_no_fix_either() -> None:
    """Law 10: a device that reports satellites, and sends a late ping without them where it stood, repeats itself."""
    engine = MonitorEngine(INDEX, RuleSet())
    truck = Truck(km=18).stand(60)
    truck.now_s, truck.km = 55, 18
    truck.send(satellites=None, arrives_s=61)
    assert run(engine, list(truck.sent)).counts["no_fix"] == 1


def test_every_devices_future_pings_are_counted_once_each() -> None:
    """Law 10: a clock ahead on the trailer says nothing of the tractor's."""
    story = Story()
    story.truck(km=18).drive(19)
    trailer = story.truck(km=18, device=Device.TRAILER)
    for second in (1, 2, 3):
        trailer.now_s = second
        trailer.send(ts=NOON + 10**10 + second, arrives_s=second)
    assert sum(story.told.quarantined.values()) == 3
    assert story.told.counts["accepted"] == 5  # type: ignore[index]


def test_a_late_fix_behind_pings_without_one_moves_nothing_and_survives_a_restore() -> None:
    """Laws 4 and 8: newer than the last fix but late all the same, it is history, before and after a restore."""
    truck = Truck(km=17).drive(18).repeat(60)
    truck.now_s -= 35
    truck.send(speed_kmh=72, arrives_s=truck.now_s + 40)
    end: Input = (truck.sent[-1][0] + 900_000, None)
    told = _goes_on_alike([*truck.sent, end], len(truck.sent))
    assert told == ["signal_lost 2", "signal_lost 3", "signal_lost 4"]


def test_a_stand_is_measured_from_the_late_fix_next_to_it() -> None:
    """Far from where a late fix has shown it to be since, near where it was before: it does not stand."""
    truck = Truck("T1", km=83, interval_s=10.0)
    for _ in range(3):
        truck.send().wait(10)
    truck.km = 83.3
    truck.send(speed_kmh=20.0).wait(60)
    truck.send(satellites=0)  # without a fix, so that what follows is late and newer than the last one
    heard_s = truck.now_s
    truck.km, truck.now_s = 83.6, heard_s - 30
    truck.send(speed_kmh=20.0, arrives_s=heard_s + 1)
    truck.km, truck.now_s = 83.32, heard_s + 10
    truck.send(speed_kmh=20.0)
    engine = MonitorEngine(INDEX, RULE_SET)
    run(engine, truck.sent)
    state = engine.vehicle("T1")
    assert state is not None
    assert state.anchor is not None
    assert state.anchor.ts == truck.sent[-1][1].ts
