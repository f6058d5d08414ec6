"""A rebuild from a window that is not the whole log: what was already true when it begins says nothing.

Everything that begins inside the window has the id it would have had with the whole log.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telematics.core.effects import Outcome
from telematics.model import AlertEvent, Device, DeviceEvent
from tests.support.generator import Coverage, Stream, run, streams
from tests.support.story import Input, Story, Told


def _rebuilt(story: Story, first: int) -> Told:
    """The story's pings from number `first` on, in an engine rebuilt from that window."""
    sent = sorted((ping for truck in story._trucks for ping in truck.sent), key=lambda sent: sent[0])[first:]
    window = Story(truncated=True)
    truck = window.truck()
    truck.sent = sent
    truck.now_s = story._trucks[0].now_s
    return window.told


@pytest.mark.parametrize(
    ("km", "rule"),
    [(25, "risk_stop"), (30, "no_stop_zone"), (75, "unscheduled_stop"), (85, "geofence_enter"), (85, "geofence_dwell")],
)
def test_what_was_true_at_the_first_fix_raises_and_clears_nothing(km: float, rule: str) -> None:
    """The window begins amid a stand: silent to its end, and counted as `rebuild_truncated`."""
    story = Story()
    story.truck().arriving(km).stand(1200).drive(km + 3.6)
    assert story.told.of(rule)
    rebuilt = _rebuilt(story, 30)
    assert not rebuilt.of(rule)
    assert rebuilt.counts[Outcome.REBUILD_TRUNCATED] > 0


def test_jamming_that_was_under_way_raises_nothing() -> None:
    """The window's first ping carries the flag."""
    story = Story()
    story.truck().arriving(25).repeat(120, DeviceEvent.JAMMING).drive(28.6)
    rebuilt = _rebuilt(story, 20)
    assert not rebuilt.of("gnss_jamming")
    assert rebuilt.counts[Outcome.REBUILD_TRUNCATED] == 1


def test_a_supply_that_was_gone_raises_nothing() -> None:
    """The window's first ping shows no voltage: since when, nobody knows."""
    story = Story()
    story.truck(power_v=0.3).arriving(18).drive(28.8)
    rebuilt = _rebuilt(story, 3)
    assert not rebuilt.of("power_cut")
    assert rebuilt.counts[Outcome.REBUILD_TRUNCATED] == 1


def test_a_truck_that_was_inside_all_along_is_told_to_leave() -> None:
    """The exit begins inside the window: it has the same id and the same bytes as with the whole log."""
    story = Story()
    story.truck().arriving(85).stand(1200).drive(88.6)
    whole = [alert for alert in story.told.of("geofence_exit") if alert.event is AlertEvent.RAISED]
    rebuilt = _rebuilt(story, 60).of("geofence_exit")
    assert [(alert.alert_id, alert.raised_at) for alert in rebuilt] == [
        (alert.alert_id, alert.raised_at) for alert in whole if alert.subject == "gate"
    ]


@pytest.mark.parametrize("event", [DeviceEvent.PANIC, DeviceEvent.DOOR_OPEN, DeviceEvent.POWER_CUT, DeviceEvent.TAMPER])
def test_a_device_event_in_the_first_ping_begins_there(event: DeviceEvent) -> None:
    """An event is a beginning, also in the window's first ping."""
    window = Story(truncated=True)
    window.truck().send(event).wait(10).stand(60)
    assert [alert.event for alert in window.told.alerts] == [AlertEvent.RAISED]
    assert window.told.counts[Outcome.REBUILD_TRUNCATED] == 0


def test_a_stand_that_begins_after_the_first_fix_is_known() -> None:
    """Three minutes of driving in the window are enough for a stop to be told, with its id."""
    story = Story()
    story.truck().arriving(25).stand(660).drive(28.6)
    rebuilt = _rebuilt(story, 2)
    told = [(alert.alert_id, alert.seq, alert.raised_at) for alert in rebuilt.of("risk_stop")]
    assert told == [(alert.alert_id, alert.seq, alert.raised_at) for alert in story.told.of("risk_stop")]


def test_a_window_that_begins_before_the_first_ping_loses_nothing() -> None:
    """A vehicle on the move at its first fix is told like any other."""
    window, whole = Story(truncated=True), Story()
    for story in (window, whole):
        story.truck().arriving(25).stand(300).drive(28.6)
        story.truck("T2", device=Device.TRACTOR).arriving(85).stand(400).drive(88.6)
    assert window.told.alerts == whole.told.alerts


def _led(stream: Stream, first: int) -> set[str]:
    """The vehicles of which the window holds first a good ping of the tractor: a bad one would mislead."""
    firsts: dict[str, bool] = {}
    for arrival, ping in stream.inputs[first:]:
        if ping is not None:
            is_good = abs(arrival - ping.ts) < 2000 and ping.lon < 0 and ping.lat < 20.015
            firsts.setdefault(ping.vehicle_id, is_good and ping.device is Device.TRACTOR)
    return {vehicle_id for vehicle_id, leads in firsts.items() if leads}


def _first_fixes(window: list[Input]) -> dict[str, int]:
    """When each vehicle has its first good fix in the window."""
    firsts: dict[str, int] = {}
    for arrival, ping in window:
        if ping is not None and ping.satellites and ping.device is Device.TRACTOR and ping.ts <= arrival:
            firsts.setdefault(ping.vehicle_id, ping.ts)
    return firsts


# Around the window's edge what was sent first may have arrived before it.
OVERLAP_MS = 300_000
# Its comparison of odometer and positions is silent until the odometer has passed a round kilometre in the window.
SILENT_AT_FIRST = {"implausible_jump"}


def test_ids_of_episodes_inside_the_window_are_those_of_the_whole_log() -> None:
    """Any window of a clean log: the rebuild tells what began after a vehicle's first fix in it, under the same ids.

    Clean, because what a bad clock did to the vehicle before the window nobody can know in it.
    """
    coverage = Coverage()

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(stream=streams(dirty=False), where=st.integers(0, 700))
    def law(stream: Stream, where: int) -> None:
        # Devices that state their interval: one that is learned takes three pings of the window.
        stream.inputs = [(at, ping and replace(ping, interval_s=30.0)) for at, ping in stream.inputs]
        whole = run(stream.engine(), stream.inputs).alerts
        first = len(stream.inputs) * where // 1000
        led = _led(stream, first)
        window = [(at, ping if ping and ping.vehicle_id in led else None) for at, ping in stream.inputs[first:]]
        rebuilt = run(stream.engine(truncated=True), window).alerts
        coverage.add(rebuilt)
        known = {alert.alert_id for alert in whole}
        strange = [alert for alert in rebuilt if alert.alert_id not in known]
        assert not strange, strange[0]
        begins = _first_fixes(window)
        told = {alert.alert_id for alert in rebuilt}
        missing = [
            alert
            for alert in whole
            if alert.episode_start > begins.get(alert.vehicle_id, alert.episode_start) + OVERLAP_MS
            and alert.rule not in SILENT_AT_FIRST
            and alert.alert_id not in told
        ]
        assert not missing, missing[0]

    law()
    coverage.require()


def test_the_first_fix_of_each_vehicle_counts_not_that_of_the_window() -> None:
    """A vehicle first heard an hour into the window may have stood there all along."""
    window = Story(truncated=True)
    window.truck("T1").arriving(18)
    window.truck("T2", start_s=3600, km=25).stand(1200)
    assert not window.told.of("risk_stop")
    assert window.told.counts[Outcome.REBUILD_TRUNCATED] == 1


def test_an_odometer_that_stood_when_the_window_began_is_not_told() -> None:
    """Where the comparison would have begun is unknown, and so is the id: it is silent until a round kilometre."""
    window = Story(truncated=True)
    truck = window.truck()
    truck.drive(14, odometer_km=1003.0)
    assert not window.told.of("implausible_jump")
    assert window.told.counts[Outcome.REBUILD_TRUNCATED] == 1
    whole = Story()
    whole.truck().drive(14, odometer_km=1003.0)
    assert [alert.event for alert in whole.told.of("implausible_jump")] == ["raised"]


def test_after_a_round_kilometre_the_odometer_is_compared_as_in_the_whole_log() -> None:
    """The comparison begins anew every 10 km of the odometer, wherever the window began."""

    def story(first_km: float, *, truncated: bool) -> list[str]:
        told = Story(truncated=truncated)
        truck = told.truck(km=first_km, start_s=first_km * 50)
        while truck.km < 30:
            truck.flag(10, kmh=72, odometer_km=1000.0 + min(truck.km, 21.0))
        return [alert.alert_id for alert in told.told.of("implausible_jump")]

    whole = story(0, truncated=False)
    assert len(whole) == 1
    assert story(13, truncated=True) == whole


@pytest.mark.parametrize(("heard_s", "is_new"), [(0, False), (6 * 3600 - 60, False), (6 * 3600 + 60, True)])
def test_who_is_first_heard_long_after_the_beginning_is_new(heard_s: float, is_new: bool) -> None:  # noqa: FBT001
    """For as long as a rebuild looks back a vehicle may have been there before; one that comes later is told of in full."""
    story = Story(truncated=True)
    story.truck("T0").send()
    story.truck("T1", km=25, start_s=heard_s).stand(1200)
    assert bool(story.told.of("risk_stop")) is is_new
    assert bool(story.told.counts[Outcome.REBUILD_TRUNCATED]) is not is_new


def test_how_long_that_is_outlives_a_snapshot() -> None:
    """An engine that goes on from a snapshot knows until when, and does not begin to wait anew."""
    first = Story(truncated=True)
    first.truck("T0").send()
    assert first.told.alerts is not None
    later = Story()
    later.engine.restore(first.engine.snapshot())
    later.truck("T1", km=25, start_s=6 * 3600 + 60).stand(1200)
    assert later.told.of("risk_stop")
