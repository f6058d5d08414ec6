"""Stories of geofence_enter, geofence_exit and geofence_dwell."""

from __future__ import annotations

import pytest

from telematics.model import Trip, Vehicle
from tests.support.story import Story, clock
from tests.support.truck import NOON

VISITS = ("geofence_enter", "geofence_exit", "geofence_dwell")


@pytest.mark.parametrize(
    ("every_s", "enters", "leaves"), [(10, "-0:10", "1:20"), (30, "0:00", "1:30"), (60, "0:00", "2:00")]
)
def test_entering_is_eager_and_leaving_wants_a_minute_outside(every_s: int, enters: str, leaves: str) -> None:
    """The first fix inside enters; a fix clearly outside, 60 s after the first such fix, leaves."""
    story = Story()
    story.truck(every_s=every_s).arriving(85).drive(88.6)
    told = story.tells(f"""
        {enters} geofence_enter raised  3 gate
        {leaves} geofence_exit  raised  3 gate
        {leaves} geofence_enter cleared 3 gate
    """)
    (exited,) = told.of("geofence_exit")
    assert exited.evidence["fence"] == {"id": "gate", "version": 1}
    assert exited.event_time - exited.episode_start == 60_000


def test_entering_again_ends_the_exit() -> None:
    """The exit's alert stays open until the next entry, which is an episode of its own."""
    story = Story()
    truck = story.truck().arriving(85).drive(88)
    truck.drive(85)
    told = story.tells("""
        -0:10 geofence_enter raised  3 gate
         1:20 geofence_exit  raised  3 gate
         1:20 geofence_enter cleared 3 gate
         4:50 geofence_exit  cleared 3 gate
         4:50 geofence_enter raised  3 gate
    """)
    assert len({alert.alert_id for alert in told.of("geofence_enter")}) == 2


def test_a_fence_may_ask_for_a_minute_inside() -> None:
    """`min_inside_s`: nothing before a minute inside; passing through at speed never counts."""
    story = Story()
    story.truck("stays").arriving(90).stand(120)
    story.truck("passes").arriving(90).drive(93)
    (raised,) = story.tells("0:50 geofence_enter raised 3 pen").of("geofence_enter")
    assert (raised.vehicle_id, clock(raised.episode_start), clock(raised.event_time)) == ("stays", "-0:10", "0:50")


def test_a_truck_that_enters_and_is_jammed_counts_as_inside() -> None:
    """The wait inside runs on the arrival clock: silence and no-fix pings do not stop it."""
    story = Story(until="3:00")
    story.truck("silent").arriving(90).send()
    story.truck("jammed").arriving(90).send().wait(10).repeat(120)
    told = story.tells("""
        0:50 geofence_enter raised 3 pen
        0:50 geofence_enter raised 3 pen
    """)
    assert {alert.vehicle_id for alert in told.of("geofence_enter")} == {"silent", "jammed"}


def test_a_fix_less_accurate_than_the_fence_is_wide_enters_nothing() -> None:
    """Accuracy worse than the fence's size proves nothing."""
    story = Story()
    story.truck().arriving(80).drive(90, accuracy_m=600)
    story.tells_nothing(*VISITS)


def test_an_inaccurate_fix_leaves_nothing() -> None:
    """Distance less accuracy must exceed the margin: 400 m off with 350 m of accuracy proves no exit."""
    story = Story()
    truck = story.truck().arriving(85).send()
    truck.km = 85.6
    truck.stand(600, accuracy_m=350)
    story.tells_nothing("geofence_exit")


def test_drift_of_a_parked_truck_leaves_nothing() -> None:
    """With the ignition off, fixes outside the fence are drift (C20)."""
    story = Story()
    truck = story.truck().arriving(85).stand(600, ignition=False)
    truck.km = 85.45
    truck.stand(600, ignition=False)
    story.tells_nothing("geofence_exit")


def test_silence_and_lost_fixes_leave_nothing() -> None:
    """Neither silence nor pings without a fix prove an exit, nor does one fix outside before them."""
    story = Story(until="120:00")
    story.truck().arriving(85).drive(86).repeat(3600)
    story.tells_nothing("geofence_exit")


def test_a_hop_outside_of_less_than_a_minute_is_no_exit() -> None:
    """A fix inside cancels a leaving that had begun."""
    story = Story()
    story.truck().arriving(85).drive(85.6).drive(85).stand(120)
    story.tells_nothing("geofence_exit")


@pytest.mark.parametrize("every_s", [10, 30, 60])
def test_dwell_is_told_when_due_and_ends_with_the_exit(every_s: int) -> None:
    """Inside for `dwell_s` (5 min): told to the second at every cadence, cleared by the exit."""
    story = Story()
    story.truck(every_s=every_s, km=81.4, start_s=-180).drive(85, satellites=9).stand(600).drive(88.6)
    dwelt, left = story.told.of("geofence_dwell")
    began = clock(dwelt.episode_start)
    assert began == {10: "-0:10", 30: "0:00", 60: "0:00"}[every_s]
    assert (dwelt.event, clock(dwelt.raised_at)) == ("raised", {10: "4:50", 30: "5:00", 60: "5:00"}[every_s])
    assert (left.event, left.event_time) == ("cleared", story.told.of("geofence_exit")[0].event_time)


def test_dwell_counts_though_the_truck_is_silent_by_then() -> None:
    """Absence runs on the arrival clock: a truck that is dark inside a fence is told when it has dwelt."""
    story = Story(until="30:00")
    story.truck().arriving(85).send()
    story.tells("4:50 geofence_dwell raised 3 gate")


def test_dwell_waits_while_a_leaving_is_under_way() -> None:
    """A truck whose leaving has begun when the dwell is due has left if the next fixes say so."""
    story = Story()
    story.truck().arriving(85).stand(250).drive(88)
    story.tells_nothing("geofence_dwell")


def test_an_entry_learned_from_stored_pings_dwells_all_the_same() -> None:
    """A truck that entered while it was buffering is inside, and its dwell runs from the arrival of that entry."""
    story = Story()
    story.truck().arriving(83).drive(85, buffered=True).stand(600)
    assert [alert.event for alert in story.told.of("geofence_dwell")] == ["raised"]


@pytest.mark.parametrize(("tags", "told"), [(("hazmat",), 1), (("milk",), 0), ((), 0)])
def test_a_fence_for_some_vehicles_is_not_there_for_the_others(tags: tuple[str, ...], told: int) -> None:
    """`applies_to` holds tags of vehicles, which the trip's document names."""
    story = Story()
    story.trip(Trip("T1", effective_at=NOON - 3_600_000, vehicle=Vehicle(tags=tags)))
    story.truck().arriving(95).stand(60)
    assert len(story.told.of("geofence_enter")) == told


def test_a_late_fix_shows_a_passage_that_nobody_saw() -> None:
    """A fix inside that arrives after its neighbours tells an entry and an exit, marked late, and moves nothing."""
    story = Story()
    truck = story.truck(every_s=30, km=82.6, start_s=-60).drive(84.4)
    truck.km, truck.now_s = 85.0, 40
    truck.send(speed_kmh=72, arrives_s=100)
    truck.km, truck.now_s = 85.6, 60
    truck.drive(88)
    told = story.tells("""
        1:40 geofence_exit  raised  3 gate
        1:40 geofence_enter raised  3 gate
        1:40 geofence_enter cleared 3 gate
    """)
    assert all(alert.late for alert in told.alerts if alert.subject == "gate")
    assert story.engine.vehicle("T1").fix.ts == max(ping.ts for _, ping in truck.sent)  # type: ignore[union-attr]


def test_a_truck_that_is_far_off_has_left_though_its_ignition_is_off() -> None:
    """Towed, on a ferry, or its ignition is not wired: drift does not reach so far, so it did not dwell either."""
    story = Story()
    story.truck(ignition=False).arriving(85).drive(87).stand(600)
    events = [(alert.rule, alert.event.value) for alert in story.told.alerts if alert.subject == "gate"]
    assert events == [("geofence_enter", "raised"), ("geofence_exit", "raised"), ("geofence_enter", "cleared")]
