"""Stories of the three stop rules: raised, held back, escalated, cleared, and never told by a jammed receiver."""

from __future__ import annotations

import pytest

from geofences.index import FenceIndex
from geofences.model import Fence, FenceKind
from telematics.model import PlannedStop, StopKind, Trip, TripPlan, Vehicle, Window
from tests.support.places import along, spot
from tests.support.story import Story, clock
from tests.support.truck import NOON

STOP_RULES = ("risk_stop", "unscheduled_stop", "no_stop_zone")
CADENCES = [10, 30, 60]


@pytest.mark.parametrize("every_s", CADENCES)
def test_risk_stop_weighs_three_after_3_minutes_and_four_after_10(every_s: int) -> None:
    """A stand in a corridor of risk 4 is a warning after 3 min, high after 10, and over 200 m away."""
    story = Story()
    story.truck(every_s=every_s).arriving(25).stand(720).drive(28.6)
    told = story.tells("""
         3:00         risk_stop raised    3
        10:00         risk_stop escalated 4
        12:20..14:00  risk_stop cleared   4
    """)
    raised, escalated, cleared = told.of("risk_stop")
    assert [clock(alert.episode_start) for alert in (raised, escalated, cleared)] == ["0:00"] * 3
    assert (clock(raised.event_time), clock(escalated.event_time)) == ("3:00", "10:00")
    story.tells_nothing("unscheduled_stop", "no_stop_zone")


def test_a_stop_is_back_dated_to_its_first_fix_however_late_it_is_confirmed() -> None:
    """`event_time` is when the stand had lasted long enough, `raised_at` when a fix first proved it."""
    story = Story()
    truck = story.truck(every_s=10).arriving(25)
    truck.stand(30).wait(310).stand(30)
    told = story.tells("5:40 risk_stop raised 3")
    (raised,) = told.of("risk_stop")
    assert (clock(raised.episode_start), clock(raised.event_time)) == ("0:00", "3:00")
    assert raised.evidence["facts"]["stopped_s"] == 340


def test_a_rare_reporter_needs_two_intervals_of_standing() -> None:
    """Durations between periodic fixes are never shorter than two intervals of the device: 4 min at a 2 min cadence."""
    story = Story()
    story.truck(every_s=120, km=15.4, start_s=-480).drive(25).stand(480)
    story.tells("4:00 risk_stop raised 3")


@pytest.mark.parametrize("km", [40, 39.1, 45, 50], ids=["toll", "toll approach", "inspection", "authorised stop"])
def test_a_place_explains_a_stop_in_a_risky_corridor(km: float) -> None:
    """No stop rule speaks of a truck standing at a place or in its approach."""
    story = Story()
    story.truck().arriving(km).stand(1800)
    story.tells_nothing(*STOP_RULES)


@pytest.mark.parametrize("km", [5, 10, 15], ids=["depot", "customer", "workshop"])
def test_a_place_off_the_corridors_explains_an_unscheduled_stop(km: float) -> None:
    """A depot, a customer and a workshop explain any stand."""
    story = Story()
    story.truck().arriving(km).stand(1800)
    story.tells_nothing(*STOP_RULES)


def _trip(stop: PlannedStop | None = None, profile: str | None = None) -> Trip:
    plan = TripPlan(id="trip-1", stops=() if stop is None else (stop,))
    return Trip("T1", effective_at=NOON - 3_600_000, vehicle=Vehicle(profile=profile), trip=plan)


LON, LAT = spot(25)


@pytest.mark.parametrize(
    ("stop", "held"),
    [
        (PlannedStop(StopKind.REST, lat=LAT, lon=LON), True),
        (PlannedStop(StopKind.REST, lat=LAT, lon=LON, window=Window(NOON, NOON + 7_200_000)), True),
        (PlannedStop(StopKind.REST, lat=LAT, lon=LON, window=Window(NOON - 7_200_000, NOON)), False),
        (PlannedStop(StopKind.REST, lat=LAT, lon=spot(26)[0]), False),
        (PlannedStop(StopKind.REST, place="pumps"), False),
    ],
    ids=["planned here", "in its window", "window is over", "planned a kilometre on", "planned at another place"],
)
def test_a_planned_stop_explains_a_stand_here_and_now_only(stop: PlannedStop, *, held: bool) -> None:
    """The trip excuses a stand within the radius of a planned stop and within its window."""
    story = Story()
    story.trip(_trip(stop))
    story.truck().arriving(25).stand(300)
    assert bool(story.told.of("risk_stop")) is not held


def test_the_last_mile_profile_switches_the_stop_rules_off() -> None:
    """A delivery van stops all day (domain H12): risk_stop and unscheduled_stop are off for it."""
    story = Story()
    story.trip(_trip(profile="last_mile"))
    story.truck().arriving(25).stand(1200)
    story.tells_nothing("risk_stop", "unscheduled_stop")


def test_a_window_that_ends_lets_the_stop_count_from_its_beginning() -> None:
    """When the plan no longer excuses a stand, it is judged by how long it has lasted."""
    story = Story()
    story.trip(_trip(PlannedStop(StopKind.REST, lat=LAT, lon=LON, window=Window(NOON, NOON + 240_000))))
    story.truck().arriving(25).stand(300)
    (raised,) = story.tells("4:00 risk_stop raised 3").of("risk_stop")
    assert clock(raised.episode_start) == "0:00"


@pytest.mark.parametrize("every_s", CADENCES)
def test_unscheduled_stop_on_a_federal_road_after_6_minutes(every_s: int) -> None:
    """In any high-risk corridor below risk 4 a stand counts after 6 min."""
    story = Story()
    story.truck(every_s=every_s).arriving(75).stand(480).drive(78.6)
    story.tells("""
        6:00         unscheduled_stop raised  3
        8:20..10:00 unscheduled_stop cleared 3
    """)
    story.tells_nothing("risk_stop")


@pytest.mark.parametrize("every_s", CADENCES)
def test_unscheduled_stop_elsewhere_after_15_minutes(every_s: int) -> None:
    """Off the federal roads a stand counts after 15 min."""
    story = Story()
    story.truck(every_s=every_s).arriving(18).stand(1020).drive(21.6)
    (raised, _) = story.tells("""
        15:00         unscheduled_stop raised  3
        17:20..19:00  unscheduled_stop cleared 3
    """).of("unscheduled_stop")
    assert clock(raised.episode_start) == "0:00"


@pytest.mark.parametrize(("every_s", "due"), [(10, "1:00"), (30, "1:00"), (60, "2:00")])
def test_no_stop_zone_after_a_minute_or_two_intervals(every_s: int, due: str) -> None:
    """Standing in a no-stop fence is high after 60 s, or two intervals of the device."""
    story = Story()
    story.truck(every_s=every_s).arriving(30).stand(300).drive(33.6)
    told = story.tells(f"""
        {due}       no_stop_zone raised  4 mined
        5:20..7:00  no_stop_zone cleared 4 mined
    """)
    (raised, _) = told.of("no_stop_zone")
    assert (clock(raised.episode_start), clock(raised.event_time)) == ("0:00", due)
    assert raised.evidence["fence"] == {"id": "mined", "version": 1}


def test_a_stand_counts_from_its_first_fix_inside_the_zone() -> None:
    """A truck that crawls into a no-stop zone without leaving its stop radius stands there from the edge on."""
    story = Story()
    truck = story.truck().arriving(29.45).stand(300)
    truck.km = 29.53
    truck.stand(120)
    (raised,) = story.tells("6:00 no_stop_zone raised 4 mined").of("no_stop_zone")
    assert clock(raised.episode_start) == "5:00"


def test_driving_through_a_no_stop_zone_says_nothing() -> None:
    """Without standing there is no stop."""
    story = Story()
    story.truck().arriving(28).drive(32)
    story.tells_nothing(*STOP_RULES)


def test_one_stray_fix_does_not_end_a_stop() -> None:
    """One fix 300 m off is drift: the stop goes on and keeps its id."""
    story = Story()
    truck = story.truck().arriving(25).stand(200)
    truck.stand(300, drift_m=[300])
    story.tells("3:00 risk_stop raised 3")


def test_a_new_stop_after_a_departure_is_a_new_episode() -> None:
    """Two stands 1 km apart are two alerts with ids of their own."""
    story = Story()
    story.truck().arriving(25).stand(200).drive(26).stand(200)
    told = story.tells("""
        3:00        risk_stop raised  3
        3:40        risk_stop cleared 3
        7:10        risk_stop raised  3
    """)
    first, _, second = told.of("risk_stop")
    assert clock(second.episode_start) == "4:10"
    assert first.alert_id < second.alert_id


@pytest.mark.parametrize("km", [25, 30, 75, 18], ids=["risky", "no-stop zone", "federal", "elsewhere"])
@pytest.mark.parametrize("every_s", CADENCES)
def test_a_jammed_truck_never_becomes_a_stop(every_s: int, km: float) -> None:
    """Pings that repeat the last position without satellites are not a stand, for an hour on end."""
    story = Story()
    story.truck(every_s=every_s).arriving(km).repeat(3600)
    story.tells_nothing(*STOP_RULES)


def test_a_stop_rule_at_most_says_what_good_fixes_prove() -> None:
    """A stand of 2 min that ends in jamming is not stretched by it; the fix after it judges the whole."""
    story = Story()
    truck = story.truck().arriving(25).stand(120).repeat(600)
    story_is_silent_until = clock(truck.now())
    truck.send()
    told = story.tells(f"{story_is_silent_until} risk_stop raised 4")
    assert clock(told.of("risk_stop")[0].episode_start) == "0:00"


def test_a_stricter_stop_rule_silences_the_milder_one() -> None:
    """In a corridor of risk 4 and in a no-stop zone unscheduled_stop leaves the word to the stricter rule."""
    story = Story()
    story.truck("T1").arriving(25).stand(1200)
    story.truck("T2").arriving(30).stand(1200)
    assert story.told.of("risk_stop")
    assert story.told.of("no_stop_zone")
    story.tells_nothing("unscheduled_stop")


def test_a_truck_found_standing_elsewhere_does_not_stand_in_the_no_stop_zone_it_vanished_from() -> None:
    """Inside is where the fixes are: a zone left unseen has no stand at the hide-out, though its exit is unproven yet."""
    story = Story()
    truck = story.truck(every_s=30).arriving(30).stand(120).wait(1200)
    truck.km, truck.north_m = 34, 6000.0
    truck.stand(600)
    story.tells("""
         1:00         no_stop_zone raised  4 mined
        22:00..23:00  no_stop_zone cleared 4 mined
    """)


@pytest.mark.parametrize(("km", "edge_m"), [(50, 190), (10, 290)])
@pytest.mark.parametrize(("every_s", "ignition"), [(600, False), (60, True)])
def test_a_fix_that_drifts_over_the_edge_of_a_place_leaves_it_no_more_than_the_truck(
    km: float, edge_m: float, every_s: int, *, ignition: bool
) -> None:
    """C20: parked ten metres inside, all night; a place explains a stop until the truck has provably left it."""
    story = Story()
    truck = story.truck(every_s=every_s, km=km, ignition=ignition)
    truck.north_m = edge_m
    truck.stand(40 * every_s, drift_m=[0, 5, -10, 30, 12, -5, 60, -5, 0, 3] * 4)
    story.tells_nothing(*STOP_RULES)


def test_a_stop_beside_a_place_that_was_left_is_not_explained_by_it() -> None:
    """Half a kilometre past the pumps is not at the pumps."""
    story = Story()
    story.truck().arriving(50).stand(60).drive(50.6).stand(300)
    assert [alert.event.value for alert in story.told.of("risk_stop")] == ["raised"]


def test_a_stop_at_the_edge_of_the_risky_corridor_is_told_once() -> None:
    """What risk_stop has told of, unscheduled_stop does not tell again when a fix drifts out of the corridor."""
    index = FenceIndex([
        Fence(id="risky", kind=FenceKind.HIGH_RISK_CORRIDOR, risk=5, shape=along(20, 60)),
        Fence(id="federal", kind=FenceKind.HIGH_RISK_CORRIDOR, risk=3, shape=along(20, 60, 3000)),
    ])  # fmt: skip
    story = Story(index)
    truck = story.truck(every_s=30, km=25)
    truck.north_m = 290
    truck.stand(1500, drift_m=[0, 15, -5, 20] * 12)
    story.tells(
        """
         3:00 risk_stop raised    3
        10:00 risk_stop escalated 4
    """,
        "unscheduled_stop",
    )
