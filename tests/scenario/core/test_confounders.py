"""Benign confounders: what each may raise at most, and nothing above it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from telematics.core.effects import Outcome, Quarantine
from telematics.model import DeviceEvent
from tests.support.places import ORIGIN_LAT
from tests.support.story import Story
from tests.support.truck import NOON, Truck

CADENCES = pytest.mark.parametrize("every_s", [10, 30, 60])
DAY_S = 86_400


@CADENCES
def test_c05_a_toll_queue_is_a_record_at_most(every_s: int) -> None:
    """C05: 15 min of stop and go through a plaza and its 1 km approach in a risky corridor: severity 1."""
    story = Story()
    truck = story.truck(every_s=every_s).arriving(39.1)
    for _ in range(9):
        truck.stand(60)
        truck.km += 0.1
    truck.drive(44.8)
    story.tells_nothing_above(1)


@CADENCES
def test_c15_a_reboot_with_an_old_clock_and_no_position_keeps_the_truck_alive(every_s: int) -> None:
    """C15: three minutes of 0,0 and a clock of 2004 raise nothing, move nothing, and are no silence."""
    story = Story()
    truck = story.truck(every_s=every_s).arriving(25)
    reboot = NOON - 8000 * DAY_S * 1000
    for seconds in range(0, 180, every_s):
        truck.send(lat=0.0, lon=0.0, ts=reboot + seconds * 1000, satellites=0, speed_kmh=0.0, arrives_s=truck.now_s)
        truck.now_s += every_s
    truck.drive(truck.km + 3.6)
    story.tells_nothing_above(1)
    assert story.told.quarantined == {Quarantine.PAST_CLOCK: 180 // every_s}


def test_c15_a_reboot_with_a_right_clock_is_no_fix() -> None:
    """C15: 0,0 at the right time is no fix."""
    story = Story()
    truck = story.truck().arriving(25)
    for _ in range(18):
        truck.send(lat=0.0, lon=0.0, satellites=None, speed_kmh=0.0)
        truck.now_s += 10
    truck.drive(28.6)
    story.tells_nothing_above(1)
    assert story.told.counts[Outcome.NO_FIX] == 18


@CADENCES
@pytest.mark.parametrize("km", [5, 83], ids=["at a place", "elsewhere"])
def test_c16_a_parked_truck_that_repeats_its_last_position_raises_nothing(every_s: int, km: float) -> None:
    """C16: eight hours without a fix, ignition off: 0, and never a stop."""
    story = Story()
    story.truck(every_s=every_s).arriving(km).stand(60, ignition=False).repeat(8 * 3600, ignition=False)
    story.tells_nothing_above(1)
    story.tells_nothing("unscheduled_stop", "geofence_exit")


@CADENCES
def test_c17_a_clock_years_ahead_never_poisons_the_last_position(every_s: int) -> None:
    """C17: single pings and ten minutes on end of a clock in 2034 raise nothing; the truck stays where it was."""
    story = Story()
    truck = story.truck(every_s=every_s).arriving(25)
    ahead = 8 * 365 * DAY_S * 1000
    truck.send(ts=truck.now() + ahead, arrives_s=truck.now_s).wait(every_s)
    truck.drive(28.6)
    for _ in range(600 // every_s):
        truck.send(ts=truck.now() + ahead, arrives_s=truck.now_s, speed_kmh=72)
        truck.wait(every_s)
    truck.drive(32.2)
    story.tells_nothing_above(1)
    state = story.engine.vehicle("T1")
    assert state is not None
    assert state.fix is not None
    assert state.fix.ts < NOON + 3600 * 1000
    assert story.told.quarantined[Quarantine.FUTURE_CLOCK] == 1 + 600 // every_s


def test_c17_a_clock_that_slips_an_hour_ahead_and_back_is_quarantined_meanwhile() -> None:
    """C17: a slip of daylight saving, ahead for 20 min: alive, not believed, and right again afterwards."""
    story = Story()
    truck = story.truck().arriving(25)
    for _ in range(120):
        truck.send(ts=truck.now() + 3_600_000, arrives_s=truck.now_s, speed_kmh=72)
        truck.wait(10)
    truck.drive(28.6)
    story.tells_nothing_above(1)


def test_c17_pings_hours_behind_move_nothing() -> None:
    """C17: a clock hours behind for half a minute: ignored as late, and the position stays the newest known."""
    story = Story()
    truck = story.truck().arriving(18)
    for _ in range(3):
        truck.send(ts=truck.now() - 6 * 3_600_000, arrives_s=truck.now_s, speed_kmh=72)
        truck.wait(10)
    truck.drive(21.6)
    story.tells_nothing_above(1)
    assert story.told.counts[Outcome.LATE_IGNORED] == 3


@CADENCES
def test_c18_duplicates_have_no_effect(every_s: int) -> None:
    """C18: everything sent twice, at once and again up to five minutes later, tells what it told once."""
    once, twice = Story(until="40:00"), Story(until="40:00")
    for story in (once, twice):
        truck = story.truck(every_s=every_s).arriving(30).stand(200)
        truck.flag(60, DeviceEvent.JAMMING).drive(33.6).stand(300)
        truck.send(DeviceEvent.PANIC)
        if story is twice:
            again = [(at + later, ping) for at, ping in truck.sent for later in (0, 1500, 300_000)]
            truck.sent = truck.sent + again
    assert twice.told.alerts == once.told.alerts
    assert len(once.told.alerts) >= 6
    assert twice.told.counts[Outcome.ACCEPTED] == once.told.counts[Outcome.ACCEPTED]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("every_s", [60, 600])
def test_c20_drift_round_a_parked_truck_raises_nothing(seed: int, every_s: int) -> None:
    """C20: ignition off, 5 to 30 m of drift and single spikes of up to 300 m, all night at the edge of a fence: 0."""
    random = Random(seed)
    story = Story()
    truck = story.truck(every_s=10).arriving(85)
    truck.every_s, truck.km = every_s, 85.2
    spikes = [random.uniform(50, 300) if i % 7 == 3 else random.uniform(-30, 30) for i in range(8 * 3600 // every_s)]
    truck.fields["ignition"] = False
    for aside_m in spikes:
        truck.north_m = aside_m
        truck.stand(every_s)
    story.tells_nothing("geofence_exit", "signal_lost", "implausible_jump")
    assert [alert.event for alert in story.told.of("geofence_enter")] == ["raised"]
    assert len(story.told.of("unscheduled_stop")) == 1  # parked off any place all night: that alarm is wanted, once


@CADENCES
@pytest.mark.parametrize("jammed_s", [5, 25, 55])
def test_c22_passing_somebody_elses_jammer_is_a_warning_that_clears_itself(every_s: int, jammed_s: int) -> None:
    """C22: 5 to 55 s of jamming while driving through a risky corridor: 3 at most, and over by itself."""
    story = Story()
    truck = story.truck(every_s=every_s).arriving(25)
    started_s = truck.now_s
    while truck.now_s - started_s < jammed_s:
        truck.flag(every_s, DeviceEvent.JAMMING_WARNING, DeviceEvent.JAMMING, kmh=72, satellites=0)
    truck.drive(truck.km + 6)
    story.tells_nothing_above(3)
    raised = [alert for alert in story.told.of("gnss_jamming") if alert.event == "raised"]
    cleared = [alert for alert in story.told.of("gnss_jamming") if alert.event == "cleared"]
    assert len(raised) == len(cleared)


def _flipped(truck: Truck) -> None:
    truck.send(lon=100.0 - truck.km / 100, speed_kmh=72).wait(truck.every_s)


def _from_a_cell_tower(truck: Truck) -> None:
    truck.send(lat=ORIGIN_LAT + 0.09, accuracy_m=3000.0, speed_kmh=72).wait(truck.every_s)


@CADENCES
@pytest.mark.parametrize("bad_fix", [_flipped, _from_a_cell_tower])
@pytest.mark.parametrize("km", [25, 30, 85])
def test_c23_one_bad_fix_is_a_record_and_never_moves_the_truck(
    every_s: int, bad_fix: Callable[[Truck], None], km: float
) -> None:
    """C23: a flipped sign or a cell tower's position 10 km off: severity 1, no exit, no end of a stop."""
    story = Story()
    truck = story.truck(every_s=every_s).arriving(km - 3.6)
    truck.drive(km)
    bad_fix(truck)
    truck.drive(km + 1.2)
    bad_fix(truck)
    truck.drive(km + 4.8)
    told = story.told
    assert {alert.rule for alert in told.alerts if alert.severity > 1} <= {"geofence_enter", "geofence_exit"}
    assert told.quarantined == {Quarantine.IMPLAUSIBLE_JUMP: 2}
    assert [alert.event for alert in told.of("implausible_jump")] in (
        ["raised"],
        ["raised", "cleared"],
        ["raised", "cleared"] * 2,
    )
    exits = [alert for alert in told.of("geofence_exit") if alert.event == "raised"]
    assert len(exits) == (1 if km == 85 else 0)


def test_c23_a_bad_fix_does_not_end_a_stop() -> None:
    """C23: one flipped fix amid a stand: the stop goes on as the same episode."""
    story = Story()
    truck = story.truck().arriving(25).stand(300)
    _flipped(truck)
    truck.stand(400)
    story.tells("""
         3:00 risk_stop raised    3
        10:00 risk_stop escalated 4
    """)
