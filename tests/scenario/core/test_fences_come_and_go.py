"""Fences that wake up, fall asleep, change and go while trucks are in them, and fences passed between two pings."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from geofences.index import FenceIndex
from geofences.model import Detect, Fence, FenceKind
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.model import AlertEvent, DeviceEvent, Trip, Vehicle
from tests.support.places import ALL_VISITS, circle
from tests.support.story import Story, batch_of, seconds
from tests.support.truck import NOON, Truck

GATE = Fence(id="gate", shape=circle(85, 250), detect=ALL_VISITS, dwell_s=300)
FAR = Fence(id="far", shape=circle(300, 250))


def at(text: str) -> int:
    """An instant of the story."""
    return NOON + seconds(text) * 1000


def among(*fences: Fence) -> FenceIndex:
    """A set of these."""
    return FenceIndex(fences)


def gate(**how: Any) -> Fence:
    """The gate, otherwise."""
    return replace(GATE, **how)


# -- windows


def test_a_truck_that_is_inside_when_the_window_opens_has_entered() -> None:
    """The alert comes when it opens, not with the next ping, and says that the truck was there before."""
    story = Story(among(gate(valid_from=at("5:03"))))
    story.truck(km=85).stand(400)
    (enter,) = story.tells("5:03 geofence_enter raised 3 gate").of("geofence_enter")
    assert enter.evidence["facts"] == {"inside_since": at("5:03"), "accuracy_m": 15.0, "opened": True}
    assert enter.episode_start == at("5:03")


@pytest.mark.parametrize("jammed", [False, True])
def test_it_is_told_although_the_truck_is_jammed(*, jammed: bool) -> None:
    """Its last fix is inside, the wait for `min_inside_s` runs on the arrival clock."""
    story = Story(among(gate(valid_from=at("5:00"), min_inside_s=60)))
    truck = story.truck(km=85).stand(290)
    _ = truck.repeat(200, DeviceEvent.JAMMING) if jammed else truck.stand(200)
    story.tells("6:00 geofence_enter raised 3 gate")


def test_a_truck_that_has_left_before_the_window_opens_has_not_entered() -> None:
    """What counts is the last fix."""
    story = Story(among(gate(valid_from=at("5:00"))))
    story.truck(km=85).stand(240).drive(88)
    story.tells_nothing("geofence_enter", "geofence_exit")


def test_a_fix_that_proves_nothing_enters_no_window() -> None:
    """Less accurate than the fence is wide."""
    story = Story(among(gate(valid_from=at("5:00"))))
    story.truck(km=85, accuracy_m=600.0).stand(400)
    story.tells_nothing("geofence_enter")


def test_a_visit_ends_when_the_window_closes_and_nobody_has_left() -> None:
    """Enter and dwell are cleared when it closes; driving off afterwards is no exit."""
    story = Story(among(gate(valid_to=at("8:00"))))
    story.truck(km=85).stand(540).drive(90)
    told = story.tells(
        """
         0:00 geofence_enter raised  3 gate
         5:00 geofence_dwell raised  3 gate
         8:00 geofence_enter cleared 3 gate
         8:00 geofence_dwell cleared 3 gate
         """,
        "geofence_exit",
    )
    assert [alert.evidence["facts"] for alert in told.alerts[2:]] == [{"reason": "window closed"}] * 2


def test_a_window_that_closes_on_a_silent_truck_ends_its_visit_then() -> None:
    """By the arrival clock: no ping has to come."""
    story = Story(among(gate(valid_to=at("8:00"))), until="10:00")
    story.truck(km=85).stand(60)
    story.tells(
        """
         0:00 geofence_enter raised  3 gate
         5:00 geofence_dwell raised  3 gate
         8:00 geofence_enter cleared 3 gate
         8:00 geofence_dwell cleared 3 gate
         """
    )


def test_what_was_stored_before_the_window_closed_enters_nothing_again() -> None:
    """Fixes of a visit that is over, which come later than its end, tell nothing new."""
    story = Story(among(gate(valid_to=at("8:00"))))
    truck = story.truck(km=85).stand(60)
    for minute in range(2, 8):
        truck.now_s = 60 * minute
        truck.send(arrives_s=900 + minute, buffered=True)
    truck.now_s = 1000
    truck.stand(60)
    story.tells(
        """
         0:00 geofence_enter raised  3 gate
         8:00 geofence_enter cleared 3 gate
         """,
        "geofence_exit",
    )


def test_a_visit_that_nobody_knew_of_until_the_window_had_closed_is_told() -> None:
    """A truck without contact entered and was inside: told late, entered when it was, over when the window closed."""
    story = Story(among(gate(valid_to=at("8:00"))))
    truck = story.truck(km=80).send()
    truck.km = 85
    for minute in range(5, 10):
        truck.now_s = 60 * minute
        truck.send(arrives_s=900 + minute, buffered=True)
    told = story.tells(
        """
        15:05 geofence_enter raised  3 gate
        15:05 geofence_enter cleared 3 gate
        """,
        "geofence_exit",
    )
    assert [alert.event_time for alert in told.of("geofence_enter")] == [at("5:00"), at("8:00")]


def test_standing_counts_only_in_the_hours_of_a_no_stop_zone() -> None:
    """From when its window opens, and it is over when that closes."""
    zone = Fence(id="curb", kind=FenceKind.NO_STOP, shape=circle(85, 250), valid_from=at("5:00"), valid_to=at("20:00"))
    story = Story(among(zone))
    story.truck(km=85).stand(1500)
    told = story.tells(
        """
         6:00 no_stop_zone raised  4 curb
        20:00 no_stop_zone cleared 4 curb
        """
    ).of("no_stop_zone")
    assert told[0].episode_start == at("5:00")
    assert told[1].evidence["facts"]["reason"] == "window closed"


def test_a_yard_that_closes_excuses_nobody_any_more() -> None:
    """A truck that stands at risk in a closed rest area is one that stands at risk."""
    risky = Fence(id="risky", kind=FenceKind.HIGH_RISK_CORRIDOR, risk=5, shape=circle(85, 2000))
    pumps = Fence(id="pumps", kind=FenceKind.AUTHORISED_STOP, shape=circle(85, 200), valid_to=at("30:00"))
    story = Story(among(risky, pumps))
    story.truck(km=85).stand(2400)
    (first, *_) = story.told.of("risk_stop")
    assert at("30:00") <= first.raised_at <= at("30:10")


# -- trips


def test_a_trip_that_takes_a_fence_away_ends_the_visit() -> None:
    """And one that brings it makes an entry of a truck that stands in it."""
    story = Story(among(gate(applies_to=frozenset({"hazmat"}))))
    story.truck(km=85).stand(1200)
    story.trip(Trip("T1", at("5:02"), Vehicle(tags=("hazmat",))))
    story.trip(Trip("T1", at("9:02"), Vehicle()))
    told = story.tells(
        """
         5:02 geofence_enter raised  3 gate
         9:02 geofence_enter cleared 3 gate
        """,
        "geofence_exit",
        "geofence_dwell",
    )
    assert told.of("geofence_enter")[1].evidence["facts"]["reason"] == "no longer applies"


# -- sets


def test_a_new_set_is_in_force_from_its_instant_on() -> None:
    """A ping that arrives before is judged by the former fences, one that arrives then by the new ones."""
    for effective, entered in (("0:59", True), ("1:00", True), ("1:01", False)):
        story = Story(among(FAR))
        story.truck(km=80).send().wait(60)
        truck = story.truck("T2", km=85, start_s=60).send()
        truck.now_s = 60.5
        story.engine.put_fences(among(FAR, GATE), at(effective))
        assert bool(story.told.of("geofence_enter")) is entered, effective


def test_a_fence_that_changes_around_a_truck_ends_the_visit_and_begins_another() -> None:
    """The end is told of the version that was entered, the new entry of the other."""
    story = Story(among(GATE))
    story.truck(km=85).stand(600)
    story.engine.put_fences(among(gate(version=2, shape=circle(85, 300))), at("3:02"))
    told = story.tells(
        """
         0:00 geofence_enter raised  3 gate
         3:02 geofence_enter cleared 3 gate
         3:02 geofence_enter raised  3 gate
         8:02 geofence_dwell raised  3 gate
        """,
        "geofence_exit",
    )
    entered, ended, again, _ = told.alerts
    assert ended.evidence["facts"] == {"reason": "fence changed"}
    assert [alert.evidence["fence"]["version"] for alert in (entered, ended, again)] == [1, 1, 2]
    assert again.evidence["facts"]["opened"] is True
    assert entered.alert_id == ended.alert_id != again.alert_id


def test_a_fence_that_moves_away_from_a_truck_is_not_left() -> None:
    """The visit ends for that reason, and no exit is told."""
    story = Story(among(GATE))
    story.truck(km=85).stand(600)
    story.engine.put_fences(among(gate(shape=circle(95, 300))), at("3:02"))
    story.tells(
        """
         0:00 geofence_enter raised  3 gate
         3:02 geofence_enter cleared 3 gate
        """,
        "geofence_exit",
        "geofence_dwell",
    )


def test_a_fence_that_goes_takes_what_is_open_on_it_along() -> None:
    """Enter, dwell, exit and a stop in it are cleared at that instant, each once."""
    curb = Fence(id="curb", kind=FenceKind.NO_STOP, shape=circle(85, 200))
    story = Story(among(GATE, curb, FAR), until="12:00")
    story.truck(km=85).stand(700)
    story.truck("T2", km=85).stand(60).drive(90)
    story.engine.put_fences(among(FAR), at("10:01"))
    told = story.told
    ended = sorted((alert.vehicle_id, alert.rule) for alert in told.alerts if alert.raised_at == at("10:01"))
    assert ended == [
        ("T1", "geofence_dwell"),
        ("T1", "geofence_enter"),
        ("T1", "no_stop_zone"),
        ("T2", "geofence_exit"),
    ]
    reasons = {alert.evidence["facts"]["reason"] for alert in told.alerts if alert.raised_at == at("10:01")}
    assert reasons == {"fence removed"}
    state = story.engine.vehicle("T1")
    assert state is not None
    assert not state.visits
    assert not [key for key in (*state.memory, *state.deadlines, *state.episodes) if key[1] in {"gate", "curb"}]


def test_a_pending_entry_to_a_fence_that_goes_is_never_told() -> None:
    """Its timer goes with it."""
    story = Story(among(gate(min_inside_s=120)), until="6:00")
    story.truck(km=85).stand(60)
    story.engine.put_fences(among(FAR), at("1:30"))
    story.tells_nothing("geofence_enter")


def test_a_fence_that_stays_as_it_was_is_not_touched_by_a_new_set() -> None:
    """Wherever it stands in the new one: the visit goes on, and the dwell runs from its beginning."""
    story = Story(among(GATE, FAR))
    story.truck(km=85).stand(400)
    story.engine.put_fences(among(Fence(id="aaa", shape=circle(200, 100)), FAR, replace(GATE)), at("3:02"))
    story.tells(
        """
         0:00 geofence_enter raised 3 gate
         5:00 geofence_dwell raised 3 gate
        """,
        "geofence_exit",
    )


def test_of_two_sets_the_one_that_came_last_counts() -> None:
    """A set replaces those that came before it, also those whose time has not come; never those that came later."""
    story = Story(among(FAR))
    story.truck(km=85).stand(600)
    story.engine.put_fences(among(GATE), at("5:00"))
    story.engine.put_fences(among(FAR), at("3:00"))
    story.tells_nothing("geofence_enter")
    story = Story(among(FAR))
    story.truck(km=85).stand(600)
    story.engine.put_fences(among(FAR), at("3:00"))
    story.engine.put_fences(among(GATE), at("5:00"))
    story.tells("5:00 geofence_enter raised 3 gate")


def test_a_set_that_comes_too_late_holds_from_the_next_instant() -> None:
    """What was judged stays judged; the instant is told, so that whoever repeats the log puts it there."""
    engine = MonitorEngine(among(FAR), RuleSet())
    sent = Truck(km=85).stand(600).sent
    engine.step(batch_of(sent[:-1]))
    assert [engine.put_fences(among(GATE), effective) for effective in (at("1:00"), None)] == [engine.clock + 1] * 2
    late = (engine.clock, replace(sent[-1][1], vehicle_id="T2"))
    told = engine.step(batch_of([late, sent[-1]])).alerts
    assert [(alert.vehicle_id, alert.raised_at) for alert in told] == [(name, late[0] + 1) for name in ("T1", "T2")]


def test_what_was_open_when_the_file_was_exchanged_ends_with_the_next_input() -> None:
    """A monitor is stopped, its fence file loses a fence, it is started again: the fence's alerts are cleared, once."""
    before = MonitorEngine(among(GATE, FAR), RuleSet())
    raised = before.step(batch_of(Truck(km=85).stand(600).sent)).alerts
    engine = MonitorEngine(among(FAR), RuleSet())
    engine.restore(json.loads(json.dumps(before.snapshot())))
    engine.let_go()
    told = engine.step(batch_of([(engine.clock + 5_000, None)])).alerts
    assert {(one.alert_id, one.event, one.evidence["facts"]["reason"]) for one in told} == {
        (one.alert_id, AlertEvent.CLEARED, "fence removed") for one in raised if one.subject == "gate"
    }
    assert len(told) >= 2
    engine.let_go()
    assert not engine.step(batch_of([(engine.clock + 5_000, None)])).alerts
    state = engine.vehicle("T1")
    assert state is not None
    assert not state.episodes


# -- passages

NARROW = gate(detect=frozenset({Detect.CROSS, Detect.EXIT}))


def test_a_fence_that_lies_between_two_pings_was_crossed() -> None:
    """Entered and left as the straight way has it, told with the second ping."""
    story = Story(among(NARROW))
    story.truck(km=80.8, every_s=60).drive(90.4)
    told = story.tells(
        """
         4:00 geofence_exit  raised  3 gate
         4:00 geofence_enter raised  3 gate
         4:00 geofence_enter cleared 3 gate
        """
    )
    exited, entered, _ = told.alerts
    # From km 84.4 to 85.6 in 60 s; the gate reaches from 84.75 to 85.25.
    assert abs(entered.episode_start - at("3:17")) <= 1000
    assert abs(exited.episode_start - at("3:42")) <= 1000
    assert entered.evidence["facts"]["crossed"] is True


@pytest.mark.parametrize(
    ("fence", "how"),
    [
        pytest.param(gate(detect=ALL_VISITS), {}, id="the fence does not detect it"),
        pytest.param(gate(detect=frozenset({Detect.CROSS}), min_inside_s=40), {}, id="too short a visit"),
        pytest.param(gate(detect=frozenset({Detect.CROSS}), valid_from=at("9:00")), {}, id="asleep"),
        pytest.param(gate(detect=frozenset({Detect.CROSS}), applies_to=frozenset({"x"})), {}, id="not for this truck"),
        pytest.param(gate(detect=frozenset({Detect.CROSS})), {"accuracy_m": 600.0}, id="the fixes err by more"),
        pytest.param(
            gate(detect=frozenset({Detect.CROSS}), shape=circle(85, 250, 249.0)), {"accuracy_m": 45.0}, id="grazed"
        ),
    ],
)
def test_a_passage_that_is_not_asked_for_or_not_proven_is_not_told(fence: Fence, how: dict[str, Any]) -> None:
    """Nothing is told of it."""
    story = Story(among(fence))
    story.truck(km=80.8, every_s=60, **how).drive(90.4)
    story.tells_nothing("geofence_enter", "geofence_exit")


def test_what_lies_between_pings_far_apart_was_not_crossed_for_certain() -> None:
    """After more than ten minutes nobody knows which way it took."""
    story = Story(among(NARROW))
    truck = story.truck(km=80).send().wait(601)
    truck.km = 90
    truck.send().wait(10)
    story.tells_nothing("geofence_enter", "geofence_exit")


def test_a_truck_that_turns_round_and_passes_through_has_left_only_then() -> None:
    """The leaving that had begun begins anew."""
    story = Story(among(NARROW))
    truck = story.truck(km=85, every_s=60).stand(120)
    truck.km = 86
    truck.send().wait(60)
    truck.km = 84
    truck.send().wait(60).send().wait(10)
    (exited,) = story.tells("4:00 geofence_exit raised 3 gate").of("geofence_exit")
    assert exited.episode_start == at("3:00")
