"""Stories of gnss_jamming: what makes a flag believed, what makes it weigh more, what ends it."""

from __future__ import annotations

import pytest

from telematics.model import Device, DeviceEvent
from tests.support.story import Story, clock

JAMMING, GSM = DeviceEvent.JAMMING, DeviceEvent.GSM_JAMMING


@pytest.mark.parametrize(("every_s", "due"), [(10, "0:10"), (30, "0:15"), (60, "0:15")])
def test_two_of_three_pings_or_fifteen_seconds(every_s: int, due: str) -> None:
    """A flag is believed in two of three pings, or when nothing better came for 15 s."""
    story = Story(until="0:55")
    story.truck(every_s=every_s).arriving(18).repeat(60, JAMMING)
    (raised,) = story.tells(f"{due} gnss_jamming raised 3 tractor").of("gnss_jamming")
    assert clock(raised.episode_start) == "0:00"


def test_a_flag_in_the_first_and_third_ping_counts() -> None:
    """Two of three need not be neighbours, and good fixes between them do not unsay them."""
    story = Story()
    truck = story.truck().arriving(18)
    truck.flag(10, JAMMING, kmh=72).flag(10, kmh=72).flag(10, JAMMING, kmh=72)
    story.tells("0:20 gnss_jamming raised 3 tractor")


def test_one_flag_and_good_fixes_after_it_say_nothing() -> None:
    """A flicker of one ping in four is no jammer."""
    story = Story()
    truck = story.truck().arriving(18)
    for _ in range(10):
        truck.flag(10, JAMMING, kmh=72).flag(30, kmh=72)
    story.tells_nothing("gnss_jamming")


def test_a_warning_flag_alone_says_nothing() -> None:
    """`jamming_warning` is not `jamming`."""
    story = Story()
    story.truck().arriving(25).repeat(300, DeviceEvent.JAMMING_WARNING)
    story.tells_nothing("gnss_jamming")


@pytest.mark.parametrize("event", [JAMMING, GSM])
@pytest.mark.parametrize("every_s", [10, 30])
def test_still_jammed_after_a_minute_is_high_and_on_a_risky_road_critical(every_s: int, event: DeviceEvent) -> None:
    """After 60 s: high; critical where the corridor's risk is 4 and the truck moved in the last 5 min."""
    story = Story()
    story.truck("plain", every_s=every_s).arriving(18).repeat(120, event)
    story.truck("risky", every_s=every_s).arriving(25).repeat(120, event)
    found = {(alert.vehicle_id, int(alert.severity), clock(alert.raised_at)) for alert in story.told.of("gnss_jamming")}
    assert {("plain", 4, "1:00"), ("risky", 5, "1:00")} <= found


def test_a_truck_that_had_stood_for_longer_is_not_critical() -> None:
    """Jammed 10 min after it last moved: high, not critical."""
    story = Story()
    story.truck().arriving(50).stand(600).repeat(120, JAMMING)
    story.tells("""
        10:10 gnss_jamming raised    3 tractor
        11:00 gnss_jamming escalated 4 tractor
    """)


def test_jammed_and_then_silent_escalates_all_the_same() -> None:
    """Two flagged pings and then nothing: the minute runs on the arrival clock."""
    story = Story(until="10:00")
    story.truck().arriving(25).repeat(20, JAMMING)
    story.tells("""
        0:10 gnss_jamming raised    3 tractor
        1:00 gnss_jamming escalated 5 tractor
    """)


@pytest.mark.parametrize("every_s", [10, 30, 60])
def test_a_minute_of_good_fixes_ends_it(every_s: int) -> None:
    """Good fixes without the flag for 60 s clear it; the next jamming is a new episode."""
    story = Story(until="5:45")
    truck = story.truck(every_s=every_s).arriving(18).repeat(120, JAMMING)
    truck.drive(21.6).repeat(60, JAMMING)
    told = story.tells("""
        0:10..0:15  gnss_jamming raised    3 tractor
        1:00        gnss_jamming escalated 4 tractor
        3:00        gnss_jamming cleared   4 tractor
        5:10..5:15  gnss_jamming raised    3 tractor
    """)
    assert len({alert.alert_id for alert in told.of("gnss_jamming")}) == 2


@pytest.mark.parametrize("every_s", [10, 30, 60])
def test_another_mans_jammer_is_a_warning_that_clears_itself(every_s: int) -> None:
    """C22: 55 s of jamming on the move and good fixes again within 60 s never weigh more than a warning."""
    story = Story()
    truck = story.truck(every_s=every_s).arriving(25)
    while truck.now_s < 55:
        truck.flag(every_s, JAMMING, kmh=72, satellites=0)
    truck.drive(truck.km + 4.8)
    story.tells_nothing_above(3)
    assert [alert.event for alert in story.told.of("gnss_jamming")] == ["raised", "cleared"]


def test_a_place_or_a_dead_zone_never_hold_the_devices_own_flag_back() -> None:
    """The device's flag counts in a dead zone and at a depot."""
    story = Story()
    story.truck("canyon").arriving(66).repeat(30, JAMMING)
    story.truck("yard").arriving(5).repeat(30, JAMMING)
    assert {alert.vehicle_id for alert in story.told.of("gnss_jamming")} == {"canyon", "yard"}


def test_the_trailers_jamming_is_an_episode_of_its_own_and_ends_with_its_good_fixes() -> None:
    """Each device that is jammed has its own alert, and its own good fixes end it."""
    story = Story()
    story.truck().arriving(18).drive(28)
    trailer = story.truck(device=Device.TRAILER, km=18, every_s=30)
    trailer.repeat(60, JAMMING)
    trailer.drive(21.6)
    story.tells("""
        0:15 gnss_jamming raised  3 trailer
        2:00 gnss_jamming cleared 3 trailer
    """)


def test_a_jammed_truck_tells_no_stop_and_no_exit() -> None:
    """No-fix pings that repeat the last position inside a fence for an hour: neither a stop nor an exit."""
    story = Story()
    story.truck("T1").arriving(85).repeat(3600, JAMMING)
    story.truck("T2").arriving(30).repeat(3600, JAMMING)
    story.tells_nothing("geofence_exit", "no_stop_zone", "risk_stop", "unscheduled_stop")


@pytest.mark.parametrize("interval_s", [33.3333, 30.12341])
def test_an_interval_in_fractions_of_a_millisecond_does_not_stop_time(interval_s: float) -> None:
    """One odd ping must not hold up the partition: the overdue report's deadline is met, once."""
    story = Story(until="3:00")
    story.truck(every_s=30, interval_s=interval_s).arriving(25).repeat(60, JAMMING)
    found = story.told.of("gnss_jamming")
    assert [(alert.event.value, int(alert.severity)) for alert in found] == [("raised", 3), ("escalated", 5)]
