"""Fences and time that is not one: device clocks that are ahead or behind, fixes that come late, sets at a start."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from geofences.index import FenceIndex
from geofences.model import Detect, Fence, FenceKind
from geofences.schedule import Schedule, Window
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.model import Alert, Ping, Trip, Vehicle
from telematics.wire.alerts import encode_alert
from tests.support.places import ALL_VISITS, along, circle
from tests.support.story import Input, Story, batch_of, clock, in_order, seconds
from tests.support.truck import NOON, Truck

GATE = Fence(id="gate", shape=circle(85, 250), detect=ALL_VISITS, dwell_s=3600)
FAIR = replace(GATE, shape=circle(85, 2500), schedule=Schedule("Etc/UTC", [Window(12 * 60 + 5, 13 * 60)]))
LINE = Fence(id="line", shape=circle(85, 200), detect=frozenset({Detect.CROSS, Detect.EXIT}))
VISITS = ("geofence_enter", "geofence_exit")


def at(text: str) -> int:
    """An instant of the story."""
    return NOON + seconds(text) * 1000


def by_clock(ahead_s: int, sent: list[tuple[int, Ping]]) -> list[tuple[int, Ping]]:
    """What a device sends whose clock is so far ahead."""
    return [(arrival, replace(ping, ts=ping.ts + 1000 * ahead_s)) for arrival, ping in sent]


def ids_once(alerts: list[Alert]) -> None:
    """No step of an alert is told twice, and none ends before it begins."""
    assert Counter((alert.alert_id, alert.seq) for alert in alerts).most_common(1)[0][1] == 1
    assert all(alert.event_time >= alert.episode_start for alert in alerts)


# -- what a vehicle stands in when the set changes


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({"risk": 2}, {"risk": 5}, ["risk_stop 3", "risk_stop 4"]),
        ({"risk": 5}, {"risk": 2}, ["unscheduled_stop 3"]),
        ({"kind": FenceKind.DEPOT}, {"kind": FenceKind.GENERIC}, ["unscheduled_stop 3"]),
        ({"kind": FenceKind.GENERIC}, {"kind": FenceKind.DEPOT}, []),
    ],
)
def test_a_fence_that_is_altered_where_it_lies_counts_at_once(
    before: dict[str, Any], after: dict[str, Any], wanted: list[str]
) -> None:
    """A truck that stands in it is judged by what it is now, as it is after a restart."""
    road = Fence(id="road", **{"kind": FenceKind.HIGH_RISK_CORRIDOR, "shape": along(20, 60), **before})
    sets = FenceIndex([road]), FenceIndex([replace(road, version=2, severity=1, **after)])
    inputs = in_order(Truck(km=27).stand(1300).sent)
    told: list[list[str]] = []
    for restarted in (False, True):
        engine = MonitorEngine(sets[0], RuleSet())
        engine.put_fences(sets[1], at("0:35"))
        alerts = engine.step(batch_of(inputs[:20])).alerts
        if restarted:
            snapshot = json.loads(json.dumps(engine.snapshot()))
            engine = MonitorEngine(sets[0], RuleSet())
            engine.restore(snapshot, fences=[(sets[1], at("0:35"))])
        alerts += engine.step(batch_of(inputs[20:])).alerts
        told.append([f"{alert.rule} {int(alert.severity)}" for alert in alerts if "stop" in alert.rule])
    assert told == [wanted, wanted]


def test_other_words_end_no_visit() -> None:
    """A fence that is only called otherwise goes on, and says its new name and version when the truck leaves."""
    story = Story(FenceIndex([GATE]))
    called = replace(GATE, version=2, name="Puerta 1", tags=frozenset({"north"}), protocol="call")
    story.engine.put_fences(FenceIndex([called]), at("1:00"))
    story.truck(km=85).stand(120).drive(90)
    told = story.tells(
        """
        0:00 geofence_enter raised 3 gate
        3:20 geofence_exit raised 3 gate
        3:20 geofence_enter cleared 3 gate
        """
    )
    assert told.alerts[0].evidence["fence"] == {"id": "gate", "version": 1}
    assert told.alerts[1].evidence["fence"] == {"id": "gate", "version": 2}
    assert told.alerts[1].message_args["fence_name"] == "Puerta 1"


@pytest.mark.parametrize("detect", [frozenset({Detect.ENTER}), frozenset()])
def test_an_open_exit_ends_when_its_fence_asks_for_none_any_more(detect: frozenset[Detect]) -> None:
    """Nothing else would end it."""
    story = Story(FenceIndex([replace(GATE, min_outside_s=0)]))
    story.engine.put_fences(FenceIndex([replace(GATE, version=2, detect=detect)]), at("3:00"))
    story.truck(km=85).stand(60).drive(90)
    told = story.tells("1:20 geofence_exit raised 3 gate\n3:00 geofence_exit cleared 3 gate")
    assert told.of("geofence_exit")[1].evidence["facts"] == {"reason": "fence changed"}


# -- clocks


@pytest.mark.parametrize("ahead_s", [2, 300])
@pytest.mark.parametrize("how", ["fences", "tags"])
def test_a_clock_that_is_ahead_makes_no_two_alerts_of_one_name(ahead_s: int, how: str) -> None:
    """A fence that changes, or ceases to apply and applies again, before the device's clock says that it was entered."""
    fence = replace(GATE, applies_to=frozenset({"hazmat"}))
    engine = MonitorEngine(FenceIndex([fence]), RuleSet())
    engine.put_trip(Trip("T1", NOON - 1, Vehicle(tags=("hazmat",))))
    for second, other in ((61, True), (62, False)):
        if how == "fences":
            engine.put_fences(
                FenceIndex([replace(fence, shape=circle(85, 300)) if other else fence]), NOON + second * 1000
            )
        else:
            engine.put_trip(Trip("T1", NOON + second * 1000, Vehicle(tags=() if other else ("hazmat",))))
    truck = Truck(km=84, every_s=30).send().wait(60)
    truck.km = 85
    alerts = engine.step(batch_of(in_order(by_clock(ahead_s, truck.stand(60).sent)))).alerts
    visits = [alert for alert in alerts if alert.rule == "geofence_enter"]
    assert len([alert for alert in visits if alert.event == "raised"]) == (3 if how == "fences" else 2)
    ids_once(alerts)


@pytest.mark.parametrize(
    ("behind_s", "stored_from", "min_outside_s"), [(600, "", 60), (1, "", 0), (0, "3:00", 60), (0, "3:00", 0)]
)
def test_a_truck_that_stands_still_does_not_leave_a_fence_that_wakes_up(
    behind_s: int, stored_from: str, min_outside_s: float
) -> None:
    """Fixes from before it woke, of a slow clock or stored without contact, tell that the truck was in it."""
    story = Story(FenceIndex([replace(FAIR, min_outside_s=min_outside_s)]))
    truck = story.truck(km=85).stand(1800)
    truck.sent = [
        (max(arrival, at("7:00")) if stored_from and arrival > at(stored_from) else arrival, ping)
        for arrival, ping in by_clock(-behind_s, truck.sent)
    ]
    story.tells("5:00 geofence_enter raised 3 gate", *VISITS)


def test_a_truck_that_had_left_before_a_fence_woke_up_leaves_it_when_that_is_heard() -> None:
    """It was thought to be inside; what says otherwise counts as of the moment at which the fence woke."""
    story = Story(FenceIndex([replace(FAIR, min_inside_s=600)]), until="20:00")
    truck = story.truck(km=85).stand(200)
    truck.km = 87.7
    for second in (280, 290, 400, 460):
        truck.now_s = second
        truck.send(arrives_s=max(second, 330))
    story.tells_nothing(*VISITS)
    story = Story(FenceIndex([FAIR]), until="20:00")
    story.truck().sent += truck.sent
    told = story.tells(
        """
        5:00 geofence_enter raised 3 gate
        6:40 geofence_exit raised 3 gate
        6:40 geofence_enter cleared 3 gate
        """
    )
    assert told.of("geofence_exit")[0].episode_start == at("5:00")


@pytest.mark.parametrize("behind_s", [0, 300, 3600, 21_600])
def test_a_truck_whose_clock_is_behind_leaves_a_new_fence_in_time(behind_s: int) -> None:
    """The wait to be confirmed is counted by the device's own clock, however far behind; no exit begins before its visit."""
    story = Story(FenceIndex([]), until="30:00")
    story.engine.put_fences(FenceIndex([GATE]), at("5:00"))
    truck = story.truck(km=85).stand(500).drive(91).stand(60)
    truck.sent = by_clock(-behind_s, truck.sent)
    told = story.tells(
        """
        5:00 geofence_enter raised 3 gate
        9:40 geofence_exit raised 3 gate
        9:40 geofence_enter cleared 3 gate
        """,
        *VISITS,
    )
    ids_once(told.alerts)


# -- late fixes


def test_a_late_fix_newer_than_all_others_enters() -> None:
    """Behind a ping without a fix, in a truck that is jammed from there on: it is told when it comes."""
    story = Story(FenceIndex([LINE, GATE]), until="5:00")
    truck = story.truck(km=84.5).send().wait(40)
    truck.send(satellites=0)
    truck.now_s, truck.km = 30, 85
    truck.send(arrives_s=41)
    told = story.tells("0:41 geofence_enter raised 3 line\n0:41 geofence_enter raised 3 gate")
    assert [alert.episode_start for alert in told.of("geofence_enter")] == [at("0:30")] * 2
    assert "opened" not in told.alerts[0].evidence["facts"]
    story = Story(FenceIndex([replace(GATE, min_inside_s=60)]), until="5:00")
    story.truck().sent += truck.sent
    (entered,) = story.tells("1:41 geofence_enter raised 3 gate", *VISITS).of("geofence_enter")
    assert "opened" not in entered.evidence["facts"]


def test_a_vehicle_is_where_its_newest_fix_is_also_a_late_one() -> None:
    """Having left by a late fix it does not enter again when another fence wakes up, nor when it is taken up again."""
    fences = FenceIndex([replace(GATE, min_outside_s=0), replace(FAIR, id="other", shape=circle(85, 300))])
    truck = Truck(km=85).send().wait(40)
    truck.send(satellites=0)
    truck.now_s, truck.km = 30, 85.5
    inputs = in_order(truck.send(arrives_s=41).wait(20).repeat(300).sent)
    told: list[list[str]] = []
    for restored in (False, True):
        engine = MonitorEngine(fences, RuleSet())
        alerts = engine.step(batch_of(inputs[:20])).alerts
        if restored:
            snapshot = json.loads(json.dumps(engine.snapshot()))
            engine = MonitorEngine(fences, RuleSet())
            engine.restore(snapshot)
        alerts += engine.step(batch_of(inputs[20:])).alerts
        told.append(
            [f"{clock(alert.raised_at)} {alert.rule} {alert.event}" for alert in alerts if alert.subject == "gate"]
        )
    assert told == [["0:00 geofence_enter raised", "0:41 geofence_exit raised", "0:41 geofence_enter cleared"]] * 2


def test_a_late_fix_tells_a_passage_it_crossed_and_none_again() -> None:
    """What the straight way told is not told by a fix on it; what a late fix crossed is told by it."""
    story = Story(FenceIndex([LINE]))
    truck = story.truck(km=84.5).send().wait(60)
    truck.km = 85.5
    truck.send()
    truck.now_s, truck.km = 50, 85.1
    truck.send(arrives_s=61)
    story.tells(
        """
        1:00 geofence_exit raised 3 line
        1:00 geofence_enter raised 3 line
        1:00 geofence_enter cleared 3 line
        """
    )
    story = Story(FenceIndex([LINE]))
    truck = story.truck(km=84.5).send().wait(70)
    truck.send(satellites=0)
    truck.now_s, truck.km = 60, 85.5
    truck.send(arrives_s=71)
    story.tells("1:11 geofence_exit raised 3 line", "geofence_exit")


def test_a_visit_is_remembered_for_as_long_as_a_late_fix_may_tell_of_it() -> None:
    """Also where `late_s` is longer than ten minutes."""
    other = replace(GATE, id="b", shape=circle(95, 250))
    story = Story(FenceIndex([replace(GATE, min_outside_s=0), other]), quality={"late_s": 3600})
    truck = story.truck(every_s=300)
    for second, km in ((0, 85), (300, 85), (600, 86), (900, 95), (1300, 96), (1500, 97)):
        truck.now_s, truck.km = second, km
        truck.send()
    truck.now_s, truck.km = 450, 85.1
    truck.send(arrives_s=1501)
    assert [alert.subject for alert in story.told.of("geofence_exit")].count("gate") == 1
    ids_once(story.told.alerts)


def test_a_fix_older_than_a_change_enters_the_fence_by_what_is_known() -> None:
    """It came after the change, was taken before it, and the truck is jammed from there on; with other fences as without."""
    for others in ([], [replace(FAIR, id="other")]):
        story = Story(FenceIndex([GATE, *others]), until="15:00")
        story.engine.put_fences(FenceIndex([replace(GATE, version=2, min_outside_s=30), *others]), at("1:00"))
        truck = story.truck(km=85).send().wait(40)
        truck.km = 85.5
        truck.send()
        truck.now_s, truck.km = 58, 85.1
        truck.send(arrives_s=63).wait(10).repeat(300)
        told = [line for line in story.told.lines() if "geofence_enter" in line and "gate" in line]
        assert told == [
            "0:00 geofence_enter raised 3 gate",
            "1:00 geofence_enter cleared 3 gate",
            "1:03 geofence_enter raised 3 gate",
        ]


# -- passages and hours


@pytest.mark.parametrize(
    ("hours", "wanted", "reason"),
    [
        ((0, 5), ("4:48", "5:00"), "window closed"),
        ((5, 15), ("5:00", "5:12"), "left"),
        ((0, 4), None, None),
        ((6, 15), None, None),
    ],
)
def test_a_passage_counts_for_as_long_as_the_fence_is_awake(
    hours: tuple[int, int], wanted: tuple[str, str] | None, reason: str | None
) -> None:
    """One that falls asleep or wakes up on the way is passed from, or until, then; one that sleeps is not passed."""
    window = Window(12 * 60 + hours[0], 12 * 60 + hours[1])
    story = Story(FenceIndex([replace(LINE, schedule=Schedule("Etc/UTC", [window]))]))
    truck = story.truck(km=84.5, start_s=270).send().wait(60)
    truck.km = 85.5
    truck.send()
    enters, exits = story.told.of("geofence_enter"), story.told.of("geofence_exit")
    assert [alert.event_time for alert in enters] == ([] if wanted is None else [at(each) for each in wanted])
    assert len(exits) == (reason == "left")
    if reason is not None:
        assert enters[1].evidence["facts"] == {"reason": reason}


# -- sets at a start


def _restarted(before: Fence, *after: Fence) -> tuple[MonitorEngine, list[Input]]:
    """An engine that takes up a truck in the gate with other fences, and what comes then, the first in the same ms."""
    inputs: list[Input] = [*Truck(km=85).stand(100).sent]
    engine = MonitorEngine(FenceIndex([before]), RuleSet())
    engine.step(batch_of(inputs[:5]))
    snapshot = json.loads(json.dumps(engine.snapshot()))
    engine = MonitorEngine(FenceIndex(after), RuleSet())
    engine.restore(snapshot)
    engine.let_go()
    return engine, [(inputs[4][0], inputs[5][1]), *inputs[6:]]


def test_what_is_open_on_a_fence_that_is_gone_ends_before_the_first_input() -> None:
    """Also where that comes in the same millisecond as the last one before."""
    engine, inputs = _restarted(GATE, replace(GATE, id="other", shape=circle(20, 250)))
    (cleared,) = engine.step(batch_of(inputs)).alerts
    assert (cleared.rule, cleared.event, cleared.evidence["facts"]) == (
        *("geofence_enter", "cleared"),
        {"reason": "fence removed"},
    )


def test_a_visit_to_a_fence_that_was_given_hours_meanwhile_ends_if_it_sleeps() -> None:
    """At the first fix, not when it wakes up."""
    asleep = replace(GATE, version=2, schedule=Schedule("Etc/UTC", [Window(13 * 60, 14 * 60)]))
    engine, inputs = _restarted(GATE, asleep)
    alerts = engine.step(batch_of([*inputs, (at("59:00"), None)])).alerts
    assert [(alert.rule, alert.event) for alert in alerts if alert.subject] == [("geofence_enter", "cleared")]
    (entered,) = engine.step(batch_of([(at("61:00"), None)])).alerts
    assert (entered.rule, entered.raised_at) == ("geofence_enter", at("60:00"))


def test_a_fence_without_hours_any_more_leaves_no_deadline() -> None:
    """What is kept of a vehicle is what matters: a shortcut taken or not makes no difference."""
    road = Fence(id="road", kind=FenceKind.HIGH_RISK_CORRIDOR, shape=along(80, 90), schedule=FAIR.schedule)
    engine = MonitorEngine(FenceIndex([road]), RuleSet())
    engine.put_fences(FenceIndex([replace(road, version=2, schedule=None)]), at("0:25"))
    for each in Truck(km=85).stand(60).sent:
        engine.step(batch_of([each]))
    vehicle = engine.vehicle("T1")
    assert vehicle is not None
    assert ("fences", "") not in vehicle.deadlines


def test_batches_make_no_difference_to_any_of_it() -> None:
    """Whole or one by one, restored before each: the same bytes, with a slow clock and a set that changes."""
    sets = FenceIndex([FAIR, LINE]), FenceIndex([replace(FAIR, version=2, min_inside_s=30), LINE])
    inputs = in_order(by_clock(-90, Truck(km=84.5).stand(100).drive(86).stand(400).sent))

    def engine() -> MonitorEngine:
        made = MonitorEngine(sets[0], RuleSet())
        made.put_fences(sets[1], at("6:00"))
        return made

    whole = engine().step(batch_of(inputs)).alerts
    each, parted = engine(), []
    for one in inputs:
        parted += each.step(batch_of([one])).alerts
        snapshot = json.loads(json.dumps(each.snapshot()))
        each = MonitorEngine(sets[0], RuleSet())
        each.restore(snapshot, fences=[(sets[1], at("6:00"))])
    assert [encode_alert(alert) for alert in parted] == [encode_alert(alert) for alert in whole]
    assert len(whole) > 3
