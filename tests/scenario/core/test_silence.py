"""Stories of signal_lost: silence by the arrival clock, in stages, and what silences mean nothing."""

from __future__ import annotations

import pytest

from tests.support.story import Story, batch_of, clock


@pytest.mark.parametrize(
    ("every_s", "hint", "warning", "high"),
    [(10, "1:20", "5:00", "10:00"), (30, "2:00", "5:00", "10:00"), (60, "3:00", "5:00", "10:00")],
)
def test_silence_grows_in_three_stages(every_s: int, hint: str, warning: str, high: str) -> None:
    """Hint after two intervals and a minute, warning after 5 min, high after 10, counted from the last ping."""
    story = Story(until="20:00")
    truck = story.truck(every_s=every_s).arriving(18)
    truck.send(speed_kmh=72)
    told = story.tells(f"""
        {hint}    signal_lost raised    2
        {warning} signal_lost escalated 3
        {high}    signal_lost escalated 4
    """)
    assert {clock(alert.episode_start) for alert in told.of("signal_lost")} == {"0:00"}
    assert [clock(alert.event_time) for alert in told.of("signal_lost")] == [hint, warning, high]


@pytest.mark.parametrize(("every_s", "hint"), [(10, "0:40"), (30, "1:00"), (60, "1:30")])
def test_all_times_are_halved_in_a_risky_corridor(every_s: int, hint: str) -> None:
    """K = 0.5 at risk 4 and above."""
    story = Story(until="20:00")
    story.truck(every_s=every_s).arriving(25).send(speed_kmh=72)
    story.tells(f"""
        {hint} signal_lost raised    2
        2:30   signal_lost escalated 3
        5:00   signal_lost escalated 4
    """)


def test_stages_are_timed_by_arrival_not_by_the_device() -> None:
    """A network delay of 7 s moves `raised_at` by 7 s and leaves `event_time` on the device's clock."""
    story = Story(until="20:00")
    story.truck(latency_ms=7000).arriving(18).send(speed_kmh=72)
    first = story.told.of("signal_lost")[0]
    assert (clock(first.episode_start), clock(first.event_time), clock(first.raised_at)) == ("0:00", "1:20", "1:27")


def test_a_stage_fires_when_due_though_nobody_ticks() -> None:
    """With a gap of 30 min in the whole partition the three stages are told at their due times, flagged as delayed."""
    story = Story()
    truck = story.truck().arriving(18)
    truck.send(speed_kmh=72).wait(1800).send(speed_kmh=72)
    effects = story.engine.step(batch_of(list(truck.sent)))
    told = [
        (clock(alert.raised_at), int(alert.severity), alert.delayed)
        for alert in effects.alerts
        if alert.rule == "signal_lost"
    ]
    assert told == [("1:20", 2, True), ("5:00", 3, True), ("10:00", 4, True), ("30:00", 4, False)]


def test_the_first_live_fix_ends_it() -> None:
    """A good fix clears the silence at its own time; the next silence is an episode of its own."""
    story = Story(until="15:00")
    truck = story.truck().arriving(16).send(speed_kmh=72).wait(120)
    truck.drive(18)
    told = story.tells("""
         1:20 signal_lost raised    2
         2:00 signal_lost cleared   2
         4:50 signal_lost raised    2
         8:30 signal_lost escalated 3
        13:30 signal_lost escalated 4
    """)
    first, second = told.of("signal_lost")[0], told.of("signal_lost")[2]
    assert clock(second.episode_start) == "3:30"
    assert first.alert_id != second.alert_id


def test_a_ping_without_a_fix_proves_life_but_does_not_end_it() -> None:
    """No-fix pings hold back the next stages, and only a live fix clears what was raised."""
    story = Story(until="12:00")
    truck = story.truck().arriving(18).send(speed_kmh=72).wait(120)
    truck.repeat(300).drive(18.2)
    story.tells("""
         1:20        signal_lost raised    2
         7:00        signal_lost cleared   2
         8:20..8:30  signal_lost raised    2
        12:00        signal_lost escalated 3
    """)


def test_a_dead_zone_delays_the_count_and_never_switches_it_off() -> None:
    """In a known dead zone counting starts after 1.5 times its usual crossing: 6 min later here."""
    story = Story(until="20:00")
    story.truck().arriving(66).send(speed_kmh=72)
    (raised, *_) = story.tells("""
         7:20 signal_lost raised    2
        11:00 signal_lost escalated 3
        16:00 signal_lost escalated 4
    """).of("signal_lost")
    assert raised.evidence["facts"]["dead_zone"] == "canyon"
    assert raised.evidence["thresholds"]["head_start_s"] == 360


@pytest.mark.parametrize("every_s", [10, 30, 60])
def test_parked_with_the_ignition_off_silence_means_nothing(every_s: int) -> None:
    """A truck that stands with its ignition off may fall silent."""
    story = Story(until="60:00")
    story.truck(every_s=every_s).arriving(18).stand(900, ignition=False)
    story.tells_nothing("signal_lost")


def test_standing_with_the_ignition_on_it_is_missed() -> None:
    """Last seen standing, but with the ignition on: silence counts."""
    story = Story(until="3:00")
    story.truck().arriving(18).send()
    story.tells("1:20 signal_lost raised 2")


def test_moving_it_is_missed_whatever_the_ignition_wire_says() -> None:
    """Moving with an ignition reported off for less than 10 min: silence counts; for longer it is a tow or a bad wire."""
    story = Story(until="30:00")
    story.truck("T1", ignition=False).arriving(18).send(speed_kmh=72)
    story.truck("T2", ignition=False, km=0, start_s=-900).drive(18).send(speed_kmh=72)
    assert {alert.vehicle_id for alert in story.told.of("signal_lost")} == {"T1"}


def test_a_device_that_reports_every_ten_minutes_is_not_lost_between_two_pings() -> None:
    """The stages are never shorter than the hint of 2 intervals + 60 s, and high never before twice that."""
    story = Story(until="60:00")
    story.truck(every_s=600, start_s=-2400, interval_s=600).drive(18, kmh=27).send(speed_kmh=27)
    story.tells("""
        21:00 signal_lost raised    3
        42:00 signal_lost escalated 4
    """)
