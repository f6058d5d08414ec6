"""H01, boxed in and jammed while rolling, as the demo draws it: what is due, and when."""

from __future__ import annotations

from telematics.model import Device, DeviceEvent
from tests.support.story import Story, clock
from tests.support.truck import Truck


def _hijacked(story: Story) -> Truck:
    truck = story.truck("H01", every_s=10, km=17, start_s=-600).drive(29.6, kmh=75.6)
    truck.now_s = 0
    for kmh in (60, 50, 40, 40):
        truck.flag(10, kmh=kmh)
    truck.stand(80)
    truck.flag(20, DeviceEvent.JAMMING, satellites=0)
    return truck


def test_the_demo_hijack_is_told_when_due() -> None:
    """no_stop_zone by 1:40, gnss_jamming by 2:45, signal_lost 2:30 and 5:00 after the last ping, nothing cleared."""
    story = Story(until="24:00")
    truck = _hijacked(story)
    assert clock(truck.now() - 10_000) == "2:10"
    told = story.tells("""
        1:40 no_stop_zone raised    4 mined
        2:10 gnss_jamming raised    3 tractor
        2:50 signal_lost  raised    2
        3:00 gnss_jamming escalated 5 tractor
        4:40 signal_lost  escalated 3
        7:10 signal_lost  escalated 4
    """)
    (stop,) = told.of("no_stop_zone")
    assert (clock(stop.episode_start), clock(stop.event_time)) == ("0:40", "1:40")
    assert {alert.vehicle_id for alert in told.alerts} == {"H01"}
    story.tells_nothing("geofence_exit", "unscheduled_stop", "implausible_jump")


def test_frozen_positions_while_jammed_change_nothing() -> None:
    """Repeated positions from 2:20 to 25:00 tell no further stop and no exit, and hold signal_lost back."""
    story = Story()
    _hijacked(story).repeat(1360)
    told = story.tells("""
        1:40 no_stop_zone raised    4 mined
        2:10 gnss_jamming raised    3 tractor
        3:00 gnss_jamming escalated 5 tractor
    """, "signal_lost", "risk_stop", "unscheduled_stop", "geofence_exit")  # fmt: skip
    assert all(alert.raised_at <= alert.event_time + 1000 for alert in told.alerts if alert.rule == "gnss_jamming")


def test_found_again_12_km_off_with_its_cargo_open() -> None:
    """At 25:00 a live fix ends silence and stop at once, jamming after a minute; the open cargo door is told."""
    story = Story(until="30:00")
    truck = _hijacked(story)
    truck.now_s, truck.km, truck.north_m = 1500, 35, 11_000
    truck.stand(120)
    trailer = story.truck("H01", device=Device.TRAILER, km=35, start_s=1500)
    trailer.send(DeviceEvent.DOOR_OPEN)
    lines = story.told.lines()
    assert lines[lines.index("25:00 signal_lost cleared 4") :] == [
        "25:00 signal_lost cleared 4",
        "25:10 cargo_door raised 4 trailer",
        "25:10 no_stop_zone cleared 4 mined",
        "26:00 gnss_jamming cleared 5 tractor",
    ] + [line for line in lines if line.startswith(("28:", "29:", "30:"))]


def test_the_demo_dead_zone_truck_tells_nothing_above_a_warning() -> None:
    """Four silent minutes in a mapped dead zone and a burst of stored pings behind them: no page, no step back."""
    story = Story()
    truck = story.truck("C04", every_s=10, km=60, start_s=-300).drive(66)
    stored_from_s = truck.now_s
    truck.drive(70.8, buffered=True)
    back_at_s = truck.now_s
    truck.drive(75)
    sent = truck.sent
    truck.sent = [(at + round((back_at_s - stored_from_s) * 1000) if ping.buffered else at, ping) for at, ping in sent]
    story.tells_nothing_above(2)
    state = story.engine.vehicle("C04")
    assert state is not None
    assert state.fix is not None
    assert state.fix.ts == max(ping.ts for _, ping in sent)
