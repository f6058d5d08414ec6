"""Stories of what devices report: panic, doors, power, trailer."""

from __future__ import annotations

from typing import Any

import pytest

from telematics.model import Device, DeviceEvent
from tests.support.story import Story, clock
from tests.support.truck import Truck

OPEN, CLOSED = DeviceEvent.DOOR_OPEN, DeviceEvent.DOOR_CLOSED
CUT, RESTORED, TAMPER = DeviceEvent.POWER_CUT, DeviceEvent.POWER_RESTORED, DeviceEvent.TAMPER
DETACHED, ATTACHED = DeviceEvent.TRAILER_DETACHED, DeviceEvent.TRAILER_ATTACHED
PANIC = DeviceEvent.PANIC


def _at(truck: Truck, at_s: float, *events: DeviceEvent, **fields: Any) -> Truck:
    truck.now_s = at_s
    return truck.send(*events, **fields)


# -- panic ---------------------------------------------------------------------------------------------------------


def test_panic_is_critical_at_once_and_ends_ten_minutes_after_the_last_press() -> None:
    """A press within 10 min joins the alert (amended); it ends 10 min after the last."""
    story = Story(until="30:00")
    truck = story.truck()
    for at_s in (0, 300, 899):
        _at(truck, at_s, PANIC)
    told = story.tells("""
         0:00 panic raised  5
         5:00 panic amended 5
        14:59 panic amended 5
        24:59 panic cleared 5
    """)
    assert [alert.evidence["facts"].get("presses") for alert in told.of("panic")] == [1, 2, 3, None]


def test_a_press_later_than_ten_minutes_is_a_new_alert() -> None:
    """The first alert is over when the second begins, and their ids differ."""
    story = Story(until="30:00")
    truck = story.truck()
    _at(truck, 0, PANIC)
    _at(truck, 700, PANIC)
    told = story.tells("""
         0:00 panic raised  5
        10:00 panic cleared 5
        11:40 panic raised  5
        21:40 panic cleared 5
    """)
    assert len({alert.alert_id for alert in told.of("panic")}) == 2


def test_nothing_holds_panic_back() -> None:
    """At the yard, without a fix, with a clock years ahead: a press is a press."""
    story = Story()
    story.truck("yard").arriving(5).send(PANIC)
    story.truck("blind").arriving(18).send(PANIC, satellites=0)
    story.truck("ahead").arriving(18).send(PANIC, ts=4_000_000_000_000)
    found = {(alert.vehicle_id, clock(alert.raised_at), clock(alert.event_time)) for alert in story.told.of("panic")}
    assert found == {("yard", "0:00", "0:00"), ("blind", "0:00", "0:00"), ("ahead", "0:00", "0:00")}


def test_the_cargo_units_panic_is_the_trucks() -> None:
    """A press on any device of the combination counts, and joins the same alert."""
    story = Story()
    story.truck().arriving(18).send(PANIC)
    _at(story.truck(device=Device.CARGO), 20, PANIC)
    story.tells("""
        0:00 panic raised  5
        0:20 panic amended 5
    """)


# -- doors ---------------------------------------------------------------------------------------------------------


def test_the_cab_opened_off_a_place_is_a_warning_until_it_is_closed() -> None:
    """Standing off a place: 3 at once; ends when closed."""
    story = Story()
    truck = story.truck().arriving(18).stand(30)
    truck.send(OPEN).wait(10).stand(50)
    truck.send(CLOSED)
    (raised, _) = story.tells("""
        0:30 cab_door raised  3 tractor
        1:30 cab_door cleared 3 tractor
    """).of("cab_door")
    assert clock(raised.episode_start) == "0:30"


def test_an_open_cab_that_rolls_is_high() -> None:
    """Open at more than 5 km/h: 4, at once or by escalation."""
    story = Story()
    story.truck("rolling").arriving(18).send(OPEN, speed_kmh=40)
    truck = story.truck("rolls-off").arriving(18).send(OPEN).wait(10).stand(20)
    truck.drive(18.4)
    found = {(alert.vehicle_id, alert.event, int(alert.severity)) for alert in story.told.of("cab_door")}
    assert found == {("rolling", "raised", 4), ("rolls-off", "raised", 3), ("rolls-off", "escalated", 4)}


def test_at_a_place_a_standing_trucks_cab_says_nothing_until_it_leaves() -> None:
    """A door opened at a toll is no news; one still open when the truck rolls off is."""
    story = Story()
    story.truck("shut").arriving(40).send(OPEN).wait(10).stand(60).send(CLOSED).wait(10).drive(43)
    story.truck("open").arriving(40).send(OPEN).wait(10).stand(60).drive(43)
    found = [(alert.vehicle_id, int(alert.severity), clock(alert.raised_at)) for alert in story.told.of("cab_door")]
    assert found == [("open", 4, "1:10")]


@pytest.mark.parametrize("device", [Device.TRAILER, Device.CARGO])
@pytest.mark.parametrize("every_s", [10, 30, 60])
def test_an_open_cargo_door_is_high_after_ten_seconds(device: Device, every_s: int) -> None:
    """Off a place, open for 10 s on the arrival clock, though the device sleeps again at once."""
    story = Story()
    story.truck(every_s=every_s).arriving(18).stand(240)
    unit = story.truck(device=device, km=18)
    _at(unit, 3, OPEN)
    _at(unit, 123, CLOSED)
    (raised, _) = story.tells(f"""
        0:13 cargo_door raised  4 {device}
        2:03 cargo_door cleared 4 {device}
    """).of("cargo_door")
    assert (clock(raised.episode_start), clock(raised.event_time)) == ("0:03", "0:13")


def test_a_cargo_door_that_closes_within_ten_seconds_says_nothing() -> None:
    """A flicker of the contact is no opening."""
    story = Story()
    story.truck().arriving(18).stand(60)
    unit = story.truck(device=Device.TRAILER, km=18)
    _at(unit, 3, OPEN)
    _at(unit, 12, CLOSED)
    story.tells_nothing("cargo_door")


def test_cargo_opened_at_a_place_is_held_back_at_an_inspection_it_is_a_hint() -> None:
    """A customer opens the cargo; at a registered inspection it is evidence (2)."""
    story = Story()
    story.truck("dock").arriving(10).stand(60)
    _at(story.truck("dock", device=Device.TRAILER, km=10), 3, OPEN)
    story.truck("post").arriving(45).stand(60)
    _at(story.truck("post", device=Device.TRAILER, km=45), 3, OPEN)
    assert [(alert.vehicle_id, int(alert.severity)) for alert in story.told.of("cargo_door")] == [("post", 2)]


def test_cargo_still_open_on_leaving_the_dock_is_high() -> None:
    """What the place explained, it explains no longer."""
    story = Story()
    story.truck().arriving(10).stand(60).drive(12)
    _at(story.truck(device=Device.TRAILER, km=10), 3, OPEN)
    (raised,) = story.tells("1:20 cargo_door raised 4 trailer").of("cargo_door")
    assert clock(raised.episode_start) == "0:03"


def test_a_late_opening_that_was_closed_again_is_told_whole() -> None:
    """The opening arrives after the closing: raised and cleared at their times, marked late."""
    story = Story()
    story.truck().arriving(18).stand(120)
    unit = story.truck(device=Device.TRAILER, km=18)
    unit.now_s = 60
    unit.send(CLOSED)
    unit.now_s = 20
    unit.send(OPEN, arrives_s=70)
    raised, cleared = story.tells("""
        1:10 cargo_door raised  4 trailer
        1:10 cargo_door cleared 4 trailer
    """).of("cargo_door")
    assert (clock(raised.event_time), clock(cleared.event_time), raised.late) == ("0:30", "1:00", True)
    assert raised.evidence["facts"]["open_s"] >= raised.evidence["thresholds"]["open_s"]


# -- power ---------------------------------------------------------------------------------------------------------


def test_a_cut_of_ten_seconds_is_high_and_ends_after_ten_minutes_of_power() -> None:
    """Ten seconds on the arrival clock; driving on does not end it, 10 min of power do."""
    story = Story(until="20:00")
    truck = story.truck().arriving(18).send(CUT).wait(10).drive(19)
    truck.send(RESTORED)
    told = story.tells("""
         0:10 power_cut raised  4 tractor
        11:00 power_cut cleared 4 tractor
    """)
    assert clock(told.of("power_cut")[0].episode_start) == "0:00"


def test_a_cut_that_is_mended_within_ten_seconds_says_nothing() -> None:
    """A starter's dip is no cut."""
    story = Story(until="20:00")
    truck = story.truck().arriving(18).send(CUT)
    _at(truck, 8, RESTORED)
    story.tells_nothing("power_cut")


def test_power_lost_again_within_ten_minutes_is_the_same_episode() -> None:
    """The 10 min of power start anew after each cut."""
    story = Story(until="30:00")
    truck = story.truck().arriving(18).send(CUT)
    _at(truck, 60, RESTORED)
    _at(truck, 300, CUT)
    _at(truck, 360, RESTORED)
    story.tells("""
         0:10 power_cut raised  4 tractor
        16:00 power_cut cleared 4 tractor
    """)


@pytest.mark.parametrize("every_s", [10, 30, 60])
def test_the_supplys_voltage_tells_a_cut_as_well(every_s: int) -> None:
    """Below 5 V is cut, from 9 V on it is back."""
    story = Story(until="20:00")
    truck = story.truck(every_s=every_s, power_v=13.8).arriving(18).stand(60, power_v=0.2)
    truck.send(power_v=13.6)
    story.tells("""
         0:10 power_cut raised  4 tractor
        11:00 power_cut cleared 4 tractor
    """)


def test_a_battery_driven_trailer_unit_is_not_cut() -> None:
    """Units on trailer and cargo live on batteries of 3.6 V: their voltage is no cut, whatever else is going on."""
    story = Story()
    truck = story.truck().arriving(18)
    truck.send(OPEN).wait(10).stand(120)
    story.truck(device=Device.TRAILER, km=18, every_s=30, power_v=3.7).stand(120)
    story.tells_nothing("power_cut")


def test_tampering_counts_at_once_and_heals_in_ten_minutes() -> None:
    """An opened cover is not a supply that is gone."""
    story = Story(until="20:00")
    story.truck().arriving(18).send(TAMPER)
    story.tells("""
         0:00 power_cut raised  4 tractor
        10:00 power_cut cleared 4 tractor
    """)


def test_tampering_during_a_cut_does_not_mend_the_cut() -> None:
    """Unplugged, then pried open: the supply is still gone an hour later."""
    story = Story(until="60:00")
    truck = story.truck().arriving(18).send(CUT)
    _at(truck, 120, TAMPER)
    story.tells("0:10 power_cut raised 4 tractor")


def test_parked_at_a_depot_a_cut_is_a_warning_in_a_workshop_nothing() -> None:
    """A battery change at home weighs less; in a workshop nothing is said until it lasts when the truck leaves."""
    story = Story()
    story.truck("home").arriving(5).send(CUT).wait(10).stand(60)
    story.truck("mended").arriving(15).send(CUT).wait(10).stand(60).send(RESTORED).wait(10).drive(17)
    story.truck("kept").arriving(15).send(CUT).wait(10).stand(60).drive(17)
    found = [(alert.vehicle_id, int(alert.severity), clock(alert.raised_at)) for alert in story.told.of("power_cut")]
    assert found == [("home", 3, "0:10"), ("kept", 4, "1:30")]


def test_a_cut_learned_after_it_was_mended_is_told_late() -> None:
    """A cut of 5 min whose report arrives after the restoring one is told, marked late, and ends by itself."""
    story = Story(until="20:00")
    truck = story.truck().arriving(18).stand(300)
    truck.send(RESTORED)
    truck.now_s = 5
    truck.send(CUT, arrives_s=310)
    (raised, cleared) = story.tells("""
         5:10 power_cut raised  4 tractor
        15:10 power_cut cleared 4 tractor
    """).of("power_cut")
    assert (raised.late, clock(raised.episode_start), cleared.event) == (True, "0:05", "cleared")


# -- trailer -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", [Device.TRACTOR, Device.TRAILER])
def test_an_uncoupled_trailer_is_critical_until_it_is_coupled(device: Device) -> None:
    """At once, whichever device says so."""
    story = Story()
    story.truck().arriving(18).stand(120)
    unit = story.truck(device=device, km=18)
    _at(unit, 5, DETACHED)
    _at(unit, 65, ATTACHED)
    story.tells("""
        0:05 trailer_detached raised  5
        1:05 trailer_detached cleared 5
    """)


@pytest.mark.parametrize("km", [5, 10], ids=["depot", "customer"])
def test_yard_moves_are_held_back(km: float) -> None:
    """Drop and hook at a depot or a customer is the day's work."""
    story = Story()
    story.truck().arriving(km).stand(30).send(DETACHED)
    story.tells_nothing("trailer_detached")


@pytest.mark.parametrize("km", [15, 50], ids=["workshop", "authorised stop"])
def test_elsewhere_a_place_does_not_excuse_it(km: float) -> None:
    """Only depots and customers do."""
    story = Story()
    story.truck().arriving(km).stand(30).send(DETACHED)
    story.tells("0:30 trailer_detached raised 5")


def test_doors_open_at_a_dock_stay_explained_while_the_truck_only_drifts() -> None:
    """C20: unloading for half an hour at the edge of the customer's yard."""
    story = Story()
    truck = story.truck(every_s=60, km=10)
    truck.north_m = 285
    truck.stand(120)
    _at(story.truck(device=Device.CARGO, km=10), 61, OPEN)
    truck.send(OPEN).wait(30).stand(1800, drift_m=[0, 5, -10, 0, 12, -5, 30, -5, 0, 3])
    story.tells_nothing("cargo_door", "cab_door")


def test_noise_divided_by_an_instant_is_no_speed() -> None:
    """A device that tells no speed, whose door event comes a second after its last ping and 5 m beside it."""
    story = Story()
    truck = story.truck(every_s=30, km=5, speed_kmh=None)
    truck.stand(300, speed_kmh=None)
    truck.now_s += 1 - 30
    truck.north_m = 5
    truck.send(OPEN, speed_kmh=None)
    story.tells_nothing("cab_door")


@pytest.mark.parametrize("every_s", [1, 10, 60])
def test_a_device_that_tells_no_speed_is_known_to_roll(every_s: int) -> None:
    """Its steps tell."""
    story = Story()
    truck = story.truck(every_s=every_s, km=62, speed_kmh=None)
    for _ in range(60):
        truck.send(*[OPEN] * (truck.now_s >= 30 * every_s), speed_kmh=None)
        truck.km += 60 / 3600 * every_s
        truck.now_s += every_s
    (raised,) = story.told.of("cab_door")
    assert raised.severity == 4
    assert raised.evidence["facts"]["speed_kmh"] == pytest.approx(60, abs=1)
