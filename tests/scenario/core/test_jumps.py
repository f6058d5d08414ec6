"""Stories of implausible_jump: the fix is quarantined, the vehicle stays, three fixes that agree move it."""

from __future__ import annotations

import pytest

from telematics.core.effects import Outcome, Quarantine
from tests.support.story import Story, clock

RULE = "implausible_jump"


@pytest.mark.parametrize("every_s", [10, 30, 60])
def test_a_jump_is_recorded_quarantined_and_over_after_three_good_fixes(every_s: int) -> None:
    """Over 150 km/h for over 1 km: severity 1; three fixes that go on where the truck was end it."""
    story = Story()
    truck = story.truck(every_s=every_s).arriving(18)
    truck.km = 68
    truck.flag(every_s, kmh=72)
    truck.km = 18
    truck.stand(every_s * 5)
    told = story.tells(f"""
        0:00 {RULE} raised  1 position
        {clock_of(3 * every_s)} {RULE} cleared 1 position
    """)
    assert told.quarantined == {Quarantine.IMPLAUSIBLE_JUMP: 1}
    (raised, _) = told.of(RULE)
    assert raised.evidence["facts"]["speed_kmh"] > 150
    assert raised.position is not None
    assert raised.position.lon == pytest.approx(truck.sent[0][1].lon, abs=0.05)


def clock_of(seconds: int) -> str:
    """m:ss."""
    return f"{seconds // 60}:{seconds % 60:02d}"


def test_a_fast_step_under_a_kilometre_is_noise() -> None:
    """300 m in a second is a bad fix, not a jump."""
    story = Story()
    truck = story.truck(every_s=1).arriving(18)
    truck.stand(60, drift_m=[0, 300, 0, 300])
    story.tells_nothing(RULE)


def test_three_fixes_that_agree_move_the_vehicle() -> None:
    """A truck carried 50 km while off is believed there on the third fix, and its history begins anew there."""
    story = Story()
    truck = story.truck(every_s=30).arriving(18)
    truck.km = 75
    truck.stand(600)
    told = story.tells(f"""
        0:00 {RULE} raised  1 position
        1:00 {RULE} cleared 1 position
    """)
    assert told.counts[Outcome.QUARANTINED] == 2
    (stop,) = told.of("unscheduled_stop")
    assert clock(stop.episode_start) == "0:00"


def test_fixes_that_jump_about_never_move_the_vehicle() -> None:
    """Spoofed positions that do not agree with each other are all quarantined."""
    story = Story()
    truck = story.truck().arriving(18)
    for km in (200, 400, 600, 800, 1000, 1200):
        truck.km = km
        truck.flag(10)
    assert story.told.quarantined[Quarantine.IMPLAUSIBLE_JUMP] == 6
    state = story.engine.vehicle("T1")
    assert state is not None
    assert state.fix is not None
    assert state.fix.ts < truck.sent[-6][1].ts


def test_positions_that_move_while_the_odometer_stands_are_a_warning() -> None:
    """The tracker rides on another vehicle: straight distance beats the odometer by more than 20 % over 5 km."""
    story = Story()
    truck = story.truck(km=0)
    truck.drive(6, odometer_km=1000.0)
    for _ in range(40):
        truck.flag(10, kmh=72, odometer_km=1000.0 + truck.km - 6.0)
    raised, _ = story.tells(f"""
        4:20        {RULE} raised  3 odometer
        8:20..9:20  {RULE} cleared 3 odometer
    """).of(RULE)
    assert raised.evidence["facts"]["driven_m"] < 0.8 * raised.evidence["facts"]["straight_m"]


def test_an_odometer_that_moves_while_positions_stand_is_a_warning() -> None:
    """Forged positions: 5 km driven within the stop radius."""
    story = Story()
    truck = story.truck(km=5)
    for minute in range(12):
        truck.every_s = 60
        truck.flag(60, odometer_km=1000.0 + minute)
    assert [(int(alert.severity), alert.subject) for alert in story.told.of(RULE)] == [(3, "odometer")]


def test_a_winding_road_is_no_contradiction() -> None:
    """An odometer that counts more than the straight line is what roads are like."""
    story = Story()
    truck = story.truck(km=0)
    for _ in range(100):
        truck.flag(10, kmh=72, odometer_km=500.0 + truck.km * 1.6)
    story.tells_nothing(RULE)


@pytest.mark.parametrize("silent_s", [0, 240])
def test_the_first_fix_far_from_a_stand_is_no_contradiction(silent_s: int) -> None:
    """One fix outside a stay does not end it yet, but it does not prove either that the positions stood."""
    story = Story()
    truck = story.truck(every_s=300, km=62)
    for _ in range(3):
        truck.flag(300, odometer_km=100.0 + truck.km)
    truck.wait(silent_s)
    truck.km += silent_s / 50.0
    for _ in range(6):
        truck.flag(300, kmh=80, odometer_km=100.0 + truck.km)
    story.tells_nothing(RULE)
